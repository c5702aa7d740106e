package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.LimitChange;
import io.varve.api.PlacementWish;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.api.VolumeState;
import io.varve.api.meta.CommandRecord;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ReplicasGuaranteed;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.model.EventReason;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class GuaranteeRulesTest {
    private static final long GIB = Truths.GIB;
    private static final String WHY = "n2: disk group g2 has 1GiB left, and 8GiB are to be kept for slab 0";

    private final Truths truths = Truths.ofThreeNodes();

    /** 10 GiB in two slabs on g1 and g2, as yet without replicas. */
    private long asked(boolean thick) {
        return truths.must(new CreateVolume(
                        "db",
                        10 * GIB,
                        2,
                        8 * GIB,
                        1,
                        List.of(List.of("g1", "g2"), List.of("g1", "g2")),
                        "request",
                        true,
                        List.of(),
                        0,
                        PlacementWish.getDefaultInstance(),
                        VolumeLimits.getDefaultInstance(),
                        thick))
                .requireVolume()
                .getId();
    }

    private static ReplicasCreated made(long volume, String group) {
        return new ReplicasCreated(volume, group, List.of(0, 1), List.of(), List.of(8 * GIB, 2 * GIB), 0);
    }

    private Volume thick() {
        long id = asked(true);
        truths.must(made(id, "g1"));
        truths.must(made(id, "g2"));
        return truths.volume(id);
    }

    private Volume thin() {
        long id = asked(false);
        truths.must(new ReplicasCreated(id, "g1", List.of(0, 1)));
        truths.must(new ReplicasCreated(id, "g2", List.of(0, 1)));
        return truths.volume(id);
    }

    private Volume attached(Volume volume) {
        Volume attaching = truths.attach(volume, "n1", 1);
        truths.open(attaching, 1, "g1", "g2");
        truths.must(opened(attaching, false));
        return truths.volume(attaching.getId());
    }

    private long version(Volume volume) {
        return now(volume).getGuaranteeVersion();
    }

    private Opened opened(Volume volume, boolean uncounting) {
        return new Opened(volume.getId(), volume.getEpoch(), "nbd://n1/db", 10 * GIB, uncounting, version(volume));
    }

    private ReplicasGuaranteed told(Volume volume, String group, int slab, long gib, String refusal) {
        return new ReplicasGuaranteed(ReplicasGuaranteedRequest.newBuilder()
                .setVolume(volume.getId())
                .setGroup(group)
                .addSlabs(slab)
                .addGuaranteedBytes(gib * GIB)
                .setRefusal(refusal)
                .setGuaranteeVersion(version(volume))
                .build());
    }

    private SetReplicas set(Volume volume, boolean thick) {
        return new SetReplicas(
                volume.getId(), 0, OptionalInt.empty(), LimitChange.getDefaultInstance(), Optional.of(thick));
    }

    private Volume now(Volume volume) {
        return truths.volume(volume.getId());
    }

    private List<Long> guaranteed(Volume volume, int slab) {
        return now(volume).getSlabs(slab).getReplicasList().stream()
                .map(Replica::getGuaranteedBytes)
                .toList();
    }

    @Test
    void aThickVolumeIsCountedOnFromTheBegin() {
        Volume volume = attached(thick());
        assertThat(volume.getThick()).isTrue();
        assertThat(volume.getAttachment().getGuaranteed()).isTrue();
        assertThat(guaranteed(volume, 0)).containsExactly(8 * GIB, 8 * GIB);
        assertThat(guaranteed(volume, 1)).containsExactly(2 * GIB, 2 * GIB);
        assertThat(GuaranteeRules.wanted(volume, 1)).isEqualTo(2 * GIB);
    }

    @Test
    void oneThatDoesNotFitIsUndone() {
        long id = asked(true);
        truths.must(made(id, "g1"));
        Outcome refused = truths.apply(told(truths.volume(id), "g2", 0, 8, WHY));
        Volume volume = truths.volume(id);
        assertThat(volume.getState()).isEqualTo(VolumeState.VOLUME_DELETING);
        assertThat(volume.getRefusal()).isEqualTo(WHY);
        assertThat(refused.concerned()).contains("n1", "n2");
        assertThat(refused.events()).extracting(ClusterEvent::reason).containsExactly(EventReason.VOLUME_NO_ROOM);
        truths.must(new ReplicasDeleted(id, "g1", List.of(0, 1)));
        truths.must(new ReplicasDeleted(id, "g2", List.of(0, 1)));
        assertThat(truths.state.volume(id)).isEmpty();
    }

    /** The report came twice, or the replica was made by a later try. */
    @Test
    void aRefusalOfSomethingThatIsThereChangesNothing() {
        Volume volume = thick();
        truths.must(told(volume, "g2", 0, 8, WHY));
        assertThat(now(volume)).isEqualTo(volume);
    }

    @Test
    void growsWhenEveryCopyKeepsRoomForWhatIsAdded() {
        Volume volume = attached(thick());
        truths.must(new ResizeVolume(volume.getId(), 10 * GIB, 12 * GIB, List.of(), "r"));
        assertThat(GuaranteeRules.wanted(now(volume), 1)).isEqualTo(4 * GIB);
        truths.must(told(volume, "g1", 1, 4, ""));
        assertThat(now(volume).getSizeBytes()).isEqualTo(10 * GIB);
        truths.must(told(volume, "g2", 1, 4, ""));
        assertThat(now(volume).getSizeBytes()).isEqualTo(12 * GIB);
        assertThat(now(volume).hasGrowth()).isFalse();
        assertThat(guaranteed(volume, 1)).containsExactly(4 * GIB, 4 * GIB);
    }

    @Test
    void aGrowthThatDoesNotFitIsTakenBackAndMayBeAskedForAgain() {
        Volume volume = attached(thick());
        ResizeVolume resize = new ResizeVolume(volume.getId(), 10 * GIB, 20 * GIB, List.of(List.of("g2", "g3")), "r");
        truths.must(resize);
        truths.must(made(volume, "g3", 2, 4));
        truths.must(told(volume, "g1", 1, 8, ""));
        truths.must(told(volume, "g2", 2, 4, WHY));
        assertThat(now(volume).getRefusal()).isEqualTo(WHY);
        assertThat(now(volume).getGrowth().getRefused()).isTrue();
        assertThat(now(volume).getGrowth().getSlabs(0).getReplicasList())
                .allSatisfy(replica -> assertThat(replica.getPhase()).isEqualTo(ReplicaPhase.REPLICA_LEAVING));
        assertThat(GuaranteeRules.wanted(now(volume), 1))
                .as("what g1 keeps since is given back")
                .isEqualTo(2 * GIB);
        truths.must(new ReplicasDeleted(volume.getId(), "g2", List.of(2)));
        assertThat(now(volume).hasGrowth()).isTrue();
        truths.must(new ReplicasDeleted(volume.getId(), "g3", List.of(2)));
        assertThat(now(volume).hasGrowth()).isFalse();
        assertThat(now(volume).getSizeBytes()).isEqualTo(10 * GIB);
        truths.must(resize);
        assertThat(now(volume).getGrowth().getSlabsCount()).isEqualTo(1);
        assertThat(now(volume).getRefusal()).isEmpty();
    }

    @Test
    void aCopyElsewhereThatFindsNoRoomGoesAgain() {
        Volume volume = attached(thick());
        truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, "g3"))));
        truths.must(told(volume, "g3", 0, 8, WHY));
        assertThat(now(volume).getSlabs(0).getReplicas(2).getPhase()).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        truths.must(new ReplicasDeleted(volume.getId(), "g3", List.of(0)));
        assertThat(now(volume).getSlabs(0).getReplicasCount()).isEqualTo(2);
        assertThat(now(volume).getThick()).isTrue();
    }

    @Test
    void becomesThickWhileItIsUsedWhenEveryCopyKeepsRoom() {
        Volume volume = attached(thin());
        truths.must(set(volume, true));
        truths.must(told(volume, "g1", 0, 8, ""));
        truths.must(told(volume, "g1", 1, 2, ""));
        truths.must(told(volume, "g2", 0, 8, ""));
        assertThat(now(volume).getAttachment().getGuaranteed()).isFalse();
        Outcome last = truths.apply(told(volume, "g2", 1, 2, ""));
        assertThat(now(volume).getAttachment().getGuaranteed()).isTrue();
        assertThat(last.concerned()).contains("n1");
    }

    @Test
    void staysThinWhenOneCopyFindsNoRoom() {
        Volume volume = attached(thin());
        truths.must(set(volume, true));
        truths.must(told(volume, "g1", 0, 8, ""));
        truths.must(told(volume, "g2", 0, 8, WHY));
        assertThat(now(volume).getThick()).isFalse();
        assertThat(now(volume).getRefusal()).isEqualTo(WHY);
        assertThat(GuaranteeRules.wanted(now(volume), 0)).as("g1 gives it back").isZero();
    }

    @Test
    void roomIsGivenBackOnlyWhenTheAccessPointCountsOnItNoMore() {
        Volume volume = attached(thick());
        truths.must(set(volume, false));
        assertThat(GuaranteeRules.wanted(now(volume), 0)).isEqualTo(8 * GIB);
        truths.must(opened(volume, false));
        assertThat(GuaranteeRules.wanted(now(volume), 0)).isEqualTo(8 * GIB);
        truths.must(opened(volume, true));
        assertThat(GuaranteeRules.wanted(now(volume), 0)).isZero();
    }

    private ReplicasCreated made(Volume volume, String group, int slab, long gib) {
        return new ReplicasCreated(
                volume.getId(), group, List.of(slab), List.of(), List.of(gib * GIB), version(volume));
    }

    private ReplicaPhase phase(Volume volume, int slab, int position) {
        return now(volume).getSlabs(slab).getReplicas(position).getPhase();
    }

    /** A copy is placed, its group makes it with what is wanted then, and the volume grows before it is told. */
    @Test
    void aCopyThatWasMadeWithLessThanIsWantedSinceIsNotThereYet() {
        Volume volume = attached(thick());
        truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(1, "g3"))));
        truths.must(new ResizeVolume(volume.getId(), 10 * GIB, 12 * GIB, List.of(), "r"));
        truths.must(told(volume, "g1", 1, 4, ""));
        truths.must(told(volume, "g2", 1, 4, ""));
        assertThat(now(volume).getSizeBytes()).isEqualTo(12 * GIB);
        truths.must(made(volume, "g3", 1, 2));
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_NEW);
        truths.must(made(volume, "g3", 1, 4));
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_CREATED);
        assertThat(guaranteed(volume, 1)).containsExactly(4 * GIB, 4 * GIB, 4 * GIB);
    }

    @Test
    void aCopyThatWasMadeAsAThinOneIsNotThereOnceTheVolumeIsToBeThick() {
        Volume volume = attached(thin());
        truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(1, "g3"))));
        ReplicasCreated asThin = made(volume, "g3", 1, 0);
        truths.must(set(volume, true));
        truths.must(asThin);
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_NEW);
        truths.must(told(volume, "g3", 1, 2, WHY));
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        assertThat(now(volume).getThick()).as("a place elsewhere is looked for").isTrue();
    }

    /** It becomes thick while it grows: what was made for the growth by then was thin. */
    @Test
    void aGrowthEndsWhenItsOwnSlabsKeepRoomToo() {
        Volume volume = attached(thin());
        truths.must(new ResizeVolume(volume.getId(), 10 * GIB, 20 * GIB, List.of(List.of("g2", "g3")), "r"));
        truths.must(made(volume, "g2", 2, 0));
        truths.must(set(volume, true));
        for (String group : List.of("g1", "g2")) {
            truths.must(told(volume, group, 0, 8, ""));
            truths.must(told(volume, group, 1, 8, ""));
        }
        truths.must(made(volume, "g3", 2, 4));
        assertThat(now(volume).getSizeBytes()).isEqualTo(10 * GIB);
        truths.must(told(volume, "g2", 2, 4, ""));
        assertThat(now(volume).getSizeBytes()).isEqualTo(20 * GIB);
        assertThat(now(volume).getAttachment().getGuaranteed()).isTrue();
    }

    /** Grows to 20 GiB with a slab on g2 and g3, which g2 has no room for. */
    private void growInVain(Volume volume) {
        truths.must(new ResizeVolume(volume.getId(), 10 * GIB, 20 * GIB, List.of(List.of("g2", "g3")), "r"));
        truths.must(told(volume, "g2", 2, 4, WHY));
        truths.must(new ReplicasDeleted(volume.getId(), "g2", List.of(2)));
        assertThat(now(volume).getGrowth().getRefused()).isTrue();
    }

    /** The copy on g3 cannot be deleted as yet: what has no room meanwhile has nothing to do with the growth. */
    @Test
    void aCopyThatFindsNoRoomGoesThoughAGrowthIsStillTakenBack() {
        Volume volume = attached(thick());
        growInVain(volume);
        truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(1, "g3"))));
        truths.must(told(volume, "g3", 1, 2, WHY));
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        assertThat(now(volume).getGrowth().getRefused()).isTrue();
    }

    @Test
    void aGrowthIsTakenBackThoughACopyOfItIsOnAGroupThatIsGoneForGood() {
        Volume volume = attached(thick());
        growInVain(volume);
        truths.refuses(new RemoveGroup("g3"), TruthCode.TRUTH_REFUSED);
        assertThat(truths.apply(new ForgetCopies("g3")).concernsAll()).isTrue();
        assertThat(now(volume).hasGrowth()).isFalse();
        truths.must(new RemoveGroup("g3"));
    }

    /** A node that gets no answer asks another member, and what the first one was told may come days later. */
    @Test
    void ofAReportThatComesLateOnlyTheLeastIsBelieved() {
        Volume volume = thick();
        ReplicasGuaranteed lateFull = told(volume, "g1", 0, 8, "");
        truths.must(set(volume, false));
        ReplicasGuaranteed lateNone = told(volume, "g1", 0, 0, "");
        truths.must(lateNone);
        truths.must(set(volume, true));
        truths.must(lateFull);
        assertThat(guaranteed(volume, 0)).containsExactly(0L, 8 * GIB);
        truths.must(told(volume, "g1", 0, 8, ""));
        assertThat(guaranteed(volume, 0)).containsExactly(8 * GIB, 8 * GIB);
        truths.must(lateNone);
        assertThat(guaranteed(volume, 0)).containsExactly(0L, 8 * GIB);
    }

    @Test
    void aRefusalThatComesLateChangesNothing() {
        Volume volume = attached(thin());
        truths.must(set(volume, true));
        ReplicasGuaranteed late = told(volume, "g2", 0, 8, WHY);
        truths.must(late);
        assertThat(now(volume).getThick()).isFalse();
        truths.must(set(volume, true));
        truths.must(late);
        assertThat(now(volume).getThick()).isTrue();
    }

    @Test
    void aReplicaThatWasMadeByAnotherVersionIsMadeAgain() {
        Volume volume = attached(thick());
        truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(1, "g3"))));
        ReplicasCreated late = made(volume, "g3", 1, 2);
        truths.must(set(volume, false));
        truths.must(opened(volume, true));
        truths.must(set(volume, true));
        truths.must(late);
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_NEW);
        truths.must(made(volume, "g3", 1, 2));
        assertThat(phase(volume, 1, 2)).isEqualTo(ReplicaPhase.REPLICA_CREATED);
    }

    @Test
    void thatNobodyCountsOnItIsBelievedOnlyOfWhatWasAskedLast() {
        Volume volume = attached(thick());
        truths.must(set(volume, false));
        Opened late = opened(volume, true);
        truths.must(set(volume, true));
        truths.must(late);
        truths.must(set(volume, false));
        truths.must(late);
        assertThat(now(volume).getAttachment().getGuaranteed())
                .as("the access point has not seen that it is to be thin again")
                .isTrue();
        truths.must(opened(volume, true));
        assertThat(now(volume).getAttachment().getGuaranteed()).isFalse();
    }

    /** One that left the guarantee out would hold another truth than the others. */
    @Test
    void aMemberThatKnowsNoGuaranteesIsStoppedByThem() throws Exception {
        assertThat(recordVersion(set(thick(), true))).isEqualTo(2);
        assertThat(recordVersion(made(1, "g1"))).isEqualTo(2);
        assertThat(recordVersion(new Opened(1, 1, "", 0, true, 1))).isEqualTo(2);
        assertThat(recordVersion(new Opened(1, 1, "", 0))).isEqualTo(1);
        assertThat(recordVersion(new SetReplicas(1, 2))).isEqualTo(1);
        assertThat(recordVersion(new ReplicasCreated(1, "g1", List.of(0)))).isEqualTo(1);
    }

    private static int recordVersion(MetaCommand command) throws Exception {
        return CommandRecord.parseFrom(CommandCodec.encode(new CommandCodec.Proposed(1, command)))
                .getVersion();
    }
}
