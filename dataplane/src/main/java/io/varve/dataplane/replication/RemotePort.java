package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Connection;
import io.varve.dataplane.wire.DataPath;
import io.varve.dataplane.wire.ExtentBits;
import io.varve.dataplane.wire.FrameWriter;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.MessageCodec;
import io.varve.dataplane.wire.MessageType;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.PeerLink;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.Transport;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A disk group elsewhere: turns calls into messages and replies into calls. Beats once a second, which renews leases and tells credits. */
final class RemotePort extends GroupPort implements PeerLink.Listener {
    /** A fifth of a lease: three beats may be late before reads wait. */
    static final long BEAT_NANOS = 1_000_000_000L;

    /** A link whose beats are unanswered for so long is made anew: TCP itself would wait for minutes. */
    static final long SILENCE_LIMIT_NANOS = 5_000_000_000L;

    /** Between two probes: what a writer that waits for journal room adds to its wait at most. */
    private static final long PROBE_PAUSE_NANOS = 5_000_000L;

    private final Loop loop;
    private final PeerLink link;
    private final FrameWriter writer = new FrameWriter();
    private final Crc32c crc = new Crc32c();
    private final RemoteAnswers answers;
    private final Runnable beat = this::beat;
    private @Nullable Connection connection;
    private long answeredNanos;
    private long probedNanos;
    private Loop.@Nullable Timer beatTimer;

    RemotePort(Loop loop, Transport transport, NodeIdentity self, String address, String group) {
        super(group);
        this.loop = loop;
        this.answers = new RemoteAnswers(group);
        this.link = new PeerLink(loop, transport, self, address, group, this);
        link.start();
    }

    /** Who speaks to the group goes on by this port. */
    void reachAt(String address) {
        if (!address.equals(link.address())) {
            link.moveTo(address);
        }
    }

    void close() {
        link.close();
        if (beatTimer != null) {
            beatTimer.cancel();
        }
    }

    @Override
    void join(long volume, PortListener listener) {
        super.join(volume, listener);
        if (isUp()) {
            loop.execute(() -> {
                if (isUp()) {
                    listener.portUp(this);
                }
            });
        }
    }

    @Override
    @Nullable Replica localReplica(long stream) {
        return null;
    }

    @Override
    boolean isLocal() {
        return false;
    }

    @Override
    boolean isUp() {
        return connection != null;
    }

    @Override
    boolean isWritable() {
        // While it is down nothing is sent; what is in flight is bounded where it is numbered.
        return connection == null || connection.isWritable();
    }

    @Override
    String trouble() {
        return link.trouble();
    }

    // ------------------------------------------------------------------------------------------------ requests

    @Override
    void seal(long stream, int epoch, int gen, Message.Seal seal) {
        send(seal, 0, stream, epoch, gen);
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
        if (connection == null) {
            return;
        }
        ByteBuf head = writer.start(record.metaLength());
        record.write(head, commitSeq);
        int bytes = record.crcCount * Geometry.BLOCK_BYTES;
        writer.finish(head, MessageType.REPLICATE, round, stream, epoch, gen, bytes);
        connection.send(head, payload, payloadIndex, bytes);
    }

    @Override
    void commit(long stream, int epoch, long commitSeq) {
        if (connection != null) {
            ByteBuf head = writer.start(DataPath.COMMIT_BYTES);
            head.writeLongLE(commitSeq);
            connection.send(writer.finish(head, MessageType.COMMIT, 0, stream, epoch, 0, 0), null, 0, 0);
        }
    }

    @Override
    void read(SlabRead read) {
        if (connection == null) {
            loop.execute(() -> RemoteAnswers.answer(read, Refusal.NEED_SEAL, 0, 0));
            return;
        }
        int id = answers.await(read);
        ByteBuf head = writer.start(DataPath.READ_BYTES);
        DataPath.writeRead(head, read.block, read.count, read.leastSeq);
        connection.send(writer.finish(head, MessageType.READ, id, read.stream, read.issuedEpoch, 0, 0), null, 0, 0);
    }

    @Override
    boolean abandon(SlabRead read) {
        answers.forget(read);
        return false;
    }

