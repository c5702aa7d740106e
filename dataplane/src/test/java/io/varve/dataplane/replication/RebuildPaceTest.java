package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RebuildPaceTest {
    private static final long MILLI = 1_000_000;
    private static final long SECOND = 1_000_000_000L;
    private static final long MIB = 1 << 20;

    private final RebuildPace pace = new RebuildPace();

    /** What can be copied within so many seconds from {@code from} on, in chunks of 256 KiB. */
    private long copiedWithin(long from, int seconds) {
        long copied = 0;
        for (long now = from; now < from + seconds * SECOND; now += MILLI / 2) {
            while (pace.mayCopy(now)) {
                pace.copied(MIB / 4);
                copied += MIB / 4;
            }
        }
        return copied;
    }

    @Test
    void growsByAConstantWhileClientsFeelLittleAndIsHalvedWhenTheyDo() {
        pace.quiet(5 * MILLI);
        long first = pace.bytesPerSecond();
        pace.second(9 * MILLI, false);
        assertThat(pace.bytesPerSecond()).isEqualTo(first + RebuildPace.STEP_BYTES_PER_SECOND);
        pace.second(11 * MILLI, false);
        assertThat(pace.bytesPerSecond()).isEqualTo((first + RebuildPace.STEP_BYTES_PER_SECOND) / 2);
    }

    @Test
    void nobodyIsInTheWayOfAVolumeThatIsIdle() {
        for (int i = 0; i < 20; i++) {
            pace.second(0, false);
        }
        assertThat(pace.bytesPerSecond()).isEqualTo(RebuildPace.CEILING_BYTES_PER_SECOND);
    }

    @Test
    void neverEndsBelowTheFloorWhichIsDoubledForTheLastCopy() {
        pace.quiet(MILLI);
        for (int i = 0; i < 20; i++) {
            pace.second(SECOND, false);
        }
        assertThat(pace.bytesPerSecond()).isEqualTo(RebuildPace.FLOOR_BYTES_PER_SECOND);
        pace.second(SECOND, true);
        assertThat(pace.bytesPerSecond()).isEqualTo(2 * RebuildPace.FLOOR_BYTES_PER_SECOND);
    }

    @Test
    void theLimitHoldsAlsoBelowTheFloor() {
        pace.limit(3 * MIB);
        pace.second(0, true);
        assertThat(pace.bytesPerSecond()).isEqualTo(3 * MIB);
        pace.limit(0);
        pace.second(0, false);
        assertThat(pace.bytesPerSecond()).isEqualTo(4 * RebuildPace.FLOOR_BYTES_PER_SECOND);
    }

    @Test
    void aTailThatIsShortAnywayIsNotCalledSlow() {
        pace.quiet(MILLI / 10);
        long first = pace.bytesPerSecond();
        pace.second(MILLI - 1, false);
        assertThat(pace.bytesPerSecond()).isGreaterThan(first);
    }

    @Test
    void whatWasNeverQuietIsMeasuredByAFixedTail() {
        long first = pace.bytesPerSecond();
        pace.second(RebuildPace.UNKNOWN_NANOS - 1, false);
        assertThat(pace.bytesPerSecond()).isGreaterThan(first);
        pace.second(RebuildPace.UNKNOWN_NANOS + 1, false);
        assertThat(pace.bytesPerSecond()).isLessThan(first);
    }

    @Test
    void givesOutWhatTheRateSays() {
        pace.limit(32 * MIB);
        pace.mayCopy(100 * SECOND);
        assertThat(copiedWithin(100 * SECOND, 10)).isBetween(319 * MIB, 326 * MIB);
        // A pause does not save up for a flood.
        assertThat(copiedWithin(1000 * SECOND, 1)).isBetween(31 * MIB, 37 * MIB);
    }

    @Test
    void saysHowLongToWait() {
        pace.limit(10 * MIB);
        assertThat(pace.mayCopy(SECOND)).isTrue();
        pace.copied(11 * MIB);
        assertThat(pace.mayCopy(SECOND)).isFalse();
        long wait = pace.waitNanos();
        assertThat(pace.mayCopy(SECOND + wait / 2)).isFalse();
        assertThat(pace.mayCopy(SECOND + wait / 2 + pace.waitNanos() + MILLI)).isTrue();
    }
}
