package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.Refusal;
import java.util.List;

/**
 * The one writer of one stream in one epoch: brings the replicas to one history, opens, numbers writes, and says when a write or a read may
 * be answered. A synchronous state machine: events in, {@link AccessPointEffects} out; no I/O, no clock, no thread. Confined to the volume's loop.
 *
 * <p>SEALING until every member of the in-sync set promised the epoch; RECONCILING until all hold everything up to R; OPENING until the
 * compare-and-set committed; STARTING until EPOCH_START is durable on all; OPEN. FENCED, REFUSED and CLOSED are ends: to go on, attach again.
 */
final class AccessPoint {
    enum Phase {
        SEALING,
        RECONCILING,
        OPENING,
        STARTING,
        OPEN,
        /** A newer access point exists. */
        FENCED,
        /** Data loss or conflicting histories: the volume does not open. */
        REFUSED,
        CLOSED
    }

    /** Records asked of a donor at a time: about what is in flight on a busy stream, a fraction of a journal segment. */
    static final int TAIL_CHUNK = 64;

    private final long stream;
    private final int epoch;
    private final AccessPointEffects effects;
    private final Places places;
    private final ReadGate gate;
    private final RollForward rollForward;
    private final Numbering numbering;
    private final InSyncSet set;
    private Phase phase = Phase.SEALING;
    private String trouble = "";

    AccessPoint(long stream, int epoch, List<Member> members, AccessPointEffects effects) {
        this.stream = stream;
        this.epoch = epoch;
        this.places = new Places(members);
        this.effects = effects;
        this.gate = new ReadGate(this, effects);
        this.rollForward = new RollForward(epoch, places.all(), effects);
        this.numbering = new Numbering(this, places.members(), effects);
        this.set = new InSyncSet(this, numbering, places.members());
    }

    Phase phase() {
        return phase;
    }

    long stream() {
        return stream;
    }

    String trouble() {
        return trouble;
    }

    /** R: decided once, in this epoch. */
    long recoveredSeq() {
        return rollForward.recoveredSeq();
    }

    long commitSeq() {
        return numbering.commitSeq();
    }

    /** Those that are there, the nearest first. */
    List<Member> members() {
        return places.members();
    }

    Member member(int index) {
        return places.at(index);
    }

    Places places() {
        return places;
    }

    /** What is numbered and not yet committed; to be looked at only. */
    InFlight inFlight() {
        return numbering.inFlight();
    }

    /** True if nothing is in flight and everybody who is waited for is there. */
    boolean isSettled() {
        return phase == Phase.OPEN
                && inFlight().isEmpty()
                && members().stream().allMatch(member -> member.isSealed || !member.isRequired);
    }

    /** True if the set may be changed: this epoch has been opened. */
    boolean canChangeSet() {
        return phase == Phase.STARTING || phase == Phase.OPEN;
    }

    /** True if a write can be numbered now. */
    boolean canWrite() {
        return phase == Phase.OPEN && !inFlight().isFull();
    }

    // ------------------------------------------------------------------------------------------------ members

    void memberUp(int index) {
        if (mayBeSealed(member(index))) {
            effects.seal(index);
        }
    }

    /** What the member promised is not known any more. */
    void sealAgain(int index) {
        member(index).isSealed = false;
        memberUp(index);
    }

    /** Copies outside of the set are spoken to once the slab is open. */
    private boolean mayBeSealed(Member member) {
        return !hasEnded() && member.state != ReplicaState.FAILED && (member.isInSet || phase == Phase.OPEN);
    }

    void memberDown(int index, String reason) {
        Member member = member(index);
        member.isSealed = false;
        member.isWaitingForLease = false;
        if (member.state != ReplicaState.FAILED) {
            member.trouble = reason;
        }
        rollForward.memberDown(member);
        if (InSyncSet.isLearner(member)) {
            effects.learnerLost(index, reason);
        }
    }

