package io.varve.dataplane.buffer;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.netty.buffer.ByteBuf;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class Crc32cTest {
    private final Crc32c crc = new Crc32c();

    /** RFC 3720, appendix B.4. */
    @Test
    void agreesWithTheVectorsOfTheRfc() {
        byte[] zeros = new byte[32];
        byte[] ones = new byte[32];
        byte[] up = new byte[32];
        byte[] down = new byte[32];
        for (int i = 0; i < 32; i++) {
            ones[i] = (byte) 0xff;
            up[i] = (byte) i;
            down[i] = (byte) (31 - i);
        }
        assertThat(of(zeros)).isEqualTo(0x8a9136aa);
        assertThat(of(ones)).isEqualTo(0x62a8ab43);
        assertThat(of(up)).isEqualTo(0x46dd794e);
        assertThat(of(down)).isEqualTo(0x113fdb5c);
        assertThat(of("123456789".getBytes(StandardCharsets.US_ASCII))).isEqualTo(0xe3069283);
    }

    @Test
    void agreesWithABitwiseOneAtEveryLengthAndOffset() {
        SplittableRandom random = new SplittableRandom(1);
        ByteBuf buffer = Buffers.aligned(4096);
        for (int i = 0; i < 4096; i++) {
            buffer.setByte(i, random.nextInt());
        }
        for (int i = 0; i < 500; i++) {
            int index = random.nextInt(2048);
            int length = random.nextInt(2048);
            assertThat(crc.of(buffer, index, length)).isEqualTo(bitwise(buffer, index, length));
        }
        assertThat(buffer.readerIndex()).isZero();
        assertThat(buffer.writerIndex()).isZero();
        buffer.release();
    }

    @Test
    void knowsTheChecksumOfABlockOfZeros() {
        ByteBuf zeros = Buffers.aligned(4096);
        zeros.setZero(0, 4096);
        assertThat(crc.of(zeros, 0, 4096)).isEqualTo(Crc32c.ZERO_BLOCK);
        assertThat(bitwise(zeros, 0, 4096)).isEqualTo(Crc32c.ZERO_BLOCK);
        zeros.release();
    }

    @Test
    void goesOnFromPieceToPiece() {
        ByteBuf buffer = Buffers.aligned(4096);
        for (int i = 0; i < 4096; i++) {
            buffer.setByte(i, i * 31);
        }
        crc.begin();
        crc.add(buffer, 0, 100);
        crc.add(buffer, 100, 0);
        crc.add(buffer, 100, 3996);
        assertThat(crc.value()).isEqualTo(crc.of(buffer, 0, 4096));
        buffer.release();
    }

    @Test
    void allocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ByteBuf buffer = Buffers.aligned(64 << 10);
        ByteBuf slice = buffer.retainedSlice(4096, 8192);
        buffer.setZero(0, 64 << 10);
        run(buffer, slice, 50_000);
        long before = threads.getCurrentThreadAllocatedBytes();
        run(buffer, slice, 50_000);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated).as("bytes for 100 000 checksums").isLessThan(100_000);
        slice.release();
        buffer.release();
    }

    private void run(ByteBuf buffer, ByteBuf slice, int times) {
        for (int i = 0; i < times; i++) {
            crc.of(buffer, i % 16 * 4096, 4096);
            crc.of(slice, 4096, 4096);
        }
    }

    private int of(byte[] bytes) {
        ByteBuf buffer = Buffers.aligned(bytes.length);
        buffer.writeBytes(bytes);
        int value = crc.of(buffer, 0, bytes.length);
        buffer.release();
        return value;
    }

    private static int bitwise(ByteBuf buffer, int index, int length) {
        int value = -1;
        for (int i = 0; i < length; i++) {
            value ^= buffer.getUnsignedByte(index + i);
            for (int bit = 0; bit < 8; bit++) {
                value = value >>> 1 ^ (0x82f63b78 & -(value & 1));
            }
        }
        return ~value;
    }
}
