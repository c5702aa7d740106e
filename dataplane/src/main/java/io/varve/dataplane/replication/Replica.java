package io.varve.dataplane.replication;

import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import org.jspecify.annotations.Nullable;

/**
 * Decides what one replica takes: which epoch it promises, which record it appends. Synchronous and without I/O; what is durable stands in
 * the {@link StreamState} that the store keeps. Confined to the disk group's loop.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class Replica {
    /** What to do about a SEAL. */
    enum SealVerdict {
        /** Write the promise; answer when it is durable. */
        PROMISE,
        /** The same attach again: nothing to write, answer when what is queued is durable. */
        AGAIN,
        STALE_EPOCH,
        NOT_MEMBER
    }

    private final StreamState state;
    private final long startedNanos;

    /** The promise that recovery found, and whether its access point had opened. */
    private final int recoveredEpoch;

    private final long recoveredNodeHash;
    private final long recoveredIncarnation;
    private final boolean recoveredHadOpened;
    private boolean hasAnswered;

    /** Ahead of the durable promise while the SEAL record is queued: from then on nothing older enters behind it. */
    private int promisedEpoch;

    private long promisedNodeHash;
    private long promisedIncarnation;
    private int gen;

    /** Who may append: the session that sealed last. Records of any other one are late and are refused. */
    private @Nullable Object boundTo;

    /** First seq of the stream's last epoch as far as this process saw it; what lies before it, duplicates are not judged on. */
    private long lastEpochFrom = Long.MAX_VALUE;

    Replica(StreamState state, long startedNanos) {
        this.state = state;
        this.startedNanos = startedNanos;
        this.recoveredEpoch = state.promisedEpoch();
        this.recoveredNodeHash = state.promisedNodeHash();
        this.recoveredIncarnation = state.promisedIncarnation();
        this.recoveredHadOpened = state.lastEpoch() == state.promisedEpoch();
        this.promisedEpoch = state.promisedEpoch();
        this.promisedNodeHash = state.promisedNodeHash();
        this.promisedIncarnation = state.promisedIncarnation();
    }

    StreamState state() {
        return state;
    }

    int promisedEpoch() {
        return promisedEpoch;
    }

    int gen() {
        return gen;
    }

    @Nullable Object boundTo() {
        return boundTo;
    }

    SealVerdict seal(int epoch, int newGen, long creationId, long nodeHash, long incarnation, Object session) {
        if (creationId != state.creationId()) {
            return SealVerdict.NOT_MEMBER;
        }
        if (Integer.compareUnsigned(epoch, promisedEpoch) < 0) {
            return SealVerdict.STALE_EPOCH;
        }
        if (epoch == promisedEpoch) {
            if (nodeHash != promisedNodeHash || incarnation != promisedIncarnation) {
                return SealVerdict.STALE_EPOCH;
            }
            boundTo = session;
            gen = Math.max(gen, newGen);
            return SealVerdict.AGAIN;
        }
        promisedEpoch = epoch;
        promisedNodeHash = nodeHash;
        promisedIncarnation = incarnation;
        boundTo = session;
        gen = Math.max(gen, newGen);
        return SealVerdict.PROMISE;
    }

    /**
     * Until when SEALED must not be answered because of leases granted before this process started, which it does not remember. It counts
     * the stream as leased for one term from the start on, but where the log shows otherwise: if its last record was of the epoch promised,
     * then that access point had opened, so every lease older than its own had ended; and if it ran on the node that now seals with a
     * higher incarnation, it is dead (see {@link LeaseTable}), and so is its own lease.
     */
    long forgottenLeaseUntil(int epoch, long nodeHash, long incarnation) {
        if (recoveredEpoch == 0 || hasAnswered) {
            return Long.MIN_VALUE;
        }
        boolean isSameAttach = recoveredEpoch == epoch;
        boolean holderIsDead = recoveredNodeHash == nodeHash && recoveredIncarnation < incarnation;
        return recoveredHadOpened && (isSameAttach || holderIsDead)
                ? Long.MIN_VALUE
                : startedNanos + LeaseTable.TERM_NANOS;
    }

    /** SEALED was answered: from now on every lease that matters was granted by this process. */
    void answeredSeal() {
        hasAnswered = true;
    }

    /** Null: append it, or it is a {@link #isDuplicate}; else why not. */
    @Nullable Refusal refusal(Object session, int epoch, int senderGen, WireRecord record) {
        int order = Integer.compareUnsigned(epoch, promisedEpoch);
        if (order < 0) {
            return Refusal.STALE_EPOCH;
        }
        if (order > 0 || session != boundTo || state.promisedEpoch() != promisedEpoch) {
            return Refusal.NEED_SEAL;
        }
        if (senderGen < gen) {
            return Refusal.GEN;
        }
        long expected = state.lastSeq() + 1;
        if (record.seq > expected) {
            return Refusal.SEQ_GAP;
        }
        if (record.seq < expected) {
            return isDuplicate(record) ? null : Refusal.CONFLICT;
        }
        if (record.prevEpoch != state.lastEpoch()
                || Integer.compareUnsigned(record.recordEpoch, state.lastEpoch()) < 0
                || Integer.compareUnsigned(record.recordEpoch, epoch) > 0) {
            return Refusal.CONFLICT;
        }
        boolean startsEpoch = record.op == Op.EPOCH_START.code();
        return startsEpoch == (record.recordEpoch != state.lastEpoch()) ? null : Refusal.CONFLICT;
    }

    /** The same (epoch, seq) is here already. By seq alone it would be unsound [dup_any]. */
    boolean isDuplicate(WireRecord record) {
        return record.seq <= state.lastSeq() && record.seq >= lastEpochFrom && record.recordEpoch == state.lastEpoch();
    }

    /** The record was given to the store. */
    void appended(WireRecord record, int senderGen, boolean firstOfEpoch) {
        gen = Math.max(gen, senderGen);
        if (firstOfEpoch) {
            lastEpochFrom = record.seq;
        } else if (lastEpochFrom == Long.MAX_VALUE) {
            lastEpochFrom = record.seq;
        }
    }

    /** The log goes on elsewhere: what was a duplicate in the old one is not in this one. */
    void joined() {
        lastEpochFrom = Long.MAX_VALUE;
    }

    /**
     * A commitSeq counts only from the access point of the promised epoch, and only once its epoch has begun here [commit_before_trunc]. None
     * can be above the log, because this copy too must have acknowledged it: who says so is broken, and would block every later attach.
     */
    boolean takesCommit(Object session, int epoch, long commitSeq) {
        return epoch == promisedEpoch
                && session == boundTo
                && state.lastEpoch() == epoch
                && commitSeq <= state.lastSeq();
    }

    /** Null if the access point of {@code epoch} may read here. */
    @Nullable Refusal readRefusal(Object session, int epoch, long leastSeq) {
        if (Integer.compareUnsigned(epoch, promisedEpoch) < 0) {
            return Refusal.STALE_EPOCH;
        }
        if (epoch != promisedEpoch || session != boundTo) {
            return Refusal.NEED_SEAL;
        }
        return state.durableSeq() < leastSeq ? Refusal.BEHIND : null;
    }
}
