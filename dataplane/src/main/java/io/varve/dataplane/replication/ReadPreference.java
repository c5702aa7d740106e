package io.varve.dataplane.replication;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which copy a read asks first: the nearest, unless it is late or much slower than another one (docs/internals/faults.md). Part of {@link ReadGate};
 * no clock: told how long answers took, and of beats.
 */
final class ReadPreference {
    /** Beats for which a copy that was late is passed over: 4 s. */
    static final int LATE_BEATS = 10;

    /** Beats between two reads that look whether a slow copy has recovered. */
    static final int PROBE_BEATS = 10;

    /** A copy that answers faster is never called slow: a network and a busy disk may take as long. */
    static final long SLOW_NANOS = 50_000_000;

    /** How much faster another copy must be. */
    static final int SLOW_FACTOR = 8;

    private static final int WEIGHT = 16;
    private static final int PROBE_WEIGHT = 2;

    private final List<Member> members;

    ReadPreference(List<Member> members) {
        this.members = members;
    }

    /** The member to ask, of those in the set that can be asked and are not in {@code tried}; −1 if there is none. */
    int choose(int tried) {
        int passedOver = -1;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            if ((tried & 1 << member.index) != 0 || !member.isReadable()) {
                continue;
            }
            // Members stand in the order of nearness: the one on this loop first.
            if (!isPassedOver(member)) {
                return member.index;
            }
            passedOver = passedOver < 0 ? member.index : passedOver;
        }
        return passedOver;
    }

    private static boolean isPassedOver(Member member) {
        if (member.lateBeats > 0) {
            return true;
        }
        if (member.isSlow && member.isProbeDue) {
            member.isProbeDue = false;
            return false;
        }
        return member.isSlow;
    }

    /** True if another copy than {@code index} can be asked that is not late itself. */
    boolean hasBetterThan(int index, int tried) {
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            boolean isUntried = member.index != index && (tried & 1 << member.index) == 0;
            if (isUntried && member.isReadable() && member.lateBeats == 0) {
                return true;
            }
        }
        return false;
    }

    void late(int index) {
        Member member = find(index);
        if (member != null) {
            member.lateBeats = LATE_BEATS;
        }
    }

    void answered(int index, long nanos) {
        Member member = find(index);
        if (member != null) {
            long old = member.answerNanos;
            member.answerNanos = old == 0 ? nanos : old + (nanos - old) / (member.isSlow ? PROBE_WEIGHT : WEIGHT);
        }
    }

    /** Null: it was dropped meanwhile. */
    private @Nullable Member find(int index) {
        for (int i = 0; i < members.size(); i++) {
            if (members.get(i).index == index) {
                return members.get(i);
            }
        }
        return null;
    }

    /** True if it has to be told of the next beat too. */
    boolean beat() {
        boolean goOn = false;
        for (int i = 0; i < members.size(); i++) {
            Member member = members.get(i);
            member.lateBeats = Math.max(0, member.lateBeats - 1);
            judge(member);
            goOn |= member.lateBeats > 0;
        }
        return goOn;
    }

    @SuppressWarnings("ReferenceEquality") // identity is meant
    private void judge(Member member) {
        long best = Long.MAX_VALUE;
        boolean isAnyUnknown = false;
        for (int i = 0; i < members.size(); i++) {
            Member other = members.get(i);
            if (other != member && other.isReadable()) {
                best = Math.min(best, other.answerNanos == 0 ? Long.MAX_VALUE : other.answerNanos);
                isAnyUnknown |= other.answerNanos == 0;
            }
        }
        boolean isWorse = isAnyUnknown || (best != Long.MAX_VALUE && best < member.answerNanos / SLOW_FACTOR);
        boolean wasSlow = member.isSlow;
        member.isSlow = member.answerNanos > SLOW_NANOS && isWorse;
        if (!member.isSlow || !wasSlow) {
            member.slowBeats = 0;
            member.isProbeDue = false;
        } else if (++member.slowBeats % PROBE_BEATS == 0) {
            member.isProbeDue = true;
        }
    }
}
