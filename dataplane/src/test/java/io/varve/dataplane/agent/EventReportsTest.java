package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.EventSeverity;
import io.varve.api.ReportEventRequest;
import io.varve.model.EventReason;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class EventReportsTest {
    private final EventReports reports = new EventReports("n1", 7);
    private long nanos = 5;

    private boolean offer(String subject) {
        return reports.offer(EventReason.BLOCKS_REPAIRED, subject, "", subject + " is damaged", nanos, 1_000);
    }

    private ReportEventRequest next() {
        return Objects.requireNonNull(reports.next());
    }

    @Test
    void numbersWhatItTellsAndKeepsItUntilItIsTaken() {
        assertThat(reports.next()).isNull();
        offer("flash");
        offer("disks");
        assertThat(next())
                .isEqualTo(ReportEventRequest.newBuilder()
                        .setNode("n1")
                        .setIncarnation(7)
                        .setNumber(1)
                        .setUnixMillis(1_000)
                        .setSeverity(EventSeverity.EVENT_WARNING)
                        .setReason("BlocksRepaired")
                        .setMessage("flash is damaged")
                        .build());
        assertThat(next().getNumber()).as("asked again").isEqualTo(1);
        reports.done();
        assertThat(next().getNumber()).isEqualTo(2);
        reports.done();
        assertThat(reports.next()).isNull();
    }

    @Test
    void doesNotTellTheSameOverAndOver() {
        assertThat(offer("flash")).isTrue();
        nanos += EventReports.SAME_AGAIN_AFTER.toNanos() - 1;
        assertThat(offer("flash")).isFalse();
        assertThat(offer("disks")).as("another subject").isTrue();
        nanos++;
        assertThat(offer("flash")).isTrue();
    }

    @Test
    void leavesOutWhatIsTooMuchAndSaysHowMany() {
        for (int i = 0; i < EventReports.MAX_WAITING; i++) {
            assertThat(offer("g" + i)).isTrue();
        }
        assertThat(offer("late")).isFalse();
        assertThat(offer("later")).isFalse();
        reports.done();
        assertThat(offer("late")).as("not told, so not remembered as told").isTrue();
        for (int i = 0; i < EventReports.MAX_WAITING - 1; i++) {
            reports.done();
        }
        assertThat(next().getMessage()).isEqualTo("late is damaged; 2 other reports were left out");
    }
}
