package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.model.EventReason;
import java.util.List;
import org.junit.jupiter.api.Test;

class GrowthRulesTest {
    private static final long GIB = Truths.GIB;

    private final Truths truths = Truths.ofThreeNodes();

    /** 10 GiB in two slabs on g1 and g2. */
    private Volume created() {
        long id = truths.must(new CreateVolume(
                        "db",
                        10 * GIB,
                        2,
                        8 * GIB,
                        1,
                        List.of(List.of("g1", "g2"), List.of("g1", "g2")),
                        "",
                        true,
                        List.of()))
                .requireVolume()
                .getId();
        truths.must(new ReplicasCreated(id, "g1", List.of(0, 1)));
        truths.must(new ReplicasCreated(id, "g2", List.of(0, 1)));
        return truths.volume(id);
    }

    private Volume attached() {
        Volume volume = truths.attach(created(), "n1", 1);
        truths.open(volume, 1, "g1", "g2");
        truths.must(new Opened(volume.getId(), volume.getEpoch(), "nbd://n1/db", 10 * GIB));
        return truths.volume(volume.getId());
    }

    private static ResizeVolume to(Volume volume, long gib, String... groups) {
        List<List<String>> slabs = groups.length == 0 ? List.of() : List.of(List.of(groups));
        return new ResizeVolume(volume.getId(), volume.getSizeBytes(), gib * GIB, slabs, "r-" + gib);
    }

    private Volume now(Volume volume) {
        return truths.volume(volume.getId());
    }

