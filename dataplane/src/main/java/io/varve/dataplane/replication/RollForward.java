package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.store.StoreStatus;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Brings the members of a stream to one history, once for each epoch: decides R when all have answered, and has every member that misses a tail
 * fetch it from the donor. Decides only; its {@link AccessPoint} owns it and knows the phase. Confined to the volume's loop.
 */
final class RollForward {
    private final int epoch;
    /** By index. */
    private final List<Member> members;

    private final AccessPointEffects effects;
    private boolean decided;
    private int donor;
    private long recoveredSeq;
    private int recoveredEpoch;

    RollForward(int epoch, List<Member> members, AccessPointEffects effects) {
        this.epoch = epoch;
        this.members = members;
        this.effects = effects;
    }

    /** R: decided once, in this epoch. */
    long recoveredSeq() {
        return recoveredSeq;
    }

    int recoveredEpoch() {
        return recoveredEpoch;
    }

    /** The member's connection is gone, and with it what it fetched, and what others fetched from it. */
    void memberDown(Member member) {
        member.fetchingTo = 0;
        if (member.index == donor) {
            for (Member each : members) {
                each.fetchingTo = 0;
            }
        }
    }

    /**
     * R is decided when every member of the in-sync set has answered or is left out. A write is acknowledged by all of the set, so any of them
     * knows of it; that enough of them are there is for whoever leaves one out to see to.
     */
    boolean canDecide() {
        boolean hasAny = false;
        for (Member member : members) {
            if (member.isInSet && !member.isLeftOut) {
                if (!member.hasAnswered) {
                    return false;
                }
                hasAny = true;
            }
        }
        return hasAny;
    }

    /** What the member said to SEAL. */
    void answered(Member member, long lastSeq, int lastEpoch, long commitSeq, long suspectFromSeq) {
        member.hasAnswered = true;
        member.state = ReplicaState.INSYNC;
        member.ackedSeq = lastSeq;
        member.lastEpoch = lastEpoch;
        member.commitSeq = commitSeq;
        member.suspectFromSeq = suspectFromSeq;
    }

    /** True if the member is the one that others fetch from, and some do or have to. */
    boolean isNeeded(Member member) {
        if (!decided || member.index != donor) {
            return false;
        }
        for (Member each : members) {
            if (each.isInSet && !each.isLeftOut && each.ackedSeq < recoveredSeq) {
                return true;
            }
        }
        return false;
    }

    /** True if the member has all that it asked for. */
    boolean advanced(Member member, long durableSeq) {
        member.ackedSeq = durableSeq;
        boolean hasAll = member.fetchingTo != 0 && durableSeq >= member.fetchingTo;
        member.fetchingTo = hasAll ? 0 : member.fetchingTo;
        return hasAll;
    }

    /** Null, or why the volume must not open. */
    @Nullable String decide() {
        Invariant.check(!decided, "R is decided twice in epoch", epoch);
        decided = true;
        List<Reconcile.Answer> answers = new ArrayList<>();
        List<Member> who = new ArrayList<>();
        for (Member member : members) {
            if (member.isInSet && !member.isLeftOut) {
                who.add(member);
                answers.add(new Reconcile.Answer(
                        member.group, member.ackedSeq, member.lastEpoch, member.commitSeq, member.suspectFromSeq));
            }
        }
        Reconcile.Decision decision = Reconcile.decide(answers);
        donor = who.get(decision.donor()).index;
        recoveredSeq = decision.lastSeq();
        recoveredEpoch = decision.lastEpoch();
        return decision.alarm();
    }

    /** Fetches what is missing, as far as it is not being fetched; true: nobody misses anything up to R. */
    boolean isComplete() {
        boolean complete = true;
        for (Member member : members) {
            if (member.isInSet && !member.isLeftOut && member.ackedSeq < recoveredSeq) {
                complete = false;
                Member from = members.get(donor);
                if (member.isSealed && from.isSealed && member.fetchingTo == 0 && !member.isPaused) {
                    long first = member.ackedSeq + 1;
                    member.fetchingTo = Math.min(recoveredSeq, first + AccessPoint.TAIL_CHUNK - 1);
                    effects.fetchTail(donor, member.index, first, member.fetchingTo);
                }
            }
        }
        return complete;
    }

    /** A record from the donor's journal, for a member that misses it. The member judges it by the same rules as a new one. */
    void tail(Member member, WriteRecord record) {
        if (member.isSealed && !member.isPaused && member.fetchingTo != 0) {
            effects.replicate(member.index, record, member.round, 0);
        }
    }

    /** Null, or why the volume must not open. */
    @Nullable String tailEnded(Member member, StoreStatus status) {
        if (member.fetchingTo == 0) {
            return null;
        }
        Member from = members.get(donor);
        return switch (status) {
            case OK -> null;
            case NOT_MEMBER ->
                "data loss: " + from.group + " no longer has the records from " + (member.ackedSeq + 1) + " that "
                        + member.group + " misses";
            case BAD_BLOCK ->
                "the only copy of record " + (member.ackedSeq + 1) + " or one behind it, on " + from.group
                        + ", is damaged";
            case IO_ERROR, NO_SPACE, NOT_READY -> {
                member.fetchingTo = 0;
                from.trouble = "cannot read its journal: " + status;
                yield null;
            }
        };
    }
}
