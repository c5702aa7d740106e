package io.varve.dataplane.main;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ReopeningsTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private final Reopenings reopenings = new Reopenings();

    @Test
    void waitsTwiceAsLongEachTime() {
        long now = -7 * SECOND;
        for (int time = 0; time < Reopenings.MAX_IN_AN_HOUR; time++) {
            assertThat(reopenings.pauseNanos(now)).isEqualTo(Reopenings.FIRST_PAUSE_NANOS << time);
            assertThat(reopenings.begin(now)).isEqualTo(time + 1);
            now += SECOND;
        }
    }

    @Test
    void neverOpensMoreOftenThanTheLimitWithinAnHour() {
        long now = 0;
        for (int time = 0; time < Reopenings.MAX_IN_AN_HOUR; time++) {
            reopenings.begin(now);
            now += 60 * SECOND;
        }
        long pause = reopenings.pauseNanos(now);
        assertThat(now + pause).isEqualTo(3600 * SECOND);
        // Then the first is an hour ago, and no more than that one place is free.
        reopenings.begin(now + pause);
        assertThat(reopenings.pauseNanos(now + pause)).isEqualTo(60 * SECOND);
    }

    @Test
    void beginsAnewAfterAQuietHour() {
        reopenings.begin(0);
        reopenings.begin(SECOND);
        assertThat(reopenings.pauseNanos(3601 * SECOND)).isEqualTo(Reopenings.FIRST_PAUSE_NANOS);
    }
}
