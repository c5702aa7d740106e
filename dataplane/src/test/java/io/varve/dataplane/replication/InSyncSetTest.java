package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.dataplane.replication.AccessPointScript.Read;
import io.varve.dataplane.replication.AccessPointScript.Script;
import io.varve.dataplane.replication.AccessPointScript.Write;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.Refusal;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The rules of docs/internals/protocol.md, "Changing the ISR": who is waited for, and when no longer. */
class InSyncSetTest {
    private static final int EPOCH = 5;

    private final Script script = new Script();
    private final Lease[] leases = {new Lease(), new Lease(), new Lease()};
    private final List<Member> members = List.of(
            new Member(0, "a", leases[0], null, true),
            new Member(1, "b", leases[1], null, true),
            new Member(2, "c", leases[2], null, false));
    private final AccessPoint point = new AccessPoint(1, EPOCH, members, script);

    /** a and b in the set, c outside; the epoch begins with record 11. */
    private void open() {
        point.sealed(0, 10, 4, 10, Long.MAX_VALUE);
        point.sealed(1, 10, 4, 9, Long.MAX_VALUE);
        point.openCommitted(new Write(0));
        point.acked(0, 11);
        point.acked(1, 11);
        leases[0].granted(0, 1000);
        leases[1].granted(0, 1000);
        script.take();
    }

    private void learn() {
        point.sealed(2, 3, 2, 3, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("learner 2");
        assertThat(point.set().require(2)).isEqualTo(12);
    }

    @Test
    void neitherWaitsForNorSpeaksToACopyOutsideOfTheSetBeforeItIsOpen() {
        point.memberUp(2);
        assertThat(script.take()).isEmpty();
        open();
        Write write = new Write(1);
        point.write(write);
        assertThat(script.take()).noneMatch(line -> line.startsWith("send 2"));
        point.acked(0, 12);
        point.acked(1, 12);
        assertThat(write.fenced).isFalse();
        point.memberUp(2);
        assertThat(script.take()).containsExactly("seal 2");
    }

    @Test
    void looksAtTheSetWhenAMemberIsBack() {
        open();
        point.memberDown(1, "reset");
        script.take();
        point.sealed(1, 11, EPOCH, 11, Long.MAX_VALUE);
        assertThat(script.take())
                .as("now one that is to go can be done without")
                .contains("consider set");
    }

    @Test
    void stopsWaitingForALostMemberOnlyWhenTheChangeHasCommitted() {
        open();
        Write write = new Write(1);
        point.write(write);
        point.acked(0, 12);
        point.memberDown(1, "gone");
        assertThat(write.fenced).isNull();
        point.set().changed(List.of("a"));
        assertThat(write.fenced).isFalse();
        assertThat(point.commitSeq()).isEqualTo(12);
    }

    @Test
    void answersReadsWithoutTheLeaseOfWhoHasLeft() {
        open();
        leases[1].giveUp();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, null, 11, 0, 1);
        assertThat(read.outcome).isNull();
        point.set().changed(List.of("a"));
        point.reads().leasesChanged(1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
    }

    @Test
    void readsNothingFromACopyOutsideOfTheSet() {
        open();
        learn();
        point.set().joined(2);
        point.memberDown(0, "gone");
        point.memberDown(1, "gone");
        script.take();
        point.reads().read(new Read(7));
        assertThat(script.take()).isEmpty();
    }

    @Test
    void waitsForALearnerFromItsJoinOnAndSendsNothingBeforeItsLogGoesOn() {
        open();
        learn();
        Write write = new Write(1);
        point.write(write);
        assertThat(script.take()).noneMatch(line -> line.startsWith("send 2"));
        point.acked(0, 12);
        point.acked(1, 12);
        point.acked(2, 12);
        assertThat(write.fenced)
                .as("what it acknowledges before its log goes on says nothing")
                .isNull();
        point.set().joined(2);
        assertThat(script.take()).containsExactly("send 2 seq 12 after 5 commit 11 round 1");
        point.acked(2, 12);
        assertThat(write.fenced).isFalse();
    }

    @Test
    void dropsALearnerWithoutAskingAnyone() {
        open();
        learn();
        point.set().joined(2);
        Write write = new Write(1);
        point.write(write);
        point.acked(0, 12);
        point.acked(1, 12);
        script.take();
        point.memberDown(2, "gone");
        assertThat(script.take()).containsExactly("learner lost 2");
        point.set().release(2);
        assertThat(write.fenced).isFalse();
    }

    @Test
    void waitsForAProposedLearnerAndItsLeaseUntilTheOutcomeIsKnown() {
        open();
        learn();
        point.set().joined(2);
        point.set().proposed(2);
        Write write = new Write(1);
        point.write(write);
        point.acked(0, 12);
        point.acked(1, 12);
        script.take();
        point.memberDown(2, "gone");
        assertThat(script.take()).isEmpty();
        assertThat(write.fenced).isNull();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, null, 11, 0, 1);
        assertThat(read.outcome).isNull();
        point.set().changed(List.of("a", "b"));
        assertThat(write.fenced).isFalse();
        point.reads().leasesChanged(1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
    }

    @Test
    void takesALearnerInWhenTheChangeHasCommitted() {
        open();
        learn();
        point.set().joined(2);
        point.set().proposed(2);
        point.set().changed(List.of("a", "b", "c"));
        assertThat(members.get(2).isInSet).isTrue();
        leases[2].granted(0, 1000);
        point.memberDown(0, "gone");
        point.memberDown(1, "gone");
        script.take();
        point.reads().read(new Read(7));
        assertThat(script.take()).containsExactly("read 2");
    }

    @Test
    void givesUpALearnerThatRefuses() {
        open();
        learn();
        point.set().joined(2);
        point.refused(2, 1, Refusal.NO_SPACE, EPOCH, 12, 11);
        assertThat(script.take()).containsExactly("learner lost 2");
        point.refused(0, 0, Refusal.NO_SPACE, EPOCH, 12, 11);
        assertThat(script.take()).containsExactly("later 0");
    }

    @Test
    void opensWithoutAMemberThatIsLeftOut() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        assertThat(script.take()).isEmpty();
        point.leaveOut(1);
        assertThat(script.take()).containsExactly("recovered");
        assertThat(point.set().recovered()).containsExactly("a");
        point.openCommitted(new Write(0));
        point.acked(0, 11);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.OPEN);
        script.take();
        point.sealed(1, 12, 4, 8, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("learner 1");
    }

