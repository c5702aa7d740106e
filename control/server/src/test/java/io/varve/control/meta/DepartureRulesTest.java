package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Departure;
import io.varve.api.DiskGroup;
import io.varve.api.EventSeverity;
import io.varve.api.Node;
import io.varve.api.ReportEventRequest;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.control.meta.MetaCommand.WantNode;
import java.util.List;
import org.junit.jupiter.api.Test;

class DepartureRulesTest {
    private final Truths truths = Truths.ofThreeNodes();

    private Node node(String id) {
        return truths.state.node(id).orElseThrow();
    }

    private DiskGroup group(String uuid) {
        return truths.state.group(uuid).orElseThrow();
    }

    @Test
    void whatPeopleOrderedOutlivesRestartsOfTheNode() {
        truths.must(new DrainNode("n1", true));
        truths.must(new EvictGroup("g1", true));
        truths.must(new RegisterNode(Truths.node("n1", 2), ""));
        truths.must(new RegisterGroup(Truths.group("g1", "n1"), 2));
        assertThat(node("n1").getDraining()).isTrue();
        assertThat(group("g1").getEvicting()).isTrue();
        truths.must(new DrainNode("n1", false));
        truths.must(new EvictGroup("g1", false));
        assertThat(node("n1").getDraining()).isFalse();
        assertThat(group("g1").getEvicting()).isFalse();
    }

    @Test
    void aNodeCannotOrderItselfAway() {
        truths.must(new RegisterNode(
                Truths.node("n1", 2).toBuilder().setDraining(true).build(), ""));
        truths.must(new RegisterGroup(
                Truths.group("g1", "n1").toBuilder().setEvicting(true).build(), 2));
        assertThat(node("n1").getDraining()).isFalse();
        assertThat(group("g1").getEvicting()).isFalse();
    }

    @Test
    void aNodeWithCopiesStaysAndTheReasonSaysWhatToDo() {
        truths.createVolume("db", "g1", "g2");
        assertThat(truths.refuses(new RemoveNode("n1"), TruthCode.TRUTH_REFUSED).message())
                .isEqualTo(
                        "node 'n1' stays: 2 copies of volume db are still there: varve node drain n1 moves them away");
        assertThat(truths.refuses(new RemoveGroup("g2"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("disk group 'n2/g2' stays: 2 copies of volume db");
        truths.must(new DrainNode("n1", true));
        Departure departure = Departures.of(truths.state, node("n1"));
        assertThat(departure.getSafe()).isFalse();
        assertThat(departure.getOrdered()).isTrue();
        assertThat(departure.getReasons(0)).contains("they are being moved away");
    }

    @Test
    void aNodeWithAnAttachedVolumeStays() {
        Volume volume = truths.createVolume("db", "g1", "g2");
        Volume attached = truths.attach(volume, "n3", 1);
        assertThat(truths.refuses(new RemoveNode("n3"), TruthCode.TRUTH_REFUSED).message())
                .contains("volume db is attached there");
        truths.must(new WantNode(volume.getId(), ""));
        truths.refuses(new RemoveNode("n3"), TruthCode.TRUTH_REFUSED);
        truths.must(new Detached(volume.getId(), attached.getEpoch()));
        truths.must(new RemoveNode("n3"));
    }

    @Test
    void aMemberOfTheMetadataGroupStays() {
        truths.must(new RegisterNode(
                Truths.node("n3", 2).toBuilder().setMetadataMember(true).build(), ""));
        assertThat(truths.refuses(new RemoveNode("n3"), TruthCode.TRUTH_REFUSED).message())
                .contains("member of the metadata group");
    }

    @Test
    void copiesThatAreStillToBeDeletedKeepTheNodeInTheList() {
        Volume volume = truths.createVolume("db", "g1", "g2");
        truths.must(new DeleteVolume(volume.getId()));
        assertThat(Departures.of(truths.state, node("n1")).getSafe())
                .as("nobody needs them")
                .isTrue();
        assertThat(truths.refuses(new RemoveNode("n1"), TruthCode.TRUTH_REFUSED).message())
                .contains("2 copies that are needed no longer are still to be deleted there");
        truths.must(new ReplicasDeleted(volume.getId(), "g1", List.of(0, 1)));
        truths.must(new RemoveNode("n1"));
        assertThat(truths.state.group("g1")).isEmpty();
    }

    @Test
    void whatWasRemovedIsToldSoWhenItComesBack() {
        truths.must(new RemoveNode("n3"));
        truths.must(new RemoveNode("n3"));
        assertThat(truths.refuses(new RegisterNode(Truths.node("n3", 2), ""), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("node 'n3' was removed from this cluster", "empty data directory");
        truths.must(new RegisterNode(Truths.node("n3", 1), ""));
        assertThat(truths.refuses(new RegisterGroup(Truths.group("g3", "n3"), 1), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("disk group 'n3/g3' was removed", "--wipe");
        truths.must(new RegisterGroup(Truths.group("g3-new", "n3"), 1));
        truths.must(new RegisterNode(Truths.node("n3", 2), ""));
    }

    @Test
    void aRemovedGroupStaysOutWhileItsNodeStays() {
        truths.must(new RemoveGroup("g3"));
        truths.must(new RemoveGroup("g3"));
        truths.refuses(new RegisterGroup(Truths.group("g3", "n3"), 1), TruthCode.TRUTH_REFUSED);
        assertThat(truths.state.node("n3")).isPresent();
    }

    @Test
    void namesWhatThereIsNot() {
        assertThat(truths.refuses(new DrainNode("n9", true), TruthCode.TRUTH_UNKNOWN)
                        .message())
                .isEqualTo("there is no node 'n9' in this cluster");
        truths.refuses(new EvictGroup("g9", true), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(new RemoveNode("n9"), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(new RemoveGroup("g9"), TruthCode.TRUTH_UNKNOWN);
        truths.must(new RemoveNode("n3"));
        assertThat(truths.refuses(new DrainNode("n3", true), TruthCode.TRUTH_UNKNOWN)
                        .message())
                .contains("was removed");
    }

    @Test
    void aNewNodeOfAnOldNameIsHeard() {
        ReportEventRequest.Builder report = ReportEventRequest.newBuilder()
                .setNode("n3")
                .setSeverity(EventSeverity.EVENT_INFO)
                .setReason("DiskReopened")
                .setNumber(1);
        truths.must(new RegisterNode(Truths.node("n3", 7), ""));
        truths.must(new ReportEvent(report.setIncarnation(7).build()));
        truths.must(new RemoveNode("n3"));
        truths.must(new RegisterNode(Truths.node("n3", 1), ""));
        assertThat(truths.apply(new ReportEvent(report.setIncarnation(1).build()))
                        .hasNews())
                .isTrue();
    }
}
