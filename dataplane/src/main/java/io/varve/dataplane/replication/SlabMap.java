package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import java.util.BitSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which pieces of a slab take space on every copy: asked of the copies in the set when the slab opens, then kept by whoever writes. A copy gives a piece back
 * when the last of its blocks is trimmed, and counts one until its next checkpoint: so some are {@link #unsure}. Confined to the volume's loop.
 */
final class SlabMap {
    private final AccessPointHost host;
    private final SlabHost slab;
    private final BitSet allocated = new BitSet();
    private final BitSet unsure = new BitSet();
    /** Members whose maps are missing, as bits. */
    private int missing;
    /** It is known whose maps are needed. */
    private boolean isKnown;

    private boolean hasAny;

    SlabMap(AccessPointHost host, SlabHost slab) {
        this.host = host;
        this.slab = slab;
    }

    BitSet allocated() {
        return allocated;
    }

    /** Those of {@link #allocated} that a copy may give back without being asked again: partly trimmed since, or told as the slab opened. Kept by whoever writes. */
    BitSet unsure() {
        return unsure;
    }

    /** The maps of these members are needed. */
    void want(int[] members) {
        for (int member : members) {
            missing |= 1 << member;
        }
        isKnown = true;
        fetch();
    }

    /** The member's map is not needed any more. */
    void leaveOut(int member) {
        missing &= ~(1 << member);
    }

    /** Asks for those that are missing; again when a member is back. */
    void fetch() {
        GroupPort[] ports = slab.ports;
        for (int i = 0; i < ports.length; i++) {
            int member = i;
            if ((missing & 1 << member) != 0 && !host.hasEnded()) {
                ports[member].map(slab.point.stream(), host.epoch(), (status, pieces) -> told(member, status, pieces));
            }
        }
    }

    private void told(int member, StoreStatus status, @Nullable BitSet pieces) {
        if (status != StoreStatus.OK || pieces == null) {
            // Asked again when the member is back.
            return;
        }
        if ((missing & 1 << member) == 0) {
            return;
        }
        missing &= ~(1 << member);
        // A piece that one copy does not hold reads as zeros there, so everywhere; and a write to it takes room at
        // least there.
        if (hasAny) {
            allocated.and(pieces);
        } else {
            hasAny = true;
            allocated.or(pieces);
        }
        if (isComplete()) {
            unsure.or(allocated);
        }
        host.openedOrMapped();
    }

    /**
     * Asks anew which pieces take space on every copy in the set; {@code told}: never inside this call, null when a copy did not answer. It is true as long as
     * nothing is numbered after the question, so whoever asks, and numbers, takes it over.
     */
    void renew(Consumer<@Nullable BitSet> told) {
        new Renewal(slab.inSet(), told).ask();
    }

    private final class Renewal {
        private final int[] members;
        private final Consumer<@Nullable BitSet> told;
        private final BitSet found = new BitSet();
        private int answers;
        private boolean isRefused;

        Renewal(int[] members, Consumer<@Nullable BitSet> told) {
            this.members = members;
            this.told = told;
        }

        void ask() {
            GroupPort[] ports = slab.ports;
            for (int member : members) {
                ports[member].map(slab.point.stream(), host.epoch(), this::answered);
            }
        }

        private void answered(StoreStatus status, @Nullable BitSet pieces) {
            if (status != StoreStatus.OK || pieces == null) {
                isRefused = true;
            } else if (answers == 0) {
                found.or(pieces);
            } else {
                found.and(pieces);
            }
            answers++;
            if (answers < members.length || host.hasEnded()) {
                return;
            }
            told.accept(isRefused ? null : found);
        }
    }

    /** True once every member told which pieces take space. */
    boolean isComplete() {
        return isKnown && missing == 0;
    }
}
