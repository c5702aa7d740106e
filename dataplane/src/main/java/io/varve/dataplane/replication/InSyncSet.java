package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import java.util.List;

/**
 * Who is in the in-sync set of one stream, and who is waited for beside it: always a superset (docs/internals/protocol.md, "Changing the ISR"). Part of
 * {@link AccessPoint}; knows no one who decides about changes, carries out what has been decided.
 */
final class InSyncSet {
    private final AccessPoint point;
    private final Numbering numbering;
    private final List<Member> members;

    InSyncSet(AccessPoint point, Numbering numbering, List<Member> members) {
        this.point = point;
        this.numbering = numbering;
        this.members = members;
    }

    /** Nobody but this access point knows that it takes part: it can be dropped at any time. */
    static boolean isLearner(Member member) {
        return !member.isInSet && !member.isProposed;
    }

    /** Groups of the copies that hold everything up to R: the set to propose with OPEN. */
    List<String> recovered() {
        return members.stream()
                .filter(member -> member.isInSet && !member.isLeftOut)
                .map(member -> member.group)
                .toList();
    }

    /** OPEN committed: who was left out is outside. */
    void opened() {
        for (Member member : members) {
            if (member.isLeftOut) {
                member.isLeftOut = false;
                member.isInSet = false;
                member.isRequired = false;
                enter(member, ReplicaState.STALE);
            }
        }
    }

    /**
     * From the next record on every write waits for this copy too, which is outside of the set. Nothing is sent to it before {@link #joined}.
     *
     * @return seq of that record
     */
    long require(int index) {
        Member member = point.member(index);
        Invariant.check(
                point.phase() == AccessPoint.Phase.OPEN && isLearner(member), "who joins is no learner", member.index);
        enter(member, ReplicaState.LEARNER);
        member.isRequired = true;
        member.isJoining = true;
        // Why it left: a frozen process comes back on the same connection, without another promise.
        member.isLost = false;
        member.silentBeats = 0;
        member.hasAnswered = true;
        member.ackedSeq = numbering.inFlight().nextSeq() - 1;
        member.toldCommitSeq = 0;
        return numbering.inFlight().nextSeq();
    }

    /** The copy's log goes on where it was required from. */
    void joined(int index) {
        point.member(index).isJoining = false;
        point.resend(index);
    }

    /** A change that adds the copy is about to be proposed. */
    void proposed(int index) {
        Member member = point.member(index);
        Invariant.check(member.isRequired && !member.isJoining, "proposed before it is required", member.index);
        member.isProposed = true;
    }

    /** A learner is given up. */
    void release(int index) {
        Member member = point.member(index);
        Invariant.check(isLearner(member), "a member of the set is dropped without a change", member.index);
        if (member.isRequired) {
            enter(member, ReplicaState.STALE);
            numbering.stopRequiring(member);
        }
    }

    /** The set as it is since a change committed: ours, or an earlier one of ours whose answer was lost. */
    void changed(List<String> isr) {
        for (Member member : members) {
            boolean isIn = isr.contains(member.group);
            boolean wasProposed = member.isProposed;
            member.isProposed = false;
            if (isIn && !member.isInSet) {
                Invariant.check(member.isRequired, "a copy is in the set that nobody waited for", member.index);
                member.isInSet = true;
                enter(member, ReplicaState.INSYNC);
            } else if (!isIn && (member.isInSet || wasProposed)) {
                member.isInSet = false;
                enter(member, ReplicaState.STALE);
                numbering.stopRequiring(member);
            }
        }
        point.setChanged();
    }

    /** FAILED is for good. */
    private static void enter(Member member, ReplicaState state) {
        if (member.state != ReplicaState.FAILED) {
            member.state = state;
        }
    }
}
