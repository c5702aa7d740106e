package io.varve.dataplane.replication;

import io.varve.dataplane.time.Loop;

/**
 * Notices members that cannot be waited for, by beats (docs/internals/resync.md, "Losing one"). Beats only while something is on its way or
 * somebody is away. Confined to the volume's loop.
 */
final class Watch {
    private static final long BEAT_NANOS = 400_000_000L;

    /** Without a connection: 0.4 to 0.8 s. */
    private static final int BEATS_AWAY = 2;

    /** Without an acknowledgement although it owes one: 1.2 to 1.6 s. */
    private static final int BEATS_STUCK = 3;

    /**
     * Before an epoch is open nobody is served, and after a start of all nodes the others come a little later: 3.6 to 4 s, which a takeover spends waiting for
     * leases anyway.
     */
    private static final int BEATS_AT_ATTACH = 10;

    private final AccessPointHost host;
    private final Loop loop;
    private boolean isArmed;

    Watch(AccessPointHost host, Loop loop) {
        this.host = host;
        this.loop = loop;
    }

    void arm() {
        if (!isArmed && !host.hasEnded()) {
            isArmed = true;
            loop.schedule(BEAT_NANOS, this::beat);
        }
    }

    private void beat() {
        isArmed = false;
        boolean goOn = false;
        boolean mayChange = false;
        for (SlabHost slab : host.slabs()) {
            if (host.hasEnded()) {
                return;
            }
            boolean isOpen = slab.point.canChangeSet();
            for (Member member : slab.point.members()) {
                if (isOpen ? member.isRequired : member.isInSet) {
                    goOn |= look(slab, member, isOpen);
                    // One that is to leave may do so when another one is heard again, which no other event tells.
                    mayChange |= member.isInSet && (member.isLost || member.isLeaving);
                }
            }
            slab.advanceLearners();
            goOn |= slab.point.reads().beat() || !isOpen;
        }
        if (mayChange) {
            host.considerSet();
        }
        if (goOn || mayChange) {
            arm();
        }
    }

    /** True if it has to be looked at again. */
    private boolean look(SlabHost slab, Member member, boolean isOpen) {
        boolean owes = isOpen && member.ackedSeq < slab.point.inFlight().nextSeq() - 1;
        boolean isStuck =
                member.isSealed && owes && member.ackedSeq == member.beatAckedSeq && member.signs == member.beatSigns;
        boolean isAway = !member.isSealed && !member.isWaitingForLease && member.signs == member.beatSigns;
        member.beatAckedSeq = member.ackedSeq;
        member.beatSigns = member.signs;
        member.silentBeats = isStuck || isAway ? member.silentBeats + 1 : 0;
        if (!isStuck && !isAway && member.state != ReplicaState.FAILED) {
            member.isLost = false;
        }
        if (isOpen) {
            if (member.silentBeats >= (isAway ? BEATS_AWAY : BEATS_STUCK) && !member.isLost) {
                lost(slab, member, isAway);
            }
        } else if (isAway && member.silentBeats >= BEATS_AT_ATTACH && mayBeLeftOut(slab, member)) {
            slab.point.leaveOut(member.index);
        }
        return owes || !member.isSealed;
    }

    private static void lost(SlabHost slab, Member member, boolean isAway) {
        if (member.trouble.isEmpty()) {
            member.trouble = isAway ? "does not answer" : "acknowledges nothing";
        }
        if (member.isInSet || member.isProposed) {
            member.isLost = true;
        } else {
            slab.learnerLost(member.index, member.trouble);
        }
    }

    /**
     * Enough others are there, and one of them for certain has lost nothing: where a journal has rotted at its end, the member that is away may have the only
     * copy of what was acknowledged.
     */
    static boolean mayBeLeftOut(SlabHost slab, Member member) {
        int others = 0;
        boolean anySound = false;
        for (Member each : slab.point.members()) {
            if (each != member && each.isInSet && !each.isLeftOut && each.hasAnswered && each.isSealed) {
                others++;
                anySound |= each.suspectFromSeq == Long.MAX_VALUE;
            }
        }
        AccessPoint.Phase phase = slab.point.phase();
        return !member.isLeftOut
                && anySound
                && others >= slab.minInSync()
                && (phase == AccessPoint.Phase.SEALING || phase == AccessPoint.Phase.RECONCILING);
    }
}
