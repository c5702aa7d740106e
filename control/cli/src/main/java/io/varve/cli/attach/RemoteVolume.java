package io.varve.cli.attach;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.Volume;
import io.vertx.core.net.NetClient;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A volume whose access point is elsewhere, and changes. Every request is kept until it is answered. When the access point is lost, or says that it
 * lost the volume, all that was not answered is sent again, oldest first, to wherever the volume is open then: its users see a pause. What a
 * lost connection left behind cannot take effect later: on the same node the target ends it first ({@code VOLUME@CLIENT}), on another one the
 * epoch fences it. A change waits for older changes of the same bytes, because the older one's repetition would come after it.
 *
 * <p>Confined to its loop.
 */
final class RemoteVolume implements Volume, AccessPointLink.Owner, ReplyReader.Answered {
    /** A target greets at once; a frozen one never. */
    private static final long GREETING_LIMIT_NANOS = 1_000_000_000L;
    /** For the volume to end what it had from our older connection; then the search begins again, because it may be elsewhere. */
    private static final long ENTRY_LIMIT_NANOS = 10_000_000_000L;
    /** A request that was taken and waits longer may never be answered: a connection can break without a sign. */
    private static final long ANSWER_LIMIT_NANOS = 10_000_000_000L;
    /** So long nothing may come while something is asked, until we look whether the target lives: a lost host resets no connection. */
    private static final long QUIET_NANOS = 1_500_000_000L;

    private static final long WATCH_NANOS = 250_000_000L;
    private static final long FIRST_PAUSE_NANOS = 50_000_000L;
    private static final long LONGEST_PAUSE_NANOS = 200_000_000L;
    private static final long REMIND_NANOS = 5_000_000_000L;
    /** Questions about allocation that nobody came back for, because their connection ended. */
    private static final int MAX_ALLOCATIONS = 32;

    private static final int ENOSPC = 28;
    private static final int ESHUTDOWN = 108;

    private final String name;
    private final String export;
    private final Loop loop;
    private final NetClient client;
    private final AccessPoints points;
    private final Duration giveUpAfter;
    private final Events events;

    private final PendingRequests pending = new PendingRequests();
    private final ArrayDeque<Runnable> drained = new ArrayDeque<>();
    private final List<Allocation> allocations = new ArrayList<>();
    private final Runnable watch = this::watch;

    private long sizeBytes = -1;
    private int flags;
    private @Nullable AccessPointLink link;
    private @Nullable Place last;
    private boolean searching;
    private boolean isProbing;
    private boolean watching;
    private long attempts;
    /** Since when the volume cannot be used; meaningful while no link is entered. */
    private long lostNanos;

    private long deadNanos;
    private boolean isDead;
    /** The place said that it is over there. */
    private boolean isEnded;

    private long remindedNanos;
    private @Nullable String failure;
    private boolean closed;
    private final Pauses pauses = new Pauses();

    /** What people and the process are told; on the loop. */
    interface Events {
        void say(String line);

        /** Requests are taken from now on. Once. */
        void opened();

        /** There is more of the volume now. */
        void resized(long sizeBytes);

        /** It cannot go on: everything is answered IO_ERROR. Once. */
        void failed(String why);
    }

    /**
     * @param export {@code VOLUME@CLIENT}, with a name for the client that no other process has
     * @param giveUpAfter zero for never
     */
    RemoteVolume(
            String name,
            String export,
            Loop loop,
            NetClient client,
            AccessPoints points,
            Duration giveUpAfter,
            Events events) {
        this.name = name;
        this.export = export;
        this.loop = loop;
        this.client = client;
        this.points = points;
        this.giveUpAfter = giveUpAfter;
        this.events = events;
    }

    /** Looks for the access point; {@link Events#opened} follows. */
    void open() {
        lostNanos = loop.nanos();
        remindedNanos = lostNanos;
        deadNanos = lostNanos;
        search();
    }

    Pauses pauses() {
        return pauses;
    }

    // ---- as the local target sees it

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public Loop loop() {
        return loop;
    }

    @Override
    public void submit(BlockRequest request) {
        if (failure != null || closed) {
            loop.execute(() -> request.end(BlockStatus.IO_ERROR));
            return;
        }
        Pending added = pending.take();
        added.ask(request);
        pending.add(added);
        pump();
        watchLater();
    }

    @Override
    public boolean canTakeMore() {
        return pending.canTakeMore();
    }

    @Override
    public void onDrained(Runnable task) {
        drained.add(task);
    }

