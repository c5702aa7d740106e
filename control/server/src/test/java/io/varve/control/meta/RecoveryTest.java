package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.varve.api.ApiToken;
import io.varve.api.LimitChange;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.RecoveredVolume;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasGuaranteed;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.rebuild.RebuildMemory;
import io.varve.control.rebuild.RebuildPlan;
import io.varve.control.rebuild.RebuildTruth;
import io.varve.control.rebuild.Sighted;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Nodes n1 to n3 with a disk group each; what they find is said by the test. */
class RecoveryTest {
    private static final ByteString KEY = ByteString.copyFromUtf8("fresh");
    private static final int LAST_BLOCKS = 1 << 19;

    private final Truths backup = Truths.ofThreeNodes();
    private final List<List<FoundCopy>> copies = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    private final List<FoundNode.Label> labels = new ArrayList<>();

    /** A copy on the group of node {@code n} of both slabs of the volume: as it was made, and written up to there. */
    private void holds(int n, long volume, int epoch, long lastSeq, long commitSeq, boolean complete) {
        for (int slab = 0; slab < 2; slab++) {
            copies.get(n - 1)
                    .add(new FoundCopy(
                            "g" + n,
                            StreamId.of(volume, slab),
                            100 + n,
                            slab == 0 ? Geometry.BLOCKS_PER_SLAB : LAST_BLOCKS,
                            epoch,
                            epoch,
                            lastSeq,
                            commitSeq,
                            complete));
        }
    }

    private FoundNode node(int n) {
        return new FoundNode("n" + n, "c-uuid", false, true, Set.of("g" + n), copies.get(n - 1), labels);
    }

    private Recovery.Plan restored(int... nodes) {
        return plan(backup.map, Set.of(), nodes);
    }

    private Recovery.Plan rescued(int... nodes) {
        return plan(new MapKeyValues(), Set.of(), nodes);
    }

    private Recovery.Plan plan(MapKeyValues map, Set<String> without, int... nodes) {
        List<FoundNode> found = new ArrayList<>();
        for (int n : nodes) {
            found.add(node(n));
        }
        return Recovery.plan(map, new Recovery.Asked("test", without, KEY), found);
    }

    private static MetaState done(Recovery.Plan plan) {
        assertThat(plan.objections()).isEmpty();
        return new MetaState(plan.map());
    }

    private static Slab slab(Recovery.Plan plan, long volume) {
        return done(plan).slab(volume, 0).orElseThrow();
    }

    private static RecoveredVolume told(Recovery.Plan plan, String name) {
        return plan.volumes().stream()
                .filter(volume -> volume.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aCopyThatWasWrittenPastSinceTheBackupIsNotInTheSet() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(1, volume.getId(), 3, 200, 150, true);
        holds(2, volume.getId(), 3, 120, 110, true);
        Slab slab = slab(restored(1, 2, 3), volume.getId());
        assertThat(slab.getIsrList()).containsExactly("g1");
        assertThat(slab.getReplicasList().stream().map(Replica::getGroup)).containsExactly("g1", "g2");
        assertThat(slab.getReplicas(1).getPhase()).isEqualTo(ReplicaPhase.REPLICA_CREATED);
    }

    @Test
    void aCopyOfAnOlderEpochIsNotInTheSetHoweverLongItIs() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(1, volume.getId(), 4, 101, 90, true);
        holds(2, volume.getId(), 3, 500, 90, true);
        assertThat(slab(restored(1, 2, 3), volume.getId()).getIsrList()).containsExactly("g1");
    }

