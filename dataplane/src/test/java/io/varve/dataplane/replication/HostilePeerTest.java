package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.wire.Connection;
import io.varve.dataplane.wire.FrameReader;
import io.varve.dataplane.wire.FrameWriter;
import io.varve.dataplane.wire.Header;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.MessageCodec;
import io.varve.dataplane.wire.MessageType;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Receiver;
import io.varve.dataplane.wire.SimulatedNetwork;
import io.varve.dataplane.wire.WireRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A greeted peer that says anything, in any order: the replica refuses or closes, and its log has no gap. */
class HostilePeerTest {
    private static final long STREAM = 7L << 16;
    private static final Message.Hello HELLO = new Message.Hello(1, 1, 3, "c", "n", "g");

    private static final int ZEROS_CRC = new Crc32c().of(Unpooled.wrappedBuffer(new byte[4096]), 0, 4096);

    private long appended;

    /** Keeps what kinds of messages were sent to the peer. */
    private static final class Sink implements Connection {
        final List<MessageType> sent = new ArrayList<>();

        @Override
        public String remote() {
            return "peer";
        }

        @Override
        public void send(ByteBuf head, @Nullable ByteBuf payload, int index, int length) {
            sent.add(java.util.Objects.requireNonNull(MessageType.of(head.getByte(head.readerIndex() + 3))));
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
        assertThat(appended).as("records that were taken").isGreaterThan(100);
    }

    private void converse(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        SimulatedScheduler scheduler = new SimulatedScheduler(seed);
        SimulatedLoop loop = scheduler.newLoop("node");
        MemoryDisk disk = new MemoryDisk("g");
        MemoryStore store = new MemoryStore(loop, disk, seed);
        store.create(STREAM, 5, 4096, status -> {});
        ReplicaHost host = new ReplicaHost(loop, store);
        StreamState state = java.util.Objects.requireNonNull(store.stream(STREAM));
        FrameWriter writer = new FrameWriter();
        // A peer that is thrown out comes back.
        for (int connection = 0; connection < 8; connection++) {
            ReplicaSession session = new ReplicaSession(host, HELLO);
            session.opened(new Sink());
            FrameReader reader = new FrameReader(session);
            String violation = null;
            for (int i = 0; i < 60 && violation == null; i++) {
                long lastSeq = state.lastSeq();
                long durableSeq = state.durableSeq();
                long commitSeq = state.commitSeq();
                int promisedEpoch = state.promisedEpoch();
                ByteBuf frame = message(random, writer, state, false);
                violation = reader.feed(frame);
                frame.release();
                scheduler.runFor(random.nextInt(400_000));
                assertThat(state.lastSeq()).as("seed %d", seed).isBetween(lastSeq, lastSeq + 1);
                assertThat(state.durableSeq()).as("seed %d", seed).isBetween(durableSeq, state.lastSeq());
                assertThat(state.commitSeq()).as("seed %d", seed).isBetween(commitSeq, state.lastSeq());
                assertThat(state.promisedEpoch()).as("seed %d", seed).isGreaterThanOrEqualTo(promisedEpoch);
            }
            reader.close();
            session.closed("done");
        }
        scheduler.runFor(1_000_000_000L);
        assertThat(store.stream(STREAM)).as("seed %d", seed).isSameAs(state);
        assertThat(state.durableSeq()).as("seed %d", seed).isEqualTo(state.lastSeq());
        List<Long> log = disk.log(STREAM);
        for (int i = 0; i < log.size(); i++) {
            assertThat(log.get(i)).as("gap, seed %d", seed).isEqualTo(state.lastSeq() - log.size() + 1 + i);
        }
        appended += state.lastSeq();
    }

