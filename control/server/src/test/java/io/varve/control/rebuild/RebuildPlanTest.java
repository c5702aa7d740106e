package io.varve.control.rebuild;

import static io.varve.control.rebuild.PlannedCluster.CAPACITY;
import static io.varve.control.rebuild.PlannedCluster.GIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.rebuild.RebuildPlan.Step;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RebuildPlanTest {
    private static final long GRACE = 600_000;

    private final PlannedCluster cluster = PlannedCluster.of(4);

    private static <C extends MetaCommand> List<C> commands(RebuildPlan plan, Class<C> kind) {
        return plan.steps().stream()
                .map(Step::command)
                .filter(kind::isInstance)
                .map(kind::cast)
                .toList();
    }

    private long attached(String name, int slabs, String... groups) {
        long id = cluster.createVolume(name, slabs, GIB, groups);
        cluster.must(new WantNode(id, cluster.nodeOf(groups[0])));
        cluster.nodesAct();
        cluster.nodesAct();
        return id;
    }

    private Slab slab(long volume) {
        return cluster.state.slab(volume, 0).orElseThrow();
    }

    @Test
    void nothingIsDoneWhileEverythingIsWell() {
        attached("a", 3, "g1", "g2");
        for (int i = 0; i < 30; i++) {
            assertThat(cluster.round().steps()).isEmpty();
        }
    }

    @Test
    void aSilentNodeIsWaitedForThroughoutTheGraceTime() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.kill("n2");
        cluster.pass(GRACE - 5_000);
        assertThat(cluster.round().steps()).isEmpty();
        cluster.pass(10_000);
        assertThat(commands(cluster.round(), PlaceCopies.class)).hasSize(1);
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).contains("g1").hasSize(3);
        assertThat(slab(volume).getIsrList()).hasSize(2).doesNotContain("g2");
        assertThat(slab(volume).getReplicasList())
                .filteredOn(replica -> replica.getPhase() == ReplicaPhase.REPLICA_LEAVING)
                .extracting(replica -> replica.getGroup())
                .as("goes when its node comes back, or is removed")
                .containsExactly("g2");
    }

    @Test
    void theGraceTimeIsASetting() {
        attached("a", 1, "g1", "g2");
        cluster.must(new ChangeSettings(Map.of("rebuild.grace", "15s")));
        cluster.kill("n2");
        cluster.pass(13_000);
        assertThat(cluster.look().steps()).isEmpty();
        cluster.pass(1_000);
        assertThat(commands(cluster.look(), PlaceCopies.class)).hasSize(1);
    }

    @Test
    void withANewLeaderTheGraceTimeBeginsAnew() {
        attached("a", 1, "g1", "g2");
        cluster.kill("n2");
        cluster.pass(GRACE - 5_000);
        cluster.forget();
        cluster.pass(GRACE - 5_000);
        assertThat(cluster.look().steps()).isEmpty();
        cluster.pass(10_000);
        assertThat(cluster.look().steps()).isNotEmpty();
    }

    /** Grows by a slab on g2 and g3, of which n3 dies before it makes its copy. */
    private long growing() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.kill("n3");
        long size = cluster.volume(volume).getSizeBytes();
        cluster.must(
                new ResizeVolume(volume, size, 2 * PlannedCluster.SLAB_BYTES, List.of(List.of("g2", "g3")), "resize"));
        cluster.nodesAct();
        return volume;
    }

    @Test
    void aGrowthWhoseNodeIsLostEndsElsewhere() {
        long volume = growing();
        cluster.pass(GRACE - 5_000);
        assertThat(cluster.round().steps()).isEmpty();
        assertThat(cluster.volume(volume).hasGrowth()).isTrue();
        cluster.pass(10_000);
        assertThat(commands(cluster.round(), PlaceAnew.class)).hasSize(1);
        cluster.settle(100);
        assertThat(cluster.refused).isEmpty();
        assertThat(cluster.volume(volume).getSizeBytes()).isEqualTo(2 * PlannedCluster.SLAB_BYTES);
        assertThat(cluster.volume(volume).getSlabs(1).getIsrList()).hasSize(2).doesNotContain("g3");
        cluster.revive("n3");
        cluster.settle(100);
        assertThat(cluster.groups(volume, 1))
                .as("it deletes what it should have made")
                .hasSize(2);
    }

    /** It could not apply the command, and would stop. */
    @Test
    void nothingIsPlacedAnewWhileAMemberIsOfAnOlderVersion() {
        growing();
        cluster.groupsUntold = true;
        cluster.pass(GRACE + 5_000);
        assertThat(commands(cluster.round(), PlaceAnew.class)).isEmpty();
        cluster.groupsUntold = false;
        assertThat(commands(cluster.round(), PlaceAnew.class)).hasSize(1);
    }

    @Test
    void aGrowthWithNoOtherPlaceWaitsAndIsToldAndEndsWithFewerCopies() {
        PlannedCluster three = PlannedCluster.of(3);
        long volume = three.createVolume("a", 1, GIB, "g1", "g2", "g3");
        three.kill("n3");
        three.must(new ResizeVolume(
                volume,
                PlannedCluster.SLAB_BYTES,
                2 * PlannedCluster.SLAB_BYTES,
                List.of(List.of("g1", "g2", "g3")),
                "resize"));
        three.nodesAct();
        three.pass(GRACE + 1_000);
        assertThat(commands(three.round(), PlaceAnew.class)).isEmpty();
        assertThat(three.plan.placeless()).isGreaterThanOrEqualTo(1);
        three.must(new SetReplicas(volume, 2));
        three.settle(100);
        assertThat(three.volume(volume).getSizeBytes()).isEqualTo(2 * PlannedCluster.SLAB_BYTES);
        assertThat(three.volume(volume).getSlabs(1).getIsrList()).containsExactlyInAnyOrder("g1", "g2");
        assertThat(three.refused).isEmpty();
    }

    @Test
    void aVolumeWhoseNodeIsLostWhileItIsMadeIsMadeElsewhere() {
        cluster.kill("n2");
        long volume = cluster.createVolume("a", 2, GIB, "g1", "g2");
        assertThat(cluster.volume(volume).getState()).isEqualTo(VolumeState.VOLUME_CREATING);
        cluster.pass(GRACE + 1_000);
        cluster.settle(100);
        assertThat(cluster.volume(volume).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(slab(volume).getIsrList()).hasSize(2).contains("g1").doesNotContain("g2");
    }

    @Test
    void aSlabThatWasNeverOpenIsMadeElsewhereWhenItsOnlyCopyIsLost() {
        long volume = cluster.createVolume("a", 1, 0, "g2");
        cluster.kill("n2");
        cluster.pass(GRACE + 1_000);
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).hasSize(1).doesNotContain("g2");
        cluster.must(new WantNode(volume, "n1"));
        cluster.settle(100);
        assertThat(cluster.volume(volume).getAttachment().getOpen()).isTrue();
    }

    @Test
    void oneThatWasOpenIsNot() {
        long volume = attached("a", 1, "g2");
        cluster.kill("n2");
        cluster.pass(GRACE + 1_000);
        for (int i = 0; i < 30; i++) {
            assertThat(commands(cluster.round(), PlaceAnew.class)).isEmpty();
        }
        assertThat(slab(volume).getIsrList()).containsExactly("g2");
    }

    @Test
    void aThirdCopyWhoseNodeIsLostBeforeItIsFilledIsPlacedElsewhere() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.filledInOneRound = 0;
        cluster.must(new SetReplicas(volume, 3));
        cluster.round();
        String third = cluster.groups(volume, 0).get(2);
        cluster.kill(cluster.nodeOf(third));
        cluster.filledInOneRound = 4;
        cluster.pass(GRACE + 1_000);
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).hasSize(3).doesNotContain(third);
        assertThat(cluster.state.volume(volume).orElseThrow().getReplicasBefore())
                .isZero();
    }

    @Test
    void whoGoesBackToFewerCopiesDropsWhatIsNotFilledYet() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.setBytes(attached("b", 1, "g1", "g2"), 0, 100 * GIB);
        cluster.filledInOneRound = 0;
        cluster.must(new SetReplicas(volume, 3));
        cluster.round();
        assertThat(unfilled(volume)).as("three are wanted").isEmpty();
        cluster.must(new SetReplicas(volume, 2));
        assertThat(commands(cluster.round(), RetireCopies.class))
                .as("it is on an emptier group: of use for the planner")
                .isEmpty();
        unfilled(volume).forEach(cluster::must);
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).containsExactly("g1", "g2");
    }

    private List<MetaCommand> unfilled(long volume) {
        return RebuildPlan.unfilled(
                RebuildTruth.of(cluster.state),
                new Sighted(0, Map.of("n1", 0L, "n2", 0L, "n3", 0L, "n4", 0L), Map.of()),
                RebuildMemory.begun(0),
                volume);
    }

    @Test
    void aDiskGroupThatTellsNothingWhileItsNodeLivesIsGivenUpAfterTheGraceTime() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.round();
        cluster.mute("g2");
        cluster.pass(GRACE - 5_000);
        assertThat(commands(cluster.round(), PlaceCopies.class)).isEmpty();
        cluster.pass(10_000);
        assertThat(commands(cluster.round(), PlaceCopies.class)).hasSize(1);
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).hasSize(2).doesNotContain("g2");
    }

    @Test
    void aDiskGroupThatTellsAgainInTimeKeepsItsCopies() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.round();
        cluster.mute("g2");
        cluster.pass(GRACE - 5_000);
        cluster.round();
        cluster.unmute("g2");
        cluster.pass(10_000);
        cluster.settle(100);
        assertThat(cluster.placed).isEmpty();
        assertThat(slab(volume).getIsrList()).containsExactlyInAnyOrder("g1", "g2");
    }

    @Test
    void aDiskGroupThatTellsNothingGetsNoCopies() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.round();
        cluster.mute("g3");
        cluster.mute("g4");
        cluster.pass(Sighted.SILENCE_MILLIS);
        cluster.fail("g2");
        assertThat(commands(cluster.round(), PlaceCopies.class)).isEmpty();
        assertThat(cluster.plan.placeless()).isEqualTo(1);
        cluster.unmute("g4");
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).containsExactlyInAnyOrder("g1", "g4");
    }

    @Test
    void whereAMemberDoesNotTellOfDiskGroupsTheyCountWithTheirNodes() {
        attached("a", 1, "g1", "g2");
        cluster.round();
        cluster.groupsUntold = true;
        cluster.mute("g2");
        cluster.pass(GRACE + 5_000);
        assertThat(commands(cluster.round(), PlaceCopies.class)).isEmpty();
    }

    @Test
    void aFailedDiskGroupIsReplacedAtOnce() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.fail("g2");
        assertThat(commands(cluster.look(), PlaceCopies.class)).hasSize(1);
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).hasSize(2).doesNotContain("g2");
    }

    @Test
    void aNodeThatComesBackInTimeIsFilledAndNothingMoves() {
        long volume = attached("a", 2, "g1", "g2");
        cluster.kill("n2");
        for (int i = 0; i < 60; i++) {
            cluster.round();
        }
        assertThat(slab(volume).getIsrList()).containsExactly("g1");
        cluster.revive("n2");
        cluster.settle(100);
        assertThat(cluster.placed).isEmpty();
        assertThat(slab(volume).getIsrList()).containsExactlyInAnyOrder("g1", "g2");
    }

    @Test
    void whenTheLostNodeComesBackOneOfThemIsRetiredAndTwoAreKept() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.filledInOneRound = 0;
        cluster.kill("n2");
        cluster.pass(GRACE + 1_000);
        cluster.round();
        cluster.revive("n2");
        cluster.round();
        assertThat(cluster.groups(volume, 0)).hasSize(3);
        cluster.filledInOneRound = 4;
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).hasSize(2).contains("g1");
        assertThat(slab(volume).getIsrList()).hasSize(2);
    }

    @Test
    void aDrainedNodeKeepsItsCopyUntilTheReplacementIsInSync() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.filledInOneRound = 0;
        cluster.must(new DrainNode("n2", true));
        assertThat(commands(cluster.round(), PlaceCopies.class)).hasSize(1);
        for (int i = 0; i < 20; i++) {
            assertThat(commands(cluster.round(), RetireCopies.class)).isEmpty();
        }
        assertThat(slab(volume).getIsrList()).contains("g2");
        cluster.filledInOneRound = 4;
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).hasSize(2).doesNotContain("g2");
    }

    @Test
    void aDrainedNodeLosesItsAccessPointsOneAfterTheOther() {
        attached("a", 1, "g1", "g2");
        attached("b", 1, "g1", "g2");
        attached("c", 1, "g1", "g2");
        cluster.must(new DrainNode("n1", true));
        assertThat(commands(cluster.look(), MoveVolume.class)).hasSize(1);
        assertThat(commands(cluster.look(), MoveVolume.class))
                .as("the first is not open yet")
                .isEmpty();
        cluster.settle(200);
        assertThat(cluster.state.volumes()).allSatisfy(volume -> {
            assertThat(volume.getWantedNode()).isNotEqualTo("n1").isNotEmpty();
            assertThat(volume.getAttachment().getOpen()).isTrue();
        });
        assertThat(io.varve.control.meta.Departures.of(
                                cluster.state, cluster.state.node("n1").orElseThrow())
                        .getSafe())
                .isTrue();
    }

    @Test
    void volumesOfALostNodeAreMovedToOneThatIsThere() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.kill("n1");
        cluster.pass(GRACE - 5_000);
        assertThat(cluster.round().steps()).isEmpty();
        cluster.pass(10_000);
        cluster.settle(100);
        assertThat(cluster.volume(volume).getAttachment().getNode()).isNotEqualTo("n1");
        assertThat(slab(volume).getIsrList()).hasSize(2).doesNotContain("g1");
    }

    @Test
    void anEvictedDiskGroupMayGiveItsCopyToItsNeighbourOnTheSameNode() {
        PlannedCluster three = new PlannedCluster();
        three.addNode("n1", "", "g1", "g1b");
        three.addNode("n2", "", "g2");
        three.addNode("n3", "", "g3");
        long volume = three.createVolume("a", 2, GIB, "g1", "g2", "g3");
        three.must(new EvictGroup("g1", true));
        three.settle(100);
        assertThat(three.groups(volume, 0)).containsExactlyInAnyOrder("g1b", "g2", "g3");
        assertThat(three.refused).isEmpty();
    }

    @Test
    void neverPutsTwoCopiesOnOneNode() {
        PlannedCluster two = new PlannedCluster();
        two.addNode("n1", "", "g1", "g1b");
        two.addNode("n2", "", "g2");
        long volume = two.createVolume("a", 1, GIB, "g1", "g2");
        two.kill("n2");
        two.pass(GRACE + 1_000);
        RebuildPlan plan = two.look();
        assertThat(plan.steps()).isEmpty();
        assertThat(plan.placeless()).isEqualTo(1);
        assertThat(two.groups(volume, 0)).containsExactly("g1", "g2");
    }

    @Test
    void neverPutsACopyOnANodeThatIsDrainedAwayOrFull() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.createVolume("big", 1, CAPACITY * 9 / 10, "g3");
        cluster.must(new DrainNode("n4", true));
        cluster.must(new DrainNode("n2", true));
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).containsExactly("g1", "g2");
        assertThat(cluster.plan.placeless()).isGreaterThan(0);
    }

    @Test
    void aMissingCopyMayUseTheReserve() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.createVolume("big", 1, CAPACITY * 9 / 10, "g3");
        cluster.createVolume("bigger", 1, CAPACITY * 96 / 100, "g4");
        cluster.kill("n2");
        cluster.pass(GRACE + 1_000);
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).containsExactlyInAnyOrder("g1", "g3");
    }

    @Test
    void theMostEndangeredComesFirst() {
        PlannedCluster big = PlannedCluster.of(6);
        long two = big.createVolume("two", RebuildPlan.MAX_MOVING + 10, 0, "g1", "g2", "g3");
        long one = big.createVolume("one", 3, 0, "g1", "g2");
        for (long id : List.of(two, one)) {
            big.must(new WantNode(id, "n1"));
        }
        big.nodesAct();
        big.nodesAct();
        big.kill("n2");
        big.pass(GRACE + 1_000);
        List<PlaceCopies> placed = commands(big.look(), PlaceCopies.class);
        assertThat(placed.getFirst().volume()).isEqualTo(one);
        assertThat(placed.stream().mapToInt(place -> place.copies().size()).sum())
                .isEqualTo(RebuildPlan.MAX_MOVING);
        assertThat(big.plan.waiting()).isEqualTo(13);
    }

    @Test
    void moreReplicasArePlacedAndFewerRetired() {
        long volume = attached("a", 2, "g1", "g2");
        cluster.must(new SetReplicas(volume, 3));
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).hasSize(3);
        assertThat(slab(volume).getIsrList()).hasSize(3);
        cluster.must(new SetReplicas(volume, 1));
        cluster.settle(100);
        assertThat(cluster.groups(volume, 0)).hasSize(1);
        assertThat(slab(volume).getIsrList()).hasSize(1);
        cluster.must(new SetReplicas(volume, 2));
        cluster.settle(100);
        assertThat(slab(volume).getIsrList()).hasSize(2);
    }

    @Test
    void aVolumeThatNobodyHasAttachedIsOpenedForItsCopiesAndLetGo() {
        long volume = cluster.createVolume("a", 2, GIB, "g1", "g2");
        cluster.must(new SetReplicas(volume, 3));
        boolean maintained = false;
        for (int i = 0; i < 60; i++) {
            cluster.round();
            maintained |= cluster.volume(volume).getMaintenance();
        }
        assertThat(maintained).isTrue();
        Volume after = cluster.volume(volume);
        assertThat(after.getWantedNode()).isEmpty();
        assertThat(after.hasAttachment()).isFalse();
        assertThat(slab(volume).getIsrList()).hasSize(3);
    }

    @Test
    void maintenanceGivesWayToWhoeverWantsTheVolume() {
        long volume = cluster.createVolume("a", 1, GIB, "g1", "g2");
        cluster.filledInOneRound = 0;
        cluster.must(new SetReplicas(volume, 3));
        for (int i = 0; i < 5; i++) {
            cluster.round();
        }
        assertThat(cluster.volume(volume).getMaintenance()).isTrue();
        cluster.must(new WantNode(volume, "n4"));
        cluster.filledInOneRound = 4;
        cluster.settle(100);
        assertThat(cluster.volume(volume).getMaintenance()).isFalse();
        assertThat(cluster.volume(volume).getAttachment().getNode()).isEqualTo("n4");
        assertThat(slab(volume).getIsrList()).hasSize(3);
    }

    @Test
    void pausedItBeginsNothing() {
        attached("a", 1, "g1", "g2");
        cluster.must(new ChangeSettings(Map.of("rebuild.paused", "true")));
        cluster.must(new DrainNode("n2", true));
        RebuildPlan plan = cluster.look();
        assertThat(commands(plan, PlaceCopies.class)).isEmpty();
        assertThat(plan.waiting()).isEqualTo(1);
    }

    @Test
    void copiesInOneZoneAreMovedApartWhenThereIsAnother() {
        PlannedCluster zoned = new PlannedCluster();
        zoned.addNode("n1", "z1", "g1");
        zoned.addNode("n2", "z1", "g2");
        long volume = zoned.createVolume("a", 3, GIB, "g1", "g2");
        zoned.settle(50);
        assertThat(zoned.groups(volume, 0)).containsExactly("g1", "g2");
        zoned.addNode("n3", "z2", "g3");
        zoned.settle(200);
        for (int slab = 0; slab < 3; slab++) {
            assertThat(zoned.groups(volume, slab)).hasSize(2).contains("g3");
        }
    }

    @Test
    void aReplacementGoesToAnotherZoneWherePossible() {
        PlannedCluster zoned = new PlannedCluster();
        zoned.addNode("n1", "z1", "g1");
        zoned.addNode("n2", "z2", "g2");
        zoned.addNode("n3", "z1", "g3");
        zoned.addNode("n4", "z3", "g4");
        long volume = zoned.createVolume("a", 1, GIB, "g1", "g2");
        zoned.kill("n2");
        zoned.pass(GRACE + 1_000);
        zoned.settle(100);
        assertThat(zoned.state.slab(volume, 0).orElseThrow().getIsrList()).containsExactlyInAnyOrder("g1", "g4");
    }

    // ------------------------------------------------------------------ balance

    /** Ten slabs of 3 % each on two of two nodes. */
    private static PlannedCluster filled() {
        PlannedCluster cluster = PlannedCluster.of(2);
        cluster.createVolume("a", 10, CAPACITY * 3 / 100, "g1", "g2");
        return cluster;
    }

    private static double used(PlannedCluster cluster, String group) {
        return RebuildTruth.of(cluster.state).groups().stream()
                .filter(each -> each.uuid().equals(group))
                .findFirst()
                .orElseThrow()
                .usedPercent();
    }

    @Test
    void aNewNodeGetsItsShareUntilTheyAreNearlyLevel() {
        PlannedCluster cluster = filled();
        cluster.settle(50);
        assertThat(cluster.placed).isEmpty();
        cluster.addNode("n3", "", "g3");
        cluster.settle(2_000);
        double spread = List.of("g1", "g2", "g3").stream()
                        .mapToDouble(g -> used(cluster, g))
                        .max()
                        .orElseThrow()
                - List.of("g1", "g2", "g3").stream()
                        .mapToDouble(g -> used(cluster, g))
                        .min()
                        .orElseThrow();
        assertThat(spread).isLessThanOrEqualTo(Balance.ENDS_POINTS);
        assertThat(cluster.placed).doesNotHaveDuplicates();
    }

    @Test
    void aDifferenceThatIsNotLargeMovesNothing() {
        PlannedCluster cluster = PlannedCluster.of(3);
        cluster.createVolume("a", 14, CAPACITY / 100, "g1", "g2");
        cluster.settle(100);
        assertThat(cluster.placed).isEmpty();
    }

    @Test
    void oneCopyIsMovedAtATime() {
        PlannedCluster cluster = filled();
        cluster.addNode("n3", "", "g3");
        for (int i = 0; i < 300; i++) {
            cluster.round();
            long under = cluster.state.slabs(1).stream()
                    .filter(slab -> slab.getReplicasCount() > 2)
                    .count();
            assertThat(under).isLessThanOrEqualTo(1);
        }
        assertThat(cluster.placed).isNotEmpty();
    }

    @Test
    void oneLargeCopyIsNotMovedToAndFro() {
        PlannedCluster cluster = PlannedCluster.of(2);
        cluster.createVolume("a", 1, CAPACITY / 2, "g1");
        cluster.settle(100);
        cluster.pass(Balance.REST_MILLIS);
        cluster.settle(100);
        assertThat(cluster.placed)
                .as("it would only make the other one the fuller")
                .isEmpty();
    }

    @Test
    void balanceCanBeSwitchedOff() {
        PlannedCluster cluster = filled();
        cluster.must(new ChangeSettings(Map.of("balance.enabled", "false")));
        cluster.addNode("n3", "", "g3");
        cluster.settle(200);
        assertThat(cluster.placed).isEmpty();
    }

    @Test
    void tellsWhatIsUnderWayAndWhy() {
        long volume = attached("a", 1, "g1", "g2");
        cluster.filledInOneRound = 0;
        cluster.must(new DrainNode("n2", true));
        cluster.round();
        List<RebuildMove> moves = RebuildMove.of(
                RebuildTruth.of(cluster.state),
                new Sighted(0, Map.of("n1", 0L, "n2", 0L, "n3", 0L, "n4", 0L), Map.of()),
                RebuildMemory.begun(0));
        assertThat(moves).hasSize(1);
        RebuildMove move = moves.getFirst();
        assertThat(move.volume()).isEqualTo(volume);
        assertThat(move.from()).isEqualTo("n2/g2");
        assertThat(move.why()).isEqualTo("node n2 is drained");
        assertThat(move.made()).isTrue();
        assertThat(move.servedBy()).isEqualTo("n1");
        assertThat(move.live()).isEqualTo(2);
    }

    @Test
    void slabsThatWaitForALostCopyDoNotHoldUpThoseThatCanBeFilled() {
        long waits = cluster.createVolume("a", 2 * RebuildPlan.MAX_MOVING + 12, GIB, "g1", "g2", "g3");
        cluster.must(new WantNode(waits, "n3"));
        long other = attached("b", 1, "g4", "g1");
        cluster.nodesAct();
        cluster.kill("n1");
        cluster.kill("n2");
        cluster.pass(GRACE + 5_000);
        cluster.settle(200);
        assertThat(slab(other).getIsrList()).containsExactlyInAnyOrder("g3", "g4");
        assertThat(slab(waits).getReplicasCount())
                .as("two of its three have to be in sync, and one is there: nothing can fill a new one")
                .isEqualTo(3);
    }

    @Test
    void aVolumeThatCannotOpenDoesNotKeepOthersOnADrainedNode() {
        PlannedCluster five = PlannedCluster.of(5);
        long stuck = five.createVolume("a", 1, GIB, "g1", "g2", "g3");
        long other = five.createVolume("b", 1, GIB, "g3", "g4");
        for (long volume : List.of(stuck, other)) {
            five.must(new WantNode(volume, "n3"));
        }
        five.nodesAct();
        five.nodesAct();
        five.kill("n1");
        five.kill("n2");
        five.must(new DrainNode("n3", true));
        for (int i = 0; i < 20; i++) {
            five.round();
        }
        assertThat(five.volume(other).getWantedNode()).isNotEqualTo("n3");
        assertThat(five.volume(stuck).getWantedNode()).isNotEqualTo("n3");
    }
}
