package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.wire.Connection;
import io.varve.dataplane.wire.FrameReader;
import io.varve.dataplane.wire.FrameWriter;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.MessageCodec;
import io.varve.dataplane.wire.MessageType;
import io.varve.dataplane.wire.WireRecord;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A greeted peer that says anything, in any order: the replica refuses or closes, and its log has no gap. */
class HostilePeerTest {
    private static final long STREAM = 7L << 16;

    private static final class Sink implements Connection {
        @Override
        public String remote() {
            return "peer";
        }

        @Override
        public void send(ByteBuf head, @Nullable ByteBuf payload, int index, int length) {
            head.release();
        }

        @Override
        public boolean isWritable() {
            return true;
        }

        @Override
        public void setReading(boolean reading) {}

        @Override
        public void close(String reason) {}
    }

    @Test
    void keepsTheLogWholeWhateverIsSent() {
        for (long seed = 1; seed <= 400; seed++) {
            converse(seed);
        }
    }

    private static void converse(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SimulatedScheduler scheduler = new SimulatedScheduler(seed);
        SimulatedLoop loop = scheduler.newLoop("node");
        MemoryStore store = new MemoryStore(loop, new MemoryDisk("g"), seed);
        store.create(STREAM, 5, 4096, status -> {});
        ReplicaHost host = new ReplicaHost(loop, store);
        Message.Hello hello = new Message.Hello(1, 1, 3, "c", "n", "g");
        ReplicaSession session = new ReplicaSession(host, hello);
        Sink sink = new Sink();
        session.opened(sink);
        FrameReader reader = new FrameReader(session);
        FrameWriter writer = new FrameWriter();
        String violation = null;
        for (int i = 0; i < 60 && violation == null; i++) {
            ByteBuf frame = message(random, writer);
            violation = reader.feed(frame);
            frame.release();
            scheduler.runFor(random.nextInt(400_000));
        }
        scheduler.runFor(1_000_000_000L);
        assertThat(store.stream(STREAM)).as("seed %d", seed).isNotNull();
        reader.close();
        session.closed("done");
    }

    private static ByteBuf message(SplittableRandom random, FrameWriter writer) {
        long stream = random.nextInt(10) == 0 ? random.nextLong() : STREAM;
        int epoch = random.nextInt(4);
        int gen = random.nextInt(3);
        int id = random.nextInt(5);
        return switch (random.nextInt(8)) {
            case 0, 1 -> {
                long hash = random.nextInt(4) == 0 ? 1 : io.varve.dataplane.wire.NodeIdentity.hash("n");
                Message seal = new Message.Seal(4 + random.nextInt(2), hash, 3, 1);
                yield MessageCodec.encode(writer, seal, id, stream, epoch, gen, 0);
            }
            case 2, 3, 4 -> {
                WireRecord record = new WireRecord();
                record.op = (byte) random.nextInt(12);
                record.recordEpoch = random.nextInt(4);
                record.prevEpoch = random.nextInt(4);
                record.seq = random.nextInt(6);
                record.block = random.nextInt(5000);
                record.count = random.nextInt(3);
                record.crcCount = random.nextBoolean() ? record.count : 0;
                record.commitSeq = random.nextInt(4);
                ByteBuf head = writer.start(record.metaLength());
                record.write(head, record.commitSeq);
                int bytes = record.crcCount * 4096;
                writer.finish(head, MessageType.REPLICATE, id, stream, epoch, gen, bytes);
                ByteBuf frame = Buffers.aligned(head.readableBytes() + bytes);
                frame.writeBytes(head);
                frame.writeZero(bytes);
                head.release();
                yield frame;
            }
            case 5 -> {
                byte[] meta = new byte[4 * random.nextInt(12)];
                random.nextBytes(meta);
                ByteBuf head = writer.start(meta.length);
                head.writeBytes(meta);
                MessageType[] types = MessageType.values();
                yield writer.finish(head, types[random.nextInt(types.length)], id, stream, epoch, gen, 0);
            }
            case 6 -> {
                Message beat = new Message.Heartbeat(random.nextLong(), new long[] {7, 8}, new int[] {epoch, epoch});
                yield MessageCodec.encode(writer, beat, id, 0, 0, 0, 0);
            }
            default -> {
                Message fetch = new Message.FetchTail(1 + random.nextInt(3), 4 + random.nextInt(3));
                Message other = random.nextBoolean() ? new Message.MapRequest() : fetch;
                yield MessageCodec.encode(writer, other, id, stream, epoch, gen, 0);
            }
        };
    }

    @Test
    void refusesToSpeakForAnotherNode() {
        SimulatedLoop loop = new SimulatedScheduler(1).newLoop("node");
        ReplicaHost host = new ReplicaHost(loop, new MemoryStore(loop, new MemoryDisk("g"), 1));
        ReplicaSession session = new ReplicaSession(host, new Message.Hello(1, 1, 3, "c", "n", "g"));
        session.opened(new Sink());
        Message seal = new Message.Seal(5, io.varve.dataplane.wire.NodeIdentity.hash("other"), 3, 1);
        ByteBuf frame = MessageCodec.encode(new FrameWriter(), seal, 0, STREAM, 1, 1, 0);
        assertThat(new FrameReader(session).feed(frame)).contains("another node");
        frame.release();
        assertThat(Header.BYTES).isEqualTo(40);
    }
}