    @Test
    void aCopyThatIsBeingFilledIsNotInTheSetHoweverNewItIs() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(1, volume.getId(), 3, 190, 150, true);
        holds(2, volume.getId(), 3, 200, 150, false);
        assertThat(slab(restored(1, 2, 3), volume.getId()).getIsrList()).containsExactly("g1");
    }

    @Test
    void copiesAreWhereTheDisksSayNotWhereTheBackupDoes() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(3, volume.getId(), 3, 10, 5, true);
        Slab slab = slab(restored(1, 2, 3), volume.getId());
        assertThat(slab.getReplicasList().stream().map(Replica::getGroup)).containsExactly("g3");
        assertThat(slab.getReplicas(0).getCreationId()).isEqualTo(103);
        assertThat(slab.getIsrList()).containsExactly("g3");
    }

    /** Its node was not heard: what the backup says of the room that it keeps may be long past. */
    @Test
    void aCopyThatIsLeftOutKeepsNoRoomUntilItTells() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        backup.must(new SetReplicas(
                volume.getId(), 0, OptionalInt.empty(), LimitChange.getDefaultInstance(), Optional.of(true)));
        backup.must(new ReplicasGuaranteed(ReplicasGuaranteedRequest.newBuilder()
                .setVolume(volume.getId())
                .setGroup("g2")
                .addSlabs(0)
                .addGuaranteedBytes(8 * Truths.GIB)
                .build()));
        holds(1, volume.getId(), 3, 10, 5, true);
        Slab slab = slab(plan(backup.map, Set.of("n2"), 1, 3), volume.getId());
        assertThat(slab.getReplicasList().stream().map(Replica::getGroup)).containsExactly("g1", "g2");
        assertThat(slab.getReplicas(1).getGuaranteedBytes()).isZero();
    }

    @Test
    void theFirstOpenNeedsAllThatMayHaveBeenInTheSet() {
        Volume volume = backup.createVolume("db", "g1", "g2", "g3");
        for (int n = 1; n <= 3; n++) {
            holds(n, volume.getId(), 3, 200 + n, 150, true);
        }
        Truths after = opening(restored(1, 2, 3), volume.getId());
        Volume attached = after.volume(volume.getId());
        assertThat(code(after, attached, "g1", "g2")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(code(after, attached, "g1", "g2", "g3")).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(after.state.slab(volume.getId(), 0).orElseThrow().getFirstOpenNeeds())
                .isZero();
        Slab slab = after.state.slab(volume.getId(), 0).orElseThrow();
        after.must(new ChangeIsr(volume.getId(), attached.getEpoch(), List.of(Truths.slabIsr(slab, "g1", "g2"))));
        assertThat(after.state.slab(volume.getId(), 0).orElseThrow().getIsrList())
                .as("afterwards as usual")
                .containsExactly("g1", "g2");
    }

    private static TruthCode code(Truths truths, Volume volume, String... isr) {
        return truths.must(new Open(
                        volume.getId(),
                        volume.getEpoch(),
                        List.of(Truths.slabOpen(
                                truths.state.slab(volume.getId(), 0).orElseThrow(), 300, isr))))
                .slabs()
                .getFirst()
                .getCode();
    }

    /** The recovered truth with the volume attached to n1, which started anew. */
    private static Truths opening(Recovery.Plan plan, long volume) {
        done(plan);
        Truths after = new Truths();
        plan.map()
                .records()
                .forEach(record -> after.map.put(
                        record.getKey().toByteArray(), record.getValue().toByteArray()));
        after.must(new RegisterNode(Truths.node("n1", 2), "c-uuid"));
        after.must(new WantNode(volume, "n1"));
        after.must(new Attach(volume, after.volume(volume).getEpoch(), "n1", 2, "again"));
        return after;
    }

    @Test
    void theNextEpochIsAboveEveryPromiseAndEveryRecord() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        copies.get(0).add(new FoundCopy("g1", StreamId.of(volume.getId(), 0), 101, 1, 77, 70, 5, 5, true));
        holds(2, volume.getId(), 70, 5, 5, true);
        Recovery.Plan plan = restored(1, 2, 3);
        assertThat(done(plan).volume(volume.getId()).orElseThrow().getEpoch()).isEqualTo(77 + Recovery.EPOCH_STEP);
    }

    @Test
    void idsAndGensAreAboveAllThatWasEverGiven() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        int gen = backup.state.slab(volume.getId(), 0).orElseThrow().getGen();
        holds(1, 9, 1, 5, 5, true);
        copies.get(0).add(new FoundCopy("g1", StreamId.of(volume.getId(), 0), 5_000, 1, 1, 1, 5, 5, true));
        copies.get(0).add(new FoundCopy("g1", StreamId.of(volume.getId(), 1), 5_001, 1, 1, 1, 5, 5, true));
        Recovery.Plan plan = restored(1, 2, 3);
        assertThat(plan.cluster().getNextVolume()).isGreaterThan(9 + Recovery.VOLUME_STEP);
        assertThat(plan.cluster().getNextCreation()).isGreaterThan(5_001 + Recovery.CREATION_STEP);
        assertThat(plan.cluster().getMembershipKey()).isEqualTo(KEY);
        assertThat(slab(plan, volume.getId()).getGen()).isGreaterThan(gen + 1_000);
    }

    @Test
    void aNodeOfTheBackupThatIsNotThereIsNamedUntilItIsLeftOut() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(1, volume.getId(), 3, 10, 5, true);
        assertThat(plan(backup.map, Set.of(), 1, 3).objections())
                .singleElement()
                .asString()
                .contains("node n2 of the backup does not answer", "--without n2");
    }

    @Test
    void aCopyThatWasLeftOutStaysOutsideOfTheSetAndIsToldOf() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        holds(1, volume.getId(), 3, 10, 5, true);
        Recovery.Plan plan = plan(backup.map, Set.of("n2"), 1, 3);
        Slab slab = slab(plan, volume.getId());
        assertThat(slab.getIsrList()).containsExactly("g1");
        assertThat(slab.getReplicasList().stream().map(Replica::getGroup)).containsExactlyInAnyOrder("g1", "g2");
        assertThat(plan.warnings()).anyMatch(warning -> warning.contains("volume db: copies of 2 slabs were left out"));
    }

    @Test
    void aDiskGroupThatIsNotOpenIsNamed() {
        FoundNode without = new FoundNode("n2", "c-uuid", false, true, Set.of(), List.of(), List.of());
        Recovery.Plan plan =
                Recovery.plan(backup.map, new Recovery.Asked("", Set.of(), KEY), List.of(node(1), without, node(3)));
        assertThat(plan.objections()).singleElement().asString().contains("of node n2 is not open", "--without g2");
    }

    @Test
    void aNodeThatFollowsTheFormerTruthIsRefused() {
        FoundNode follows = new FoundNode("n2", "c-uuid", true, true, Set.of("g2"), List.of(), List.of());
        Recovery.Plan plan =
                Recovery.plan(backup.map, new Recovery.Asked("", Set.of(), KEY), List.of(node(1), follows, node(3)));
        assertThat(plan.objections()).singleElement().asString().contains("node n2", "restart it");
    }

    @Test
    void nodesOfAnotherClusterAreRefused() {
        FoundNode other = new FoundNode("n2", "d-uuid", false, true, Set.of("g2"), List.of(), List.of());
        assertThat(Recovery.plan(backup.map, new Recovery.Asked("", Set.of(), KEY), List.of(node(1), other, node(3)))
                        .objections())
                .anyMatch(why -> why.contains("nodes belong to cluster d-uuid"));
        assertThat(Recovery.plan(new MapKeyValues(), new Recovery.Asked("test", Set.of(), KEY), List.of(node(1), other))
                        .objections())
                .anyMatch(why -> why.contains("different clusters"));
    }

    @Test
    void aVolumeIsWantedWhereItWasAndAttachedNowhere() {
        Volume volume = backup.attach(backup.createVolume("db", "g1", "g2"), "n1", 1);
        holds(1, volume.getId(), 3, 10, 5, true);
        Volume after = done(restored(1, 2, 3)).volume(volume.getId()).orElseThrow();
        assertThat(after.getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(after.hasAttachment()).isFalse();
        assertThat(after.getWantedNode()).isEqualTo("n1");
    }

    @Test
    void aVolumeWithoutACopyAnywhereIsLeftOut() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        Recovery.Plan plan = restored(1, 2, 3);
        assertThat(done(plan).volume(volume.getId())).isEmpty();
        assertThat(done(plan).volume("db")).isEmpty();
        assertThat(done(plan).slabs(volume.getId())).isEmpty();
        assertThat(told(plan, "db").getKept()).isFalse();
    }

    @Test
    void aVolumeThatWasBeingMadeOrDeletedGoesOn() {
        backup.must(new CreateVolume(
                "new", 10 * Truths.GIB, 1, 8 * Truths.GIB, 1, List.of(List.of("g1"), List.of("g1")), ""));
        Volume deleted = backup.createVolume("old", "g2");
        backup.must(new DeleteVolume(deleted.getId()));
        MetaState state = done(restored(1, 2, 3));
        assertThat(state.volume("new").orElseThrow().getState()).isEqualTo(VolumeState.VOLUME_CREATING);
        assertThat(state.volume("old").orElseThrow().getState()).isEqualTo(VolumeState.VOLUME_DELETING);
        assertThat(state.slabs(deleted.getId())).hasSize(2);
    }

    /** Nothing of it is made elsewhere: that would have its former copies deleted. */
    @Test
    void aVolumeThatWasBeingMadeWaitsForWhatWasLeftOut() {
        Volume made = backup.must(new CreateVolume(
                        "new",
                        16 * Truths.GIB,
                        2,
                        8 * Truths.GIB,
                        1,
                        List.of(List.of("g1", "g2"), List.of("g1", "g3")),
                        ""))
                .requireVolume();
        Recovery.Plan plan = plan(backup.map, Set.of("n2"), 1, 3);
        List<Slab> slabs = done(plan).slabs(made.getId());
        assertThat(slabs).extracting(Slab::getFirstOpenNeeds).containsExactly(2, 0);
        assertThat(slabs).extracting(AnewRules::isUntouched).containsExactly(false, true);
        assertThat(plan.warnings()).anyMatch(warning -> warning.contains("volume new: was being made"));
        assertThat(planned(done(plan))).noneMatch(PlaceAnew.class::isInstance);
    }

    /** What the planner wants when n2 has been silent for longer than the grace time. */
    private static List<MetaCommand> planned(MetaState state) {
        RebuildTruth truth = RebuildTruth.of(state);
        RebuildMemory memory = RebuildMemory.begun(0);
        RebuildPlan plan = RebuildPlan.of(truth, onlyN2Silent(0), memory);
        return RebuildPlan.of(truth, onlyN2Silent(700_000), plan.next()).steps().stream()
                .map(RebuildPlan.Step::command)
                .toList();
    }

    private static Sighted onlyN2Silent(long nowMillis) {
        return new Sighted(nowMillis, Map.of("n1", 0L, "n3", 0L), Optional.of(Map.of("g1", 0L, "g3", 0L)), Map.of());
    }

    @Test
    void aVolumeMadeSinceIsFoundWithItsNameAndSize() {
        labels.add(new FoundNode.Label(7, "later", 10 * Truths.GIB, 3));
        holds(1, 7, 1, 10, 5, true);
        holds(2, 7, 1, 10, 5, true);
        Volume found = done(restored(1, 2, 3)).volume("later").orElseThrow();
        assertThat(found.getId()).isEqualTo(7);
        assertThat(found.getReplicas()).isEqualTo(3);
        assertThat(found.getSizeBytes()).isEqualTo(Geometry.SLAB_BYTES + (long) LAST_BLOCKS * Geometry.BLOCK_BYTES);
    }

    @Test
    void aVolumeThatGrewSinceTheBackupHasItsNewSize() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        labels.add(new FoundNode.Label(volume.getId(), "db", 17 * Truths.GIB, 2));
        holds(1, volume.getId(), 3, 10, 5, true);
        copies.get(0).add(new FoundCopy("g1", StreamId.of(volume.getId(), 2), 9, 1, 3, 3, 4, 2, true));
        MetaState state = done(restored(1, 2, 3));
        assertThat(state.volume("db").orElseThrow().getSizeBytes()).isEqualTo(17 * Truths.GIB);
        assertThat(state.slabs(volume.getId())).hasSize(3).allMatch(slab -> slab.getFirstOpenNeeds() == 1);
    }

    @Test
    void whatTheBackupKnowsToBeDeletedIsLeftAlone() {
        Volume volume = backup.createVolume("db", "g1");
        backup.must(new DeleteVolume(volume.getId()));
        backup.must(new MetaCommand.ReplicasDeleted(volume.getId(), "g1", List.of(0, 1)));
        holds(1, volume.getId(), 1, 10, 5, true);
        Recovery.Plan plan = restored(1, 2, 3);
        assertThat(done(plan).volumes()).isEmpty();
        assertThat(plan.volumes())
                .singleElement()
                .extracting(RecoveredVolume::getKept)
                .isEqualTo(false);
    }

    @Test
    void aRescueFindsVolumesWithoutABackup() {
        labels.add(new FoundNode.Label(1, "db", 10 * Truths.GIB, 2));
        holds(1, 1, 3, 200, 150, true);
        holds(2, 1, 3, 120, 110, true);
        holds(3, 2, 1, 1, 1, true);
        Recovery.Plan plan = rescued(1, 2, 3);
        assertThat(plan.cluster().getUuid()).isEqualTo("c-uuid");
        assertThat(done(plan).volume("db").orElseThrow().getId()).isEqualTo(1);
        assertThat(slab(plan, 1).getIsrList()).containsExactly("g1");
        assertThat(done(plan).volume("recovered-2").orElseThrow().getReplicas()).isEqualTo(1);
        assertThat(plan.warnings())
                .anyMatch(warning -> warning.contains("no name"))
                .anyMatch(warning -> warning.contains("API tokens"));
    }

    @Test
    void aRescueLeavesAVolumeAloneThatLacksASlab() {
        holds(1, 1, 3, 200, 150, true);
        copies.get(0).removeFirst();
        Recovery.Plan plan = rescued(1, 2, 3);
        assertThat(done(plan).volumes()).isEmpty();
        assertThat(plan.volumes().getFirst().getStanding()).contains("no copy of slab 0");
    }

    @Test
    void aRescueNeedsDisksAndAName() {
        FoundNode fresh = new FoundNode("n1", "", false, true, Set.of(), List.of(), List.of());
        assertThat(Recovery.plan(new MapKeyValues(), new Recovery.Asked("test", Set.of(), KEY), List.of(fresh))
                        .objections())
                .singleElement()
                .asString()
                .contains("nothing to recover");
        assertThat(Recovery.plan(new MapKeyValues(), new Recovery.Asked("", Set.of(), KEY), List.of(node(1)))
                        .objections())
                .singleElement()
                .asString()
                .contains("cannot name a cluster");
    }

    @Test
    void tokensThatComeBackAreToldOf() {
        backup.must(new CreateToken(ApiToken.newBuilder()
                .setName("csi")
                .setRole("csi")
                .setSha256("00")
                .build()));
        assertThat(restored(1, 2, 3).warnings()).anyMatch(warning -> warning.contains("1 API tokens"));
    }

    @Test
    void aWholeCopyThatIsKnownToBeOldIsNotServed() {
        Volume volume = backup.createVolume("db", "g1", "g2", "g3");
        holds(2, volume.getId(), 3, 500, 480, true);
        holds(3, volume.getId(), 3, 1_100, 1_000, false); // being filled from the one that was lost
        Recovery.Plan plan = rescued(2, 3);
        assertThat(slab(plan, volume.getId()).getIsrList()).isEmpty();
        assertThat(plan.warnings()).anyMatch(warning -> warning.contains("no whole copy with all that was written"));
    }

    @Test
    void aCopyThatEndsBeforeTheLastStartOpensWhenItIsAllThereIs() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        Volume attached = backup.attach(volume, "n1", 1);
        backup.open(attached, 1_001, "g1");
        holds(2, volume.getId(), 2, 200, 150, true);
        Truths after = opening(plan(backup.map, Set.of("n1"), 2, 3), volume.getId());
        assertThat(code(after, after.volume(volume.getId()), "g2")).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void saysToWhomAVolumeIsPublishedBecauseThatMayBeOutdated() {
        Volume volume = backup.createVolume("db", "g1", "g2");
        backup.must(new PublishVolume(volume.getId(), "n1", false, PublishVolumeRequest.State.PUBLISHED));
        holds(1, volume.getId(), 3, 10, 5, true);
        holds(2, volume.getId(), 3, 10, 5, true);
        assertThat(restored(1, 2, 3).warnings()).anyMatch(warning -> warning.contains("varve node fence n1"));
    }
}
