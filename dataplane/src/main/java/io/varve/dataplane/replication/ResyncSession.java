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

/**
 * PREPARE, NEWER, JOIN and FINISH as they come over one connection. Those under way count as reads, which bounds them. An answer that is ready
 * when the connection is gone goes nowhere.
 */
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
        Question question = new Question(header.requestId, header.stream, header.epoch);
        switch (message) {
            case Message.Prepare m -> question.prepare();
            case Message.Newer m -> question.newer(m);
            case Message.Join m -> {
                BitSet newer = ExtentBits.read(payload, m.extents(), m.crc(), crc);
                if (newer == null) {
                    return "JOIN damaged on the way";
                }
                int extents = extents(header.stream);
                if (extents != 0 && m.extents() > extents) {
                    return "JOIN with " + m.extents() + " extents, the slab has " + extents;
                }
                question.join(m, newer);
            }
            case Message.Finish m -> question.finish(m);
            default -> throw new IllegalArgumentException(message.type() + " does not belong to resync");
        }
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
    private interface ExtentsMessage {
        Message of(int status, int extents, int crc);
    }

    /** One of them, from when it came until it is answered. */
    private final class Question {
        private final int requestId;
        private final long stream;
        private final int epoch;

        Question(int requestId, long stream, int epoch) {
            this.requestId = requestId;
            this.stream = stream;
            this.epoch = epoch;
        }

        void prepare() {
            session.began();
            host.resync()
                    .prepare(
                            stream,
                            epoch,
                            session,
                            (status, cutSeq) -> answer(new Message.Prepared(StatusCode.of(status), cutSeq), null));
        }

        void newer(Message.Newer m) {
            session.began();
            host.resync()
                    .newer(
                            stream,
                            epoch,
                            m.seq(),
                            session,
                            (status, extents) -> answer(Message.NewerExtents::new, status, extents));
        }

        void join(Message.Join m, BitSet newer) {
            session.began();
            host.resync()
                    .join(
                            stream,
                            epoch,
                            m.session(),
                            m.joinSeq(),
                            newer,
                            session,
                            (status, todo) -> answer(Message.Joined::new, status, todo));
        }

        void finish(Message.Finish m) {
            session.began();
            host.resync()
                    .finish(
                            stream,
                            epoch,
                            m.session(),
                            m.commitSeq(),
                            session,
                            status -> answer(new Message.Finished(StatusCode.of(status)), null));
        }

        private void answer(ExtentsMessage message, StoreStatus status, @Nullable BitSet set) {
            int extents = set == null ? 0 : extents(stream);
            if (set == null || extents == 0) {
                StoreStatus told = status == StoreStatus.OK ? StoreStatus.NOT_MEMBER : status;
                answer(message.of(StatusCode.of(told), 0, 0), null);
                return;
            }
            ByteBuf bits = ExtentBits.write(set, extents);
            int sum = crc.of(bits, 0, bits.readableBytes());
            answer(message.of(StatusCode.of(status), extents, sum), bits);
            bits.release();
        }

        private void answer(Message message, @Nullable ByteBuf payload) {
            session.ended();
            session.answer(message, requestId, stream, epoch, payload);
        }
    }
}
