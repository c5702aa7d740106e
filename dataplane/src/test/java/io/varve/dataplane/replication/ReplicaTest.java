package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.MemoryStates;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import org.junit.jupiter.api.Test;

/** One test for each rule of docs/internals/protocol.md that a replica keeps. */
class ReplicaTest {
    private static final long CREATION = 77;
    private static final Object SESSION = new Object();

    /** Ends at seq 10 of epoch 4, which node 1 in its life 3 was promised. */
    private final StreamState state = MemoryStates.state(1, CREATION, 10, 4, 4, 1, 3);

    private final Replica replica = new Replica(state, 1000);

    private static WireRecord record(Op op, long seq, int epoch, int prevEpoch) {
        WireRecord record = new WireRecord();
        record.op = op.code();
        record.seq = seq;
        record.recordEpoch = epoch;
        record.prevEpoch = prevEpoch;
        return record;
    }

    /** Promises epoch 5 to node 2, durably. */
    private void promise() {
        assertThat(replica.seal(5, 1, CREATION, 2, 9, SESSION)).isEqualTo(Replica.SealVerdict.PROMISE);
        MemoryStates.promise(state, 5, 2, 9);
    }

    private void append(WireRecord record) {
        assertThat(replica.refusal(SESSION, 5, 1, record)).isNull();
        boolean first = record.recordEpoch != state.lastEpoch();
        MemoryStates.append(state, record.seq, record.recordEpoch);
        replica.appended(record, 1, first);
    }

    @Test
    void refusesAppendWithOldEpoch() {
        promise();
        assertThat(replica.refusal(SESSION, 4, 1, record(Op.WRITE, 11, 4, 4))).isEqualTo(Refusal.STALE_EPOCH);
    }

    @Test
    void refusesAppendWithUnpromisedEpoch() {
        promise();
        assertThat(replica.refusal(SESSION, 6, 1, record(Op.EPOCH_START, 11, 6, 4)))
                .isEqualTo(Refusal.NEED_SEAL);
    }

    @Test
    void refusesOlderRecordsFromTheMomentOfThePromiseEvenBeforeItIsDurable() {
        replica.seal(4, 1, CREATION, 1, 3, SESSION);
        assertThat(replica.refusal(SESSION, 4, 1, record(Op.WRITE, 11, 4, 4))).isNull();
        replica.seal(5, 1, CREATION, 2, 9, new Object());
        assertThat(replica.refusal(SESSION, 4, 1, record(Op.WRITE, 11, 4, 4))).isEqualTo(Refusal.STALE_EPOCH);
    }

