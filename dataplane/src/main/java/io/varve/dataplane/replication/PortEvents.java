package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.Refusal;
import org.jspecify.annotations.Nullable;

/** Takes what the disk groups say to the slab of the volume that it concerns. Confined to the volume's loop. */
final class PortEvents implements PortListener {
    private final AccessPointHost host;
    private final AttachSpec spec;
    private final JoinedGroups joined;

    PortEvents(AccessPointHost host, AttachSpec spec, JoinedGroups joined) {
        this.host = host;
        this.spec = spec;
        this.joined = joined;
    }

    @Override
    public long volume() {
        return spec.volume();
    }

    @Override
    public int epoch() {
        return spec.epoch();
    }

    @Override
    public void portUp(GroupPort port) {
        for (SlabHost slab : host.slabs()) {
            int member = slab.memberOf(port);
            if (member >= 0) {
                slab.point.member(member).local = port.localReplica(slab.point.stream());
                slab.point.memberUp(member);
            }
        }
        if (port.isLocal() && !host.hasEnded()) {
            // What waits for leases may wait for this promise to be looked at again.
            host.checkLeases();
        }
    }

    @Override
    public void portDown(GroupPort port, String reason) {
        for (SlabHost slab : host.slabs()) {
            int member = slab.memberOf(port);
            if (member >= 0) {
                slab.point.member(member).local = null;
                slab.point.memberDown(member, reason);
            }
        }
        host.arm();
    }

    @Override
    public void portEased(GroupPort port) {
        for (SlabHost slab : host.slabs()) {
            slab.advanceLearners();
        }
        host.eased();
    }

    @Override
    public void sealed(GroupPort port, long stream, int itsEpoch, Message.Sealed m) {
        SlabHost slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.sealed(member, m.lastSeq(), m.lastEpoch(), m.commitSeq(), m.suspectFromSeq());
            if (slab.point.phase() == AccessPoint.Phase.OPEN) {
                slab.map.fetch();
                host.eased();
            }
        }
    }

    @Override
    public void leaseHeld(GroupPort port, long stream, int itsEpoch, long remainingNanos, int holderEpoch) {
        SlabHost slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.leaseHeld(member, remainingNanos, holderEpoch);
        }
    }

    @Override
    public void sealRefused(GroupPort port, long stream, int itsEpoch, Refusal refusal, int promisedEpoch) {
        SlabHost slab = slab(stream);
        int member = slab == null ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.sealRefused(member, itsEpoch, refusal, promisedEpoch);
        }
    }

    @Override
    public void acked(GroupPort port, long stream, int itsEpoch, long durableSeq) {
        SlabHost slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.acked(member, durableSeq);
            slab.advanceLearners();
            host.eased();
        }
    }

    @Override
    public void refused(
            GroupPort port,
            long stream,
            int itsEpoch,
            int round,
            Refusal refusal,
            int promisedEpoch,
            long seq,
            long lastSeq) {
        SlabHost slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.refused(member, round, refusal, promisedEpoch, seq, lastSeq);
        }
    }

    @Override
    public void leased(GroupPort port, int itsEpoch, long sentNanos, long termNanos) {
        Lease lease = joined.leaseOrNull(port);
        if (lease != null && itsEpoch == spec.epoch() && !host.hasEnded()) {
            lease.granted(sentNanos, termNanos);
            host.checkLeases();
            host.eased();
        }
    }

    @Override
    public void readAnswered(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock) {
        SlabHost slab = slab(read.stream);
        Invariant.check(slab != null, "answer to a read of another volume", read.stream);
        if (slab != null) {
            slab.point
                    .reads()
                    .answered(
                            read.issuedTo,
                            read,
                            refusal,
                            highestSeq,
                            damagedBlock,
                            host.loop().nanos());
        }
    }

    private @Nullable SlabHost slab(long stream) {
        return host.find((int) (stream & 0xffff));
    }
}
