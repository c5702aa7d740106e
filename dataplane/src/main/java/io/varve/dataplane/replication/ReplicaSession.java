package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.Credits;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.StoreRead;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.store.TailRead;
import io.varve.dataplane.wire.Connection;
import io.varve.dataplane.wire.DataPath;
import io.varve.dataplane.wire.FrameWriter;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.MessageCodec;
import io.varve.dataplane.wire.MessageType;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Receiver;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The serving end of one greeted connection: a node's access points on one loop, talking to one disk group. Confined to the group's loop. */
final class ReplicaSession implements Receiver, ReplicaClient {
    /** Reads and steps of a resync of one connection that are with the disk; above it the connection is not read from. */
    static final int MAX_READS = 1024;

    private static final Logger LOG = LoggerFactory.getLogger(ReplicaSession.class);

    private final ReplicaHost host;
    private final ResyncSession resync;
    private final long nodeHash;
    private final long incarnation;
    private final FrameWriter writer = new FrameWriter();
    private final Crc32c crc = new Crc32c();
    private final WireRecord record = new WireRecord();
    private final ArrayDeque<Read> pool = new ArrayDeque<>();
    private @Nullable Connection connection;
    private int reads;
    private boolean isReading = true;
    private boolean isReclaiming;

    ReplicaSession(ReplicaHost host, Message.Hello peer) {
        this.host = host;
        this.resync = new ResyncSession(host, this);
        this.nodeHash = NodeIdentity.hash(peer.node());
        this.incarnation = peer.incarnation();
    }

    @Override
    public void opened(Connection opened) {
        connection = opened;
        host.opened(this);
    }

    /** From now on nothing is told to the peer; {@link #closed} follows. */
    void withdraw(String reason) {
        Connection ending = connection;
        connection = null;
        host.gone(this);
        if (ending != null) {
            ending.close(reason);
        }
    }

