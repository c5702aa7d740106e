package io.varve.dataplane.main;

import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.time.Loop;

/** How late the first loop runs what is due: twice a second a timer notes by how much it was late. */
final class LoopLag {
    /** Rare enough to cost an idle node nothing that can be measured. */
    private static final long PERIOD_NANOS = 500_000_000L;

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
