package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import java.util.List;

/**
 * Numbers the records of one stream in one epoch, sends them to every copy that is required, and says when all of those have them. Part of
 * {@link AccessPoint}, which knows the phase; synchronous.
 */
final class Numbering {
    private final AccessPoint point;
    private final List<Member> members;
    private final AccessPointEffects effects;
    private final InFlight inFlight = new InFlight();
    private long commitSeq;
    /** EPOCH_START is durable on all required. */
    private boolean hasBegun;

    Numbering(AccessPoint point, List<Member> members, AccessPointEffects effects) {
        this.point = point;
        this.members = members;
        this.effects = effects;
    }

    InFlight inFlight() {
        return inFlight;
    }

    long commitSeq() {
        return commitSeq;
    }

    void startBehind(long recoveredSeq) {
        commitSeq = recoveredSeq;
        inFlight.startAt(recoveredSeq + 1);
    }

    void number(WriteRecord record, int prevEpoch) {
        record.stream = point.stream();
        record.recordEpoch = point.epoch();
        record.prevEpoch = prevEpoch;
        inFlight.add(record);
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            if (member.isRequired && member.isSealed && !member.isPaused && !member.isJoining) {
                send(member, record);
            }
        }
    }

    private void send(Member member, WriteRecord record) {
        long told = toldCommitSeq();
        member.toldCommitSeq = told;
        effects.replicate(member.index, record, member.round, told);
    }

    /** Undefined (0) until EPOCH_START is durable on all required [commit_early]. */
    private long toldCommitSeq() {
        return hasBegun ? commitSeq : 0;
    }

    /** Sends everything that the member has not acknowledged. */
    void resend(Member member) {
        for (long seq = Math.max(member.ackedSeq + 1, inFlight.firstSeq()); seq < inFlight.nextSeq(); seq++) {
            send(member, inFlight.get(seq));
        }
    }

    /** The member has everything up to {@code durableSeq}. */
    void advance(Member member, long durableSeq) {
        Invariant.check(durableSeq < inFlight.nextSeq(), "acknowledged before it was written", durableSeq);
        long from = Math.max(member.ackedSeq + 1, inFlight.firstSeq());
        member.ackedSeq = Math.max(member.ackedSeq, durableSeq);
        for (long seq = from; seq <= durableSeq; seq++) {
            effects.acked(member.index, inFlight.get(seq));
        }
        commit();
    }

    /** A write is complete when all required replicas acknowledged it [ack_any1]; in order, so commitSeq is exact. */
    private void commit() {
        long everywhere = Long.MAX_VALUE;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            everywhere = member.isRequired ? Math.min(everywhere, member.ackedSeq) : everywhere;
        }
        boolean advanced = false;
        while (!point.hasEnded() && !inFlight.isEmpty() && inFlight.firstSeq() <= everywhere) {
            WriteRecord record = inFlight.removeFirst();
            commitSeq = record.seq;
            advanced = true;
            if (!hasBegun) {
                hasBegun = true;
                point.begun();
            }
            record.committed(false);
        }
        if (advanced && !point.hasEnded()) {
            point.committed();
        }
    }

    /** Nothing waits for the member any more. */
    void stopRequiring(Member member) {
        member.isRequired = false;
        member.isJoining = false;
        member.isPaused = false;
        for (long seq = Math.max(member.ackedSeq + 1, inFlight.firstSeq()); seq < inFlight.nextSeq(); seq++) {
            effects.acked(member.index, inFlight.get(seq));
        }
        commit();
    }

    /** Tells commitSeq to members that no write tells it. True if there was something to tell. */
    boolean tellCommit() {
        boolean told = false;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            boolean isListening = member.isRequired && member.isSealed && !member.isJoining;
            if (isListening && member.toldCommitSeq < commitSeq) {
                member.toldCommitSeq = commitSeq;
                effects.tellCommit(member.index, commitSeq);
                told = true;
            }
        }
        return told;
    }

    /** The access point ended: what is in flight may or may not take effect. */
    void end() {
        while (!inFlight.isEmpty()) {
            WriteRecord record = inFlight.removeFirst();
            for (int i = 0; i < members.size(); i++) {
                if (members.get(i).isRequired && members.get(i).ackedSeq < record.seq) {
                    effects.acked(members.get(i).index, record);
                }
            }
            record.committed(true);
        }
    }
}
