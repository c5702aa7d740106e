package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
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
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The disk group on this very loop: calls instead of messages. What stands for a connection is a {@link Session}: when the group is closed to be opened anew,
 * the port is down meanwhile, and what the old one still says is heard by nobody.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class LocalPort extends GroupPort {
    private final Loop loop;
    private final ArrayDeque<Read> pool = new ArrayDeque<>();
    /** Null while the group is not open. */
    private @Nullable Session session;

    LocalPort(Loop loop, ReplicaHost host) {
        super(host.group());
        this.loop = loop;
        this.session = new Session(host);
        probe();
    }

    /** The group was opened anew. */
    void up(ReplicaHost host) {
        Invariant.check(session == null, "a disk group is served twice");
        session = new Session(host);
        probe();
        List.copyOf(listeners().values()).forEach(listener -> listener.portUp(this));
    }

    /** The group is about to be closed. */
    void down(String reason) {
        Session ending = session;
        session = null;
        if (ending != null) {
            ending.host.gone(ending);
            List.copyOf(listeners().values()).forEach(listener -> listener.portDown(this, reason));
        }
    }

    @Override
    void join(long volume, PortListener listener) {
        super.join(volume, listener);
        loop.execute(() -> {
            if (isUp()) {
                listener.portUp(this);
            }
        });
    }

    @Override
    @Nullable Replica localReplica(long stream) {
        return session == null ? null : session.host.replica(stream);
    }

    @Override
    boolean isLocal() {
        return true;
    }

    @Override
    boolean isUp() {
        return session != null;
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
        if (session != null) {
            session.host.seal(stream, epoch, gen, seal, session);
        }
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
        if (session != null) {
            record.commitSeq = commitSeq;
            session.host.replicate(stream, epoch, gen, round, record, payload, payloadIndex, session);
        }
    }

    @Override
    void commit(long stream, int epoch, long commitSeq) {
        if (session != null) {
            session.host.commit(stream, epoch, commitSeq, session);
        }
    }

    @Override
    void read(SlabRead read) {
        Session to = session;
        Refusal refusal = to == null ? Refusal.NEED_SEAL : to.readRefusal(read);
        if (to == null || refusal != null) {
            loop.execute(() -> answer(read, refusal, 0, 0));
            return;
        }
        Read local = pool.isEmpty() ? new Read() : pool.pop();
        local.of = read;
        local.by = to;
        local.stream = read.stream;
        local.block = read.block;
        local.count = read.count;
        local.destination = read.destination;
        local.destinationIndex = read.destinationIndex;
        read.held = local;
        to.host.store().read(local);
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
        private @Nullable Session by;

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
            // A group that was closed since failed nobody who has been opened after it.
            boolean isOld = by != session;
            by = null;
            Refusal refusal =
                    isOld ? Refusal.NEED_SEAL : status == StoreStatus.OK ? null : ReplicaHost.asRefusal(status);
            answer(read, refusal, highest, damaged);
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
        if (isUpFor(receiver)) {
            host().store().readTail(tail);
        }
    }

    /** False: it is not, and the receiver will be told so. */
    private boolean isUpFor(Object receiver) {
        if (session == null) {
            loop.execute(() -> RemoteAnswers.fail(receiver));
        }
        return session != null;
    }

    private ReplicaHost host() {
        return session().host;
    }

    private Session session() {
        return java.util.Objects.requireNonNull(session);
    }

    @Override
    void map(long stream, int epoch, MapReceiver receiver) {
        if (!isUpFor(receiver)) {
            return;
        }
        if (host().replica(stream) == null) {
            loop.execute(() -> receiver.told(StoreStatus.NOT_MEMBER, null));
        } else {
            host().store().allocatedPieces(stream, set -> receiver.told(StoreStatus.OK, set));
        }
    }

    @Override
    void digest(long stream, int epoch, int extent, DigestReceiver receiver) {
        if (isUpFor(receiver)) {
            host().store().digest(stream, extent, receiver::told);
        }
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
        if (!isUpFor(receiver)) {
            return;
        }
        ByteBuf copy = Buffers.aligned(Geometry.BLOCK_BYTES);
        copy.writeBytes(data, dataIndex, Geometry.BLOCK_BYTES);
        host().store().repair(stream, block, copy, 0, crc, version, status -> {
            copy.release();
            receiver.told(status);
        });
    }

    @Override
    void prepare(long stream, int epoch, PrepareReceiver receiver) {
        if (isUpFor(receiver)) {
            host().resync().prepare(stream, epoch, session(), receiver);
        }
    }

    @Override
    void newer(long stream, int epoch, long seq, ExtentsReceiver receiver) {
        if (isUpFor(receiver)) {
            host().resync().newer(stream, epoch, seq, session(), receiver);
        }
    }

    @Override
    void join(long stream, int epoch, long resync, long joinSeq, BitSet newer, ExtentsReceiver receiver) {
        if (isUpFor(receiver)) {
            host().resync().join(stream, epoch, resync, joinSeq, newer, session(), receiver);
        }
    }

    @Override
    void finish(long stream, int epoch, long resync, long commitSeq, RepairReceiver receiver) {
        if (isUpFor(receiver)) {
            host().resync().finish(stream, epoch, resync, commitSeq, session(), receiver);
        }
    }

    @Override
    void probe() {
        if (session != null) {
            Credits credits = session.host.credits();
            told(credits.journalBytes(), credits.pieces());
        }
    }

    @Override
    void askReclaim() {
        Session asked = session;
        if (asked == null) {
            loop.execute(() -> reclaimed(false));
            return;
        }
        asked.host.store().reclaim(() -> {
            probe();
            reclaimed(asked == session);
        });
    }

    @Override
    void release(long volume, int epoch) {
        // No lease was needed: the promise itself is looked at.
    }

    /** What the disk group knows its access points here by, as long as it is open. */
    private final class Session implements ReplicaClient {
        private final ReplicaHost host;

        Session(ReplicaHost host) {
            this.host = host;
        }

        @Nullable Refusal readRefusal(SlabRead read) {
            Replica replica = host.replica(read.stream);
            return replica == null ? Refusal.NOT_MEMBER : replica.readRefusal(this, read.issuedEpoch, read.leastSeq);
        }

        private @Nullable PortListener to(long stream) {
            return this == session ? listener(stream) : null;
        }

        @Override
        public void sealed(long stream, int epoch, Message.Sealed sealed) {
            loop.execute(() -> {
                PortListener listener = to(stream);
                if (listener != null) {
                    told(sealed.journalCredit(), sealed.pieceCredit());
                    listener.sealed(LocalPort.this, stream, epoch, sealed);
                }
            });
        }

        @Override
        public void leaseHeld(long stream, int epoch, long remainingNanos, int holderEpoch) {
            loop.execute(() -> {
                PortListener listener = to(stream);
                if (listener != null) {
                    listener.leaseHeld(LocalPort.this, stream, epoch, remainingNanos, holderEpoch);
                }
            });
        }

        @Override
        public void sealRefused(long stream, int epoch, Refusal refusal, int promisedEpoch) {
            loop.execute(() -> {
                PortListener listener = to(stream);
                if (listener != null) {
                    listener.sealRefused(LocalPort.this, stream, epoch, refusal, promisedEpoch);
                }
            });
        }

        @Override
        public void acked(long stream, int epoch, long durableSeq) {
            probe();
            PortListener listener = to(stream);
            if (listener != null) {
                listener.acked(LocalPort.this, stream, epoch, durableSeq);
            }
        }

        @Override
        public void refused(
                long stream, int epoch, int round, Refusal refusal, int promisedEpoch, long seq, long lastSeq) {
            loop.execute(() -> {
                PortListener listener = to(stream);
                if (listener != null) {
                    listener.refused(LocalPort.this, stream, epoch, round, refusal, promisedEpoch, seq, lastSeq);
                }
            });
        }

        @Override
        public void fenced(long stream, int newerEpoch) {
            PortListener listener = to(stream);
            if (listener != null) {
                listener.sealRefused(LocalPort.this, stream, 0, Refusal.STALE_EPOCH, newerEpoch);
            }
        }
    }
}
