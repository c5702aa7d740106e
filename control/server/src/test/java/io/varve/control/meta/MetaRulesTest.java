package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.PlacementWish;
import io.varve.api.ReplicaPhase;
import io.varve.api.SlabOpen;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.api.VolumeState;
import io.varve.api.meta.CommandRecord;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.WantNode;
import java.util.List;
import org.junit.jupiter.api.Test;

class MetaRulesTest {
    private static final long GIB = Truths.GIB;

    private final Truths truths = Truths.ofThreeNodes();

    @Test
    void doesNothingBeforeTheClusterIsInitialised() {
        Truths fresh = new Truths();
        MetaResult result = fresh.refuses(new RegisterNode(Truths.node("n1", 1), ""), TruthCode.TRUTH_REFUSED);
        assertThat(result.message()).contains("varve cluster init");
    }

    @Test
    void theFirstInitWins() {
        assertThat(truths.must(new InitCluster("other-uuid", "test")).clusterUuid())
                .isEqualTo("c-uuid");
        truths.refuses(new InitCluster("x", "another"), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void refusesANodeOfAnotherCluster() {
        truths.refuses(new RegisterNode(Truths.node("n4", 1), "elsewhere"), TruthCode.TRUTH_REFUSED);
        assertThat(truths.must(new RegisterNode(Truths.node("n4", 1), "")).clusterUuid())
                .isEqualTo("c-uuid");
    }

    @Test
    void anIncarnationNeverGoesBack() {
        truths.must(new RegisterNode(Truths.node("n1", 5), "c-uuid"));
        truths.refuses(new RegisterNode(Truths.node("n1", 4), "c-uuid"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new RegisterGroup(Truths.group("g1", "n1"), 4), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void refusesASecondProcessOfTheSameIncarnation() {
        var twin = Truths.node("n1", 1).toBuilder()
                .setManagementAddress("elsewhere:1")
                .build();
        truths.refuses(new RegisterNode(twin, ""), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void refusesTheDisksOfAnotherNode() {
        truths.refuses(new RegisterGroup(Truths.group("g1", "n2"), 1), TruthCode.TRUTH_REFUSED);
        truths.refuses(new RegisterGroup(Truths.group("g9", "n9"), 1), TruthCode.TRUTH_UNKNOWN);
    }

    @Test
    void spaceAloneWakesNobody() {
        var fuller = Truths.group("g1", "n1").toBuilder().setFreeBytes(GIB).build();
        Outcome outcome = truths.apply(new RegisterGroup(fuller, 1));
        assertThat(outcome.concernsAll()).isFalse();
        assertThat(truths.state.group("g1").orElseThrow().getFreeBytes()).isEqualTo(GIB);
        assertThat(truths.apply(new RegisterGroup(
                                fuller.toBuilder().setPeerAddress("n1:1").build(), 1))
                        .concernsAll())
                .isTrue();
    }

    @Test
    void aVolumeIsReadyWhenEveryReplicaIsDurable() {
        Volume volume = truths.must(new CreateVolume(
                        "pg", 10 * GIB, 2, 8 * GIB, 7, List.of(List.of("g1", "g2"), List.of("g2", "g3")), ""))
                .requireVolume();
        assertThat(volume.getState()).isEqualTo(VolumeState.VOLUME_CREATING);
        assertThat(volume.getSlabs(1).getIsrList()).containsExactly("g2", "g3");
        truths.must(new ReplicasCreated(volume.getId(), "g1", List.of(0)));
        truths.must(new ReplicasCreated(volume.getId(), "g2", List.of(0, 1)));
        truths.refuses(new ReplicasCreated(volume.getId(), "g3", List.of(0)), TruthCode.TRUTH_UNKNOWN);
        assertThat(truths.volume(volume.getId()).getState()).isEqualTo(VolumeState.VOLUME_CREATING);
        Outcome last = truths.apply(new ReplicasCreated(volume.getId(), "g3", List.of(1)));
        assertThat(last.concerned()).containsExactlyInAnyOrder("n1", "n2", "n3");
        assertThat(truths.volume(volume.getId()).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(truths.volume(volume.getId()).getSlabs(0).getReplicas(0).getPhase())
                .isEqualTo(ReplicaPhase.REPLICA_CREATED);
        truths.must(new ReplicasCreated(volume.getId(), "g3", List.of(1)));
    }

    @Test
    void aCreationRepeatedAfterALostAnswerIsAnsweredWithItsVolume() {
        List<List<String>> one = List.of(List.of("g1", "g2"));
        CreateVolume create = new CreateVolume("pg", 4096, 2, 8 * GIB, 7, one, "request-1");
        Volume made = truths.must(create).requireVolume();
        truths.must(new ReplicasCreated(made.getId(), "g1", List.of(0)));
        String before = truths.map.dump();
        // Whoever repeats it may have placed it elsewhere meanwhile.
        CreateVolume again = new CreateVolume("pg", 4096, 2, 8 * GIB, 9, List.of(List.of("g2", "g3")), "request-1");
        Outcome outcome = truths.apply(again);
        assertThat(outcome.result().requireVolume()).isEqualTo(truths.volume(made.getId()));
        assertThat(truths.map.dump()).isEqualTo(before);
        truths.refuses(new CreateVolume("pg", 4096, 2, 8 * GIB, 7, one, "request-2"), TruthCode.TRUTH_REFUSED);
        truths.must(new DeleteVolume(made.getId()));
        truths.refuses(create, TruthCode.TRUTH_REFUSED);
    }

    @Test
    void aVolumeKeepsWhereItsCopiesWereWantedAndTellsWhenNoneIsThere() {
        PlacementWish wish =
                PlacementWish.newBuilder().setNode("n1").setDistinctZones(true).build();
        Outcome there = truths.apply(wishing("there", List.of(List.of("g1", "g2"), List.of("g3", "g1")), wish));
        assertThat(there.result().requireVolume().getWish()).isEqualTo(wish);
        assertThat(there.events().getFirst().message()).isEqualTo("created, size 10GiB, copies 2");
        Outcome elsewhere = truths.apply(wishing("elsewhere", List.of(List.of("g1", "g2"), List.of("g3", "g2")), wish));
        assertThat(elsewhere.events().getFirst().message())
                .isEqualTo("created, size 10GiB, copies 2, none on node n1, where one was wanted:"
                        + " too little room there, or no disks");
        Outcome none = truths.apply(
                wishing("none", List.of(List.of("g1", "g2"), List.of("g3", "g2")), PlacementWish.getDefaultInstance()));
        assertThat(none.result().requireVolume().hasWish()).isFalse();
    }

    private static CreateVolume wishing(String name, List<List<String>> slabs, PlacementWish wish) {
        return new CreateVolume(
                name,
                10 * GIB,
                2,
                8 * GIB,
                7,
                slabs,
                "request of " + name,
                true,
                List.of(),
                0,
                wish,
                VolumeLimits.getDefaultInstance());
    }

    @Test
    void refusesVolumesThatCannotBe() {
        truths.createVolume("pg", "g1", "g2");
        List<List<String>> one = List.of(List.of("g1", "g2"));
        truths.refuses(new CreateVolume("pg", 4096, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("Pg/", 4096, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", 4095, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", -4096, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", 4096, 4, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", 9 * GIB, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", 4096, 2, 0, 0, one, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(
                new CreateVolume("a", 4096, 2, 8 * GIB, 0, List.of(List.of("g1", "g1")), ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(
                new CreateVolume("a", 4096, 2, 8 * GIB, 0, List.of(List.of("g1", "g9")), ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new CreateVolume("a", Long.MAX_VALUE & -4096, 2, 8 * GIB, 0, one, ""), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void attachGivesTheNextEpochAndTheSlabsOfThatVeryCommand() {
        Volume volume = truths.createVolume("pg", "g1", "g2");
        truths.must(new WantNode(volume.getId(), "n1"));
        Attach attach = new Attach(volume.getId(), 0, "n1", 1, "a1");
        MetaResult first = truths.must(attach);
        assertThat(first.requireVolume().getEpoch()).isEqualTo(1);
        assertThat(first.requireVolume().getState()).isEqualTo(VolumeState.VOLUME_ATTACHING);
        assertThat(first.requireVolume().getSlabsCount()).isEqualTo(2);
        assertThat(first.groups()).extracting("uuid").containsExactly("g1", "g2");
        assertThat(truths.must(attach).requireVolume())
                .as("the same attach again")
                .isEqualTo(first.requireVolume());
        truths.refuses(new Attach(volume.getId(), 0, "n1", 1, "a2"), TruthCode.TRUTH_STALE_EPOCH);
        assertThat(truths.must(new Attach(volume.getId(), 1, "n1", 1, "a2"))
                        .requireVolume()
                        .getEpoch())
                .isEqualTo(2);
    }

    @Test
    void onlyTheWantedNodeAttachesAndOnlyItsLivingProcess() {
        Volume volume = truths.createVolume("pg", "g1", "g2");
        truths.refuses(new Attach(volume.getId(), 0, "n1", 1, "a"), TruthCode.TRUTH_REFUSED);
        truths.must(new WantNode(volume.getId(), "n1"));
        truths.refuses(new Attach(volume.getId(), 0, "n2", 1, "a"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new Attach(volume.getId(), 0, "n1", 2, "a"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new Attach(volume.getId(), 0, "n1", 1, ""), TruthCode.TRUTH_REFUSED);
        truths.refuses(new Attach(99, 0, "n1", 1, "a"), TruthCode.TRUTH_UNKNOWN);
    }

    @Test
    void openComparesEpochAndGenOfEachSlabByItself() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        SlabOpen good = Truths.slabOpen(volume.getSlabs(0), 5, "g1");
        SlabOpen old = Truths.slabOpen(volume.getSlabs(1), 5, "g1", "g2").toBuilder()
                .setGen(0)
                .build();
        SlabOpen none = good.toBuilder().setIndex(7).build();
        MetaResult result = truths.must(new Open(volume.getId(), 1, List.of(good, old, none)));
        assertThat(result.slabs())
                .extracting(SlabOpened::getCode)
                .containsExactly(TruthCode.TRUTH_OK, TruthCode.TRUTH_STALE_GEN, TruthCode.TRUTH_UNKNOWN);
        assertThat(result.slabs().get(0).getGen()).isEqualTo(2);
        assertThat(truths.volume(volume.getId()).getSlabs(0).getIsrList()).containsExactly("g1");
        assertThat(truths.volume(volume.getId()).getSlabs(0).getEpochStartSeq()).isEqualTo(5);
        assertThat(truths.volume(volume.getId()).getSlabs(1).getGen()).isEqualTo(1);
        truths.refuses(new Open(volume.getId(), 0, List.of(good)), TruthCode.TRUTH_STALE_EPOCH);
        assertThat(truths.must(new Open(volume.getId(), 1, List.of(good)))
                        .slabs()
                        .get(0))
                .as("the same open again")
                .isEqualTo(result.slabs().get(0));
    }

    @Test
    void neverOpensWithTooFewNorWithWhoWasNotInSync() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        assertThat(openCode(volume, 5)).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(volume, 5, "g3")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(volume, 5, "g1", "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(volume, 0, "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(volume, 5, "g1")).isEqualTo(TruthCode.TRUTH_OK);
        Volume again = truths.attach(truths.volume(volume.getId()), "n1", 1);
        assertThat(openCode(again, 6, "g1", "g2")).as("g2 has left the ISR").isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(again, 4, "g1")).as("a history that lost something").isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(again, 5, "g1")).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void threeReplicasNeedTwoInSync() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2", "g3"), "n1", 1);
        assertThat(openCode(volume, 1, "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(openCode(volume, 1, "g3", "g1")).isEqualTo(TruthCode.TRUTH_OK);
    }

    private TruthCode openCode(Volume volume, long start, String... isr) {
        return truths.must(new Open(
                        volume.getId(), volume.getEpoch(), List.of(Truths.slabOpen(volume.getSlabs(0), start, isr))))
                .slabs()
                .get(0)
                .getCode();
    }

    @Test
    void isOpenOnlyWhenEverySlabIs() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        truths.refuses(new Opened(volume.getId(), 1, "nbd://x"), TruthCode.TRUTH_REFUSED);
        truths.open(volume, 1, "g1", "g2");
        Volume open = truths.must(new Opened(volume.getId(), 1, "nbd://x")).requireVolume();
        assertThat(open.getState()).isEqualTo(VolumeState.VOLUME_ATTACHED);
        assertThat(open.getAttachment().getOpen()).isTrue();
        assertThat(open.getAttachment().getNbdUri()).isEqualTo("nbd://x");
        truths.attach(open, "n1", 1);
        truths.refuses(new Opened(volume.getId(), 1, "nbd://x"), TruthCode.TRUTH_STALE_EPOCH);
        truths.refuses(new Opened(volume.getId(), 2, "nbd://x"), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void detachesWhenTheHolderOfTheEpochSaysSo() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n3", 1);
        truths.refuses(new WantNode(volume.getId(), "n2"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new WantNode(volume.getId(), "n9"), TruthCode.TRUTH_UNKNOWN);
        assertThat(truths.apply(new WantNode(volume.getId(), "")).concerned()).contains("n3");
        truths.refuses(new Detached(volume.getId(), 0), TruthCode.TRUTH_STALE_EPOCH);
        Outcome detached = truths.apply(new Detached(volume.getId(), 1));
        assertThat(detached.concerned()).contains("n3");
        Volume after = truths.volume(volume.getId());
        assertThat(after.getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(after.hasAttachment()).isFalse();
        assertThat(after.getEpoch()).isEqualTo(1);
        truths.must(new Detached(volume.getId(), 1));
        assertThat(openCodeAfterDetach(after)).isEqualTo(TruthCode.TRUTH_REFUSED);
    }

    @Test
    void aVolumeIsTakenFromWhoeverHasItAttached() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n3", 1);
        long id = volume.getId();
        MetaResult refused = truths.refuses(new WantNode(id, "n2"), TruthCode.TRUTH_REFUSED);
        assertThat(refused.message()).contains("varve volume move pg --to n2");
        truths.refuses(new MoveVolume(id, "n3", "n9", "r"), TruthCode.TRUTH_UNKNOWN);
        truths.refuses(new MoveVolume(id, "n3", "n2", ""), TruthCode.TRUTH_REFUSED);
        Outcome moved = truths.apply(new MoveVolume(id, "n3", "n2", "r1"));
        assertThat(moved.concerned()).as("both must know").contains("n2", "n3");
        assertThat(truths.volume(id).getAttachment().getNode()).isEqualTo("n3");
        truths.refuses(new Attach(id, 1, "n3", 1, "back"), TruthCode.TRUTH_REFUSED);
        Volume there = truths.must(new Attach(id, 1, "n2", 1, "there")).requireVolume();
        assertThat(there.getEpoch()).isEqualTo(2);
        truths.refuses(new Detached(id, 1), TruthCode.TRUTH_STALE_EPOCH);
        assertThat(truths.volume(id).getAttachment()).isEqualTo(there.getAttachment());
        truths.must(new WantNode(id, "n2"));
    }

    @Test
    void ofTwoWhoMoveAVolumeOneWins() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n3", 1);
        truths.must(new MoveVolume(volume.getId(), "n3", "n2", "r1"));
        MetaResult late = truths.refuses(new MoveVolume(volume.getId(), "n3", "n1", "r2"), TruthCode.TRUTH_REFUSED);
        assertThat(late.message()).contains("somebody else was quicker").contains("on n2");
        String before = truths.map.dump();
        truths.must(new MoveVolume(volume.getId(), "n3", "n2", "r1"));
        assertThat(truths.map.dump()).as("the same again").isEqualTo(before);
        truths.must(new WantNode(volume.getId(), ""));
        truths.refuses(new MoveVolume(volume.getId(), "n3", "n2", "r1"), TruthCode.TRUTH_REFUSED);
    }

    private TruthCode openCodeAfterDetach(Volume volume) {
        return truths.refuses(new Open(volume.getId(), volume.getEpoch(), List.of()), TruthCode.TRUTH_REFUSED)
                .code();
    }

    @Test
    void aRestartedNodeHasNothingOpen() {
        Volume wanted = truths.attach(truths.createVolume("a", "g1", "g2"), "n1", 1);
        truths.open(wanted, 1, "g1", "g2");
        truths.must(new Opened(wanted.getId(), 1, "nbd://x"));
        Volume unwanted = truths.attach(truths.createVolume("b", "g1", "g2"), "n1", 1);
        truths.must(new WantNode(unwanted.getId(), ""));
        truths.must(new RegisterNode(Truths.node("n1", 2), "c-uuid"));
        assertThat(truths.volume(wanted.getId()).getState()).isEqualTo(VolumeState.VOLUME_ATTACHING);
        assertThat(truths.volume(wanted.getId()).getAttachment().getOpen()).isFalse();
        assertThat(truths.volume(unwanted.getId()).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(truths.attach(truths.volume(wanted.getId()), "n1", 2).getEpoch())
                .isEqualTo(2);
    }

    @Test
    void detachesAtOnceWhatAFormerProcessHadAttached() {
        Volume volume = truths.attach(truths.createVolume("a", "g1", "g2"), "n1", 1);
        truths.must(new RegisterNode(Truths.node("n1", 2), "c-uuid"));
        truths.must(new WantNode(volume.getId(), ""));
        assertThat(truths.volume(volume.getId()).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
    }

    @Test
    void deletesOnlyWhatIsDetachedAndNeverReusesAnId() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        truths.refuses(new DeleteVolume(volume.getId()), TruthCode.TRUTH_REFUSED);
        truths.must(new WantNode(volume.getId(), ""));
        truths.refuses(new DeleteVolume(volume.getId()), TruthCode.TRUTH_REFUSED);
        truths.must(new Detached(volume.getId(), 1));
        truths.refuses(new ReplicasDeleted(volume.getId(), "g1", List.of(0)), TruthCode.TRUTH_REFUSED);
        truths.must(new DeleteVolume(volume.getId()));
        truths.must(new DeleteVolume(volume.getId()));
        truths.refuses(new WantNode(volume.getId(), "n1"), TruthCode.TRUTH_REFUSED);
        truths.refuses(new ReplicasCreated(volume.getId(), "g1", List.of(0)), TruthCode.TRUTH_REFUSED);
        truths.must(new ReplicasDeleted(volume.getId(), "g1", List.of(0, 1)));
        truths.refuses(
                new CreateVolume("pg", 4096, 1, 8 * GIB, 0, List.of(List.of("g1")), ""), TruthCode.TRUTH_REFUSED);
        Outcome last = truths.apply(new ReplicasDeleted(volume.getId(), "g2", List.of(0, 1)));
        assertThat(last.concerned()).contains("n2");
        assertThat(truths.state.volume("pg")).isEmpty();
        assertThat(truths.state.slabs(volume.getId())).isEmpty();
        assertThat(truths.state.tomb(volume.getId()).orElseThrow().getName()).isEqualTo("pg");
        truths.must(new ReplicasDeleted(volume.getId(), "g2", List.of(0, 1)));
        Volume next = truths.createVolume("pg", "g1", "g2");
        assertThat(next.getId()).isGreaterThan(volume.getId());
        assertThat(next.getSlabs(0).getReplicas(0).getCreationId())
                .isGreaterThan(volume.getSlabs(1).getReplicas(1).getCreationId());
    }

    @Test
    void aCommandOfALaterVersionStopsTheMember() {
        byte[] later = CommandRecord.newBuilder()
                .setVersion(CommandCodec.VERSION + 1)
                .build()
                .toByteArray();
        assertThatThrownBy(() -> CommandCodec.decode(later)).hasMessageContaining("upgrade this node");
        assertThatThrownBy(() -> CommandCodec.decode(new byte[] {1, 2, 3})).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aResultSurvivesItsEncoding() {
        Volume volume = truths.attach(truths.createVolume("pg", "g1", "g2"), "n1", 1);
        MetaResult result = truths.open(volume, 1, "g1");
        assertThat(CommandCodec.decodeResult(CommandCodec.encode(result))).isEqualTo(result);
    }
}
