package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.model.EventReason;
import java.util.List;
import org.junit.jupiter.api.Test;

class IsrRulesTest {
    private final Truths truths = Truths.ofThreeNodes();

    private Volume opened(String... groups) {
        Volume volume = truths.attach(truths.createVolume("pg", groups), "n1", 1);
        truths.open(volume, 1, groups);
        return truths.volume(volume.getId());
    }

    private SlabOpened change(Volume volume, SlabIsr slab) {
        return truths.must(new ChangeIsr(volume.getId(), volume.getEpoch(), List.of(slab)))
                .slabs()
                .get(0);
    }

    private TruthCode code(Volume volume, String... isr) {
        Slab now = truths.volume(volume.getId()).getSlabs(0);
        return change(volume, Truths.slabIsr(now, isr)).getCode();
    }

    @Test
    void aCopyLeavesAndComesBackAndEachChangeHasItsGen() {
        Volume volume = opened("g1", "g2");
        SlabOpened left = change(volume, Truths.slabIsr(volume.getSlabs(0), "g1"));
        assertThat(left.getCode()).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(left.getGen()).isEqualTo(3);
        assertThat(left.getIsrList()).containsExactly("g1");
        Slab alone = truths.volume(volume.getId()).getSlabs(0);
        assertThat(alone.getIsrList()).containsExactly("g1");
        assertThat(alone.getEpochStartSeq()).as("only OPEN moves it").isEqualTo(1);
        SlabOpened back = change(volume, Truths.slabIsr(alone, "g1", "g2"));
        assertThat(back.getGen()).isEqualTo(4);
        assertThat(truths.volume(volume.getId()).getSlabs(0).getIsrList()).containsExactly("g1", "g2");
        assertThat(truths.volume(volume.getId()).getSlabs(1).getGen())
                .as("the other slab")
                .isEqualTo(2);
    }

    @Test
    void theSameAgainIsAnsweredTheSameAndChangesNothing() {
        Volume volume = opened("g1", "g2");
        ChangeIsr change = new ChangeIsr(volume.getId(), 1, List.of(Truths.slabIsr(volume.getSlabs(0), "g2")));
        MetaResult first = truths.must(change);
        String before = truths.map.dump();
        Outcome again = truths.apply(change);
        assertThat(again.result().slabs()).isEqualTo(first.slabs());
        assertThat(truths.map.dump()).isEqualTo(before);
        assertThat(again.concerned()).as("wakes nobody").isEmpty();
        assertThat(again.events()).as("is told once").isEmpty();
    }

    @Test
    void aChangeFromAnotherGenIsStaleAndToldWhatThereIs() {
        Volume volume = opened("g1", "g2", "g3");
        change(volume, Truths.slabIsr(volume.getSlabs(0), "g1", "g2"));
        String before = truths.map.dump();
        SlabOpened late = change(volume, Truths.slabIsr(volume.getSlabs(0), "g2", "g3"));
        assertThat(late.getCode()).isEqualTo(TruthCode.TRUTH_STALE_GEN);
        assertThat(late.getGen()).isEqualTo(3);
        assertThat(late.getIsrList()).containsExactly("g1", "g2");
        assertThat(truths.map.dump()).isEqualTo(before);
    }

    @Test
    void eachSlabIsJudgedByItself() {
        Volume volume = opened("g1", "g2");
        SlabIsr good = Truths.slabIsr(volume.getSlabs(0), "g1");
        SlabIsr old =
                Truths.slabIsr(volume.getSlabs(1), "g1").toBuilder().setGen(1).build();
        SlabIsr none = good.toBuilder().setIndex(7).build();
        MetaResult result = truths.must(new ChangeIsr(volume.getId(), 1, List.of(old, none, good)));
        assertThat(result.slabs())
                .extracting(SlabOpened::getCode)
                .containsExactly(TruthCode.TRUTH_STALE_GEN, TruthCode.TRUTH_UNKNOWN, TruthCode.TRUTH_OK);
        assertThat(truths.volume(volume.getId()).getSlabs(0).getIsrList()).containsExactly("g1");
        assertThat(truths.volume(volume.getId()).getSlabs(1).getIsrList()).containsExactly("g1", "g2");
    }

    @Test
    void whoeverWasReplacedChangesNothing() {
        Volume volume = opened("g1", "g2");
        SlabIsr alone = Truths.slabIsr(volume.getSlabs(0), "g1");
        truths.refuses(new ChangeIsr(volume.getId(), 0, List.of(alone)), TruthCode.TRUTH_STALE_EPOCH);
        truths.refuses(new ChangeIsr(99, 1, List.of(alone)), TruthCode.TRUTH_UNKNOWN);
        truths.must(new Attach(volume.getId(), 1, "n1", 1, "next"));
        truths.refuses(new ChangeIsr(volume.getId(), 1, List.of(alone)), TruthCode.TRUTH_STALE_EPOCH);
        truths.must(new Detached(volume.getId(), 2));
        truths.refuses(new ChangeIsr(volume.getId(), 2, List.of(alone)), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void onlyASlabThatThisEpochHasOpened() {
        Volume volume = opened("g1", "g2");
        Volume next = truths.attach(volume, "n1", 1);
        assertThat(code(next, "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        truths.open(truths.volume(volume.getId()), 5, "g1", "g2");
        assertThat(code(next, "g1")).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void neverFewerThanMayBeWritten() {
        Volume three = opened("g1", "g2", "g3");
        assertThat(code(three, "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(code(three, "g1", "g1")).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(code(three)).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(code(three, "g3", "g1")).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void onlyCopiesOfTheSlabThatAreDurableThere() {
        Volume volume = opened("g1", "g2");
        assertThat(code(volume, "g1", "g3")).isEqualTo(TruthCode.TRUTH_REFUSED);
        Slab slab = truths.volume(volume.getId()).getSlabs(0);
        truths.state.putSlab(
                volume.getId(),
                slab.toBuilder()
                        .clearIsr()
                        .addIsr("g1")
                        .setReplicas(1, slab.getReplicas(1).toBuilder().setPhase(ReplicaPhase.REPLICA_NEW))
                        .build());
        assertThat(code(volume, "g1", "g2"))
                .as("its disk group has not made it yet")
                .isEqualTo(TruthCode.TRUTH_REFUSED);
    }

    @Test
    void theEventsTellWhoLeftAndWhoJoined() {
        Volume volume = opened("g1", "g2");
        Outcome left = truths.apply(new ChangeIsr(
                volume.getId(),
                1,
                volume.getSlabsList().stream()
                        .map(slab -> Truths.slabIsr(slab, "g2"))
                        .toList()));
        assertThat(left.events())
                .containsExactly(new ClusterEvent(
                        EventReason.COPIES_LEFT,
                        "pg",
                        "n1",
                        "n1/g1 is out of sync: slabs=0-1 go on without it, epoch=1"));
        assertThat(left.concerned()).containsExactlyInAnyOrder("n1", "n2");
        Slab alone = truths.volume(volume.getId()).getSlabs(1);
        assertThat(truths.apply(new ChangeIsr(volume.getId(), 1, List.of(Truths.slabIsr(alone, "g2", "g1"))))
                        .events())
                .containsExactly(new ClusterEvent(
                        EventReason.COPIES_JOINED, "pg", "n1", "n1/g1 is in sync again: slabs=1 epoch=1"));
    }
}