    @Test
    void takesNothingOfTheNewEpochBeforeThePromiseIsDurable() {
        replica.seal(5, 1, CREATION, 2, 9, SESSION);
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.EPOCH_START, 11, 5, 4)))
                .isEqualTo(Refusal.NEED_SEAL);
    }

    @Test
    void refusesAGapAndAConflict() {
        promise();
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.EPOCH_START, 12, 5, 4)))
                .isEqualTo(Refusal.SEQ_GAP);
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.EPOCH_START, 11, 5, 3)))
                .isEqualTo(Refusal.CONFLICT);
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.WRITE, 11, 5, 4))).isEqualTo(Refusal.CONFLICT);
    }

    @Test
    void acknowledgesADuplicateOnlyIfItsEpochIsTheSame() {
        promise();
        append(record(Op.EPOCH_START, 11, 5, 4));
        append(record(Op.WRITE, 12, 5, 5));
        WireRecord same = record(Op.WRITE, 12, 5, 5);
        assertThat(replica.refusal(SESSION, 5, 1, same)).isNull();
        assertThat(replica.isDuplicate(same)).isTrue();
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.WRITE, 12, 4, 4))).isEqualTo(Refusal.CONFLICT);
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.WRITE, 9, 4, 4))).isEqualTo(Refusal.CONFLICT);
    }

    @Test
    void takesATailOfOlderEpochsByTheSameChecks() {
        promise();
        append(record(Op.WRITE, 11, 4, 4));
        append(record(Op.EPOCH_START, 12, 5, 4));
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.WRITE, 13, 4, 5))).isEqualTo(Refusal.CONFLICT);
    }

    @Test
    void refusesAnOlderReplicaSet() {
        promise();
        replica.seal(5, 3, CREATION, 2, 9, SESSION);
        assertThat(replica.refusal(SESSION, 5, 2, record(Op.EPOCH_START, 11, 5, 4)))
                .isEqualTo(Refusal.GEN);
    }

    @Test
    void takesRecordsOnlyOverTheSessionThatSealedLast() {
        promise();
        Object second = new Object();
        assertThat(replica.seal(5, 1, CREATION, 2, 9, second)).isEqualTo(Replica.SealVerdict.AGAIN);
        assertThat(replica.refusal(SESSION, 5, 1, record(Op.EPOCH_START, 11, 5, 4)))
                .isEqualTo(Refusal.NEED_SEAL);
        assertThat(replica.refusal(second, 5, 1, record(Op.EPOCH_START, 11, 5, 4)))
                .isNull();
    }

    @Test
    void promisesAnEpochToOneProcessOnly() {
        promise();
        assertThat(replica.seal(5, 1, CREATION, 2, 10, SESSION)).isEqualTo(Replica.SealVerdict.STALE_EPOCH);
        assertThat(replica.seal(4, 1, CREATION, 1, 3, SESSION)).isEqualTo(Replica.SealVerdict.STALE_EPOCH);
    }

    @Test
    void isNotAMemberUnderAnotherCreationId() {
        assertThat(replica.seal(5, 1, CREATION + 1, 2, 9, SESSION)).isEqualTo(Replica.SealVerdict.NOT_MEMBER);
    }

    @Test
    void takesCommitSeqOnlyOnceTheEpochBeganHere() {
        promise();
        assertThat(replica.takesCommit(SESSION, 5, 0)).isFalse();
        append(record(Op.EPOCH_START, 11, 5, 4));
        assertThat(replica.takesCommit(SESSION, 5, 11)).isTrue();
        assertThat(replica.takesCommit(SESSION, 5, 12)).as("above the log").isFalse();
        assertThat(replica.takesCommit(SESSION, 4, 0)).isFalse();
        assertThat(replica.takesCommit(new Object(), 5, 0)).isFalse();
    }

    @Test
    void refusesReadsOfAnyOtherEpoch() {
        promise();
        assertThat(replica.readRefusal(SESSION, 4, 0)).isEqualTo(Refusal.STALE_EPOCH);
        assertThat(replica.readRefusal(SESSION, 6, 0)).isEqualTo(Refusal.NEED_SEAL);
        assertThat(replica.readRefusal(SESSION, 5, 11)).isEqualTo(Refusal.BEHIND);
        assertThat(replica.readRefusal(SESSION, 5, 10)).isNull();
    }

    @Test
    void countsAStreamAsLeasedForOneTermAfterAStart() {
        long term = 1000 + LeaseTable.TERM_NANOS;
        assertThat(replica.forgottenLeaseUntil(5, 2, 9)).isEqualTo(term);
        assertThat(replica.forgottenLeaseUntil(5, 1, 3)).isEqualTo(term);
        assertThat(new Replica(MemoryStates.state(1, CREATION, 0, 0, 0, 0, 0), 1000).forgottenLeaseUntil(1, 2, 9))
                .isLessThan(0);
    }

    @Test
    void doesNotWaitForAProcessThatIsProvenDead() {
        assertThat(replica.forgottenLeaseUntil(5, 1, 4)).isLessThan(0);
        assertThat(replica.forgottenLeaseUntil(4, 1, 3)).isLessThan(0);
    }

    /** The promise may be durable while SEALED still waited for the lease of a third node. */
    @Test
    void waitsEvenForADeadProcessThatHadNotOpened() {
        Replica sealedOnly = new Replica(MemoryStates.state(1, CREATION, 10, 3, 4, 1, 3), 1000);
        assertThat(sealedOnly.forgottenLeaseUntil(5, 1, 4)).isGreaterThan(0);
        assertThat(sealedOnly.forgottenLeaseUntil(4, 1, 3)).isGreaterThan(0);
    }

    @Test
    void remembersItsOwnGrantsOnceItAnswered() {
        replica.answeredSeal();
        assertThat(replica.forgottenLeaseUntil(6, 3, 1)).isLessThan(0);
    }
}
