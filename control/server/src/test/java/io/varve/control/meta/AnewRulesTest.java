package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.WantNode;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Copies of slabs that nobody has opened go elsewhere: nodes n1 to n4 with one group each. */
class AnewRulesTest {
    private static final long GIB = Truths.GIB;

    private final Truths truths = Truths.ofNodes(4);

    /** 8 GiB in one slab on g1 and g2, open on n1, growing by a slab on g2 and g3. */
    private Volume growing() {
        long id = truths.must(new CreateVolume(
                        "db", 8 * GIB, 2, 8 * GIB, 1, List.of(List.of("g1", "g2")), "", true, List.of()))
                .requireVolume()
                .getId();
        truths.must(new ReplicasCreated(id, "g1", List.of(0)));
        truths.must(new ReplicasCreated(id, "g2", List.of(0)));
        Volume volume = truths.attach(truths.volume(id), "n1", 1);
        truths.open(volume, 1, "g1", "g2");
        truths.must(new Opened(id, volume.getEpoch(), "nbd://n1/db", 8 * GIB));
        truths.must(new ResizeVolume(id, 8 * GIB, 16 * GIB, List.of(List.of("g2", "g3")), "r"));
        return truths.volume(id);
    }

    private static PlaceAnew anew(Volume volume, int slab, int gen, String from, String to) {
        return new PlaceAnew(volume.getId(), List.of(new AnewCopy(slab, gen, from, to)));
    }

    private Volume now(Volume volume) {
        return truths.volume(volume.getId());
    }

    private static ReplicaPhase phase(Slab slab, String group) {
        return slab.getReplicasList().stream()
                .filter(replica -> replica.getGroup().equals(group))
                .map(Replica::getPhase)
                .findFirst()
                .orElse(ReplicaPhase.REPLICA_PHASE_UNSPECIFIED);
    }

    @Test
    void aGrowthWhoseCopyIsLostEndsWithAnotherOne() {
        Volume volume = growing();
        truths.must(new ReplicasCreated(volume.getId(), "g2", List.of(1)));
        Outcome placed = truths.apply(anew(volume, 1, 1, "g3", "g4"));
        assertThat(placed.concerned()).contains("n3", "n4");
        Slab slab = now(volume).getGrowth().getSlabs(0);
        assertThat(slab.getGen()).isEqualTo(2);
        assertThat(slab.getIsrList()).containsExactly("g2", "g4");
        assertThat(phase(slab, "g3")).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        assertThat(NodeViews.of(truths.state, "n4", 0).getVolumesList()).hasSize(1);
        truths.must(new ReplicasCreated(volume.getId(), "g4", List.of(1)));
        assertThat(now(volume).getSizeBytes()).isEqualTo(16 * GIB);
        Slab added = now(volume).getSlabs(1);
        assertThat(added.getIsrList()).containsExactly("g2", "g4");
        assertThat(phase(added, "g3")).as("still to be deleted there").isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        truths.must(new ReplicasDeleted(volume.getId(), "g3", List.of(1)));
        assertThat(now(volume).getSlabs(1).getReplicasCount()).isEqualTo(2);
    }