    /** The member promised the epoch, and tells all that it has. In an epoch under way: it is back, and says where it stands. */
    void sealed(int index, long lastSeq, int lastEpoch, long itsCommitSeq, long suspectFromSeq) {
        Member member = member(index);
        if (hasEnded() || member.state == ReplicaState.FAILED) {
            return;
        }
        member.isSealed = true;
        member.isWaitingForLease = false;
        member.isLost = false;
        member.trouble = "";
        member.isPaused = false;
        if (InSyncSet.isLearner(member)) {
            effects.learnerPromised(index);
            return;
        }
        if (member.hasAnswered && lastSeq < member.ackedSeq) {
            fail(member, "lost what it had acknowledged: it now ends at " + lastSeq + ", not at " + member.ackedSeq);
            return;
        }
        if (phase == Phase.SEALING) {
            member.isLeftOut = false;
            rollForward.answered(member, lastSeq, lastEpoch, itsCommitSeq, suspectFromSeq);
            decideOnce();
            return;
        }
        if (phase == Phase.RECONCILING) {
            if (!member.isLeftOut) {
                member.ackedSeq = lastSeq;
                reconcile();
            }
            return;
        }
        if (phase == Phase.STARTING || phase == Phase.OPEN) {
            if (lastSeq >= inFlight().nextSeq()) {
                fail(member, "has records that were never written: up to " + lastSeq);
                return;
            }
            numbering.advance(member, lastSeq);
            if (!hasEnded()) {
                resend(index);
                gate.memberBack();
                effects.considerSet();
            }
        }
    }

    void leaseHeld(int index, long remainingNanos, int holderEpoch) {
        Member member = member(index);
        member.isWaitingForLease = true;
        member.trouble = "waits " + (remainingNanos + 999_999) / 1_000_000 + " ms for the read lease of epoch "
                + holderEpoch + " to end";
    }

    /** {@code askedEpoch}: of the SEAL that is refused; another one was asked by, or told to, an access point before this. */
    void sealRefused(int index, int askedEpoch, Refusal refusal, int promisedEpoch) {
        Member member = member(index);
        if (hasEnded()) {
            return;
        }
        if (Integer.compareUnsigned(promisedEpoch, epoch) > 0) {
            fence("replica on " + member.group + " promised epoch " + Integer.toUnsignedString(promisedEpoch));
        } else if (askedEpoch != epoch) {
            // Meant for an access point of an older epoch that was here before.
            return;
        } else if (refusal == Refusal.NOT_MEMBER) {
            fail(member, "has no such replica: wiped, or made anew");
        } else if (refusal == Refusal.STALE_EPOCH) {
            fence("epoch " + Integer.toUnsignedString(epoch) + " was promised to another process by " + member.group);
        } else if (refusal == Refusal.IO_ERROR && canChangeSet()) {
            storeFailed(index);
        } else {
            member.trouble = "cannot promise: " + refusal;
            if (refusal == Refusal.NO_SPACE) {
                member.signs++;
            }
            effects.resendLater(index);
        }
    }

    /** The replica cannot be waited for. As long as it is in the set it stays required: until a change without it has committed. */
    private void fail(Member member, String why) {
        boolean isLearner = InSyncSet.isLearner(member);
        member.state = ReplicaState.FAILED;
        member.isSealed = false;
        member.isLost = true;
        member.trouble = why;
        if (!member.isLeaving) {
            effects.alarm("replica failed stream=" + stream + " group=" + member.group + " reason=\"" + why + "\"");
        }
        if (isLearner) {
            effects.learnerLost(member.index, why);
        } else {
            effects.considerSet();
        }
    }

    // ------------------------------------------------------------------------------------------------ attach

    /** Attach goes on without a member that cannot be spoken to. The caller has seen that enough others are there. */
    void leaveOut(int index) {
        Member member = member(index);
        member.isLeftOut = true;
        if (phase == Phase.SEALING) {
            decideOnce();
        } else if (phase == Phase.RECONCILING) {
            if (rollForward.isNeeded(member)) {
                end(Phase.CLOSED, "the copy on " + member.group + " was lost while others fetched from it");
            } else {
                reconcile();
            }
        }
    }

