package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.wire.ExtentBits;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.model.Geometry;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** PREPARE, NEWER, JOIN and FINISH as they come over one connection. An answer that is ready when the connection is gone goes nowhere. */
final class ResyncSession {
    private final ReplicaHost host;
    private final ReplicaSession session;
    private final Crc32c crc = new Crc32c();

    ResyncSession(ReplicaHost host, ReplicaSession session) {
        this.host = host;
        this.session = session;
    }

    /** Null, or the violation. */
    @Nullable String received(Header header, Message message, @Nullable ByteBuf payload) {
        int id = header.requestId;
        long stream = header.stream;
        int epoch = header.epoch;
        ReplicaResync resync = host.resync();
        switch (message) {
            case Message.Prepare m ->
                resync.prepare(
                        stream,
                        epoch,
                        session,
                        (status, cutSeq) -> session.answer(
                                new Message.Prepared(StatusCode.of(status), cutSeq), id, stream, epoch, null));
            case Message.Newer m ->
                resync.newer(
                        stream,
                        epoch,
                        m.seq(),
                        session,
                        (status, extents) -> answer(
                                (code, count, sum) -> new Message.NewerExtents(code, count, sum),
                                status,
                                extents,
                                id,
                                stream,
                                epoch));
            case Message.Join m -> {
                return join(m, id, stream, epoch, payload);
            }
            case Message.Finish m ->
                resync.finish(
                        stream,
                        epoch,
                        m.session(),
                        m.commitSeq(),
                        session,
                        status -> session.answer(new Message.Finished(StatusCode.of(status)), id, stream, epoch, null));
            default -> throw new IllegalArgumentException(message.type() + " does not belong to resync");
        }
        return null;
    }

    private @Nullable String join(Message.Join m, int id, long stream, int epoch, @Nullable ByteBuf payload) {
        BitSet newer = ExtentBits.read(payload, m.extents(), m.crc(), crc);
        if (newer == null) {
            return "JOIN damaged on the way";
        }
        int extents = extents(stream);
        if (extents != 0 && m.extents() > extents) {
            return "JOIN with " + m.extents() + " extents, the slab has " + extents;
        }
        host.resync()
                .join(
                        stream,
                        epoch,
                        m.session(),
                        m.joinSeq(),
                        newer,
                        session,
                        (status, todo) -> answer(
                                (code, count, sum) -> new Message.Joined(code, count, sum),
                                status,
                                todo,
                                id,
                                stream,
                                epoch));
        return null;
    }

    /** 0 if the stream is not here. */
    private int extents(long stream) {
        Replica replica = host.replica(stream);
        return replica == null
                ? 0
                : (replica.state().blocks() + Geometry.BLOCKS_PER_EXTENT - 1) / Geometry.BLOCKS_PER_EXTENT;
    }

    @FunctionalInterface
    private interface Answer {
        Message of(int status, int extents, int crc);
    }

    private void answer(
            Answer answer, StoreStatus status, @Nullable BitSet set, int requestId, long stream, int epoch) {
        int extents = set == null ? 0 : extents(stream);
        if (set == null || extents == 0) {
            StoreStatus told = status == StoreStatus.OK ? StoreStatus.NOT_MEMBER : status;
            session.answer(answer.of(StatusCode.of(told), 0, 0), requestId, stream, epoch, null);
            return;
        }
        ByteBuf bits = ExtentBits.write(set, extents);
        int sum = crc.of(bits, 0, bits.readableBytes());
        session.answer(answer.of(StatusCode.of(status), extents, sum), requestId, stream, epoch, bits);
        bits.release();
    }
}
