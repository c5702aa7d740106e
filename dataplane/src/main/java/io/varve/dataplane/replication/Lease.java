package io.varve.dataplane.replication;

/**
 * The leave to answer reads of one volume that one disk group elsewhere gave to its access point. Counted from the moment at which the
 * request was sent (docs/internals/protocol.md, Reads and leases [lease_from_recv]). Confined to the access point's loop.
 */
final class Lease {
    private long untilNanos = Long.MIN_VALUE;

    /** {@code sentNanos}: this loop's clock when the request was sent that the grant echoes. */
    void granted(long sentNanos, long termNanos) {
        untilNanos = Math.max(untilNanos, sentNanos + termNanos);
    }

    void giveUp() {
        untilNanos = Long.MIN_VALUE;
    }

    boolean isHeld(long nowNanos) {
        return nowNanos < untilNanos;
    }

    long remainingNanos(long nowNanos) {
        return isHeld(nowNanos) ? untilNanos - nowNanos : 0;
    }
}
