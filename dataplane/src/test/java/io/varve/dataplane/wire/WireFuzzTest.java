package io.varve.dataplane.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.buffer.Crc32c;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Frames and metadata against bytes from a generator: whatever arrives is a message or a violation, never an exception. {@link FuzzTest}
 * methods replay their corpus in a normal run, and fuzz for a minute with {@code JAZZER_FUZZ=1} and {@code -Dtest=WireFuzzTest#frames}, as
 * {@code tests/run --long} does.
 */
class WireFuzzTest {
    private static final int ROUNDS = 20_000;

    /** Decodes everything as both ends do. */
    private static class Decoder implements Receiver {
        final List<String> decoded = new ArrayList<>();
        private final WireRecord record = new WireRecord();

        @Override
        public void opened(Connection connection) {}

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            String what = switch (header.type) {
                case REPLICATE, TAIL -> record.read(meta, at, header.metaLength, header.payloadLength);
                case ACK, NAK, COMMIT, READ, DATA, READ_REFUSED ->
                    DataPath.isWellFormed(header, meta, at) ? null : "malformed";
                default -> control(header, meta, at);
            };
            if (what == null) {
                decoded.add(header.type + " " + header.stream);
            }
            return what;
        }

        private static @Nullable String control(Header header, ByteBuf meta, int at) {
            Message message = MessageCodec.decode(header, meta, at);
            if (message == null) {
                return "malformed";
            }
            ByteBuf again = MessageCodec.encode(new FrameWriter(), message, 0, 0, 0, 0, header.payloadLength);
            assertThat(message.type()).isEqualTo(header.type);
            assertThat(again.readableBytes() - Header.BYTES).isEqualTo(header.metaLength);
            again.release();
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }

    /** Bytes as they come. */
    @FuzzTest(maxDuration = "1m")
    @Tag("slow") // The fuzzer's agent takes seconds to load.
    void frames(byte[] data) {
        feed(new Decoder(), Unpooled.wrappedBuffer(data), Integer.MAX_VALUE);
    }

    /** First byte: type; second: payload in units of 512 bytes; the rest: metadata, with checksums that hold. */
    @FuzzTest(maxDuration = "1m")
    @Tag("slow") // The fuzzer's agent takes seconds to load.
    void metadata(byte[] data) {
        if (data.length >= 2) {
            byte[] meta = java.util.Arrays.copyOfRange(data, 2, Math.min(data.length, 2 + Header.MAX_META_BYTES));
            feed(new Decoder(), frame(data[0] & 0xff, meta, (data[1] & 0xff) * 512), Integer.MAX_VALUE);
        }
    }

    private static @Nullable String feed(Decoder decoder, ByteBuf bytes, int pieceBytes) {
        FrameReader reader = new FrameReader(decoder);
        String violation = null;
        while (bytes.isReadable() && violation == null) {
            violation = reader.feed(bytes.readSlice(Math.min(pieceBytes, bytes.readableBytes())));
        }
        reader.close();
        return violation;
    }

    private static ByteBuf frame(int type, byte[] meta, int payloadBytes) {
        FrameWriter writer = new FrameWriter();
        ByteBuf head = writer.start(meta.length);
        head.writeBytes(meta);
        MessageType known = MessageType.of(type);
        writer.finish(head, known == null ? MessageType.HELLO : known, 7, 42, 1, 1, payloadBytes);
        ByteBuf frame = Unpooled.buffer(head.readableBytes() + payloadBytes);
        frame.writeBytes(head);
        frame.writeZero(payloadBytes);
        head.release();
        return frame;
    }

    @Test
    void survivesAnyMetadataUnderRightChecksums() {
        for (long seed = 1; seed <= ROUNDS; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            byte[] meta = new byte[random.nextInt(4) == 0 ? random.nextInt(2000) : 4 * random.nextInt(16)];
            random.nextBytes(meta);
            for (int i = 0; i < meta.length; i++) {
                if (random.nextInt(3) > 0) {
                    meta[i] = 0;
                }
            }
            int payload = random.nextInt(3) == 0 ? 4096 * random.nextInt(4) : random.nextInt(3);
            feed(new Decoder(), frame(1 + random.nextInt(50), meta, payload), 1 + random.nextInt(5000));
        }
    }

    /** A count of extents and the bytes that hold them belong together; session 0 means that nothing is missing. */
    @Test
    void takesTheMessagesOfAResyncOnlyWhole() {
        BitSet set = new BitSet();
        set.set(0);
        set.set(16);
        ByteBuf bits = ExtentBits.write(set, 17);
        int sum = new Crc32c().of(bits, 0, 3);
        assertThat(bits.readableBytes()).isEqualTo(3);
        assertThat(ExtentBits.read(bits, 17, sum, new Crc32c())).isEqualTo(set);
        assertThat(ExtentBits.read(bits, 16, sum, new Crc32c()))
                .as("other length")
                .isNull();
        assertThat(ExtentBits.read(bits, 17, sum + 1, new Crc32c())).isNull();
        bits.setByte(2, 3);
        assertThat(ExtentBits.read(bits, 17, new Crc32c().of(bits, 0, 3), new Crc32c()))
                .as("a bit behind the last extent")
                .isNull();
        List<Message> messages = List.of(
                new Message.Prepare(),
                new Message.Prepared(0, 9),
                new Message.Newer(8),
                new Message.NewerExtents(0, 17, 5),
                new Message.Join(-3, 10, 17, 5),
                new Message.Joined(0, 17, 5),
                new Message.Finish(-3, 11),
                new Message.Finished(5));
        for (Message message : messages) {
            boolean hasPayload = message instanceof Message.NewerExtents
                    || message instanceof Message.Join
                    || message instanceof Message.Joined;
            for (int payload = 0; payload < 5; payload++) {
                for (int extra = -4; extra <= 4; extra += 4) {
                    boolean isWhole = extra == 0 && payload == (hasPayload ? 3 : 0);
                    assertThat(decoded(message, payload, extra))
                            .as("%s, payload %d, %d more", message, payload, extra)
                            .isEqualTo(isWhole ? message : null);
                }
            }
        }
        assertThat(decoded(new Message.Join(0, 10, 17, 5), 3, 0)).isNull();
        assertThat(decoded(new Message.Join(1, 0, 17, 5), 3, 0)).isNull();
        assertThat(decoded(new Message.Finish(0, 1), 0, 0)).isNull();
        assertThat(decoded(new Message.Finish(1, -1), 0, 0)).isNull();
        assertThat(decoded(new Message.Newer(-1), 0, 0)).isNull();
        assertThat(decoded(new Message.Join(1, 1, 8193, 0), 1025, 0))
                .as("more than a slab")
                .isNull();
        assertThat(decoded(new Message.Join(1, 1, 8192, 0), 1024, 0)).isNotNull();
    }

    /** Null if it is a violation. {@code extra}: so many bytes of metadata more than are right. */
    private static @Nullable Message decoded(Message message, int payload, int extra) {
        FrameWriter writer = new FrameWriter();
        ByteBuf head = MessageCodec.encode(writer, message, 7, 42, 1, 1, payload);
        byte[] meta = new byte[Math.max(0, head.readableBytes() - Header.BYTES + extra)];
        head.getBytes(Header.BYTES, meta, 0, Math.min(meta.length, head.readableBytes() - Header.BYTES));
        head.release();
        @Nullable Message[] found = new Message[1];
        Decoder decoder = new Decoder() {
            @Override
            public @Nullable String received(Header header, ByteBuf at, int index, @Nullable ByteBuf bytes) {
                found[0] = MessageCodec.decode(header, at, index);
                return super.received(header, at, index, bytes);
            }
        };
        boolean isAccepted = feed(decoder, frame(message.type().code(), meta, payload), 1000) == null;
        assertThat(isAccepted).isEqualTo(found[0] != null);
        // Nothing to leave out.
        return extra < 0 && meta.length == 0 && message instanceof Message.Prepare ? null : found[0];
    }

    @Test
    void cutsTheSameFramesWhateverThePieces() {
        for (long seed = 1; seed <= 300; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            ByteBuf all = Unpooled.buffer();
            List<String> sent = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                WireRecord record = new WireRecord();
                record.op = 1;
                record.seq = 1L + i;
                record.count = random.nextInt(3);
                record.crcCount = record.count;
                FrameWriter writer = new FrameWriter();
                ByteBuf head = writer.start(record.metaLength());
                record.write(head, 0);
                writer.finish(head, MessageType.REPLICATE, i, i, 1, 1, record.count * 4096);
                all.writeBytes(head);
                all.writeZero(record.count * 4096);
                head.release();
                sent.add("REPLICATE " + i);
            }
            Decoder decoder = new Decoder();
            assertThat(feed(decoder, all, 1 + random.nextInt(3000)))
                    .as("seed %d", seed)
                    .isNull();
            assertThat(decoder.decoded).as("seed %d", seed).isEqualTo(sent);
        }
    }

    @Test
    void findsEveryFlippedBitOfAHead() {
        byte[] meta = new byte[DataPath.ACK_BYTES];
        for (int bit = 0; bit < (Header.BYTES + meta.length) * 8; bit++) {
            ByteBuf frame = frame(MessageType.ACK.code(), meta, 0);
            frame.setByte(bit / 8, frame.getByte(bit / 8) ^ 1 << bit % 8);
            Decoder decoder = new Decoder();
            assertThat(feed(decoder, frame, Integer.MAX_VALUE))
                    .as("bit %d", bit)
                    .isNotNull();
            assertThat(decoder.decoded).isEmpty();
        }
    }

    @Test
    void refusesLengthsAboveTheLimitsAndTypesThatAreNotSpoken() {
        assertThat(feed(new Decoder(), frame(MessageType.HEAT_HINT.code(), new byte[0], 0), 1 << 20))
                .isEqualTo("message type 50 is not spoken here");
        FrameWriter writer = new FrameWriter();
        ByteBuf head = writer.start(0);
        writer.finish(head, MessageType.DATA, 0, 0, 0, 0, Header.MAX_PAYLOAD_BYTES + 1);
        assertThat(feed(new Decoder(), head, 1 << 20)).contains("above the limit");
        head.release();
    }
}