    @Override
    void fetchTail(long stream, int epoch, long fromSeq, long toSeq, TailReceiver receiver) {
        request(new Message.FetchTail(fromSeq, toSeq), stream, epoch, receiver);
    }

    @Override
    void map(long stream, int epoch, MapReceiver receiver) {
        request(new Message.MapRequest(), stream, epoch, receiver);
    }

    @Override
    void digest(long stream, int epoch, int extent, DigestReceiver receiver) {
        request(new Message.DigestRequest(extent), stream, epoch, receiver);
    }

    @Override
    void repair(
            long stream,
            int epoch,
            int block,
            ByteBuf data,
            int dataIndex,
            int crcOfBlock,
            long version,
            RepairReceiver receiver) {
        if (connection == null) {
            loop.execute(() -> RemoteAnswers.fail(receiver));
        } else {
            int id = answers.await(receiver);
            Message message = new Message.RepairRequest(block, crcOfBlock, version);
            ByteBuf head = MessageCodec.encode(writer, message, id, stream, epoch, 0, Geometry.BLOCK_BYTES);
            connection.send(head, data, dataIndex, Geometry.BLOCK_BYTES);
        }
    }

    @Override
    void prepare(long stream, int epoch, PrepareReceiver receiver) {
        request(new Message.Prepare(), stream, epoch, receiver);
    }

    @Override
    void newer(long stream, int epoch, long seq, ExtentsReceiver receiver) {
        request(new Message.Newer(seq), stream, epoch, receiver);
    }

    @Override
    void join(long stream, int epoch, long session, long joinSeq, BitSet newer, ExtentsReceiver receiver) {
        if (connection == null) {
            loop.execute(() -> RemoteAnswers.fail(receiver));
            return;
        }
        // The port does not know how many extents the slab has: the last ones need not be told.
        int extents = newer.length();
        ByteBuf bits = ExtentBits.write(newer, extents);
        int bytes = bits.readableBytes();
        Message message = new Message.Join(session, joinSeq, extents, crc.of(bits, 0, bytes));
        ByteBuf head = MessageCodec.encode(writer, message, answers.await(receiver), stream, epoch, 0, bytes);
        connection.send(head, bytes == 0 ? null : bits, 0, bytes);
        bits.release();
    }

    @Override
    void finish(long stream, int epoch, long session, long commitSeq, RepairReceiver receiver) {
        request(new Message.Finish(session, commitSeq), stream, epoch, receiver);
    }

    @Override
    void probe() {
        long now = loop.nanos();
        if (connection != null && now - probedNanos >= PROBE_PAUSE_NANOS) {
            heartbeat(now);
        }
    }

    @Override
    void askReclaim() {
        request(new Message.Reclaim(), 0, 0, (ReclaimReceiver) this::reclaimed);
    }

    @Override
    void release(long volume, int epoch) {
        send(new Message.Release(), 0, volume << 16, epoch, 0);
    }

    private void request(Message message, long stream, int epoch, Object receiver) {
        if (connection == null) {
            loop.execute(() -> RemoteAnswers.fail(receiver));
        } else {
            send(message, answers.await(receiver), stream, epoch, 0);
        }
    }

    private void send(Message message, int requestId, long stream, int epoch, int gen) {
        if (connection != null) {
            connection.send(MessageCodec.encode(writer, message, requestId, stream, epoch, gen, 0), null, 0, 0);
        }
    }

    // ------------------------------------------------------------------------------------------------ beats

    private void beat() {
        long now = loop.nanos();
        if (connection == null) {
            return;
        }
        if (now - answeredNanos > SILENCE_LIMIT_NANOS) {
            link.reset("no answer for " + SILENCE_LIMIT_NANOS / 1_000_000_000L + " s");
            return;
        }
        heartbeat(now);
        beatTimer = loop.schedule(BEAT_NANOS, beat);
    }

    private void heartbeat(long now) {
        probedNanos = now;
        List<PortListener> told = new ArrayList<>(listeners().values());
        int volumes = told.size();
        int from = 0;
        do {
            int n = Math.min(volumes - from, Message.Heartbeat.MAX_VOLUMES);
            long[] ids = new long[n];
            int[] epochs = new int[n];
            for (int i = 0; i < n; i++) {
                ids[i] = told.get(from + i).volume();
                epochs[i] = told.get(from + i).epoch();
            }
            send(new Message.Heartbeat(now, ids, epochs), 0, 0, 0, 0);
            from += n;
        } while (from < volumes);
    }