    /** The steps of a resync may cut the log, and let it go on elsewhere; but never below what is committed, and never with a gap. */
    @Test
    void keepsWhatIsCommittedWhoeverAsksForAResync() {
        long joined = 0;
        for (long seed = 1; seed <= 300; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            SimulatedScheduler scheduler = new SimulatedScheduler(seed);
            SimulatedLoop loop = scheduler.newLoop("node");
            MemoryDisk disk = new MemoryDisk("g");
            MemoryStore store = new MemoryStore(loop, disk, seed);
            store.create(STREAM, 5, 4096, status -> {});
            ReplicaHost host = new ReplicaHost(loop, store);
            StreamState state = java.util.Objects.requireNonNull(store.stream(STREAM));
            FrameWriter writer = new FrameWriter();
            long session = 0;
            for (int connection = 0; connection < 8; connection++) {
                ReplicaSession peer = new ReplicaSession(host, HELLO);
                peer.opened(new Sink());
                FrameReader reader = new FrameReader(peer);
                String violation = null;
                for (int i = 0; i < 60 && violation == null; i++) {
                    long commitSeq = state.commitSeq();
                    ByteBuf frame = message(random, writer, state, true);
                    violation = reader.feed(frame);
                    frame.release();
                    scheduler.runFor(random.nextInt(random.nextInt(4) == 0 ? 40_000_000 : 400_000));
                    assertThat(state.commitSeq()).as("seed %d", seed).isGreaterThanOrEqualTo(commitSeq);
                    assertThat(state.lastSeq()).as("seed %d", seed).isGreaterThanOrEqualTo(commitSeq);
                    joined += state.session() != session && state.session() != 0 ? 1 : 0;
                    session = state.session();
                }
                reader.close();
                peer.closed("done");
            }
            scheduler.runFor(1_000_000_000L);
            List<Long> log = disk.log(STREAM);
            for (int i = 0; i < log.size(); i++) {
                assertThat(log.get(i)).as("gap, seed %d", seed).isEqualTo(state.lastSeq() - log.size() + 1 + i);
            }
        }
        assertThat(joined).isGreaterThan(20);
    }

