package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.LimitChange;
import io.varve.api.PlacementWish;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.model.EventReason;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class CopyRulesTest {
    private final Truths truths = Truths.ofNodes(8);

    private Volume opened(String... groups) {
        Volume volume = truths.attach(truths.createVolume("pg", groups), "n1", 1);
        truths.open(volume, 1, groups);
        return truths.volume(volume.getId());
    }

    private Slab slab(Volume volume) {
        return truths.volume(volume.getId()).getSlabs(0);
    }

    private Replica replica(Volume volume, String group) {
        Slab slab = slab(volume);
        return slab.getReplicas(CopyRules.replicaOf(slab, group, 0));
    }

    private static PlaceCopies place(Volume volume, String group) {
        return new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, group)));
    }

    private RetireCopies retire(Volume volume, String group) {
        return new RetireCopies(
                volume.getId(), List.of(new RetiredCopy(0, slab(volume).getGen(), group)));
    }

    private void made(Volume volume, String group) {
        truths.must(place(volume, group));
        truths.must(new ReplicasCreated(
                volume.getId(),
                group,
                List.of(0),
                List.of(replica(volume, group).getCreationId())));
    }

    private TruthCode set(Volume volume, String... isr) {
        return truths.must(new ChangeIsr(volume.getId(), volume.getEpoch(), List.of(Truths.slabIsr(slab(volume), isr))))
                .slabs()
                .get(0)
                .getCode();
    }

    @Test
    void aCopyMovesElsewhereStepByStep() {
        Volume volume = opened("g1", "g2");
        Outcome placed = truths.apply(place(volume, "g3"));
        assertThat(placed.concerned()).containsExactlyInAnyOrder("n1", "n2", "n3");
        assertThat(placed.events())
                .containsExactly(new ClusterEvent(EventReason.COPIES_PLACED, "pg", "", "slabs=0 on=n3/g3"));
        assertThat(replica(volume, "g3").getPhase()).isEqualTo(ReplicaPhase.REPLICA_NEW);
        assertThat(slab(volume).getGen()).as("only the access point moves it").isEqualTo(2);
        assertThat(slab(volume).getIsrList()).containsExactly("g1", "g2");
        assertThat(set(volume, "g1", "g2", "g3")).as("not made yet").isEqualTo(TruthCode.TRUTH_REFUSED);
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(0)));
        assertThat(set(volume, "g1", "g2", "g3")).isEqualTo(TruthCode.TRUTH_OK);
        truths.must(retire(volume, "g2"));
        assertThat(replica(volume, "g2").getPhase()).isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        assertThat(slab(volume).getIsrList()).contains("g2");
        truths.refuses(new ReplicasDeleted(volume.getId(), "g2", List.of(0)), TruthCode.TRUTH_REFUSED);
        assertThat(set(volume, "g1", "g3")).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(set(volume, "g1", "g3", "g2")).as("it was to go").isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(truths.apply(new ReplicasDeleted(volume.getId(), "g2", List.of(0)))
                        .concerned())
                .contains("n2");
        assertThat(slab(volume).getReplicasList()).extracting(Replica::getGroup).containsExactly("g1", "g3");
        truths.must(new ReplicasDeleted(volume.getId(), "g2", List.of(0)));
    }

    @Test
    void aSetKeepsACopyThatIsToGoUntilItIsTakenOut() {
        Volume volume = opened("g1", "g2", "g3");
        truths.must(retire(volume, "g3"));
        assertThat(set(volume, "g1", "g3")).as("another leaves").isEqualTo(TruthCode.TRUTH_OK);
        assertThat(set(volume, "g1", "g2", "g3")).as("and returns").isEqualTo(TruthCode.TRUTH_OK);
        Volume next = truths.attach(volume, "n1", 1);
        truths.open(next, 5, "g1", "g3");
        assertThat(slab(volume).getIsrList()).as("a start names who answered").containsExactly("g1", "g3");
    }

    @Test
    void placesOnlyWhereItMay() {
        Volume volume = opened("g1", "g2");
        truths.must(new RegisterGroup(Truths.group("g1b", "n1"), 1));
        truths.refuses(place(volume, "g1b"), TruthCode.TRUTH_REFUSED);
        truths.refuses(place(volume, "g99"), TruthCode.TRUTH_REFUSED);
        truths.refuses(
                new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, "g3"), new PlacedCopy(7, "g3"))),
                TruthCode.TRUTH_UNKNOWN);
        truths.refuses(
                new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, "g3"), new PlacedCopy(1, "g1b"))),
                TruthCode.TRUTH_REFUSED);
        assertThat(set(volume, "g2")).isEqualTo(TruthCode.TRUTH_OK);
        truths.must(place(volume, "g1b"));
        for (int n = 3; n <= 5; n++) {
            truths.must(place(volume, "g" + n));
        }
        truths.refuses(place(volume, "g6"), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void neitherBeforeTheFirstCopiesAreMadeNorAfterTheVolumeIsGoing() {
        Volume creating = truths.must(new CreateVolume("new", 4096, 1, Truths.GIB, 0, List.of(List.of("g1")), ""))
                .requireVolume();
        truths.refuses(place(creating, "g2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(retire(creating, "g1"), TruthCode.TRUTH_REFUSED);
        truths.must(new DeleteVolume(creating.getId()));
        truths.refuses(place(creating, "g2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(creating.getId(), 2), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void eachCommandRepeatedChangesNothingAndWakesNobody() {
        Volume volume = opened("g1", "g2", "g3");
        List<MetaCommand> commands =
                List.of(place(volume, "g4"), retire(volume, "g2"), new SetReplicas(volume.getId(), 2));
        for (MetaCommand command : commands) {
            truths.must(command);
            String before = truths.map.dump();
            Outcome again = truths.apply(command);
            assertThat(again.result().isOk()).isTrue();
            assertThat(again.concerned()).isEmpty();
            assertThat(again.events()).isEmpty();
            assertThat(truths.map.dump()).isEqualTo(before);
        }
    }

    @Test
    void aCopyIsRetiredOnlyWhenEnoughAreInSyncWithoutIt() {
        Volume two = opened("g1", "g2");
        made(two, "g3");
        truths.must(retire(two, "g2"));
        truths.refuses(retire(two, "g1"), TruthCode.TRUTH_REFUSED);
        assertThat(set(two, "g1", "g2", "g3")).isEqualTo(TruthCode.TRUTH_OK);
        truths.must(retire(two, "g1"));
        truths.refuses(retire(two, "g3"), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void ofThreeCopiesTwoStayInSync() {
        Volume three = opened("g1", "g2", "g3");
        made(three, "g4");
        truths.must(retire(three, "g3"));
        truths.refuses(retire(three, "g2"), TruthCode.TRUTH_REFUSED);
        truths.must(retire(three, "g4"));
    }

    @Test
    void aCopyIsRetiredFromWhatTheCallerSaw() {
        Volume volume = opened("g1", "g2");
        RetireCopies late = retire(volume, "g2");
        assertThat(set(volume, "g2")).isEqualTo(TruthCode.TRUTH_OK);
        truths.refuses(late, TruthCode.TRUTH_STALE_GEN);
        truths.refuses(retire(volume, "g2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(retire(volume, "g7"), TruthCode.TRUTH_UNKNOWN);
        truths.must(retire(volume, "g1"));
    }

    @Test
    void lateReportsAboutAFormerReplicaSayNothingAboutTheNextOne() {
        Volume volume = opened("g1", "g2");
        truths.must(place(volume, "g3"));
        long former = replica(volume, "g3").getCreationId();
        truths.must(retire(volume, "g3"));
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(0), List.of(former)));
        assertThat(replica(volume, "g3").getPhase())
                .as("it stays on its way out")
                .isEqualTo(ReplicaPhase.REPLICA_LEAVING);
        truths.refuses(place(volume, "g3"), TruthCode.TRUTH_REFUSED);
        ReplicasDeleted deleted = new ReplicasDeleted(volume.getId(), "g3", List.of(0), List.of(former));
        truths.must(deleted);
        truths.must(place(volume, "g3"));
        long next = replica(volume, "g3").getCreationId();
        assertThat(next).isGreaterThan(former);
        truths.refuses(new ReplicasCreated(volume.getId(), "g3", List.of(0), List.of(former)), TruthCode.TRUTH_UNKNOWN);
        truths.must(retire(volume, "g3"));
        truths.must(deleted);
        assertThat(replica(volume, "g3").getCreationId()).isEqualTo(next);
    }

    @Test
    void limitsChangeByWhatIsNamedAndAllAtOnce() {
        Volume volume = truths.createVolume("pg", "g1", "g2");
        assertThat(volume.hasLimits()).isFalse();
        long id = volume.getId();
        truths.must(limits(id, 0, LimitChange.newBuilder().setIops(500).setBurstMillis(2_000)));
        truths.must(limits(id, 3, LimitChange.newBuilder().setBandwidthBytesPerSecond(1 << 20)));
        assertThat(truths.volume(id).getReplicas()).isEqualTo(3);
        assertThat(truths.volume(id).getLimits())
                .isEqualTo(VolumeLimits.newBuilder()
                        .setIops(500)
                        .setBandwidthBytesPerSecond(1 << 20)
                        .setBurstMillis(2_000)
                        .build());

        Volume before = truths.volume(id);
        truths.refuses(limits(id, 2, LimitChange.newBuilder().setIops(9)), TruthCode.TRUTH_REFUSED);
        truths.refuses(limits(id, 2, LimitChange.newBuilder().setBandwidthBytesPerSecond(1)), TruthCode.TRUTH_REFUSED);
        truths.refuses(limits(id, 4, LimitChange.newBuilder().setIops(1_000)), TruthCode.TRUTH_REFUSED);
        truths.refuses(limits(99, 0, LimitChange.newBuilder().setIops(1_000)), TruthCode.TRUTH_UNKNOWN);
        assertThat(truths.volume(id)).isEqualTo(before);

        truths.must(limits(
                id,
                0,
                LimitChange.newBuilder()
                        .setIops(0)
                        .setBandwidthBytesPerSecond(0)
                        .setBurstMillis(0)));
        assertThat(truths.volume(id).hasLimits()).isFalse();
    }

    @Test
    void aVolumeIsMadeWithItsLimits() {
        VolumeLimits limits = VolumeLimits.newBuilder().setIops(500).build();
        assertThat(truths.must(create("a", limits)).requireVolume().getLimits()).isEqualTo(limits);
        assertThat(truths.must(create("b", VolumeLimits.getDefaultInstance()))
                        .requireVolume()
                        .hasLimits())
                .isFalse();
        truths.refuses(create("c", VolumeLimits.newBuilder().setIops(1).build()), TruthCode.TRUTH_REFUSED);
    }

    private static CreateVolume create(String name, VolumeLimits limits) {
        return new CreateVolume(
                name,
                4096,
                1,
                Truths.GIB,
                0,
                List.of(List.of("g1")),
                "",
                true,
                List.of(),
                0,
                PlacementWish.getDefaultInstance(),
                limits);
    }

    private static SetReplicas limits(long volume, int replicas, LimitChange.Builder change) {
        return new SetReplicas(volume, replicas, OptionalInt.empty(), change.build());
    }

    @Test
    void theFewestInSyncAreWhatWasChosenForTheVolume() {
        Volume volume = opened("g1", "g2", "g3");
        assertThat(set(volume, "g1")).as("two of three, by itself").isEqualTo(TruthCode.TRUTH_REFUSED);
        truths.must(new SetReplicas(volume.getId(), 0, OptionalInt.of(3)));
        assertThat(set(volume, "g1", "g2")).isEqualTo(TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(volume.getId(), 2), TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(volume.getId(), 0, OptionalInt.of(4)), TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(volume.getId(), 0, OptionalInt.of(-1)), TruthCode.TRUTH_REFUSED);
        truths.must(new SetReplicas(volume.getId(), 3, OptionalInt.of(1)));
        assertThat(set(volume, "g1")).isEqualTo(TruthCode.TRUTH_OK);
        truths.must(new SetReplicas(volume.getId(), 0, OptionalInt.of(0)));
        assertThat(truths.volume(volume.getId()).getMinInSync()).isZero();
        assertThat(truths.volume(volume.getId()).getReplicas()).isEqualTo(3);
    }

    @Test
    void moreReplicasThanThereAreCopiesDoNotStopTheVolume() {
        Volume volume = opened("g1");
        truths.must(new SetReplicas(volume.getId(), 3));
        truths.refuses(new SetReplicas(volume.getId(), 0), TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(volume.getId(), 4), TruthCode.TRUTH_REFUSED);
        truths.refuses(new SetReplicas(99, 2), TruthCode.TRUTH_UNKNOWN);
        Volume next = truths.attach(truths.volume(volume.getId()), "n1", 1);
        assertThat(truths.open(next, 5, "g1").slabs()).allMatch(answer -> answer.getCode() == TruthCode.TRUTH_OK);
        made(next, "g2");
        assertThat(set(next, "g1", "g2")).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(set(next, "g2")).as("as few as before will do").isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void moreReplicasNeedMoreInSyncWhenAllOfThemHaveBeen() {
        Volume volume = opened("g1", "g2");
        truths.must(new SetReplicas(volume.getId(), 3));
        assertThat(set(volume, "g1"))
                .as("g2 lost for good before there was a third")
                .isEqualTo(TruthCode.TRUTH_OK);
        for (String group : List.of("g3", "g4")) {
            truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, group), new PlacedCopy(1, group))));
            truths.must(new ReplicasCreated(volume.getId(), group, List.of(0, 1)));
        }
        everySlab(volume, "g1", "g3");
        assertThat(truths.volume(volume.getId()).getReplicasBefore()).isEqualTo(2);
        everySlab(volume, "g1", "g3", "g4");
        assertThat(truths.volume(volume.getId()).getReplicasBefore()).isZero();
        assertThat(set(volume, "g1")).as("now two are the least").isEqualTo(TruthCode.TRUTH_REFUSED);
    }

    @Test
    void replicasThatAreStillThereAreNotRaisedStepByStep() {
        Volume volume = opened("g1", "g2", "g3");
        truths.must(new SetReplicas(volume.getId(), 2));
        truths.must(new SetReplicas(volume.getId(), 3));
        assertThat(set(volume, "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        Volume one = truths.createVolume("one", "g1");
        truths.must(new SetReplicas(one.getId(), 2));
        truths.must(new SetReplicas(one.getId(), 3));
        assertThat(truths.volume(one.getId()).getReplicasBefore()).isEqualTo(1);
        truths.must(new SetReplicas(one.getId(), 1));
        assertThat(truths.volume(one.getId()).getReplicasBefore()).isZero();
    }

    private void everySlab(Volume volume, String... groups) {
        for (Slab each : truths.volume(volume.getId()).getSlabsList()) {
            truths.must(new ChangeIsr(
                    volume.getId(), truths.volume(volume.getId()).getEpoch(), List.of(Truths.slabIsr(each, groups))));
        }
    }

    @Test
    void aGroupThatWillNeverAnswerIsForgottenWhenNothingOfItIsInSync() {
        Volume volume = opened("g1", "g2");
        Volume deleting = truths.createVolume("old", "g2");
        truths.must(new DeleteVolume(deleting.getId()));
        truths.refuses(new ForgetCopies("g2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new ForgetCopies("g99"), TruthCode.TRUTH_UNKNOWN);
        truths.must(new WantNode(volume.getId(), "n1"));
        for (Slab slab : volume.getSlabsList()) {
            truths.must(new ChangeIsr(volume.getId(), 1, List.of(Truths.slabIsr(slab, "g1"))));
        }
        truths.must(retire(volume, "g2"));
        assertThat(truths.apply(new ForgetCopies("g2")).concernsAll()).isTrue();
        assertThat(slab(volume).getReplicasList()).extracting(Replica::getGroup).containsExactly("g1");
        assertThat(truths.volume(volume.getId()).getSlabs(1).getReplicasCount())
                .as("nobody said that this one is to go")
                .isEqualTo(2);
        assertThat(truths.state.volume("old")).isEmpty();
        assertThat(truths.apply(new ForgetCopies("g2")).concernsAll()).isFalse();
    }

    @Test
    void aDetachedVolumeGetsCopiesButItsSetWaitsForAnAccessPoint() {
        Volume volume = opened("g1", "g2");
        truths.must(new WantNode(volume.getId(), ""));
        truths.must(new Detached(volume.getId(), 1));
        made(volume, "g3");
        truths.refuses(
                new ChangeIsr(volume.getId(), 1, List.of(Truths.slabIsr(slab(volume), "g1", "g2", "g3"))),
                TruthCode.TRUTH_REFUSED);
    }

    @Test
    void whatLeavesOrIsStillMadeDoesNotCountAsThere() {
        Volume volume = opened("g1", "g2");
        for (String group : List.of("g3", "g4")) {
            truths.must(new PlaceCopies(volume.getId(), List.of(new PlacedCopy(0, group), new PlacedCopy(1, group))));
            truths.must(new ReplicasCreated(volume.getId(), group, List.of(0, 1)));
        }
        everySlab(volume, "g1", "g2", "g3");
        truths.must(retire(volume, "g1"));
        truths.must(new SetReplicas(volume.getId(), 3));
        assertThat(truths.volume(volume.getId()).getReplicasBefore())
                .as("the third is on its way out")
                .isEqualTo(2);
        everySlab(volume, "g2", "g3", "g4");
        assertThat(truths.volume(volume.getId()).getReplicasBefore()).isZero();
    }
}
