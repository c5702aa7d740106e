package io.varve.dataplane.replication;

import io.netty.util.collection.LongObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The leases that one disk group granted, one for each volume. Decides only; the time is passed in. Confined to the group's loop.
 *
 * <p>A lease of (volume, epoch) lets its access point answer reads without asking. So a newer access point is told SEALED only when no older
 * lease can still be believed in: it ended, its holder released it, or its holder is dead. The holder is <b>proven dead</b> when the one who
 * seals runs on the same node with a higher incarnation: a node runs one process at a time, by an exclusive lock on its data directory and
 * devices, and its incarnation rises at every start, so the process with the lower one no longer exists.
 */
final class LeaseTable {
    /** How long one grant lasts: long enough that a pause of a second costs nothing, short enough to wait for after a crash. */
    static final long TERM_NANOS = 5_000_000_000L;

    /**
     * How long the holder may believe in it: less, because the two clocks do not run at the same rate. Covers one that is fast by 1000 parts of a million
     * and another that is slow by as much; quartz is within 100.
     */
    static final long BELIEVED_NANOS = TERM_NANOS - TERM_NANOS / 500;

    private static final class Grant {
        /** Newest epoch sealed by any stream of the volume: leases of an older one are not renewed. */
        int sealedEpoch;

        int epoch;
        long nodeHash;
        long incarnation;
        long untilNanos = Long.MIN_VALUE;
    }

    private final LongObjectHashMap<Grant> grants = new LongObjectHashMap<>();

    /** A stream of the volume promised this epoch: older leases end by themselves. */
    void sealed(long volume, int epoch) {
        Grant grant = grants.get(volume);
        if (grant == null) {
            grant = new Grant();
            grants.put(volume, grant);
        }
        grant.sealedEpoch = Math.max(grant.sealedEpoch, epoch);
    }

    /** True if the lease holds from now on for {@link #TERM_NANOS}. */
    boolean grant(long volume, int epoch, long nodeHash, long incarnation, long nowNanos) {
        Grant grant = grants.get(volume);
        if (grant == null || grant.sealedEpoch != epoch) {
            return false;
        }
        if (grant.epoch != epoch && nowNanos < grant.untilNanos) {
            // The older holder may still answer; it is not overwritten, so that SEAL goes on waiting for it.
            return false;
        }
        grant.epoch = epoch;
        grant.nodeHash = nodeHash;
        grant.incarnation = incarnation;
        grant.untilNanos = nowNanos + TERM_NANOS;
        return true;
    }

    void release(long volume, int epoch) {
        Grant grant = grants.get(volume);
        if (grant != null && grant.epoch == epoch) {
            grant.untilNanos = Long.MIN_VALUE;
        }
    }

    /** Until when whoever seals {@code epoch} must wait; {@code nowNanos} if not at all. */
    long waitUntil(long volume, int epoch, long nodeHash, long incarnation, long nowNanos) {
        @Nullable Grant grant = grants.get(volume);
        if (grant == null || grant.epoch >= epoch || grant.untilNanos <= nowNanos) {
            return nowNanos;
        }
        boolean holderIsDead = grant.nodeHash == nodeHash && grant.incarnation < incarnation;
        return holderIsDead ? nowNanos : grant.untilNanos;
    }

    int holderEpoch(long volume) {
        Grant grant = grants.get(volume);
        return grant == null ? 0 : grant.epoch;
    }
}
