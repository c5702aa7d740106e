package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenBucketTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long START = -5 * SECOND;

    /** Takes as soon as it may, always {@code size}, until the end; returns how many tokens that were. */
    private static long takeAll(TokenBucket bucket, long fromNanos, long nanos, long size) {
        long taken = 0;
        long now = fromNanos;
        while (now < fromNanos + nanos) {
            long wait = bucket.waitNanos(now);
            if (wait == 0) {
                bucket.take(size, now);
                taken += size;
            } else {
                now += wait;
            }
        }
        return taken;
    }

    @ParameterizedTest
    @CsvSource({
        "10, 1, 600",
        "333, 1, 100",
        "7777777, 1, 1",
        "10000000, 1, 1",
        "1048576, 4096, 100",
        "1048576, 33554432, 3600",
        "123456789, 512, 10",
        "1099511627776, 1048576, 10",
        "1099511627776, 33554432, 100"
    })
    void keepsTheRateOverALongTimeWhateverTheSize(long perSecond, long size, long seconds) {
        TokenBucket bucket = new TokenBucket(perSecond, SECOND, START);
        long taken = takeAll(bucket, START, seconds * SECOND, size);
        double expected = (double) perSecond * (seconds + 1);
        assertThat((double) taken).isBetween(expected * 0.99 - size, expected * 1.0001 + size);
    }

    @Test
    void neverGivesMoreThanRateAndBurstAndTheLastRequestInAnyTime() {
        long seed = 20_261_130;
        SplittableRandom random = new SplittableRandom(seed);
        TokenBucket bucket = new TokenBucket(1_000, SECOND / 2, START);
        long[] times = new long[200_000];
        int count = 0;
        long now = START;
        while (count < times.length) {
            now += bucket.waitNanos(now) + (random.nextInt(1_000) == 0 ? random.nextLong(3 * SECOND) : 0);
            bucket.take(1, now);
            times[count++] = now;
        }
        for (int from = 0; from < count; from += 97) {
            for (int span = 1; from + span < count; span = span * 2 + 1) {
                double seconds = (times[from + span] - times[from]) / 1e9;
                assertThat((double) span + 1).isLessThanOrEqualTo(1_000 * seconds + 500 + 1 + 1e-3);
            }
        }
    }

    @Test
    void givesTheBurstAtOnceAndOnlyOnceUntilItIsFullAgain() {
        TokenBucket bucket = new TokenBucket(100, 2 * SECOND, START);
        assertThat(takeAll(bucket, START, 1, 1)).isEqualTo(200);
        assertThat(bucket.waitNanos(START)).isPositive();
        assertThat(takeAll(bucket, START + SECOND, 1, 1)).isEqualTo(100);
        assertThat(takeAll(bucket, START + 1_000 * SECOND, 1, 1)).isEqualTo(200);
    }

    @Test
    void aClockThatJumpsAheadGivesNoMoreThanTheBurst() {
        TokenBucket bucket = new TokenBucket(100, SECOND, START);
        takeAll(bucket, START, SECOND, 1);
        long late = START + 365L * 86_400 * SECOND;
        assertThat(takeAll(bucket, late, 1, 1)).isEqualTo(100);
        assertThat(bucket.waitNanos(late)).isBetween(1L, SECOND / 100);
    }

    @Test
    void aRequestLargerThanTheBurstGoesThroughAndItsDebtIsPaid() {
        TokenBucket bucket = new TokenBucket(1 << 20, SECOND, START);
        assertThat(bucket.waitNanos(START)).isZero();
        bucket.take(32 << 20, START);
        assertThat(bucket.waitNanos(START)).isBetween(31 * SECOND, 31 * SECOND + 1);
        assertThat(bucket.waitNanos(START + 31 * SECOND + 1)).isZero();
    }

    @Test
    void theLargestRequestAtTheLowestRateDoesNotOverflow() {
        TokenBucket bucket = new TokenBucket(1 << 20, 60 * SECOND, START);
        bucket.take(1L << 33, START);
        assertThat(bucket.waitNanos(START)).isBetween(8_000 * SECOND, 8_192 * SECOND);
    }

    @Test
    void raisedLiveItPaysNoOldDebtAndKeepsWhatItHolds() {
        TokenBucket bucket = new TokenBucket(10, SECOND, START);
        bucket.take(1_000, START);
        TokenBucket raised = bucket.changed(1_000, SECOND, START);
        assertThat(raised.waitNanos(START)).isBetween(0L, 1L);
        assertThat(takeAll(raised, START, 10 * SECOND, 1)).isBetween(9_990L, 10_010L);

        TokenBucket full = new TokenBucket(10, SECOND, START).changed(1_000, SECOND, START);
        assertThat(takeAll(full, START, 1, 1)).isBetween(10L, 11L);
    }

    @Test
    void loweredLiveItHoldsAtOnce() {
        TokenBucket full = new TokenBucket(100_000, SECOND, START);
        TokenBucket lowered = full.changed(10, SECOND, START);
        assertThat(takeAll(lowered, START, 1, 1)).isEqualTo(10);
        TokenBucket spent = new TokenBucket(100_000, SECOND, START);
        takeAll(spent, START, SECOND, 1);
        long now = START + SECOND;
        assertThat(takeAll(spent.changed(10, SECOND, now), now, 10 * SECOND, 1)).isBetween(99L, 111L);
    }
}
