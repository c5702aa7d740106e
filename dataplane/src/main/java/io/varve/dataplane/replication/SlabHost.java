package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One slab of an attached volume: carries out what its {@link AccessPoint} decides, and knows which port each member is. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class SlabHost implements AccessPointEffects {
    /** Between a refusal that passes (no room) and sending again. */
    private static final long RESEND_PAUSE_NANOS = 10_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(SlabHost.class);

    private final AccessPointHost host;
    private final Loop loop;
    private final TailRecord tailRecord = new TailRecord();
    private final Crc32c crc = new Crc32c();
    final AttachSpec.Slab spec;
    final AccessPoint point;
    final GroupPort[] ports;
    private final long[] creationIds;
    private final @Nullable TailFetch[] fetches;
    final BitSet allocated = new BitSet();
    int gen;
    private int mapsMissing;
    private boolean hasMap;

    SlabHost(AccessPointHost host, AttachSpec.Slab spec, Ports from) {
        this.host = host;
        this.loop = from.loop();
        this.spec = spec;
        this.gen = spec.gen();
        long stream = host.spec().volume() << 16 | spec.index();
        List<AttachSpec.Copy> copies = new ArrayList<>(spec.copies());
        copies.removeIf(copy -> !spec.isr().contains(copy.group()));
        // Reads ask the first that can answer.
        copies.sort(Comparator.comparingInt(from::distance));
        ports = new GroupPort[copies.size()];
        creationIds = new long[copies.size()];
        fetches = new TailFetch[copies.size()];
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < copies.size(); i++) {
            AttachSpec.Copy copy = copies.get(i);
            ports[i] = from.port(copy.group(), copy.peerAddress());
            creationIds[i] = copy.creationId();
            Lease lease = host.lease(ports[i]);
            members.add(new Member(i, copy.group(), lease, ports[i].localReplica(stream)));
        }
        mapsMissing = (1 << copies.size()) - 1;
        point = new AccessPoint(stream, host.spec().epoch(), members, this);
    }

    int memberOf(GroupPort port) {
        for (int i = 0; i < ports.length; i++) {
            if (ports[i] == port) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public void seal(int member) {
        ports[member].seal(
                point.stream(),
                host.epoch(),
                gen,
                new Message.Seal(
                        creationIds[member],
                        host.self().nodeHash(),
                        host.self().incarnation(),
                        NodeIdentity.hash(host.spec().attachId())));
    }

    @Override
    public void replicate(int member, WriteRecord record, int round, long commitSeq) {
        ports[member].replicate(
                point.stream(), host.epoch(), gen, round, record, record.payload, record.payloadIndex, commitSeq);
    }

    @Override
    public void tellCommit(int member, long commitSeq) {
        ports[member].commit(point.stream(), host.epoch(), commitSeq);
    }

    @Override
    public void fetchTail(int donor, int member, long fromSeq, long toSeq) {
        TailFetch fetch = new TailFetch(member);
        fetches[member] = fetch;
        ports[donor].fetchTail(point.stream(), host.epoch(), fromSeq, toSeq, fetch);
    }

    @Override
    public void resendLater(int member) {
        loop.schedule(RESEND_PAUSE_NANOS, () -> point.resend(member));
    }

    @Override
    public void acked(int member, WriteRecord record) {
        ports[member].givenBack(record.journalCost, record.pieceCost);
    }

    @Override
    public void recovered() {
        loop.execute(host::slabRecovered);
    }

    @Override
    public void opened() {
        loop.execute(() -> {
            fetchMaps();
            host.openedOrMapped();
        });
    }

    void fetchMaps() {
        for (int i = 0; i < ports.length; i++) {
            int member = i;
            if ((mapsMissing & 1 << member) != 0 && !host.hasEnded()) {
                ports[member].map(point.stream(), host.epoch(), (status, pieces) -> mapped(member, status, pieces));
            }
        }
    }

    private void mapped(int member, StoreStatus status, @Nullable BitSet pieces) {
        if (status != StoreStatus.OK || pieces == null) {
            // Asked again when the member is back.
            return;
        }
        if ((mapsMissing & 1 << member) == 0) {
            return;
        }
        mapsMissing &= ~(1 << member);
        // A piece that one copy does not hold reads as zeros there, so everywhere; and a write to it takes room at
        // least there.
        if (hasMap) {
            allocated.and(pieces);
        } else {
            hasMap = true;
            allocated.or(pieces);
        }
        host.openedOrMapped();
    }

    @Override
    public void read(int member, SlabRead read) {
        read.issuer = host;
        read.issuedTo = member;
        read.issuedEpoch = host.epoch();
        ports[member].read(read);
    }

    @Override
    public void readSingly(SlabRead read) {
        // In a turn of its own: reads that end inside the call that began them would pile up.
        loop.execute(() -> new SingleReads(point, read).start());
    }

    @Override
    public void repair(int member, SlabRead read, int block) {
        if (block < read.block || block >= read.block + read.count) {
            // A peer that names a block which was not asked for.
            loop.execute(() -> read.repairEnded(StoreStatus.BAD_BLOCK));
            return;
        }
        host.countRepair();
        int at = read.destinationIndex + (block - read.block) * Geometry.BLOCK_BYTES;
        ByteBuf data = java.util.Objects.requireNonNull(read.destination);
        int crc = this.crc.of(data, at, Geometry.BLOCK_BYTES);
        long stream = read.stream;
        String group = ports[member].group();
        LOG.warn("damaged block stream={} block={} group={}", stream, block, group);
        ports[member].repair(stream, host.epoch(), block, data, at, crc, read.leastSeq, status -> {
            LOG.warn("block repaired stream={} block={} group={} status={}", stream, block, group, status);
            read.repairEnded(status);
        });
    }

    @Override
    public void wantLease() {
        host.wantLease();
    }

    @Override
    public void ended() {
        boolean fenced = point.phase() == AccessPoint.Phase.FENCED;
        if (!host.hasEnded()) {
            String why = point.trouble();
            loop.execute(() -> host.end(fenced, why));
        }
    }

    @Override
    public void alarm(String what) {
        LOG.error("{}", what);
    }

    /** True once every member told which pieces take space. */
    boolean hasMaps() {
        return mapsMissing == 0;
    }

    void openCommitted(int newGen) {
        gen = newGen;
    }

    void startEpoch() {
        point.openCommitted(new EpochStart());
    }

    /** Hands the records of a donor's tail to the access point, unless a newer fetch took its place. */
    private final class TailFetch implements GroupPort.TailReceiver {

        private final int member;

        TailFetch(int member) {
            this.member = member;
        }

        @Override
        public void record(WireRecord record, @Nullable ByteBuf payload, int payloadIndex) {
            if (fetches[member] == this) {
                tailRecord.copyFrom(record);
                tailRecord.payload = payload;
                tailRecord.payloadIndex = payloadIndex;
                point.tail(member, tailRecord);
                tailRecord.payload = null;
            }
        }

        @Override
        public void ended(StoreStatus status) {
            if (fetches[member] == this) {
                point.tailEnded(member, status);
            }
        }
    }

    /** Sent as soon as it is handed over; never in flight. */
    private static final class TailRecord extends WriteRecord {
        @Override
        protected void committed(boolean fenced) {
            throw new IllegalStateException("a record of a tail is never numbered here");
        }
    }

    /** The first record of the epoch. */
    private static final class EpochStart extends WriteRecord {
        @Override
        protected void committed(boolean fenced) {
            // The access point itself says that it is open.
        }
    }
}
