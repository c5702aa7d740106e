package io.varve.dataplane.main;

import io.varve.dataplane.metrics.LatencyHistogram;
import java.util.ArrayDeque;

/**
 * Quantiles of the last ten seconds out of a histogram that only grows. Works when asked and never otherwise: if nobody asked for longer than
 * that, the answer covers the time since the last question. Confined to one thread.
 */
final class RecentLatency {
    static final long WINDOW_NANOS = 10_000_000_000L;

    private final ArrayDeque<Sample> samples = new ArrayDeque<>();

    /** What the histogram held at a moment. */
    private static final class Sample {
        final long nanos;
        final long[] buckets;

        Sample(long nanos, long[] buckets) {
            this.nanos = nanos;
            this.buckets = buckets;
        }
    }

    /** What was recorded within the window that ends now, as buckets. */
    long[] recent(LatencyHistogram histogram, long nowNanos) {
        long[] now = histogram.snapshot();
        while (samples.size() > 1 && second().nanos <= nowNanos - WINDOW_NANOS) {
            samples.removeFirst();
        }
        long[] recent = now.clone();
        if (!samples.isEmpty()) {
            long[] before = samples.getFirst().buckets;
            for (int i = 0; i < recent.length; i++) {
                recent[i] -= before[i];
            }
        }
        if (samples.isEmpty() || nowNanos - samples.getLast().nanos >= WINDOW_NANOS / 20) {
            samples.addLast(new Sample(nowNanos, now));
        }
        return recent;
    }

    private Sample second() {
        var all = samples.iterator();
        all.next();
        return all.next();
    }
}
