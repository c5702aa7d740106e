package io.varve.dataplane.buffer;

import io.netty.buffer.ByteBuf;
import java.util.zip.CRC32C;

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4) over direct memory without allocating. Confined to one thread, which
 * no other thread shares the buffer with meanwhile: the view that a buffer keeps of itself is moved. */
public final class Crc32c {
    /** Of 4 KiB of zeros: what a hole or a zeroed block reads as, without computing it. */
    public static final int ZERO_BLOCK = 0x98f94189;

    /** Up to here bytes are copied: not every kind of buffer keeps a view of itself, and a header is not worth a new one. */
    private static final int COPIED_BYTES = 2048;

    private final CRC32C crc = new CRC32C();
    private final byte[] copy = new byte[COPIED_BYTES];

    /** The checksum of {@code length} bytes from {@code index}; the buffer's indices stay as they are. */
    public int of(ByteBuf buffer, int index, int length) {
        begin();
        add(buffer, index, length);
        return value();
    }

    /** Starts a checksum over several pieces, dropping one that was begun before. */
    public void begin() {
        crc.reset();
    }

    /** The next piece; the buffer's indices stay as they are. */
    public void add(ByteBuf buffer, int index, int length) {
        if (length <= COPIED_BYTES) {
            buffer.getBytes(index, copy, 0, length);
            crc.update(copy, 0, length);
            return;
        }
        // A slice makes two new views for each call; the buffer under it keeps one for ever.
        ByteBuf whole = buffer;
        for (ByteBuf under = whole.unwrap(); under != null; under = whole.unwrap()) {
            whole = under;
        }
        int shift = whole.hasMemoryAddress() ? (int) (buffer.memoryAddress() - whole.memoryAddress()) : 0;
        ByteBuf source = whole.hasMemoryAddress() ? whole : buffer;
        crc.update(source.internalNioBuffer(index + shift, length));
    }

    /** The checksum of the pieces so far. */
    public int value() {
        return (int) crc.getValue();
    }
}