    /** Half of it would be right if the rest were. */
    private static ByteBuf message(SplittableRandom random, FrameWriter writer, StreamState state, boolean isReturn) {
        long stream = random.nextInt(10) == 0 ? random.nextLong() : STREAM;
        int epoch = random.nextBoolean() ? state.promisedEpoch() : random.nextInt(4);
        int gen = random.nextInt(4) > 0 ? 2 : random.nextInt(3);
        int id = random.nextInt(5);
        return switch (random.nextInt(isReturn ? 20 : 16)) {
            case 0, 1, 2 -> {
                long hash = random.nextInt(16) == 0 ? 1 : NodeIdentity.hash("n");
                Message seal = new Message.Seal(random.nextInt(8) == 0 ? 4 : 5, hash, 3, 1);
                yield MessageCodec.encode(writer, seal, id, stream, epoch, gen, 0);
            }
            case 3, 4, 5, 6, 7, 8, 9, 10, 11 -> {
                WireRecord record = new WireRecord();
                Op[] likely = {Op.EPOCH_START, Op.ZERO, Op.WRITE, Op.COPIED};
                boolean isLikely = random.nextInt(8) > 0;
                record.op = isLikely ? likely[random.nextInt(4)].code() : (byte) random.nextInt(12);
                record.recordEpoch = random.nextBoolean() ? epoch : random.nextInt(4);
                record.prevEpoch = random.nextInt(4) > 0 ? state.lastEpoch() : random.nextInt(4);
                record.seq = random.nextInt(4) > 0 ? state.lastSeq() + 1 : random.nextInt(6);
                record.block = random.nextInt(isLikely ? 4000 : 5000) & -4;
                record.count = random.nextInt(8) == 0 ? 0 : 1 + random.nextInt(2);
                record.crcCount = isLikely == (record.op == Op.WRITE.code()) ? record.count : 0;
                record.commitSeq = random.nextInt(3) > 0 ? state.lastSeq() : random.nextInt(4);
                java.util.Arrays.fill(record.crcs, random.nextInt(8) > 0 ? ZEROS_CRC : 5);
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
            case 12 -> {
                byte[] meta = new byte[4 * random.nextInt(12)];
                random.nextBytes(meta);
                ByteBuf head = writer.start(meta.length);
                head.writeBytes(meta);
                MessageType[] types = MessageType.values();
                yield writer.finish(head, types[random.nextInt(types.length)], id, stream, epoch, gen, 0);
            }
            case 13 -> {
                Message beat = new Message.Heartbeat(random.nextLong(), new long[] {7, 8}, new int[] {epoch, epoch});
                yield MessageCodec.encode(writer, beat, id, 0, 0, 0, 0);
            }
            default -> {
                Message fetch = new Message.FetchTail(1 + random.nextInt(3), 4 + random.nextInt(3));
                Message other = random.nextBoolean() ? new Message.MapRequest() : fetch;
                yield MessageCodec.encode(writer, other, id, stream, epoch, gen, 0);
            }
            case 16, 17 -> {
                Message finish = new Message.Finish(1 + random.nextInt(2), random.nextInt(2) * state.lastSeq());
                Message other = random.nextBoolean() ? new Message.Newer(random.nextInt(9)) : finish;
                yield MessageCodec.encode(
                        writer, random.nextBoolean() ? new Message.Prepare() : other, id, stream, epoch, gen, 0);
            }
            case 18, 19 -> {
                int extents = random.nextInt(4) > 0 ? 16 : random.nextInt(20);
                ByteBuf bits = Buffers.aligned(4).writeZero((extents + 7) / 8);
                int sum = random.nextInt(8) > 0 ? new Crc32c().of(bits, 0, bits.readableBytes()) : 5;
                long joinSeq = state.lastSeq() + random.nextInt(3);
                Message join = new Message.Join(1 + random.nextInt(2), Math.max(1, joinSeq), extents, sum);
                ByteBuf head = MessageCodec.encode(writer, join, id, stream, epoch, gen, bits.readableBytes());
                ByteBuf frame = Unpooled.buffer().writeBytes(head).writeBytes(bits);
                head.release();
                bits.release();
                yield frame;
            }
        };
    }

    /** What an old connection said counts nothing on a new one, until that has sealed; and then not twice. */
    @Test
    void takesNoOldFrameOnANewConnection() {
        SimulatedScheduler scheduler = new SimulatedScheduler(1);
        SimulatedLoop loop = scheduler.newLoop("node");
        MemoryDisk disk = new MemoryDisk("g");
        MemoryStore store = new MemoryStore(loop, disk, 1);
        store.create(STREAM, 5, 4096, status -> {});
        ReplicaHost host = new ReplicaHost(loop, store);
        byte[] start = bytes(record(Op.EPOCH_START, 1, 0));
        byte[] zero = bytes(record(Op.ZERO, 2, 1));

        Sink first = new Sink();
        FrameReader old = greeted(host, first);
        say(scheduler, old, seal(1));
        say(scheduler, old, start);
        say(scheduler, old, zero);
        assertThat(first.sent)
                .startsWith(MessageType.SEALED)
                .contains(MessageType.ACK)
                .doesNotContain(MessageType.NAK);
        assertThat(disk.log(STREAM)).containsExactly(1L, 2L);

        Sink second = new Sink();
        FrameReader fresh = greeted(host, second);
        say(scheduler, fresh, zero);
        assertThat(second.sent).as("not sealed over this connection").containsExactly(MessageType.NAK);
        say(scheduler, fresh, seal(1));
        say(scheduler, fresh, zero);
        assertThat(second.sent).as("it is here already").endsWith(MessageType.SEALED, MessageType.ACK);
        say(scheduler, old, bytes(record(Op.ZERO, 3, 1)));
        assertThat(first.sent).as("the old connection is no longer heard").endsWith(MessageType.NAK);
        say(scheduler, fresh, seal(2));
        say(scheduler, fresh, zero);
        assertThat(second.sent).as("of an older epoch").endsWith(MessageType.NAK);
        assertThat(disk.log(STREAM)).containsExactly(1L, 2L);
    }

    /** A connection that is dead already asks late, while the promise is being written, and ends: who asked before it must not wait for ever. */
    @Test
    void aDeadConnectionTakesNoAnswerWithIt() throws Exception {
        SimulatedScheduler scheduler = new SimulatedScheduler(2);
        SimulatedLoop loop = scheduler.newLoop("node");
        MemoryStore store = new MemoryStore(loop, new MemoryDisk("g"), 2);
        store.create(STREAM, 5, 4096, status -> {});
        scheduler.runFor(10_000_000L);
        ReplicaHost host = new ReplicaHost(loop, store);
        Sink live = new Sink();
        FrameReader now = greeted(host, live);
        ReplicaSession dead = new ReplicaSession(host, HELLO);
        dead.opened(new Sink());
        FrameReader late = new FrameReader(dead);

        feed(now, seal(1));
        feed(late, seal(1));
        dead.closed("connection reset");
        scheduler.runFor(1_000_000_000L);
        assertThat(live.sent).as("it is answered, and may ask again").hasSize(1);
        say(scheduler, now, seal(1));
        assertThat(live.sent).endsWith(MessageType.SEALED);
    }

    private static void feed(FrameReader reader, byte[] frame) {
        ByteBuf bytes = Unpooled.wrappedBuffer(frame);
        assertThat(reader.feed(bytes)).isNull();
        bytes.release();
    }

    private static FrameReader greeted(ReplicaHost host, Sink sink) {
        ReplicaSession session = new ReplicaSession(host, HELLO);
        session.opened(sink);
        return new FrameReader(session);
    }

    private static byte[] seal(int epoch) {
        Message seal = new Message.Seal(5, NodeIdentity.hash("n"), 3, 1);
        return bytes(MessageCodec.encode(new FrameWriter(), seal, 0, STREAM, epoch, 1, 0));
    }

    private static ByteBuf record(Op op, long seq, int prevEpoch) {
        WireRecord record = new WireRecord();
        record.op = op.code();
        record.recordEpoch = 1;
        record.prevEpoch = prevEpoch;
        record.seq = seq;
        record.count = op == Op.ZERO ? 1 : 0;
        FrameWriter writer = new FrameWriter();
        ByteBuf head = writer.start(record.metaLength());
        record.write(head, 0);
        return writer.finish(head, MessageType.REPLICATE, 0, STREAM, 1, 1, 0);
    }

    private static byte[] bytes(ByteBuf frame) {
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        frame.release();
        return bytes;
    }

    private static void say(SimulatedScheduler scheduler, FrameReader to, byte[] frame) {
        assertThat(to.feed(Unpooled.wrappedBuffer(frame))).isNull();
        scheduler.runFor(10_000_000L);
    }

    /** The name of a group is looked up among those that are served, and is nothing else. */
    @Test
    void turnsAwayAGreetingThatNamesAnythingButAGroupOfTheLoop() {
        for (String group : List.of("../x", "", "g/../g", "/etc/passwd", "g\u0000", "G")) {
            SimulatedScheduler scheduler = new SimulatedScheduler(1);
            SimulatedLoop loop = scheduler.newLoop("node");
            SimulatedNetwork network = new SimulatedNetwork(1);
            ReplicaServer server = new ReplicaServer(loop, network.transport(loop, "m"), new NodeIdentity("c", "m", 1));
            server.serve(new ReplicaHost(loop, new MemoryStore(loop, new MemoryDisk("g"), 1)));
            server.listen("m:1", (address, failure) -> {});
            scheduler.runFor(10_000_000L);
            Greeter greeter = new Greeter(new Message.Hello(1, 1, 3, "c", "n", group));
            loop.execute(() -> network.transport(loop, "n").connect("m:1", greeter));
            scheduler.runFor(100_000_000L);
            assertThat(greeter.heard).as(group).containsExactly(MessageType.REFUSED);
            assertThat(greeter.isClosed).as(group).isTrue();
        }
    }

    private static final class Greeter implements Receiver {
        private final Message.Hello hello;
        final List<MessageType> heard = new ArrayList<>();
        boolean isClosed;

        Greeter(Message.Hello hello) {
            this.hello = hello;
        }

        @Override
        public void opened(Connection connection) {
            connection.send(MessageCodec.encode(new FrameWriter(), hello, 0, 0, 0, 0, 0), null, 0, 0);
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            heard.add(header.type);
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {
            isClosed = true;
        }
    }

    @Test
    void refusesToSpeakForAnotherNode() {
        SimulatedLoop loop = new SimulatedScheduler(1).newLoop("node");
        ReplicaHost host = new ReplicaHost(loop, new MemoryStore(loop, new MemoryDisk("g"), 1));
        ReplicaSession session = new ReplicaSession(host, HELLO);
        session.opened(new Sink());
        Message seal = new Message.Seal(5, NodeIdentity.hash("other"), 3, 1);
        ByteBuf frame = MessageCodec.encode(new FrameWriter(), seal, 0, STREAM, 1, 1, 0);
        assertThat(new FrameReader(session).feed(frame)).contains("another node");
        frame.release();
        assertThat(Header.BYTES).isEqualTo(40);
    }
}
