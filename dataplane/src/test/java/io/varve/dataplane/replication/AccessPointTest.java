package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.replication.AccessPointScript.Read;
import io.varve.dataplane.replication.AccessPointScript.Script;
import io.varve.dataplane.replication.AccessPointScript.Write;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.Refusal;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * One test for each rule of docs/internals/protocol.md that the access point keeps; in brackets there, the name of the model's switch that
 * breaks it.
 */
class AccessPointTest {
    private static final int EPOCH = 5;

    private final Script script = new Script();
    private final Lease[] leases = {new Lease(), new Lease()};
    private final AccessPoint point = new AccessPoint(
            1,
            EPOCH,
            List.of(new Member(0, "a", leases[0], null, true), new Member(1, "b", leases[1], null, true)),
            script);

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

    @Test
    void decidesOnlyWhenAllInSyncMembersPromised() {
        point.sealed(0, 10, 4, 10, Long.MAX_VALUE);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.SEALING);
        point.sealed(1, 10, 4, 10, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("recovered");
        assertThat(point.recoveredSeq()).isEqualTo(10);
    }

    @Test
    void fetchesTheMissingTailFromTheWinnerOfEpochThenSeq() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 8, 3, 8, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("tail from 0 for 1 9..10");
        Write nine = new Write(0);
        nine.seq = 9;
        nine.prevEpoch = 3;
        point.tail(1, nine);
        assertThat(script.take()).containsExactly("send 1 seq 9 after 3 commit 0 round 0");
        point.acked(1, 10);
        assertThat(script.take()).containsExactly("recovered");
    }

    @Test
    void refusesToOpenBelowACommitThatAnyMemberKnows() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 9, 4, 11, Long.MAX_VALUE);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.REFUSED);
        assertThat(point.trouble()).contains("data loss");
    }

    @Test
    void refusesToOpenOnConflictingHistories() {
        point.sealed(0, 10, 3, 8, Long.MAX_VALUE);
        point.sealed(1, 9, 4, 8, Long.MAX_VALUE);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.REFUSED);
        assertThat(point.trouble()).contains("histories differ");
    }

    @Test
    void refusesToOpenWhenTheFetchedTailDoesNotFit() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 8, 3, 8, Long.MAX_VALUE);
        point.refused(1, 0, Refusal.CONFLICT, EPOCH, 9, 8);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.REFUSED);
    }

    @Test
    void refusesToOpenWhenTheTailIsGone() {
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 8, 4, 8, Long.MAX_VALUE);
        point.tailEnded(1, StoreStatus.NOT_MEMBER);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.REFUSED);
    }

    @Test
    void leavesOutAMemberThatLacksWhatTheOthersHaveDestaged() {
        script.mayLeaveOut = true;
        point.sealed(0, 10, 4, 8, Long.MAX_VALUE);
        point.sealed(1, 2, 4, 2, Long.MAX_VALUE);
        script.take();
        point.tailEnded(1, StoreStatus.NOT_MEMBER);
        assertThat(script.take()).contains("recovered");
        point.openCommitted(new Write(0));
        assertThat(point.members().get(1).isInSet).isFalse();
        // It does not come back by itself: nobody knows what else its disk has lost.
        assertThat(point.members().get(1).state).isEqualTo(ReplicaState.FAILED);
    }

    @Test
    void doesNotTakeASuspectMemberAsTheOnlyDonor() {
        point.sealed(0, 10, 4, 8, 10);
        point.sealed(1, 8, 4, 8, Long.MAX_VALUE);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.REFUSED);
        assertThat(point.trouble()).contains("damaged");
    }

    @Test
    void startsTheEpochOnlyAfterOpenCommitted() {
        point.sealed(0, 10, 4, 10, Long.MAX_VALUE);
        point.sealed(1, 10, 4, 10, Long.MAX_VALUE);
        assertThat(script.take()).containsExactly("recovered");
        Write start = new Write(0);
        point.openCommitted(start);
        assertThat(script.take())
                .containsExactly("send 0 seq 11 after 4 commit 0 round 0", "send 1 seq 11 after 4 commit 0 round 0");
        assertThat(start.op).isEqualTo(Op.EPOCH_START.code());
        assertThat(start.aux).isEqualTo(4);
    }

    @Test
    void tellsNoCommitSeqBeforeTheEpochStartIsDurableOnAll() {
        point.sealed(0, 10, 4, 10, Long.MAX_VALUE);
        point.sealed(1, 10, 4, 10, Long.MAX_VALUE);
        point.openCommitted(new Write(0));
        point.acked(0, 11);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.STARTING);
        assertThat(point.tellCommit()).isFalse();
        point.acked(1, 11);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.OPEN);
        assertThat(point.commitSeq()).isEqualTo(11);
    }

    @Test
    void completesAWriteWhenAllRequiredReplicasHaveIt() {
        open();
        Write write = new Write(3);
        point.write(write);
        point.acked(0, 12);
        assertThat(write.fenced).isNull();
        point.acked(1, 12);
        assertThat(write.fenced).isFalse();
        assertThat(point.commitSeq()).isEqualTo(12);
    }

    @Test
    void completesWritesInOrderByCumulativeAcks() {
        open();
        Write first = new Write(1);
        Write second = new Write(2);
        point.write(first);
        point.write(second);
        point.acked(0, 13);
        point.acked(1, 12);
        assertThat(first.fenced).isFalse();
        assertThat(second.fenced).isNull();
    }

    @Test
    void tellsTheNewestCommitSeqWithTheNextWrite() {
        open();
        point.write(new Write(1));
        assertThat(script.take().getFirst()).isEqualTo("send 0 seq 12 after 5 commit 11 round 0");
    }

    @Test
    void tellsIdleReplicasOnceWhatIsCommitted() {
        open();
        assertThat(point.tellCommit()).isTrue();
        assertThat(script.take()).containsExactly("commit 0 11", "commit 1 11");
        assertThat(point.tellCommit()).isFalse();
    }

    @Test
    void sendsAgainWhatAReplicaLostInItsQueue() {
        open();
        point.write(new Write(1));
        point.write(new Write(2));
        point.acked(1, 12);
        script.take();
        point.memberDown(1, "connection reset");
        point.write(new Write(3));
        assertThat(script.take()).containsExactly("send 0 seq 14 after 5 commit 11 round 0");
        point.memberUp(1);
        assertThat(script.take()).containsExactly("seal 1");
        point.sealed(1, 12, EPOCH, 11, Long.MAX_VALUE);
        assertThat(script.take())
                .containsExactly(
                        "send 1 seq 13 after 5 commit 11 round 1",
                        "send 1 seq 14 after 5 commit 11 round 1",
                        "consider set");
    }

    @Test
    void failsAReplicaWhoseDurableSeqWentBackwards() {
        open();
        point.write(new Write(1));
        point.acked(1, 12);
        point.memberDown(1, "connection reset");
        point.memberUp(1);
        point.sealed(1, 11, EPOCH, 11, Long.MAX_VALUE);
        assertThat(point.members().get(1).state).isEqualTo(ReplicaState.FAILED);
        assertThat(script.take()).contains("alarm");
    }

    @Test
    void sendsAgainInANewRoundAfterARefusalThatPasses() {
        open();
        point.write(new Write(1));
        point.write(new Write(2));
        point.refused(1, 0, Refusal.NO_SPACE, EPOCH, 12, 11);
        point.refused(1, 0, Refusal.SEQ_GAP, EPOCH, 13, 11);
        script.take();
        point.write(new Write(3));
        assertThat(script.take()).containsExactly("send 0 seq 14 after 5 commit 11 round 0");
        point.resend(1);
        assertThat(script.take())
                .containsExactly(
                        "send 1 seq 12 after 5 commit 11 round 1",
                        "send 1 seq 13 after 5 commit 11 round 1",
                        "send 1 seq 14 after 5 commit 11 round 1");
        point.refused(1, 0, Refusal.SEQ_GAP, EPOCH, 13, 11);
        assertThat(script.take()).isEmpty();
    }

    @Test
    void failsEverythingInFlightWhenFenced() {
        open();
        Write write = new Write(1);
        Read read = new Read(1);
        point.write(write);
        point.reads().read(read);
        point.refused(0, 0, Refusal.STALE_EPOCH, EPOCH + 1, 12, 11);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.FENCED);
        assertThat(write.fenced).isTrue();
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.FENCED);
    }

    @Test
    void asksAgainForAPromiseThatFoundNoRoom() {
        point.sealRefused(1, EPOCH, Refusal.NO_SPACE, EPOCH);
        assertThat(script.take()).containsExactly("later 1");
        point.resend(1);
        assertThat(script.take()).containsExactly("seal 1");
    }

    @Test
    void isNotFencedByANoticeMeantForAnEarlierAccessPoint() {
        open();
        point.sealRefused(0, 0, Refusal.STALE_EPOCH, EPOCH - 1);
        assertThat(point.phase()).isEqualTo(AccessPoint.Phase.OPEN);
    }

    @Test
    void holdsAReadBackBehindAnOverlappingWriteInFlight() {
        open();
        point.write(new Write(7));
        script.take();
        Read other = new Read(8);
        Read same = new Read(7);
        point.reads().read(other);
        point.reads().read(same);
        assertThat(script.take()).containsExactly("read 0");
        point.acked(0, 12);
        point.acked(1, 12);
        assertThat(script.take()).containsExactly("read 0");
    }

    @Test
    void answersAReadOnlyWhenItsDataIsCommitted() {
        open();
        Read read = new Read(7);
        point.reads().read(read);
        point.write(new Write(7));
        point.reads().answered(0, read, null, 12, 0, 1);
        assertThat(read.outcome).isNull();
        point.acked(0, 12);
        point.acked(1, 12);
        point.reads().leasesChanged(1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
    }

    @Test
    void answersAReadOnlyUnderLeasesOfAllRemoteMembers() {
        open();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, null, 0, 0, 1000);
        assertThat(read.outcome).isNull();
        leases[0].granted(900, 1000);
        point.reads().leasesChanged(1001);
        assertThat(read.outcome).isNull();
        leases[1].granted(900, 1000);
        point.reads().leasesChanged(1001);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
    }

    @Test
    void countsALeaseFromWhenItsRequestWasSent() {
        Lease lease = new Lease();
        lease.granted(100, 1000);
        assertThat(lease.isHeld(1099)).isTrue();
        assertThat(lease.isHeld(1100)).isFalse();
    }

    @Test
    void readsAnotherCopyWhenABlockIsDamagedAndRepairsIt() {
        open();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, Refusal.BAD_BLOCK, 0, 7, 1);
        assertThat(script.take()).containsExactly("read 0", "read 1");
        point.reads().answered(1, read, null, 0, 0, 1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
        assertThat(script.take()).containsExactly("repair 0 7");
    }

    @Test
    void doesNotRepairWithContentThatWasOverwrittenMeanwhile() {
        open();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, Refusal.BAD_BLOCK, 0, 7, 1);
        point.write(new Write(7));
        point.acked(0, 12);
        point.acked(1, 12);
        script.take();
        point.reads().answered(1, read, null, 0, 0, 1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.OK);
        assertThat(script.take()).isEmpty();
    }

    @Test
    void answersIoErrorWhenNoCopyHasTheBlock() {
        open();
        Read read = new Read(7);
        point.reads().read(read);
        point.reads().answered(0, read, Refusal.BAD_BLOCK, 0, 7, 1);
        point.reads().answered(1, read, Refusal.BAD_BLOCK, 0, 7, 1);
        assertThat(read.outcome).isEqualTo(SlabRead.Outcome.IO_ERROR);
    }

    @Test
    void takesNoMoreThanTheLimitInFlight() {
        open();
        for (int i = 0; i < InFlight.MAX_RECORDS; i++) {
            assertThat(point.canWrite()).isTrue();
            point.write(new Write(i));
        }
        assertThat(point.canWrite()).isFalse();
    }
}
