package io.varve.dataplane.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class LatencyHistogramTest {
    @Test
    void putsEveryValueIntoTheBucketThatHoldsIt() {
        for (long nanos = 0; nanos < 1L << 40; nanos = nanos * 17 / 16 + 1) {
            int bucket = LatencyHistogram.bucketOf(nanos);
            assertThat(LatencyHistogram.lowerBound(bucket)).isLessThanOrEqualTo(nanos);
            assertThat(LatencyHistogram.lowerBound(bucket + 1)).isGreaterThan(nanos);
        }
    }

    @Test
    void tellsQuantilesWithinTheWidthOfABucket() {
        LatencyHistogram histogram = new LatencyHistogram();
        for (int i = 1; i <= 100_000; i++) {
            histogram.record(i * 1000L);
        }
        long[] snapshot = histogram.snapshot();
        assertThat(LatencyHistogram.quantileNanos(snapshot, 0.5)).isCloseTo(50e6, Percentage.withPercentage(6.25));
        assertThat(LatencyHistogram.quantileNanos(snapshot, 0.99)).isCloseTo(99e6, Percentage.withPercentage(6.25));
    }

    @Test
    void takesAnyValue() {
        LatencyHistogram histogram = new LatencyHistogram();
        histogram.record(-1);
        histogram.record(Long.MAX_VALUE);
        assertThat(LatencyHistogram.quantileNanos(histogram.snapshot(), 0.1)).isLessThan(1);
        assertThat(LatencyHistogram.quantileNanos(new long[LatencyHistogram.BUCKETS], 0.5))
                .isZero();
    }
}