    private void decideOnce() {
        if (!rollForward.canDecide()) {
            return;
        }
        String alarm = rollForward.decide();
        if (alarm != null) {
            refuse(alarm);
        } else {
            phase = Phase.RECONCILING;
            reconcile();
        }
    }

    private void reconcile() {
        if (rollForward.isComplete()) {
            phase = Phase.OPENING;
            effects.recovered();
        }
    }

    /** A record from the donor's journal, for a member that misses it. */
    void tail(int index, WriteRecord record) {
        if (phase == Phase.RECONCILING) {
            rollForward.tail(member(index), record);
        }
    }

    void tailEnded(int index, StoreStatus status) {
        Member member = member(index);
        String alarm = phase == Phase.RECONCILING ? rollForward.tailEnded(member, status) : null;
        if (alarm == null) {
            return;
        }
        if (status == StoreStatus.NOT_MEMBER && effects.mayLeaveOut(index)) {
            // The donor destages what is committed only, and what is committed was durable on all of the set: this
            // member's disk did not keep it.
            fail(
                    member,
                    "lost what it had acknowledged: it ends at " + member.ackedSeq
                            + ", and what follows was committed");
            leaveOut(index);
        } else {
            refuse(alarm);
        }
    }

    /** The compare-and-set OPEN committed for this stream. Only now may EPOCH_START be sent [start_before_cas]. */
    void openCommitted(WriteRecord start) {
        Invariant.check(phase == Phase.OPENING, "OPEN committed twice in epoch", epoch);
        phase = Phase.STARTING;
        set.opened();
        numbering.startBehind(recoveredSeq());
        start.op = Op.EPOCH_START.code();
        start.block = 0;
        start.count = 0;
        start.crcCount = 0;
        start.payload = null;
        start.aux = Integer.toUnsignedLong(rollForward.recoveredEpoch());
        numbering.number(start, rollForward.recoveredEpoch());
    }

    // ------------------------------------------------------------------------------------------------ writes

    /** Takes the record, which is complete but for its number. The caller has asked {@link #canWrite}. */
    void write(WriteRecord record) {
        Invariant.check(phase == Phase.OPEN, "write before the epoch began", epoch);
        numbering.number(record, epoch);
    }

    void acked(int index, long durableSeq) {
        Member member = member(index);
        if (hasEnded() || !member.isSealed || !member.isRequired || member.isJoining) {
            return;
        }
        if (durableSeq < member.ackedSeq) {
            fail(member, "its durable seq went backwards, from " + member.ackedSeq + " to " + durableSeq);
            return;
        }
        if (phase == Phase.RECONCILING) {
            if (rollForward.advanced(member, durableSeq)) {
                reconcile();
            }
        } else if (phase == Phase.STARTING || phase == Phase.OPEN) {
            numbering.advance(member, durableSeq);
        }
    }

    /** {@code round}: the one that the refused record was sent in. */
    void refused(int index, int round, Refusal refusal, int promisedEpoch, long seq, long lastSeq) {
        Member member = member(index);
        if (hasEnded() || !member.isSealed || !member.isRequired || round != member.round || member.isPaused) {
            return;
        }
        member.signs++;
        if (InSyncSet.isLearner(member) && endsLearning(refusal)) {
            effects.learnerLost(index, "refused record " + seq + ": " + refusal);
            return;
        }
        switch (refusal) {
            case STALE_EPOCH ->
                fence("replica on " + member.group + " promised epoch " + Integer.toUnsignedString(promisedEpoch));
            case NEED_SEAL -> {
                member.isSealed = false;
                member.fetchingTo = 0;
                effects.seal(index);
            }
            case SEQ_GAP, CRC, NO_SPACE -> {
                member.trouble = refusal == Refusal.NO_SPACE ? "has no room for record " + seq : "";
                member.isPaused = true;
                effects.resendLater(index);
            }
            case GEN -> fail(member, "knows a newer replica set than this access point");
            case CONFLICT -> {
                String why = "has another history: it refuses record " + seq + ", and ends at " + lastSeq;
                fail(member, why);
                if (phase == Phase.RECONCILING) {
                    refuse("histories differ: " + member.group + " " + why);
                }
            }
            case IO_ERROR -> storeFailed(index);
            case NOT_MEMBER -> fail(member, "has no such replica: wiped, or made anew");
            case BEHIND, BAD_BLOCK -> member.trouble = "refused a record: " + refusal;
        }
    }

