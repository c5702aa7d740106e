package io.varve.dataplane.main;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.varve.dataplane.metrics.LatencyHistogram;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RecentLatencyTest {
    private static final long SECOND = 1_000_000_000L;

    private final LatencyHistogram histogram = new LatencyHistogram();
    private final RecentLatency recent = new RecentLatency();

    @Test
    void countsOnlyWhatTheWindowHolds() {
        histogram.record(1_000_000);
        assertThat(count(recent.recent(histogram, 0))).isEqualTo(1);
        histogram.record(2_000_000);
        assertThat(count(recent.recent(histogram, 5 * SECOND))).isEqualTo(1);
        assertThat(count(recent.recent(histogram, 30 * SECOND))).isZero();
    }

    @Test
    void forgetsAnOldPeak() {
        histogram.record(900_000_000L);
        recent.recent(histogram, 0);
        for (int second = 1; second <= 12; second++) {
            histogram.record(1_000_000);
            recent.recent(histogram, second * SECOND);
        }
        histogram.record(1_000_000);
        double p99 = LatencyHistogram.quantileNanos(recent.recent(histogram, 13 * SECOND), 0.99);
        assertThat(p99).isCloseTo(1_000_000, within(200_000.0));
    }

    private static long count(long[] buckets) {
        return Arrays.stream(buckets).sum();
    }
}