    @Override
    public boolean knowsAllocation(long offsetBytes, long lengthBytes, Runnable known) {
        for (Allocation each : allocations) {
            if (each.isAbout(offsetBytes, lengthBytes) && (each.isKnown() || each.isFor(known))) {
                return each.isKnown();
            }
        }
        if (failure != null || closed || (allocations.size() >= MAX_ALLOCATIONS && !forgetKnown())) {
            return true; // "All of it may be allocated" is never wrong.
        }
        Allocation asked = new Allocation(offsetBytes, lengthBytes, known);
        allocations.add(asked);
        Pending added = pending.take();
        added.ask(asked);
        pending.add(added);
        pump();
        watchLater();
        return false;
    }

    private boolean forgetKnown() {
        for (Allocation each : allocations) {
            if (each.isKnown()) {
                return allocations.remove(each);
            }
        }
        return false;
    }

    @Override
    public void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told) {
        for (Allocation each : allocations) {
            if (each.isKnown() && each.isAbout(offsetBytes, lengthBytes)) {
                allocations.remove(each);
                each.visit(told);
                return;
            }
        }
        told.run(offsetBytes, lengthBytes, true);
    }

    // ---- requests and answers

    private void pump() {
        AccessPointLink to = link;
        if (to == null || !to.isEntered()) {
            return;
        }
        Pending next = pending.firstUnsent();
        while (next != null && !(next.isChange() && pending.isHeldBack(next))) {
            to.send(next);
            pending.sent(next, loop.nanos());
            next = pending.firstUnsent();
        }
    }

    @Override
    public void answered(Pending answered, int error) {
        AccessPointLink from = link;
        if (error == ESHUTDOWN) {
            if (from != null) {
                isEnded = true;
                from.close("the volume is no longer attached there");
            }
            return;
        }
        attempts = 0;
        BlockRequest request = answered.request;
        Allocation allocation = answered.allocation;
        pending.remove(answered);
        if (allocation != null) {
            if (error != 0) {
                allocation.fail();
            }
            allocation.tellKnown();
        }
        if (request != null) {
            request.end(error == 0 ? BlockStatus.OK : error == ENOSPC ? BlockStatus.NO_SPACE : BlockStatus.IO_ERROR);
        }
        if (pending.firstUnsent() != null) {
            pump();
        }
        tellDrained();
    }

    @Override
    public void heldBack(Pending held) {
        pending.heldBack(held, loop.nanos());
    }

    private void tellDrained() {
        while (!drained.isEmpty() && canTakeMore()) {
            drained.remove().run();
        }
    }

    /** The access point serves so much now, also on the connection that there is; less than before means nothing. */
    void resized(long bytes) {
        if (sizeBytes >= 0 && bytes > sizeBytes) {
            sizeBytes = bytes;
            events.resized(bytes);
        }
    }

    // ---- the access point comes and goes

    private void search() {
        if (searching || closed || failure != null) {
            return;
        }
        searching = true;
        Duration dead = isDead ? Duration.ofNanos(loop.nanos() - deadNanos) : Duration.ZERO;
        points.search(last, isEnded, dead, found -> loop.execute(() -> connect(found)));
        watchLater();
    }

    private void connect(Place place) {
        searching = false;
        if (closed || failure != null) {
            return;
        }
        if (!place.equals(last)) {
            deadNanos = loop.nanos();
            isDead = false;
        }
        last = place;
        isEnded = false;
        AccessPointLink next = new AccessPointLink(place, export, loop, pending, this, this);
        link = next;
        next.connect(client);
    }

    @Override
    public void entered(AccessPointLink entered, long size, int newFlags) {
        boolean isFirst = sizeBytes < 0;
        if (isFirst) {
            sizeBytes = size;
            flags = newFlags;
        } else if (size > sizeBytes && newFlags == flags) {
            resized(size);
        } else if (size != sizeBytes || newFlags != flags) {
            fail("the volume at " + entered.place() + " has " + size + " bytes and flags " + newFlags + "; it had "
                    + sizeBytes + " bytes and flags " + flags);
            return;
        }
        isDead = false;
        long pauseNanos = loop.nanos() - lostNanos;
        if (isFirst) {
            events.opened();
        } else {
            pauses.over(pauseNanos);
            events.say("goes on at " + entered.place() + " after " + seconds(pauseNanos) + "; " + pending.count()
                    + " requests are sent again");
        }
        pump();
    }

    @Override
    public void lost(AccessPointLink lost, String why, boolean isAlive) {
        if (link != lost) {
            return;
        }
        link = null;
        long now = loop.nanos();
        boolean wasEntered = !lost.isOverBeforeEntry();
        if (wasEntered) {
            lostNanos = now;
            remindedNanos = now;
            events.say("lost the access point at " + lost.place() + ": " + why);
            pauses.begun();
        }
        if (isAlive) {
            deadNanos = now;
        }
        isDead = !isAlive;
        pending.allUnsent();
        if (closed || failure != null) {
            return;
        }
        remind(now, why);
        long pause = attempts == 0 ? 0 : Math.min(FIRST_PAUSE_NANOS << Math.min(attempts - 1, 10), LONGEST_PAUSE_NANOS);
        attempts++;
        if (pause == 0) {
            search();
        } else {
            loop.schedule(pause, this::search);
        }
        watchLater();
    }

    @Override
    public void forbidden(AccessPointLink at, String why) {
        if (link == at) {
            fail(why);
        }
    }

    private void remind(long now, String why) {
        if (now - remindedNanos >= REMIND_NANOS) {
            remindedNanos = now;
            events.say("waits for " + name + " since " + seconds(now - lostNanos) + ": " + why);
        }
    }

    private static String seconds(long nanos) {
        return String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
    }

    // ---- time

    private void watchLater() {
        if (!watching && !closed && failure == null && (link == null || !link.isEntered() || !pending.isEmpty())) {
            watching = true;
            loop.schedule(WATCH_NANOS, watch);
        }
    }

    private void watch() {
        watching = false;
        if (closed) {
            return;
        }
        long now = loop.nanos();
        AccessPointLink current = link;
        if (current != null && current.isEntered()) {
            watchAnswers(current, now);
        } else if (current != null) {
            watchEntry(current, now);
        }
        boolean isOut = link == null || !link.isEntered();
        if (isOut && giveUpAfter.isPositive() && now - lostNanos > giveUpAfter.toNanos()) {
            fail("no access point for " + name + " since " + seconds(now - lostNanos));
        }
        watchLater();
    }

    private void watchEntry(AccessPointLink entering, long now) {
        if (!entering.isGreeted() && now - entering.begunNanos() > GREETING_LIMIT_NANOS) {
            entering.close("nobody answers at " + entering.place());
        } else if (now - entering.begunNanos() > ENTRY_LIMIT_NANOS) {
            entering.close("the volume has not ended what it had from before");
        } else if (entering.isGreeted()) {
            probeIfQuiet(entering, entering.heardNanos(), now);
        }
    }

    private void watchAnswers(AccessPointLink serving, long now) {
        Pending oldest = pending.oldest();
        if (oldest == null || !oldest.isSent) {
            return;
        }
        if (now - oldest.sentNanos > ANSWER_LIMIT_NANOS) {
            serving.close("a request has no answer since " + seconds(now - oldest.sentNanos));
        } else {
            probeIfQuiet(serving, Math.max(serving.heardNanos(), oldest.sentNanos), now);
        }
    }

    private void probeIfQuiet(AccessPointLink quiet, long sinceNanos, long now) {
        if (isProbing || now - sinceNanos < QUIET_NANOS) {
            return;
        }
        isProbing = true;
        points.probe(
                quiet.place(),
                isAlive -> loop.execute(() -> {
                    isProbing = false;
                    if (!isAlive && link == quiet && quiet.heardNanos() - sinceNanos <= 0) {
                        deadNanos = sinceNanos;
                        quiet.closeAsDead("nobody answers at " + quiet.place());
                    }
                }));
    }

    // ---- the end

    /** It cannot go on: what waits, and everything after it, is answered IO_ERROR. */
    void fail(String why) {
        if (failure != null || closed) {
            return;
        }
        failure = why;
        end();
        events.failed(why);
    }

    /** What waits is answered IO_ERROR; nothing more is sent. */
    void close() {
        if (!closed && failure == null) {
            closed = true;
            end();
        }
    }

    private void end() {
        AccessPointLink current = link;
        link = null;
        if (current != null) {
            current.close("closed here");
        }
        for (Pending each = pending.oldest(); each != null; each = pending.oldest()) {
            BlockRequest request = each.request;
            Allocation allocation = each.allocation;
            pending.remove(each);
            if (request != null) {
                request.end(BlockStatus.IO_ERROR);
            }
            if (allocation != null) {
                allocation.fail();
                allocation.tellKnown();
            }
        }
        tellDrained();
    }
}