    /** Its disks failed, it says: as a record's refusal, as a read's, or unasked. Another process, or its next start, may promise again. */
    void storeFailed(int index) {
        Member member = member(index);
        if (hasEnded() || (!member.isSealed && member.isLost)) {
            return;
        }
        member.isSealed = false;
        member.fetchingTo = 0;
        member.trouble = "its disks failed";
        if (InSyncSet.isLearner(member)) {
            effects.learnerLost(index, member.trouble);
            return;
        }
        member.isLost = true;
        effects.alarm("replica stopped stream=" + stream + " group=" + member.group + " reason=\"its disks failed\"");
        effects.considerSet();
    }

    private static boolean endsLearning(Refusal refusal) {
        return switch (refusal) {
            case STALE_EPOCH, SEQ_GAP, CRC -> false;
            case NEED_SEAL, NO_SPACE, GEN, CONFLICT, IO_ERROR, NOT_MEMBER, BEHIND, BAD_BLOCK -> true;
        };
    }

    /** Sends everything that the member has not acknowledged, in a new round; seals it first if it could not promise. */
    void resend(int index) {
        Member member = member(index);
        member.isPaused = false;
        if (hasEnded()) {
            return;
        }
        if (!member.isSealed) {
            if (mayBeSealed(member)) {
                effects.seal(index);
            }
            return;
        }
        if (!member.isRequired || member.isJoining) {
            return;
        }
        member.round++;
        if (phase == Phase.RECONCILING) {
            member.fetchingTo = 0;
            reconcile();
        } else if (canChangeSet()) {
            numbering.resend(member);
        }
    }

    /** Tells commitSeq to members that no write tells it. True if there was something to tell. */
    boolean tellCommit() {
        return phase == Phase.OPEN && numbering.tellCommit();
    }

    // ------------------------------------------------------------------------------------------------ the set

    /** Who is in the set, and who else is waited for. To be changed while the epoch is open. */
    InSyncSet set() {
        return set;
    }

    /** What the members know or may answer has changed with the set. */
    void setChanged() {
        if (!hasEnded()) {
            gate.memberBack();
            effects.wantLease();
        }
    }

    /** The first record that all required copies have is EPOCH_START: the epoch has begun. */
    void begun() {
        phase = Phase.OPEN;
        effects.opened();
    }

    /** commitSeq rose. */
    void committed() {
        gate.committed();
    }

    // ------------------------------------------------------------------------------------------------ reads

    /** Reads go through here; it is told when leases were renewed. */
    ReadGate reads() {
        return gate;
    }

    int epoch() {
        return epoch;
    }

    // ------------------------------------------------------------------------------------------------ ends

    boolean hasEnded() {
        return phase == Phase.FENCED || phase == Phase.REFUSED || phase == Phase.CLOSED;
    }

    void fence(String why) {
        end(Phase.FENCED, why);
    }

    void refuse(String why) {
        effects.alarm("volume does not open stream=" + stream + " reason=\"" + why + "\"");
        end(Phase.REFUSED, why);
    }

    void close() {
        end(Phase.CLOSED, "detached");
    }

    private void end(Phase last, String why) {
        if (hasEnded()) {
            return;
        }
        phase = last;
        trouble = why;
        numbering.end();
        gate.end();
        effects.ended();
    }
}