    // ------------------------------------------------------------------------------------------------ the link

    @Override
    public void up(Connection opened, Message.Hello peer) {
        connection = opened;
        answeredNanos = loop.nanos();
        for (PortListener listener : listenersCopy()) {
            listener.portUp(this);
        }
        if (beatTimer != null) {
            beatTimer.cancel();
        }
        beatTimer = loop.schedule(BEAT_NANOS, beat);
    }

    @Override
    public void down(String reason) {
        connection = null;
        if (beatTimer != null) {
            beatTimer.cancel();
        }
        for (PortListener listener : listenersCopy()) {
            listener.portDown(this, reason);
        }
        answers.lost();
    }

    @Override
    public void writabilityChanged() {
        if (isWritable()) {
            listenersCopy().forEach(listener -> listener.portEased(this));
        }
    }

    private List<PortListener> listenersCopy() {
        return new ArrayList<>(listeners().values());
    }

    @Override
    public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        return switch (header.type) {
            case ACK, NAK, DATA, READ_REFUSED ->
                DataPath.isWellFormed(header, meta, at)
                        ? dataPath(header, meta, at, payload)
                        : header.type + " is malformed";
            case TAIL -> answers.tail(header, meta, at, payload);
            default -> control(header, MessageCodec.decode(header, meta, at), payload);
        };
    }

    private @Nullable String dataPath(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
        if (header.type == MessageType.DATA || header.type == MessageType.READ_REFUSED) {
            return answers.readAnswered(header, meta, at, payload);
        }
        PortListener listener = listener(header.stream);
        if (header.type == MessageType.ACK) {
            told(DataPath.ackJournalCredit(meta, at), DataPath.ackPieceCredit(meta, at));
            if (listener != null) {
                listener.acked(this, header.stream, header.epoch, DataPath.ackDurableSeq(meta, at));
            }
        } else if (listener != null) {
            listener.refused(
                    this,
                    header.stream,
                    header.epoch,
                    header.requestId,
                    java.util.Objects.requireNonNull(Refusal.of(DataPath.nakCode(meta, at))),
                    DataPath.nakPromisedEpoch(meta, at),
                    DataPath.nakSeq(meta, at),
                    DataPath.nakLastSeq(meta, at));
        }
        return null;
    }

    private @Nullable String control(Header header, @Nullable Message message, @Nullable ByteBuf payload) {
        PortListener listener = listener(header.stream);
        switch (message) {
            case Message.Sealed m -> {
                told(m.journalCredit(), m.pieceCredit());
                if (listener != null) {
                    listener.sealed(this, header.stream, header.epoch, m);
                }
            }
            case Message.LeaseHeld m -> {
                if (listener != null) {
                    listener.leaseHeld(this, header.stream, header.epoch, m.remainingNanos(), m.holderEpoch());
                }
            }
            case Message.SealRefused m -> {
                if (listener != null) {
                    listener.sealRefused(this, header.stream, header.epoch, m.code(), m.promisedEpoch());
                }
            }
            case Message.Leases m -> leases(m);
            case Message.Reclaimed m -> {
                told(m.journalCredit(), m.pieceCredit());
                return answers.answered(header, m, payload);
            }
            case null -> {
                return header.type + " is malformed";
            }
            default -> {
                return RemoteAnswers.isAnswer(header.type)
                        ? answers.answered(header, message, payload)
                        : header.type + " is not for an access point";
            }
        }
        return null;
    }

    private void leases(Message.Leases m) {
        answeredNanos = loop.nanos();
        told(m.journalCredit(), m.pieceCredit());
        for (int i = 0; i < m.volumes().length; i++) {
            PortListener listener = listeners().get(m.volumes()[i]);
            if (listener != null) {
                listener.leased(this, m.epochs()[i], m.echoedNanos(), m.termNanos());
            }
        }
        listenersCopy().forEach(listener -> listener.portEased(this));
    }
}