    @Test
    void countsAMemberThatAnswersBeforeTheDecisionAfterAll() {
        point.leaveOut(1);
        point.sealed(1, 12, 4, 8, Long.MAX_VALUE);
        assertThat(script.take()).isEmpty();
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        assertThat(point.recoveredSeq()).isEqualTo(12);
        assertThat(point.set().recovered()).containsExactly("a", "b");
    }

    @Test
    void attachesAgainWhenTheDonorIsLostWhileOthersFetchFromIt() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 12, 4, 8, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("tail from 1 for 0 11..12");
        point.memberDown(1, "gone");
        point.leaveOut(1);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.CLOSED);
        assertThat(script.take()).containsExactly("ended");
    }

    @Test
    void goesOnWhenTheOneThatFetchesIsLost() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 12, 4, 8, Long.MAX_VALUE);
        script.take();
        point.tailEnded(0, StoreStatus.OK);
        point.memberDown(0, "gone");
        point.leaveOut(0);
        assertThat(script.take()).containsExactly("recovered");
        assertThat(point.set().recovered()).containsExactly("b");
    }

    @Test
    void aCopyIsAddedOutsideOfTheSetAndSealedLikeAnyThatReturns() {
        open();
        assertThat(point.places().free()).isEqualTo(3);
        Member added = new Member(3, "d", new Lease(), null, false);
        point.places().add(added);
        point.memberUp(3);
        assertThat(script.take()).containsExactly("seal 3");
        point.write(new Write(1));
        assertThat(script.take()).noneMatch(line -> line.startsWith("send 3"));
        point.sealed(3, 0, 0, 0, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("learner 3");
        assertThat(point.set().require(3)).isEqualTo(13);
    }

    @Test
    void anAddedCopyIsNotSpokenToBeforeTheSlabIsOpen() {
        point.places().add(new Member(3, "d", new Lease(), null, false));
        point.memberUp(3);
        assertThat(script.take()).isEmpty();
    }

    @Test
    void aCopyThatIsWaitedForIsNotDropped() {
        open();
        assertThat(Places.isDroppable(members.get(0))).as("in the set").isFalse();
        assertThatThrownBy(() -> point.places().drop(0)).hasMessageContaining("waited for");
        learn();
        assertThat(Places.isDroppable(members.get(2))).as("a learner").isFalse();
        point.set().joined(2);
        point.set().proposed(2);
        assertThat(Places.isDroppable(members.get(2))).as("proposed").isFalse();
        point.set().changed(List.of("a", "b"));
        assertThat(Places.isDroppable(members.get(2))).isTrue();
    }

    @Test
    void aDroppedCopyIsSpokenToNoMore() {
        open();
        point.places().drop(2);
        assertThat(point.members()).extracting(member -> member.group).containsExactly("a", "b");
        point.memberUp(2);
        point.sealed(2, 3, 2, 3, Long.MAX_VALUE);
        point.resend(2);
        assertThat(script.take()).isEmpty();
        Write write = new Write(1);
        point.write(write);
        point.acked(0, 12);
        point.acked(2, 12);
        assertThat(write.fenced).isNull();
        point.acked(1, 12);
        assertThat(write.fenced).isFalse();
    }

    @Test
    void aPlaceThatWasLeftIsTakenAgainOnlyWhenThereAreNoOthers() {
        open();
        point.places().drop(2);
        for (int place = 3; place < Places.MAX_MEMBERS; place++) {
            assertThat(point.places().free()).isEqualTo(place);
            point.places().add(new Member(place, "x" + place, new Lease(), null, false));
        }
        assertThat(point.places().free()).isEqualTo(2);
        point.places().drop(7);
        point.places().add(new Member(point.places().free(), "late", new Lease(), null, false));
        assertThat(point.member(2).group).isEqualTo("late");
        assertThat(point.places().free()).isEqualTo(7);
        point.places().add(new Member(7, "last", new Lease(), null, false));
        assertThat(point.places().free()).isEqualTo(-1);
        assertThatThrownBy(() -> point.places().add(new Member(3, "taken", new Lease(), null, false)))
                .hasMessageContaining("not free");
    }

    @Test
    void readsAskTheNearestWhicheverCameFirst() {
        members.forEach(member -> member.distance = 1);
        AccessPoint near = new AccessPoint(1, EPOCH, members, script);
        Member local = new Member(3, "d", new Lease(), null, false);
        near.places().add(local);
        assertThat(near.members().getFirst()).isSameAs(local);
        assertThat(near.member(0).group).isEqualTo("a");
    }
}