    @Test
    void whoComesBackLateMakesNothingThatCounts() {
        Volume volume = growing();
        long creation = volume.getGrowth().getSlabs(0).getReplicas(1).getCreationId();
        truths.must(anew(volume, 1, 1, "g3", "g4"));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(1), List.of(creation)));
        assertThat(phase(now(volume).getGrowth().getSlabs(0), "g3")).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        truths.must(new ReplicasDeleted(volume.getId(), "g3", List.of(1), List.of(creation)));
        assertThat(now(volume).getGrowth().getSlabs(0).getReplicasCount()).isEqualTo(2);
    }

    @Test
    void theSameAgainAndAnOldPlanChangeNothing() {
        Volume volume = growing();
        truths.must(anew(volume, 1, 1, "g3", "g4"));
        String before = truths.map.dump();
        truths.must(anew(volume, 1, 1, "g3", "g4"));
        assertThat(truths.map.dump()).isEqualTo(before);
        truths.refuses(anew(volume, 1, 1, "g2", "g1"), TruthCode.TRUTH_STALE_GEN);
    }

    @Test
    void refusesWhatWouldNotBeACopyOnAnotherNode() {
        Volume volume = growing();
        truths.refuses(anew(volume, 1, 1, "g3", "g2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(anew(volume, 1, 1, "g3", "g9"), TruthCode.TRUTH_REFUSED);
        truths.refuses(anew(volume, 1, 1, "g4", "g1"), TruthCode.TRUTH_REFUSED);
        truths.refuses(anew(volume, 7, 1, "g3", "g4"), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(new PlaceAnew(99, List.of(new AnewCopy(0, 1, "g1", "g4"))), TruthCode.TRUTH_UNKNOWN);
        assertThat(truths.refuses(anew(volume, 1, 1, "g3", ""), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("no more copies than there should be");
    }

    @Test
    void whatHasBeenOpenIsNeverPlacedAnew() {
        Volume volume = growing();
        int gen = volume.getSlabs(0).getGen();
        assertThat(truths.refuses(anew(volume, 0, gen, "g1", "g4"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("it has been open");
    }

    @Test
    void anOpenOnItsWayDoesNotTakeEffectAfterwards() {
        long id = truths.createVolume("db", "g1", "g2").getId();
        Volume volume = truths.attach(truths.volume(id), "n1", 1);
        Open onItsWay = new Open(
                id,
                volume.getEpoch(),
                volume.getSlabsList().stream()
                        .map(slab -> Truths.slabOpen(slab, 1, "g1"))
                        .toList());
        truths.must(anew(volume, 0, 1, "g2", "g3"));
        assertThat(truths.must(onItsWay).slabs().getFirst().getCode()).isEqualTo(TruthCode.TRUTH_STALE_GEN);
        truths.refuses(anew(volume, 1, 2, "g2", "g3"), TruthCode.TRUTH_REFUSED);
    }

    /** Its access point would have nobody to speak to. */
    @Test
    void isNotAttachedWhileAllThatIsInTheSetIsStillToBeMade() {
        long id = truths.createVolume("db", "g1").getId();
        truths.must(anew(truths.volume(id), 1, 1, "g1", "g2"));
        truths.must(new WantNode(id, "n3"));
        int epoch = truths.volume(id).getEpoch();
        assertThat(truths.refuses(new Attach(id, epoch, "n3", 1, "a"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("copies of slab 1 are being made anew");
        truths.must(new ReplicasCreated(id, "g2", List.of(1)));
        truths.must(new Attach(id, epoch, "n3", 1, "a"));
    }

    @Test
    void isAttachedWhileOneThatWasThereBeforeStays() {
        long id = truths.createVolume("db", "g1", "g2").getId();
        truths.must(anew(truths.volume(id), 0, 1, "g2", "g3"));
        truths.must(new WantNode(id, "n1"));
        truths.must(new Attach(id, truths.volume(id).getEpoch(), "n1", 1, "a"));
    }

    @Test
    void aVolumeThatIsBeingMadeIsThereWhenTheOtherCopyIs() {
        long id = truths.must(new CreateVolume("db", 8 * GIB, 2, 8 * GIB, 1, List.of(List.of("g1", "g2")), "r"))
                .requireVolume()
                .getId();
        truths.must(new ReplicasCreated(id, "g1", List.of(0)));
        truths.must(anew(truths.volume(id), 0, 1, "g2", "g3"));
        assertThat(truths.volume(id).getState()).isEqualTo(VolumeState.VOLUME_CREATING);
        truths.must(new ReplicasCreated(id, "g3", List.of(0)));
        assertThat(truths.volume(id).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
    }

    @Test
    void whoWantsFewerCopiesEndsTheGrowthWithoutTheLostOne() {
        Volume volume = growing();
        truths.must(new ReplicasCreated(volume.getId(), "g2", List.of(1)));
        truths.must(new SetReplicas(volume.getId(), 1));
        truths.must(anew(volume, 1, 1, "g3", ""));
        assertThat(now(volume).getSizeBytes()).isEqualTo(16 * GIB);
        assertThat(now(volume).getSlabs(1).getIsrList()).containsExactly("g2");
    }

    @Test
    void aNodeThatIsGoneIsForgottenWithWhatItShouldHaveDeleted() {
        Volume volume = growing();
        truths.must(anew(volume, 1, 1, "g3", "g4"));
        truths.refuses(new RemoveNode("n3"), TruthCode.TRUTH_REFUSED);
        assertThat(truths.apply(new ForgetCopies("g3")).concernsAll()).isTrue();
        assertThat(now(volume).getGrowth().getSlabs(0).getReplicasCount()).isEqualTo(2);
        truths.must(new RemoveNode("n3"));
    }

    @Test
    void aDeletedVolumeTakesItAlong() {
        long id = truths.must(new CreateVolume("db", 8 * GIB, 2, 8 * GIB, 1, List.of(List.of("g1", "g2")), "r"))
                .requireVolume()
                .getId();
        truths.must(anew(truths.volume(id), 0, 1, "g2", "g3"));
        truths.must(new DeleteVolume(id));
        for (String group : List.of("g1", "g2", "g3")) {
            truths.must(new ReplicasDeleted(id, group, List.of(0)));
        }
        assertThat(truths.state.volume(id)).isEqualTo(Optional.empty());
    }
}
