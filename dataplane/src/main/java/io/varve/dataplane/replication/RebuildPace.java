package io.varve.dataplane.replication;

/**
 * How fast the copies of one volume are filled: a token bucket of bytes whose rate grows by a constant while clients feel little of it, and is halved when
 * they do (docs/internals/rebuild.md, "Pace"). Decides only: told the time, what clients felt, and what was copied.
 */
final class RebuildPace {
    private static final long MIB = 1 << 20;

    /** It always ends: a slab of 8 GiB within 17 minutes. */
    static final long FLOOR_BYTES_PER_SECOND = 8 * MIB;

    static final long FIRST_BYTES_PER_SECOND = 64 * MIB;

    /** Added each second while clients feel little: from the floor to the speed of a network of 10 Gbit/s takes a minute. */
    static final long STEP_BYTES_PER_SECOND = 16 * MIB;

    /** More than a disk or a network takes: from here on nothing is gained. */
    static final long CEILING_BYTES_PER_SECOND = 4096 * MIB;

    /** A tail below it is never called slow, whatever it was before: one flush of a busy disk may take as long. */
    static final long QUICK_NANOS = 1_000_000;

    /** What clients may feel when nobody knows what they felt without copying: the volume was never open without. */
    static final long UNKNOWN_NANOS = 10_000_000;

    /** How much longer than without copying clients may wait. */
    static final int INFLATION = 2;

    /** What may be copied at once after a pause. */
    private static final long BURST_PARTS = 8;

    private static final long SECOND_NANOS = 1_000_000_000L;

    private long rate = FIRST_BYTES_PER_SECOND;
    private long limit = CEILING_BYTES_PER_SECOND;
    private long floor = FLOOR_BYTES_PER_SECOND;
    private long quietNanos;
    private long tokens = MIB;
    private long refilledNanos;

    /** {@code bytesPerSecond}: never more than this, not even the floor; 0: no limit. */
    void limit(long bytesPerSecond) {
        limit = bytesPerSecond == 0 ? CEILING_BYTES_PER_SECOND : Math.min(bytesPerSecond, CEILING_BYTES_PER_SECOND);
        bound();
    }

    /** {@code p99Nanos}: of what clients waited for while nothing was copied; 0: there were none. */
    void quiet(long p99Nanos) {
        quietNanos = p99Nanos > 0 ? p99Nanos : quietNanos;
    }

    /**
     * A second of copying has passed.
     *
     * @param p99Nanos of what clients waited for in it; 0: there were none, and nobody is in the way
     * @param isLastCopy a slab that is being filled has one copy left: to get it done is worth more
     */
    void second(long p99Nanos, boolean isLastCopy) {
        floor = isLastCopy ? 2 * FLOOR_BYTES_PER_SECOND : FLOOR_BYTES_PER_SECOND;
        if (p99Nanos == 0) {
            rate = 2 * rate;
        } else if (p99Nanos > bearableNanos()) {
            rate = rate / 2;
        } else {
            rate = rate + STEP_BYTES_PER_SECOND;
        }
        bound();
    }

    private void bound() {
        rate = Math.min(Math.max(rate, floor), limit);
    }

    private long bearableNanos() {
        return quietNanos == 0 ? UNKNOWN_NANOS : Math.max(QUICK_NANOS, INFLATION * quietNanos);
    }

    long bytesPerSecond() {
        return rate;
    }

    /** True if something may be copied now. */
    boolean mayCopy(long nowNanos) {
        long passed = Math.clamp(nowNanos - refilledNanos, 0, SECOND_NANOS);
        long earned = (long) ((double) passed * rate / SECOND_NANOS);
        if (earned > 0) {
            // What a short while earns is not lost by asking often.
            refilledNanos = nowNanos;
            tokens = Math.min(tokens + earned, Math.max(MIB / 4, rate / BURST_PARTS));
        }
        return tokens > 0;
    }

    /** More than there was may be taken at once: then it takes longer until something may be copied again. */
    void copied(long bytes) {
        tokens -= bytes;
    }

    /** How long until something may be copied again. */
    long waitNanos() {
        return tokens > 0 ? 0 : (long) ((double) (1 - tokens) * SECOND_NANOS / rate) + 1;
    }
}
