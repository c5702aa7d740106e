package io.varve.dataplane.metrics;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts durations in buckets whose width grows with the value: 16 for each power of two, so a quantile is right within 6.25 %. One writer;
 * readers on other threads see each bucket whole, though not all buckets of one moment. Counts since the process began: whoever wants the last
 * seconds subtracts two {@link #snapshot}s.
 */
public final class LatencyHistogram {
    private static final int SUB_BITS = 4;
    private static final int SUB = 1 << SUB_BITS;
    /** 2^40 ns are 18 minutes: more than any request waits. */
    private static final int MAX_EXPONENT = 40;

    public static final int BUCKETS = (MAX_EXPONENT - SUB_BITS + 2) * SUB;

    private static final VarHandle COUNT = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] counts = new long[BUCKETS];
    private final long[] sum = new long[1];

    /** By the owner only. */
    public void record(long nanos) {
        int bucket = bucketOf(nanos);
        COUNT.setOpaque(counts, bucket, counts[bucket] + 1);
        COUNT.setOpaque(sum, 0, sum[0] + Math.max(0, nanos));
    }

    /** A copy of all buckets. Any thread. */
    public long[] snapshot() {
        long[] copy = new long[BUCKETS];
        for (int i = 0; i < BUCKETS; i++) {
            copy[i] = (long) COUNT.getOpaque(counts, i);
        }
        return copy;
    }

    /** Of everything recorded, in nanoseconds. Any thread. */
    public long sumNanos() {
        return (long) COUNT.getOpaque(sum, 0);
    }

    /** The value below which the share {@code q} (0 to 1) of a snapshot lies, in nanoseconds; 0 if it is empty. */
    public static double quantileNanos(long[] snapshot, double q) {
        long total = 0;
        for (long count : snapshot) {
            total += count;
        }
        long rank = (long) Math.ceil(q * total);
        long seen = 0;
        for (int i = 0; i < snapshot.length; i++) {
            seen += snapshot[i];
            if (seen >= rank && seen > 0) {
                return (lowerBound(i) + lowerBound(i + 1)) / 2.0;
            }
        }
        return 0;
    }

    static int bucketOf(long nanos) {
        long value = Math.max(0, Math.min(nanos, (1L << (MAX_EXPONENT + 1)) - 1));
        if (value < SUB) {
            return (int) value;
        }
        int exponent = 63 - Long.numberOfLeadingZeros(value);
        int sub = (int) (value >>> (exponent - SUB_BITS)) & (SUB - 1);
        return (exponent - SUB_BITS + 1) * SUB + sub;
    }

    /** First value of a bucket, in nanoseconds. */
    public static long lowerBound(int bucket) {
        if (bucket < SUB) {
            return bucket;
        }
        int exponent = bucket / SUB + SUB_BITS - 1;
        return (long) (SUB + bucket % SUB) << (exponent - SUB_BITS);
    }
}
