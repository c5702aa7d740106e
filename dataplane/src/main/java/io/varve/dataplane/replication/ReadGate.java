package io.varve.dataplane.replication;

import io.varve.dataplane.wire.Refusal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lets the reads of one access point through: behind overlapping writes in flight, from the nearest copy that can be read, and answered only
 * when docs/internals/protocol.md (Reads and leases) allows it. Synchronous, part of {@link AccessPoint}, which tells it what changed.
 */
final class ReadGate {
    /** A read that is out at so many beats of {@link Watch} is late: 0.4 to 0.8 s. */
    private static final int BEATS_LATE = 2;

    private final AccessPoint point;
    private final AccessPointEffects effects;
    private final List<Member> members;

    /** Wait for writes that overlap; for a replica that can be read; for the right to answer. */
    private final Reads behindWrites = new Reads();

    private final Reads behindMembers = new Reads();
    private final Reads behindLeases = new Reads();

    private final ReadPreference preference;

    /** With a copy, in no order. */
    private @Nullable SlabRead firstOut;

    private int out;
    private long lateReads;

    ReadGate(AccessPoint point, AccessPointEffects effects) {
        this.point = point;
        this.effects = effects;
        this.members = point.members();
        this.preference = new ReadPreference(members);
    }

    void read(SlabRead read) {
        read.tried = 0;
        read.damagedMember = -1;
        read.repairSent = false;
        read.hasData = false;
        read.next = null;
        if (point.phase() != AccessPoint.Phase.OPEN) {
            read.completed(endOutcome());
            return;
        }
        read.waitSeq = point.inFlight().newestOverlapping(read.block, read.count);
        if (read.waitSeq != 0) {
            behindWrites.add(read);
        } else {
            send(read);
        }
    }

