package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class AttachPausesTest {
    private final AttachPauses pauses = new AttachPauses();

    private long millis(boolean wasOpen) {
        Duration pause = pauses.begin(7, wasOpen);
        assertThat(pauses.isResting(7)).isTrue();
        pauses.end(7);
        assertThat(pauses.isResting(7)).isFalse();
        return pause.toMillis();
    }

    @Test
    void whatNeverOpensIsTriedLessAndLessOften() {
        assertThat(millis(false)).isEqualTo(500);
        assertThat(millis(false)).isEqualTo(1_000);
        assertThat(millis(false)).isEqualTo(2_000);
        assertThat(millis(false)).isEqualTo(4_000);
        assertThat(millis(false)).isEqualTo(8_000);
        assertThat(millis(false)).isEqualTo(8_000);
    }

    @Test
    void whatWasOpenIsSoonAttachedAgain() {
        millis(false);
        millis(false);
        assertThat(millis(true)).isEqualTo(500);
        assertThat(millis(false)).as("counted anew").isEqualTo(500);
    }

    @Test
    void volumesRestByThemselves() {
        pauses.begin(7, false);
        assertThat(pauses.isResting(8)).isFalse();
    }
}
