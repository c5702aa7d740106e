package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.store.Credits;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.StoreRead;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.TailRead;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** The disk group on this very loop: calls instead of messages. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class LocalPort extends GroupPort implements ReplicaClient {
    private final Loop loop;
    private final ReplicaHost host;
    private final ArrayDeque<Read> pool = new ArrayDeque<>();

    LocalPort(Loop loop, ReplicaHost host) {
        super(host.group());
        this.loop = loop;
        this.host = host;
        probe();
    }

    @Override
    void join(long volume, PortListener listener) {
        super.join(volume, listener);
        loop.execute(() -> listener.portUp(this));
    }

    @Override
    @Nullable Replica localReplica(long stream) {
        return host.replica(stream);
    }

    @Override
    boolean isLocal() {
        return true;
    }

    @Override
    boolean isUp() {
        return true;
    }

    @Override
    boolean isWritable() {
        return true;
    }

    @Override
    String trouble() {
        return "";
    }

    @Override
    void seal(long stream, int epoch, int gen, Message.Seal seal) {
        host.seal(stream, epoch, gen, seal, this);
    }

    @Override
    void replicate(
            long stream,
            int epoch,
            int gen,
            int round,
            WireRecord record,
            @Nullable ByteBuf payload,
            int payloadIndex,
            long commitSeq) {
        record.commitSeq = commitSeq;
        host.replicate(stream, epoch, gen, round, record, payload, payloadIndex, this);
    }

    @Override
    void commit(long stream, int epoch, long commitSeq) {
        host.commit(stream, epoch, commitSeq, this);
    }

    @Override
    void read(SlabRead read) {
        Replica replica = host.replica(read.stream);
        Refusal refusal =
                replica == null ? Refusal.NOT_MEMBER : replica.readRefusal(this, read.issuedEpoch, read.leastSeq);
        if (refusal != null) {
            loop.execute(() -> answer(read, refusal, 0, 0));
            return;
        }
        Read local = pool.isEmpty() ? new Read() : pool.pop();
        local.of = read;
        local.stream = read.stream;
        local.block = read.block;
        local.count = read.count;
        local.destination = read.destination;
        local.destinationIndex = read.destinationIndex;
        read.held = local;
        host.store().read(local);
    }

    /** The disk may write to the destination until it ends what it was asked. */
    @Override
    boolean abandon(SlabRead read) {
        if (read.held instanceof Read local && local.of == read) {
            read.held = null;
            local.of = null;
            java.util.Objects.requireNonNull(local.destination).retain();
            return true;
        }
        return false;
    }

    private static void answer(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock) {
        java.util.Objects.requireNonNull(read.issuer).readAnswered(read, refusal, highestSeq, damagedBlock);
    }

    private final class Read extends StoreRead {
        private @Nullable SlabRead of;

        @Override
        protected void completed(StoreStatus status) {
            SlabRead read = of;
            ByteBuf kept = destination;
            of = null;
            destination = null;
            long highest = highestSeq;
            int damaged = block + badBlock;
            pool.push(this);
            if (read == null) {
                java.util.Objects.requireNonNull(kept).release();
                return;
            }
            read.held = null;
            answer(read, status == StoreStatus.OK ? null : ReplicaHost.asRefusal(status), highest, damaged);
        }
    }

    @Override
    void fetchTail(long stream, int epoch, long fromSeq, long toSeq, TailReceiver receiver) {
        TailRead tail = new TailRead() {
            private final WireRecord out = new WireRecord();

            @Override
            protected boolean record(JournalRecord from) {
                TailRecords.fill(out, from);
                ByteBuf copy = null;
                if (out.crcCount > 0) {
                    copy = copyOf(
                            java.util.Objects.requireNonNull(from.payload),
                            from.payloadIndex,
                            out.crcCount * Geometry.BLOCK_BYTES);
                }
                receiver.record(out, copy, 0);
                if (copy != null) {
                    copy.release();
                }
                return true;
            }

            @Override
            protected void ended(StoreStatus status) {
                receiver.ended(status);
            }
        };
        tail.stream = stream;
        tail.fromSeq = fromSeq;
        tail.toSeq = toSeq;
        host.store().readTail(tail);
    }

    @Override
    void map(long stream, int epoch, MapReceiver receiver) {
        if (host.replica(stream) == null) {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER, null));
        } else {
            host.store().allocatedPieces(stream, set -> receiver.told(StoreStatus.OK, set));
        }
    }

    @Override
    void digest(long stream, int epoch, int extent, DigestReceiver receiver) {
        host.store().digest(stream, extent, receiver::told);
    }

    @Override
    void repair(
            long stream,
            int epoch,
            int block,
            ByteBuf data,
            int dataIndex,
            int crc,
            long version,
            RepairReceiver receiver) {
        ByteBuf copy = Buffers.aligned(Geometry.BLOCK_BYTES);
        copy.writeBytes(data, dataIndex, Geometry.BLOCK_BYTES);
        host.store().repair(stream, block, copy, 0, crc, version, status -> {
            copy.release();
            receiver.told(status);
        });
    }

    @Override
    void prepare(long stream, int epoch, PrepareReceiver receiver) {
        host.resync().prepare(stream, epoch, this, receiver);
    }

    @Override
    void newer(long stream, int epoch, long seq, ExtentsReceiver receiver) {
        host.resync().newer(stream, epoch, seq, this, receiver);
    }

    @Override
    void join(long stream, int epoch, long session, long joinSeq, BitSet newer, ExtentsReceiver receiver) {
        host.resync().join(stream, epoch, session, joinSeq, newer, this, receiver);
    }

    @Override
    void finish(long stream, int epoch, long session, long commitSeq, RepairReceiver receiver) {
        host.resync().finish(stream, epoch, session, commitSeq, this, receiver);
    }

    @Override
    void probe() {
        Credits credits = host.credits();
        told(credits.journalBytes(), credits.pieces());
    }

    @Override
    void askReclaim() {
        host.store().reclaim(() -> {
            probe();
            reclaimed(true);
        });
    }

    @Override
    void release(long volume, int epoch) {
        // No lease was needed: the promise itself is looked at.
    }

    @Override
    public void sealed(long stream, int epoch, Message.Sealed sealed) {
        loop.execute(() -> {
            told(sealed.journalCredit(), sealed.pieceCredit());
            PortListener listener = listener(stream);
            if (listener != null) {
                listener.sealed(this, stream, epoch, sealed);
            }
        });
    }

    @Override
    public void leaseHeld(long stream, int epoch, long remainingNanos, int holderEpoch) {
        loop.execute(() -> {
            PortListener listener = listener(stream);
            if (listener != null) {
                listener.leaseHeld(this, stream, epoch, remainingNanos, holderEpoch);
            }
        });
    }

    @Override
    public void sealRefused(long stream, int epoch, Refusal refusal, int promisedEpoch) {
        loop.execute(() -> {
            PortListener listener = listener(stream);
            if (listener != null) {
                listener.sealRefused(this, stream, epoch, refusal, promisedEpoch);
            }
        });
    }

    @Override
    public void acked(long stream, int epoch, long durableSeq) {
        probe();
        PortListener listener = listener(stream);
        if (listener != null) {
            listener.acked(this, stream, epoch, durableSeq);
        }
    }

    @Override
    public void refused(long stream, int epoch, int round, Refusal refusal, int promisedEpoch, long seq, long lastSeq) {
        loop.execute(() -> {
            PortListener listener = listener(stream);
            if (listener != null) {
                listener.refused(this, stream, epoch, round, refusal, promisedEpoch, seq, lastSeq);
            }
        });
    }

    @Override
    public void fenced(long stream, int newerEpoch) {
        PortListener listener = listener(stream);
        if (listener != null) {
            listener.sealRefused(this, stream, 0, Refusal.STALE_EPOCH, newerEpoch);
        }
    }
}