    private void send(SlabRead read) {
        int first = read.firstMember;
        if (first >= 0 && (read.tried & 1 << first) == 0 && point.member(first).isReadable()) {
            ask(first, read);
            return;
        }
        int chosen = preference.choose(read.tried);
        if (chosen >= 0) {
            ask(chosen, read);
            return;
        }
        int untried = 0;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            boolean isUntried =
                    (read.tried & 1 << member.index) == 0 && member.isInSet && member.state != ReplicaState.FAILED;
            untried += isUntried ? 1 : 0;
        }
        if (untried == 0 && read.damagedMember >= 0 && read.count > 1) {
            // Every copy has damage, perhaps none has it in the same place.
            effects.readSingly(read);
        } else if (untried == 0) {
            read.completed(SlabRead.Outcome.IO_ERROR);
        } else {
            behindMembers.add(read);
        }
    }

    private void ask(int member, SlabRead read) {
        read.leastSeq = point.commitSeq();
        read.issuedTo = member;
        read.beatsOut = 0;
        read.isOut = true;
        read.outBefore = null;
        read.outAfter = firstOut;
        if (firstOut != null) {
            firstOut.outBefore = read;
        }
        firstOut = read;
        out++;
        effects.read(member, read);
    }

    private void back(SlabRead read) {
        read.isOut = false;
        out--;
        if (read.outBefore == null) {
            firstOut = read.outAfter;
        } else {
            read.outBefore.outAfter = read.outAfter;
        }
        if (read.outAfter != null) {
            read.outAfter.outBefore = read.outBefore;
        }
        read.outBefore = null;
        read.outAfter = null;
    }

    /** Looks for reads that are late, and asks another copy for them. True if it wants to be called again. */
    boolean beat() {
        boolean goOn = preference.beat();
        SlabRead each = point.hasEnded() ? null : firstOut;
        Reads late = null;
        while (each != null) {
            SlabRead next = each.outAfter;
            if (++each.beatsOut >= BEATS_LATE && preference.hasBetterThan(each.issuedTo, each.tried)) {
                late = late == null ? new Reads() : late;
                back(each);
                late.add(each);
            }
            each = next;
        }
        if (late != null) {
            askOthers(late);
        }
        return goOn || out > 0;
    }

    private void askOthers(Reads late) {
        SlabRead each = late.takeAll();
        while (each != null) {
            SlabRead next = each.next;
            preference.late(each.issuedTo);
            if (effects.abandon(each.issuedTo, each)) {
                each.moveDestination();
            }
            lateReads++;
            send(each);
            each = next;
        }
    }

    /** Reads that were taken back from a copy that was late, since the attach. */
    long lateReads() {
        return lateReads;
    }

    /** {@code refusal} null: the data is at its destination and holds nothing newer than {@code highestSeq}. */
    void answered(int index, SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock, long now) {
        if (!read.isOut || read.issuedTo != index) {
            // It ended with the access point, and this answer was on its way through the loop.
            return;
        }
        back(read);
        if (point.hasEnded()) {
            read.completed(endOutcome());
            return;
        }
        preference.answered(index, now - read.askedNanos);
        if (refusal == null) {
            read.hasData = true;
            read.waitSeq = highestSeq;
            answer(read, now);
            return;
        }
        switch (refusal) {
            case BAD_BLOCK, CRC -> {
                read.tried |= 1 << index;
                if (refusal == Refusal.BAD_BLOCK) {
                    read.damagedMember = index;
                    read.damagedBlock = damagedBlock;
                }
                send(read);
            }
            case IO_ERROR -> {
                read.tried |= 1 << index;
                point.storeFailed(index);
                send(read);
            }
            case NOT_MEMBER -> {
                read.tried |= 1 << index;
                send(read);
            }
            case STALE_EPOCH -> {
                behindMembers.add(read);
                point.fence("replica on " + point.member(index).group + " refuses reads of this epoch");
            }
            case NEED_SEAL, BEHIND, GEN, SEQ_GAP, CONFLICT, NO_SPACE -> {
                // Another copy at once if this one is away; else what it waits for comes with its next SEALED.
                if (point.member(index).isSealed) {
                    behindMembers.add(read);
                } else {
                    send(read);
                }
            }
        }
    }

    /**
     * The one step in which a read takes effect (docs/internals/protocol.md, Reads and leases): with the data in hand it needs
     * unexpired leases of all members elsewhere that are in the set or may be, no newer promise that was made meanwhile
     * by the member here, and nothing in the data that is not committed.
     */
    private void answer(SlabRead read, long now) {
        if (read.waitSeq > point.commitSeq()) {
            behindWrites.add(read);
        } else if (!mayAnswer(now)) {
            behindLeases.add(read);
            effects.wantLease();
        } else {
            // A repair with content that was overwritten meanwhile would undo the newer write there.
            if (read.damagedMember >= 0
                    && !point.member(read.damagedMember).isGone()
                    && point.inFlight().isUntouchedSince(read.leastSeq, read.damagedBlock)) {
                read.repairSent = true;
                effects.repair(read.damagedMember, read, read.damagedBlock);
            }
            read.completed(SlabRead.Outcome.OK);
        }
    }

    boolean mayAnswer(long now) {
        if (point.phase() != AccessPoint.Phase.OPEN) {
            return false;
        }
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            if ((member.isInSet || member.isProposed) && !holdsLeaseOf(member, now)) {
                return false;
            }
        }
        return true;
    }

    private boolean holdsLeaseOf(Member member, long now) {
        return member.local != null ? member.local.promisedEpoch() == point.epoch() : member.lease.isHeld(now);
    }

    /** Leases were renewed, or fewer are needed. */
    void leasesChanged(long now) {
        if (!behindLeases.isEmpty() && mayAnswer(now)) {
            SlabRead each = behindLeases.takeAll();
            while (each != null) {
                SlabRead next = each.next;
                answer(each, now);
                each = next;
            }
        }
    }

    /** commitSeq rose. */
    void committed() {
        while (!behindWrites.isEmpty()) {
            SlabRead read = behindWrites.takeUpTo(point.commitSeq());
            if (read == null) {
                return;
            }
            if (read.hasData) {
                // The step needs the time: it is taken when the leases are looked at next, at once.
                behindLeases.add(read);
                effects.wantLease();
            } else {
                send(read);
            }
        }
    }

    /** A member can be read again, or will not be. */
    void memberBack() {
        SlabRead each = behindMembers.takeAll();
        while (each != null) {
            SlabRead next = each.next;
            send(each);
            each = next;
        }
    }

    /** The access point ended: nothing is answered any more. */
    void end() {
        end(behindWrites.takeAll());
        end(behindMembers.takeAll());
        end(behindLeases.takeAll());
        while (firstOut != null) {
            SlabRead read = firstOut;
            back(read);
            // A disk that hangs would hold it, and whoever waits for it, for ever.
            effects.abandon(read.issuedTo, read);
            read.completed(endOutcome());
        }
    }

    private void end(@Nullable SlabRead all) {
        SlabRead each = all;
        while (each != null) {
            SlabRead next = each.next;
            each.completed(endOutcome());
            each = next;
        }
    }

    private SlabRead.Outcome endOutcome() {
        return point.phase() == AccessPoint.Phase.FENCED ? SlabRead.Outcome.FENCED : SlabRead.Outcome.IO_ERROR;
    }
}
