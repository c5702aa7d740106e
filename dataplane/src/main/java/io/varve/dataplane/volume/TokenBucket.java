package io.varve.dataplane.volume;

/**
 * A rate that is kept over time: so many tokens come each second, those that are not used are kept up to a limit, and who finds one takes as many as it
 * needs. So a request of any size gets through, and the next ones wait until its debt is paid. What is kept is one time, not a count that a timer
 * would have to fill: when the bucket would be full if nobody came (as in the generic cell rate algorithm of ATM, ITU-T I.371). Pure; times are
 * of a clock that never goes back.
 */
final class TokenBucket {
    private static final long SECOND_NANOS = 1_000_000_000L;

    private final long perSecond;
    private final long burstNanos;
    /** When it is full again; in the past: it is full. */
    private long fullNanos;
    /** Of a nanosecond, in {@code perSecond}ths: what rounding left out, so that the rate is exact. */
    private long remainder;

    /** Full at first. {@code burstNanos}: how long it takes to fill. */
    TokenBucket(long perSecond, long burstNanos, long nowNanos) {
        this.perSecond = perSecond;
        this.burstNanos = burstNanos;
        this.fullNanos = nowNanos;
    }

    /** 0 if there is a token; else how long to wait for one. */
    long waitNanos(long nowNanos) {
        return Math.max(0, fullNanos - nowNanos - burstNanos + 1);
    }

    /** Takes {@code tokens}, which may be more than there are; at most 2³³. */
    void take(long tokens, long nowNanos) {
        if (fullNanos - nowNanos < 0) {
            fullNanos = nowNanos;
            remainder = 0;
        }
        long cost = tokens * SECOND_NANOS + remainder;
        fullNanos += cost / perSecond;
        remainder = cost % perSecond;
    }

    /** One of another rate or size that holds what this one holds, as far as it fits; a debt is forgiven. */
    TokenBucket changed(long toPerSecond, long toBurstNanos, long nowNanos) {
        TokenBucket other = new TokenBucket(toPerSecond, toBurstNanos, nowNanos);
        long usedNanos = Math.min(Math.max(0, fullNanos - nowNanos), burstNanos);
        double heldTokens = (double) (burstNanos - usedNanos) * (double) perSecond;
        double heldNanos = Math.min(heldTokens / (double) toPerSecond, (double) toBurstNanos);
        other.fullNanos = nowNanos + toBurstNanos - (long) heldNanos;
        return other;
    }
}
