package io.varve.dataplane.replication;

import io.varve.dataplane.store.StoreStatus;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Which pieces of a slab take space on every copy: asked of the copies in the set when the slab opens, then kept by whoever writes. Confined to the volume's loop. */
final class SlabMap {
    private final AccessPointHost host;
    private final SlabHost slab;
    private final BitSet allocated = new BitSet();
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
        host.openedOrMapped();
    }

    /** True once every member told which pieces take space. */
    boolean isComplete() {
        return isKnown && missing == 0;
    }
}
