package io.varve.dataplane.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.store.Op;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * Every message as a version of Varve sent it, recorded: today's code reads each and writes the same bytes. {@code tests/record_fixtures} records a new
 * version's; docs/internals/compatibility.md tells what may change.
 */
class WireFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final String FILE = "wire.txt";

    /** One of each; fields hold numbers that cannot be confused. */
    private static Map<String, ByteBuf> samples() {
        Map<String, ByteBuf> samples = new TreeMap<>();
        List<Message> messages = List.of(
                new Message.Hello(1, 1, 0x1112131415161718L, "cluster-uuid", "node-1", "group-uuid"),
                new Message.Refused("why not"),
                new Message.Seal(1, 2, 3, 4),
                new Message.Sealed(11, 12, 13, 14, 15, 16, 17),
                new Message.LeaseHeld(21, 22),
                new Message.SealRefused(Refusal.STALE_EPOCH, 23),
                new Message.Heartbeat(31, new long[] {32, 33}, new int[] {34, 35}),
                new Message.Leases(41, 42, 43, 44, new long[] {45}, new int[] {46}),
                new Message.Release(),
                new Message.FetchTail(51, 52),
                new Message.TailEnd(3),
                new Message.MapRequest(),
                new Message.DigestRequest(61),
                new Message.Digested(0, 62, 63),
                new Message.Repaired(2),
                new Message.Reclaim(),
                new Message.Reclaimed(71, 72),
                new Message.Prepare(),
                new Message.Prepared(0, 81),
                new Message.Newer(82),
                new Message.Finish(83, 84),
                new Message.Finished(1));
        messages.forEach(message -> samples.put(
                message.type().name(), MessageCodec.encode(new FrameWriter(), message, 7, 8L << 16 | 9, 10, 11, 0)));
        samples.put("MAPPED", payload(new Message.Mapped(0, 17, 91), 3));
        samples.put("NEWER_EXTENTS", payload(new Message.NewerExtents(0, 17, 92), 3));
        samples.put("JOIN", payload(new Message.Join(93, 94, 17, 95), 3));
        samples.put("JOINED", payload(new Message.Joined(0, 17, 96), 3));
        samples.put("REPAIR", payload(new Message.RepairRequest(97, 98, 99), 4096));
        samples.put("ACK", data(MessageType.ACK, 0, meta -> DataPath.writeAck(meta, 101, 102, 103)));
        samples.put("NAK", data(MessageType.NAK, 0, meta -> DataPath.writeNak(meta, Refusal.SEQ_GAP, 104, 105, 106)));
        samples.put("COMMIT", data(MessageType.COMMIT, 0, meta -> meta.writeLongLE(107)));
        samples.put("READ", data(MessageType.READ, 0, meta -> DataPath.writeRead(meta, 108, 2, 109)));
        samples.put("DATA", data(MessageType.DATA, 4096, meta -> DataPath.writeData(meta, 110, new int[] {111}, 1)));
        samples.put(
                "READ_REFUSED",
                data(MessageType.READ_REFUSED, 0, meta -> DataPath.writeReadRefused(meta, Refusal.IO_ERROR, 112)));
        for (Op op : Op.values()) {
            if (op.isSequenced()) {
                samples.put(
                        "REPLICATE " + op,
                        data(
                                MessageType.REPLICATE,
                                op.hasPayload() ? 4096 : 0,
                                meta -> record(op).write(meta, 121)));
            }
        }
        samples.put(
                "TAIL WRITE",
                data(MessageType.TAIL, 4096, meta -> record(Op.WRITE).write(meta, 122)));
        return samples;
    }

    private static WireRecord record(Op op) {
        WireRecord record = new WireRecord();
        record.op = op.code();
        record.recordEpoch = 131;
        record.prevEpoch = 132;
        record.seq = 133;
        record.block = 134;
        record.count = 1;
        record.aux = 135;
        record.crcCount = op.hasPayload() ? 1 : 0;
        record.crcs[0] = 136;
        return record;
    }

    private interface Meta {
        void write(ByteBuf to);
    }

    private static ByteBuf data(MessageType type, int payload, Meta meta) {
        FrameWriter writer = new FrameWriter();
        ByteBuf head = writer.start(64);
        meta.write(head);
        writer.finish(head, type, 7, 8L << 16 | 9, 10, 11, payload);
        return head.writeZero(payload);
    }

    private static ByteBuf payload(Message message, int bytes) {
        return MessageCodec.encode(new FrameWriter(), message, 7, 8L << 16 | 9, 10, 11, bytes)
                .writeZero(bytes);
    }

    /** Payload is zeros in all of them: it is left out after the frame's head, and its length is in the header. */
    private static String line(String name, ByteBuf frame) {
        int head = Header.BYTES + frame.getUnsignedShortLE(6);
        return name + " " + ByteBufUtil.hexDump(frame, 0, head);
    }

    private static Stream<Path> versions() throws IOException {
        try (Stream<Path> paths = Files.list(FIXTURES)) {
            return paths.filter(version -> Files.exists(version.resolve(FILE))).toList().stream();
        }
    }

    @Test
    void readsWhatEveryVersionSentAndWritesTheSameBytes() throws Exception {
        assertThat(versions()).as("version 1 is recorded").anyMatch(path -> path.endsWith("v1"));
        for (Path version : versions().toList()) {
            for (String line : Files.readAllLines(version.resolve(FILE))) {
                int space = line.lastIndexOf(' ');
                byte[] head = HexFormat.of().parseHex(line.substring(space + 1));
                int payload = Unpooled.wrappedBuffer(head).getIntLE(8);
                Again again = new Again();
                ByteBuf frame = Unpooled.buffer().writeBytes(head).writeZero(payload);
                assertThat(new FrameReader(again).feed(frame))
                        .as(version + " " + line)
                        .isNull();
                assertThat(again.written).as(version + " " + line).containsExactly(line.substring(space + 1));
            }
        }
    }

    /** Decodes a frame as both ends do, and encodes it again. */
    private static final class Again implements Receiver {
        final List<String> written = new ArrayList<>();

        @Override
        public void opened(Connection connection) {}

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            FrameWriter writer = new FrameWriter();
            ByteBuf head = switch (header.type) {
                case REPLICATE, TAIL -> {
                    WireRecord record = new WireRecord();
                    String violation = record.read(meta, at, header.metaLength, header.payloadLength);
                    if (violation != null) {
                        yield Unpooled.EMPTY_BUFFER;
                    }
                    ByteBuf begun = writer.start(header.metaLength);
                    record.write(begun, record.commitSeq);
                    yield begun;
                }
                case ACK, NAK, COMMIT, READ, DATA, READ_REFUSED -> dataPath(writer, header, meta, at);
                default -> {
                    Message message = MessageCodec.decode(header, meta, at);
                    yield message == null
                            ? Unpooled.EMPTY_BUFFER
                            : MessageCodec.encode(
                                    writer,
                                    message,
                                    header.requestId,
                                    header.stream,
                                    header.epoch,
                                    header.gen,
                                    header.payloadLength);
                }
            };
            if (!head.isReadable()) {
                return header.type + " is not understood";
            }
            writer.finish(
                    head, header.type, header.requestId, header.stream, header.epoch, header.gen, header.payloadLength);
            written.add(ByteBufUtil.hexDump(head));
            return null;
        }

        private static ByteBuf dataPath(FrameWriter writer, Header header, ByteBuf meta, int at) {
            if (!DataPath.isWellFormed(header, meta, at)) {
                return Unpooled.EMPTY_BUFFER;
            }
            ByteBuf to = writer.start(header.metaLength);
            switch (header.type) {
                case ACK ->
                    DataPath.writeAck(
                            to,
                            DataPath.ackDurableSeq(meta, at),
                            DataPath.ackJournalCredit(meta, at),
                            DataPath.ackPieceCredit(meta, at));
                case NAK ->
                    DataPath.writeNak(
                            to,
                            java.util.Objects.requireNonNull(Refusal.of(DataPath.nakCode(meta, at))),
                            DataPath.nakPromisedEpoch(meta, at),
                            DataPath.nakSeq(meta, at),
                            DataPath.nakLastSeq(meta, at));
                case COMMIT -> to.writeLongLE(DataPath.commitSeq(meta, at));
                case READ ->
                    DataPath.writeRead(
                            to,
                            DataPath.readBlock(meta, at),
                            DataPath.readCount(meta, at),
                            DataPath.readLeastSeq(meta, at));
                case DATA ->
                    DataPath.writeData(
                            to,
                            DataPath.dataHighestSeq(meta, at),
                            new int[] {DataPath.dataCrc(meta, at, 0)},
                            DataPath.dataCount(meta, at));
                default ->
                    DataPath.writeReadRefused(
                            to,
                            java.util.Objects.requireNonNull(Refusal.of(DataPath.readRefusedCode(meta, at))),
                            DataPath.readRefusedBlock(meta, at));
            }
            return to;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }

    /** What this version sends is what the newest recorded version sent, and what was added since then only adds lines. */
    @Test
    void sendsWhatTheNewestRecordedVersionSent() throws Exception {
        Path newest = versions().max(java.util.Comparator.naturalOrder()).orElseThrow();
        List<String> now = samples().entrySet().stream()
                .map(sample -> line(sample.getKey(), sample.getValue()))
                .toList();
        assertThat(now).containsAll(Files.readAllLines(newest.resolve(FILE)));
    }

    /** Only for {@code tests/record_fixtures}. */
    @Test
    void records() throws Exception {
        String version = System.getProperty("varve.fixtures.record", "");
        Assumptions.assumeFalse(version.isEmpty(), "tests/record_fixtures records a version");
        Map<String, ByteBuf> samples = samples();
        TreeSet<String> recorded = new TreeSet<>();
        samples.keySet().forEach(name -> recorded.add(name.split(" ", 2)[0]));
        for (MessageType type : MessageType.values()) {
            assertThat(recorded.contains(type.name()))
                    .as(type + " has a sample")
                    .isEqualTo(type.isSpoken());
        }
        Files.createDirectories(FIXTURES.resolve(version));
        Files.write(
                FIXTURES.resolve(version).resolve(FILE),
                samples.entrySet().stream()
                        .map(sample -> line(sample.getKey(), sample.getValue()))
                        .toList());
    }
}
