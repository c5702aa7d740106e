package io.varve.dataplane.main;

import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.time.Loop;

/** How late the first loop runs what is due: every two seconds a timer notes by how much it was late. */
final class LoopLag {
    /** A wake-up of an idle process costs 0.3 ms of cold caches: at this pace 0.02 % of a core. */
    private static final long PERIOD_NANOS = 2_000_000_000L;

    private final Loop loop;
    private final LatencyHistogram histogram = new LatencyHistogram();
    private boolean stopped;

    LoopLag(Loop loop) {
        this.loop = loop;
    }

    /** On the loop. */
    void start() {
        long due = loop.nanos() + PERIOD_NANOS;
        loop.schedule(PERIOD_NANOS, () -> {
            if (!stopped) {
                histogram.record(Math.max(0, loop.nanos() - due));
                start();
            }
        });
    }

    void stop() {
        stopped = true;
    }

    LatencyHistogram histogram() {
        return histogram;
    }
}
