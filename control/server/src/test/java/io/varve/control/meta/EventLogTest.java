package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Event;
import io.varve.api.EventSeverity;
import io.varve.api.ReportEventRequest;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.model.EventReason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EventLogTest {
    private final Truths truths = Truths.ofThreeNodes();

    private List<String> reasons() {
        return list(0).events().stream().map(Event::getReason).toList();
    }

    private EventLog.Listed list(long after) {
        return EventLog.list(truths.state, after, EventLog.MAX_LISTED, event -> true);
    }

    private long last() {
        return list(0).lastNumber();
    }

    private List<Event> since(long number) {
        return list(number).events();
    }

    private static ReportEvent report(String node, long incarnation, long number) {
        return new ReportEvent(ReportEventRequest.newBuilder()
                .setNode(node)
                .setIncarnation(incarnation)
                .setNumber(number)
                .setUnixMillis(77)
                .setSeverity(EventSeverity.EVENT_WARNING)
                .setReason("BlocksRepaired")
                .setMessage("3 blocks")
                .build());
    }

    @Test
    void tellsWhatHappenedWithTheTimeOfTheProposerAndInOrder() {
        assertThat(reasons())
                .startsWith("ClusterMade", "NodeJoined", "GroupAdded", "NodeJoined", "GroupAdded", "NodeJoined");
        long before = last();
        truths.millis = 4_711;
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        truths.open(volume, 1, "g1");
        truths.must(new Opened(volume.getId(), 1, "nbd://n1"));
        truths.must(new MoveVolume(volume.getId(), "n1", "n2", "move"));
        truths.attach(truths.volume(volume.getId()), "n2", 1);
        List<Event> told = since(before);
        assertThat(told)
                .extracting(Event::getReason)
                .containsExactly("VolumeCreated", "CopiesLeft", "VolumeOpened", "VolumeMoved", "VolumeTakenOver");
        assertThat(told).extracting(Event::getUnixMillis).containsOnly(4_711L);
        assertThat(told).extracting(Event::getVolume).containsOnly("pg");
        assertThat(told)
                .extracting(Event::getNumber)
                .containsExactly(before + 1, before + 2, before + 3, before + 4, before + 5);
        assertThat(told.get(1).getNode()).isEqualTo("n2");
        assertThat(told.get(1).getSeverity()).isEqualTo(EventSeverity.EVENT_WARNING);
        assertThat(told.get(1).getWhatToDo()).as("added when it is read").isEqualTo(EventReason.COPIES_LEFT.remedy());
        truths.must(new Detached(volume.getId(), 2));
        assertThat(since(before + 5)).extracting(Event::getReason).containsExactly("VolumeDetached");
    }

    @Test
    void aNodeThatStartsAnewTellsWhatItInterrupted() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        truths.open(volume, 1, "g1", "g2");
        truths.must(new Opened(volume.getId(), 1, "nbd://n1"));
        long before = last();
        truths.must(new RegisterNode(
                Truths.node("n1", 2).toBuilder().setVersion("9").build(), ""));
        assertThat(since(before)).extracting(Event::getReason).containsExactly("NodeStarted", "VolumeInterrupted");
        assertThat(since(before).getFirst().getMessage()).contains("start 2", "version 9");
    }

    @Test
    void tellsOfAFailedDiskAndOfSpaceOnceEach() {
        long before = last();
        truths.must(new RegisterGroup(with("OK", 19), 1));
        truths.must(new RegisterGroup(with("OK", 18), 1));
        truths.must(new RegisterGroup(with("OK", 9), 1));
        truths.must(new RegisterGroup(with("FAILED", 0), 1));
        truths.must(new RegisterGroup(
                with("FAILED", 0).toBuilder().setPeerAddress("x:1").build(), 1));
        truths.must(new RegisterGroup(with("OK", 60), 1));
        truths.must(new RegisterGroup(with("OK", 10), 1));
        truths.must(new RegisterGroup(with("OK", 60), 1));
        assertThat(since(before))
                .extracting(Event::getReason)
                .containsExactly("SpaceLow", "SpaceFull", "DiskFailed", "DiskWell", "SpaceFull", "SpaceAgain");
        assertThat(since(before).get(2).getMessage()).contains("/dev/x");
    }

    private static DiskGroup with(String state, int freePercent) {
        return Truths.group("g1", "n1").toBuilder()
                .setFreeBytes(Truths.GIB * freePercent)
                .addDevices(Device.newBuilder().setPath("/dev/x").setState(state))
                .build();
    }

    @Test
    void keepsNoMoreThanItMay() {
        long before = last();
        int more = EventLog.MAX_EVENTS + 7;
        for (int number = 1; number <= more; number++) {
            truths.must(report("n1", 1, number));
        }
        EventLog.Bounds bounds = truths.state.eventBounds();
        assertThat(bounds.kept()).isEqualTo(EventLog.MAX_EVENTS);
        assertThat(truths.state.event(bounds.first() - 1))
                .as("taken out of the map")
                .isEmpty();
        assertThat(truths.state.event(bounds.first())).isPresent();
        assertThat(truths.map
                        .dump()
                        .lines()
                        .filter(line -> line.startsWith("[101,"))
                        .count())
                .as("in the map")
                .isEqualTo(EventLog.MAX_EVENTS);
        EventLog.Listed all = list(1);
        assertThat(all.events()).as("one answer").hasSize(EventLog.MAX_LISTED);
        assertThat(all.events().getLast().getNumber()).as("the newest").isEqualTo(before + more);
        assertThat(all.gone()).isEqualTo(bounds.first() - 2);
    }

    @Test
    void aReportIsTakenOnceAndInItsOrder() {
        long before = last();
        truths.must(report("n1", 2, 1));
        truths.must(report("n1", 2, 1));
        truths.must(report("n1", 1, 9));
        truths.must(report("n2", 1, 1));
        truths.must(report("n1", 3, 1));
        assertThat(since(before)).extracting(Event::getNode).containsExactly("n1", "n2", "n1");
        assertThat(since(before))
                .extracting(Event::getUnixMillis)
                .as("the node's clock")
                .containsOnly(77L);
        assertThat(truths.apply(report("n1", 3, 2)).hasNews()).isTrue();
        assertThat(truths.apply(report("n1", 3, 2)).hasNews()).as("again").isFalse();
        truths.refuses(report("n9", 1, 1), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(report("n1", 3, 0), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void aCommandThatTellsTooMuchIsCutAndSaysSo() {
        long before = last();
        List<ClusterEvent> many = IntStream.range(0, 20)
                .mapToObj(i -> new ClusterEvent(EventReason.COPIES_LEFT, "pg", "n1", "x".repeat(1_000) + i))
                .toList();
        EventLog.append(truths.state, 99, 5, many);
        assertThat(since(before)).hasSize(EventLog.MAX_OF_ONE_COMMAND);
        assertThat(since(before).getFirst().getMessage()).hasSize(EventLog.MAX_MESSAGE);
        EventLog.append(
                truths.state,
                99,
                5,
                IntStream.range(0, 20)
                        .mapToObj(i -> new ClusterEvent(EventReason.COPIES_LEFT, "pg", "n1", "left"))
                        .toList());
        assertThat(since(before).getLast().getMessage()).isEqualTo("left; and 4 more like it");
    }

    @Test
    void theDocumentationHasEveryReasonWithItsSeverityAndWhatToDo() throws Exception {
        Path page = Path.of("").toAbsolutePath();
        while (!Files.exists(page.resolve("docs/operating/events.md"))) {
            page = java.util.Objects.requireNonNull(page.getParent());
        }
        var lines = Files.readAllLines(page.resolve("docs/operating/events.md"));
        for (EventReason reason : EventReason.values()) {
            String remedy = reason.remedy().isEmpty() ? "nothing" : reason.remedy();
            assertThat(lines)
                    .as(reason.code())
                    .anySatisfy(line -> assertThat(line)
                            .startsWith("| `" + reason.code() + "` | "
                                    + reason.severity().name().toLowerCase(java.util.Locale.ROOT) + " | ")
                            .endsWith("| " + remedy + " |"));
        }
        assertThat(lines.stream().filter(line -> line.startsWith("| `")))
                .as("no reason that there is not")
                .hasSize(EventReason.values().length);
    }

    @Test
    void aReportThatThisVersionDoesNotUnderstandIsRefusedAndHarmsNobody() {
        ReportEvent report = report("n1", 9, 1);
        truths.refuses(
                new ReportEvent(report.report().toBuilder().setSeverityValue(77).build()), TruthCode.TRUTH_REFUSED);
    }
}