    @Test
    void nobodySeesTheNewSlabUntilEveryCopyOfItIsMade() {
        Volume volume = attached();
        Outcome asked = truths.apply(to(volume, 20, "g2", "g3"));
        assertThat(asked.result().isOk()).isTrue();
        assertThat(asked.concerned()).contains("n3");
        assertThat(now(volume).getSlabsCount()).isEqualTo(2);
        assertThat(now(volume).getSizeBytes()).isEqualTo(10 * GIB);
        assertThat(NodeViews.of(truths.state, "n3", 0)
                        .getVolumes(0)
                        .getGrowth()
                        .getSlabs(0)
                        .getReplicas(1)
                        .getPhase())
                .as("who has to make it sees it")
                .isEqualTo(ReplicaPhase.REPLICA_NEW);
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(2)));
        assertThat(now(volume).getSizeBytes()).isEqualTo(10 * GIB);
        Outcome last = truths.apply(new ReplicasCreated(volume.getId(), "g2", List.of(2)));
        assertThat(last.events())
                .containsExactly(new ClusterEvent(EventReason.VOLUME_RESIZED, "db", "", "grown from 10GiB to 20GiB"));
        Volume grown = now(volume);
        assertThat(grown.getSizeBytes()).isEqualTo(20 * GIB);
        assertThat(grown.hasGrowth()).isFalse();
        Slab added = grown.getSlabs(2);
        assertThat(added.getIsrList()).containsExactly("g2", "g3");
        assertThat(added.getAddedEpoch()).isEqualTo(grown.getEpoch());
        assertThat(last.concerned()).contains("n1", "n2", "n3");
    }

    @Test
    void growsAtOnceWithinItsLastSlab() {
        Volume volume = created();
        assertThat(truths.must(to(volume, 16)).requireVolume().getSizeBytes()).isEqualTo(16 * GIB);
        assertThat(now(volume).getSlabsCount()).isEqualTo(2);
    }

    @Test
    void aRepeatedRequestAndTheSizeThatThereIsChangeNothing() {
        Volume volume = created();
        truths.must(to(volume, 20, "g1", "g3"));
        String before = truths.map.dump();
        truths.must(to(volume, 20, "g1", "g2"));
        truths.must(new ResizeVolume(volume.getId(), 0, 20 * GIB, List.of(), "another"));
        assertThat(truths.map.dump()).isEqualTo(before);
    }

    @Test
    void refusesToShrinkAndNamesBothSizes() {
        Volume volume = created();
        assertThat(truths.refuses(to(volume, 8), TruthCode.TRUTH_REFUSED).message())
                .isEqualTo("volume 'db' has 10GiB and was to have 8GiB: a volume grows, it never shrinks");
        truths.must(to(volume, 20, "g1", "g3"));
        assertThat(truths.refuses(to(volume, 12), TruthCode.TRUTH_REFUSED).message())
                .contains("is being grown to 20GiB and was to have 12GiB");
        assertThat(truths.refuses(to(volume, 30, "g1", "g3"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("is being grown to 20GiB already");
    }

    @Test
    void refusesWhatWasPlacedForAnotherState() {
        Volume volume = created();
        truths.refuses(to(volume, 20), TruthCode.TRUTH_REFUSED);
        truths.refuses(to(volume, 20, "g1"), TruthCode.TRUTH_REFUSED);
        truths.refuses(to(volume, 20, "g1", "g9"), TruthCode.TRUTH_REFUSED);
        truths.refuses(
                new ResizeVolume(volume.getId(), 9 * GIB, 20 * GIB, List.of(List.of("g1", "g2")), "r"),
                TruthCode.TRUTH_REFUSED);
        truths.refuses(
                new ResizeVolume(volume.getId(), 10 * GIB, 20 * GIB, List.of(List.of("g1", "g2")), ""),
                TruthCode.TRUTH_REFUSED);
        truths.refuses(new ResizeVolume(99, 0, GIB, List.of(), "r"), TruthCode.TRUTH_UNKNOWN);
    }

    @Test
    void aVolumeOfAnOlderVersionWithAShortLastSlabDoesNotGrow() {
        Volume volume = truths.createVolume("old", "g1", "g2");
        assertThat(truths.refuses(to(volume, 20, "g1", "g2"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("made by an older version");
    }

    /** An attach is answered with the slabs that its Opened is judged by. */
    @Test
    void doesNotGrowWhileItIsBeingAttached() {
        Volume volume = created();
        truths.must(to(volume, 20, "g1", "g3"));
        Volume attaching = truths.attach(volume, "n1", 1);
        assertThat(attaching.getSlabsCount()).isEqualTo(2);
        truths.must(new ReplicasCreated(volume.getId(), "g1", List.of(2)));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(2)));
        assertThat(now(volume).getSlabsCount()).isEqualTo(2);
        truths.open(attaching, 1, "g1", "g2");
        truths.must(new Opened(volume.getId(), attaching.getEpoch(), "nbd://n1/db", 10 * GIB));
        assertThat(now(volume).getSizeBytes()).isEqualTo(20 * GIB);
        assertThat(now(volume).getAttachment().getSizeBytes()).isEqualTo(10 * GIB);
    }

    @Test
    void whatIsServedOnlyRisesWithinAnEpoch() {
        Volume volume = attached();
        truths.must(to(volume, 20, "g1", "g3"));
        truths.must(new ReplicasCreated(volume.getId(), "g1", List.of(2)));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(2)));
        // The access point tells again, before and after it has opened what was added; the older word comes last.
        truths.must(new Opened(volume.getId(), volume.getEpoch(), "nbd://n1/db", 10 * GIB));
        truths.must(new Open(
                volume.getId(),
                volume.getEpoch(),
                List.of(Truths.slabOpen(now(volume).getSlabs(2), 1, "g1", "g3"))));
        truths.must(new Opened(volume.getId(), volume.getEpoch(), "nbd://n1/db", 20 * GIB));
        truths.must(new Opened(volume.getId(), volume.getEpoch(), "nbd://n1/db", 10 * GIB));
        assertThat(now(volume).getAttachment().getSizeBytes()).isEqualTo(20 * GIB);
    }

    @Test
    void theNextAttachHasToOpenWhatWasAdded() {
        Volume volume = attached();
        truths.must(to(volume, 20, "g1", "g3"));
        truths.must(new ReplicasCreated(volume.getId(), "g1", List.of(2)));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(2)));
        Volume again = truths.must(new Attach(volume.getId(), volume.getEpoch(), "n1", 1, "again"))
                .requireVolume();
        assertThat(again.getSlabsCount()).isEqualTo(3);
        truths.must(new Open(
                volume.getId(),
                again.getEpoch(),
                List.of(
                        Truths.slabOpen(again.getSlabs(0), 2, "g1", "g2"),
                        Truths.slabOpen(again.getSlabs(1), 2, "g1", "g2"))));
        assertThat(truths.refuses(
                                new Opened(volume.getId(), again.getEpoch(), "nbd://n1/db", 20 * GIB),
                                TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("slab 2");
    }

    @Test
    void aDeletedVolumeTakesItsGrowthWithIt() {
        Volume volume = created();
        truths.must(to(volume, 20, "g1", "g3"));
        assertThat(truths.refuses(new RemoveGroup("g3"), TruthCode.TRUTH_REFUSED)
                        .message())
                .contains("1 copy of volume db");
        truths.must(new DeleteVolume(volume.getId()));
        assertThat(now(volume).getSlabsCount()).isEqualTo(3);
        assertThat(now(volume).getState()).isEqualTo(VolumeState.VOLUME_DELETING);
        truths.must(new ReplicasDeleted(volume.getId(), "g1", List.of(0, 1, 2)));
        truths.must(new ReplicasDeleted(volume.getId(), "g2", List.of(0, 1)));
        truths.must(new ReplicasDeleted(volume.getId(), "g3", List.of(2)));
        assertThat(truths.state.volume(volume.getId())).isEmpty();
    }

    @Test
    void aWishThatEndsAnAttachOfBeforeLetsItGrow() {
        Volume volume = attached();
        truths.must(to(volume, 16));
        assertThat(now(volume).getSizeBytes()).isEqualTo(16 * GIB);
        truths.must(new WantNode(volume.getId(), ""));
        truths.must(to(now(volume), 20, "g1", "g3"));
        assertThat(now(volume).hasGrowth()).isTrue();
    }

    @Test
    void anAttachOfAProcessThatIsGoneLetsItGrow() {
        Volume volume = attached();
        truths.must(to(volume, 20, "g1", "g3"));
        truths.must(new RegisterNode(Truths.node("n1", 2), ""));
        assertThat(now(volume).getState()).isEqualTo(VolumeState.VOLUME_ATTACHING);
        int slab = now(volume).getGrowth().getSlabs(0).getIndex();
        truths.must(new ReplicasCreated(volume.getId(), "g1", List.of(slab)));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(slab)));
        assertThat(now(volume).hasGrowth()).as("while it is being attached").isTrue();
        truths.must(new Attach(volume.getId(), volume.getEpoch(), "n1", 2, "n1/2"));
        truths.must(new WantNode(volume.getId(), ""));
        truths.must(new RegisterNode(Truths.node("n1", 3), ""));
        assertThat(now(volume).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(now(volume).hasGrowth()).isFalse();
        assertThat(now(volume).getSizeBytes()).isEqualTo(20 * GIB);
    }
}
