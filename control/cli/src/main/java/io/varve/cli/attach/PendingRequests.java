package io.varve.cli.attach;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Every request that was taken and not answered, in the order in which it came: so many as {@link #canTakeMore} allows, and one more for each local
 * connection. Confined to the loop.
 */
final class PendingRequests {
    /** nbdfuse and the kernel keep fewer in flight. */
    static final int MAX_REQUESTS = 128;
    /** Of their data. One largest request is taken whatever is held. */
    static final long MAX_BYTES = 32L << 20;

    private final List<Pending> slots = new ArrayList<>();
    private @Nullable Pending free;
    private @Nullable Pending oldest;
    private @Nullable Pending newest;
    private @Nullable Pending firstUnsent;
    private int count;
    private long bytes;

    boolean canTakeMore() {
        return count < MAX_REQUESTS && bytes < MAX_BYTES;
    }

    boolean isEmpty() {
        return count == 0;
    }

    int count() {
        return count;
    }

    @Nullable Pending oldest() {
        return oldest;
    }

    /** The next to be sent: everything older has been. */
    @Nullable Pending firstUnsent() {
        return firstUnsent;
    }

    /** A free one; {@link #add} comes next. */
    Pending take() {
        Pending taken = free;
        if (taken == null) {
            taken = new Pending(slots.size());
            slots.add(taken);
        } else {
            free = taken.newer;
        }
        taken.newer = null;
        taken.use++;
        return taken;
    }

    void add(Pending added) {
        added.isSent = false;
        added.older = newest;
        if (newest == null) {
            oldest = added;
        } else {
            newest.newer = added;
        }
        newest = added;
        if (firstUnsent == null) {
            firstUnsent = added;
        }
        count++;
        bytes += added.dataBytes();
    }

    /** {@link #firstUnsent} has been sent. */
    void sent(Pending sent, long nowNanos) {
        sent.isSent = true;
        sent.sentNanos = nowNanos;
        firstUnsent = sent.newer;
    }

    /** It was not taken yet, nor was what was sent after it: the time in which it should be answered begins anew. */
    void heldBack(Pending held, long nowNanos) {
        for (Pending each = held; each != null && each.isSent; each = each.newer) {
            each.sentNanos = nowNanos;
        }
    }

    /** The connection is gone: everything has to be sent again, oldest first. */
    void allUnsent() {
        for (Pending each = oldest; each != null; each = each.newer) {
            each.isSent = false;
        }
        firstUnsent = oldest;
    }

    /** Null if no request that was sent has this cookie: the access point made it up. */
    @Nullable Pending find(long cookie) {
        int slot = (int) cookie;
        if (slot < 0 || slot >= slots.size()) {
            return null;
        }
        Pending found = slots.get(slot);
        return found.isSent && found.cookie() == cookie ? found : null;
    }

    /** True if an older change of some of the same bytes is not answered yet. */
    boolean isHeldBack(Pending change) {
        for (Pending each = oldest; each != null && each != change; each = each.newer) {
            if (each.isChange() && each.overlaps(change)) {
                return true;
            }
        }
        return false;
    }

    /** It is answered. */
    void remove(Pending removed) {
        if (removed.older == null) {
            oldest = removed.newer;
        } else {
            removed.older.newer = removed.newer;
        }
        if (removed.newer == null) {
            newest = removed.older;
        } else {
            removed.newer.older = removed.older;
        }
        if (firstUnsent == removed) {
            firstUnsent = removed.newer;
        }
        count--;
        bytes -= removed.dataBytes();
        removed.isSent = false;
        removed.request = null;
        removed.allocation = null;
        removed.older = null;
        removed.newer = free;
        free = removed;
    }
}