    @Override
    public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        return switch (header.type) {
            case REPLICATE -> replicate(header, meta, at, payload);
            case COMMIT, READ -> {
                if (!DataPath.isWellFormed(header, meta, at)) {
                    yield header.type + " is malformed";
                }
                if (header.type == MessageType.READ) {
                    read(header, meta, at);
                } else {
                    host.commit(header.stream, header.epoch, DataPath.commitSeq(meta, at), this);
                }
                yield null;
            }
            default -> control(header, MessageCodec.decode(header, meta, at), payload);
        };
    }

    private @Nullable String control(Header header, @Nullable Message message, @Nullable ByteBuf payload) {
        switch (message) {
            case Message.Seal m -> {
                if (m.nodeHash() != nodeHash || m.incarnation() != incarnation) {
                    return "SEAL for another node than the one that greeted";
                }
                host.seal(header.stream, header.epoch, header.gen, m, this);
            }
            case Message.Heartbeat m -> heartbeat(header, m);
            case Message.Release m -> host.release(header.stream >>> 16, header.epoch);
            case Message.FetchTail m -> host.store().readTail(new Tail(header, m));
            case Message.MapRequest m -> map(header);
            case Message.DigestRequest m -> digest(header, m);
            case Message.RepairRequest m -> repair(header, m, payload);
            case Message.Reclaim m -> {
                return reclaim(header.requestId);
            }
            case Message.Prepare m -> {
                return resync.received(header, m, payload);
            }
            case Message.Newer m -> {
                return resync.received(header, m, payload);
            }
            case Message.Join m -> {
                return resync.received(header, m, payload);
            }
            case Message.Finish m -> {
                return resync.received(header, m, payload);
            }
            case null -> {
                return header.type + " is malformed";
            }
            default -> {
                return header.type + " is not for a replica";
            }
        }
        return null;
    }

    private @Nullable String replicate(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        String malformed = record.read(meta, at, header.metaLength, header.payloadLength);
        if (malformed != null) {
            return malformed;
        }
        String violation = TailRecords.violation(record, payload != null);
        if (violation != null) {
            return violation;
        }
        StreamState state = host.store().stream(header.stream);
        if (state != null && (long) record.block + record.count > state.blocks()) {
            return "record names blocks outside of the slab: " + record.block + " + " + record.count;
        }
        for (int i = 0; payload != null && i < record.crcCount; i++) {
            if (crc.of(payload, i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES) != record.crcs[i]) {
                LOG.warn(
                        "payload damaged on the way stream={} seq={} block={}",
                        header.stream,
                        record.seq,
                        record.block + i);
                long lastSeq = state == null ? 0 : state.lastSeq();
                refused(header.stream, header.epoch, header.requestId, Refusal.CRC, 0, record.seq, lastSeq);
                return null;
            }
        }
        host.replicate(header.stream, header.epoch, header.gen, header.requestId, record, payload, 0, this);
        return null;
    }

    private void read(Header header, ByteBuf meta, int at) {
        Replica replica = host.replica(header.stream);
        int block = DataPath.readBlock(meta, at);
        int count = DataPath.readCount(meta, at);
        Refusal refusal = replica == null
                ? Refusal.NOT_MEMBER
                : replica.readRefusal(this, header.epoch, DataPath.readLeastSeq(meta, at));
        if (refusal == null
                && replica != null
                && (long) block + count > replica.state().blocks()) {
            refusal = Refusal.NOT_MEMBER;
        }
        if (refusal != null) {
            refuseRead(header.requestId, header.stream, header.epoch, refusal, block);
            return;
        }
        Read read = pool.isEmpty() ? new Read() : pool.pop();
        read.requestId = header.requestId;
        read.epoch = header.epoch;
        read.stream = header.stream;
        read.block = block;
        read.count = count;
        read.destination = Buffers.aligned(count * Geometry.BLOCK_BYTES);
        read.destinationIndex = 0;
        began();
        host.store().read(read);
    }

    /** Something is with the disk for this connection; {@link #ended} follows. */
    void began() {
        reads++;
        throttle();
    }

    void ended() {
        reads--;
        throttle();
    }

    private final class Read extends StoreRead {
        private int requestId;
        private int epoch;

        @Override
        protected void completed(StoreStatus status) {
            ByteBuf data = java.util.Objects.requireNonNull(destination);
            destination = null;
            if (status == StoreStatus.OK) {
                int meta = DataPath.DATA_FIXED_BYTES + 4 * count;
                int bytes = count * Geometry.BLOCK_BYTES;
                ByteBuf head = writer.start(meta);
                DataPath.writeData(head, highestSeq, crcs, count);
                send(writer.finish(head, MessageType.DATA, requestId, stream, epoch, 0, bytes), data, bytes);
            } else {
                refuseRead(requestId, stream, epoch, ReplicaHost.asRefusal(status), block + badBlock);
            }
            data.release();
            pool.push(this);
            ended();
        }
    }

    private void refuseRead(int requestId, long stream, int epoch, Refusal refusal, int block) {
        ByteBuf head = writer.start(DataPath.READ_REFUSED_BYTES);
        DataPath.writeReadRefused(head, refusal, block);
        send(writer.finish(head, MessageType.READ_REFUSED, requestId, stream, epoch, 0, 0), null, 0);
    }

    private void heartbeat(Header header, Message.Heartbeat m) {
        int granted = 0;
        long[] volumes = new long[m.volumes().length];
        int[] epochs = new int[m.volumes().length];
        for (int i = 0; i < m.volumes().length; i++) {
            if (host.grantLease(m.volumes()[i], m.epochs()[i], nodeHash, incarnation)) {
                volumes[granted] = m.volumes()[i];
                epochs[granted++] = m.epochs()[i];
            }
        }
        Credits credits = host.credits();
        answer(
                new Message.Leases(
                        m.nanos(),
                        LeaseTable.BELIEVED_NANOS,
                        credits.journalBytes(),
                        credits.pieces(),
                        java.util.Arrays.copyOf(volumes, granted),
                        java.util.Arrays.copyOf(epochs, granted)),
                header.requestId,
                header.stream,
                header.epoch,
                null);
    }

    private void map(Header header) {
        int requestId = header.requestId;
        long stream = header.stream;
        int epoch = header.epoch;
        StreamState state = host.store().stream(stream);
        if (state == null) {
            Message unknown = new Message.Mapped(StatusCode.of(StoreStatus.NOT_MEMBER), 0, 0);
            answer(unknown, requestId, stream, epoch, null);
            return;
        }
        int pieces = (state.blocks() + Geometry.BLOCKS_PER_PIECE - 1) / Geometry.BLOCKS_PER_PIECE;
        host.store().allocatedPieces(stream, set -> {
            byte[] bits = java.util.Arrays.copyOf(set.toByteArray(), (pieces + 7) / 8);
            ByteBuf bytes = Unpooled.wrappedBuffer(bits);
            int sum = crc.of(bytes, 0, bits.length);
            Message mapped = new Message.Mapped(StatusCode.of(StoreStatus.OK), pieces, sum);
            answer(mapped, requestId, stream, epoch, bytes);
            bytes.release();
        });
    }

    private void digest(Header header, Message.DigestRequest m) {
        int requestId = header.requestId;
        long stream = header.stream;
        int epoch = header.epoch;
        host.store()
                .digest(
                        stream,
                        m.extent(),
                        (status, sum, version) -> answer(
                                new Message.Digested(StatusCode.of(status), sum, version),
                                requestId,
                                stream,
                                epoch,
                                null));
    }

    private void repair(Header header, Message.RepairRequest m, @Nullable ByteBuf payload) {
        int requestId = header.requestId;
        long stream = header.stream;
        int epoch = header.epoch;
        Replica replica = host.replica(stream);
        boolean isSound = payload != null
                && replica != null
                && replica.readRefusal(this, epoch, 0) == null
                && m.block() < replica.state().blocks()
                && crc.of(payload, 0, Geometry.BLOCK_BYTES) == m.crc();
        if (payload == null || !isSound) {
            answer(new Message.Repaired(StatusCode.of(StoreStatus.NOT_MEMBER)), requestId, stream, epoch, null);
            return;
        }
        payload.retain();
        host.store().repair(stream, m.block(), payload, 0, m.crc(), m.version(), status -> {
            payload.release();
            answer(new Message.Repaired(StatusCode.of(status)), requestId, stream, epoch, null);
        });
    }

    private @Nullable String reclaim(int requestId) {
        if (isReclaiming) {
            return "RECLAIM before the one before was answered";
        }
        isReclaiming = true;
        host.store().reclaim(() -> {
            isReclaiming = false;
            Credits credits = host.credits();
            answer(new Message.Reclaimed(credits.journalBytes(), credits.pieces()), requestId, 0, 0, null);
        });
        return null;
    }

    /** Sends the records of a tail as they are read. */
    private final class Tail extends TailRead {
        private final int requestId;
        private final int epoch;
        private final WireRecord out = new WireRecord();

        Tail(Header header, Message.FetchTail m) {
            requestId = header.requestId;
            epoch = header.epoch;
            stream = header.stream;
            fromSeq = m.fromSeq();
            toSeq = m.toSeq();
        }

        @Override
        protected boolean record(JournalRecord from) {
            TailRecords.fill(out, from);
            ByteBuf head = writer.start(out.metaLength());
            out.write(head, 0);
            int bytes = out.crcCount * Geometry.BLOCK_BYTES;
            writer.finish(head, MessageType.TAIL, requestId, stream, epoch, from.gen, bytes);
            ByteBuf copy = null;
            if (bytes > 0) {
                // The store's memory is valid during this call only.
                copy = PooledByteBufAllocator.DEFAULT.directBuffer(bytes);
                copy.writeBytes(java.util.Objects.requireNonNull(from.payload), from.payloadIndex, bytes);
            }
            send(head, copy, bytes);
            if (copy != null) {
                copy.release();
            }
            return connection != null;
        }

        @Override
        protected void ended(StoreStatus status) {
            answer(new Message.TailEnd(StatusCode.of(status)), requestId, stream, epoch, null);
        }
    }

    @Override
    public void sealed(long stream, int epoch, Message.Sealed sealed) {
        answer(sealed, 0, stream, epoch, null);
    }

    @Override
    public void leaseHeld(long stream, int epoch, long remainingNanos, int holderEpoch) {
        answer(new Message.LeaseHeld(remainingNanos, holderEpoch), 0, stream, epoch, null);
    }

    @Override
    public void sealRefused(long stream, int epoch, Refusal refusal, int promisedEpoch) {
        answer(new Message.SealRefused(refusal, promisedEpoch), 0, stream, epoch, null);
    }

    @Override
    public void acked(long stream, int epoch, long durableSeq) {
        Credits credits = host.credits();
        ByteBuf head = writer.start(DataPath.ACK_BYTES);
        DataPath.writeAck(head, durableSeq, credits.journalBytes(), credits.pieces());
        send(writer.finish(head, MessageType.ACK, 0, stream, epoch, 0, 0), null, 0);
    }

    @Override
    public void refused(long stream, int epoch, int round, Refusal refusal, int promisedEpoch, long seq, long lastSeq) {
        ByteBuf head = writer.start(DataPath.NAK_BYTES);
        DataPath.writeNak(head, refusal, promisedEpoch, seq, lastSeq);
        send(writer.finish(head, MessageType.NAK, round, stream, epoch, 0, 0), null, 0);
    }

    @Override
    public void fenced(long stream, int newerEpoch) {
        // Told early, so that a living access point stops at once; what protects the data are the refusals and the
        // lease.
        sealRefused(stream, 0, Refusal.STALE_EPOCH, newerEpoch);
    }

    @Override
    public void writabilityChanged() {
        throttle();
    }

    @Override
    public void closed(String reason) {
        LOG.info("replica session ended group={} reason=\"{}\"", host.group(), reason);
        connection = null;
        host.gone(this);
    }

    /** A peer that does not take replies, or asks for more than the disk gives, is not read from. */
    private void throttle() {
        Connection to = connection;
        boolean goOn = to != null && to.isWritable() && reads < MAX_READS;
        if (to != null && goOn != isReading) {
            isReading = goOn;
            to.setReading(goOn);
        }
    }

    /** {@code payload}: all that is readable of it, from index 0; stays the caller's. */
    void answer(Message message, int requestId, long stream, int epoch, @Nullable ByteBuf payload) {
        int bytes = payload == null ? 0 : payload.readableBytes();
        send(MessageCodec.encode(writer, message, requestId, stream, epoch, 0, bytes), payload, bytes);
    }

    private void send(ByteBuf head, @Nullable ByteBuf payload, int length) {
        if (connection == null) {
            head.release();
        } else {
            connection.send(head, payload, 0, length);
        }
    }
}
