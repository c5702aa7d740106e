package io.varve.dataplane.buffer;

import io.netty.buffer.ByteBuf;
import java.util.zip.CRC32C;

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4) over direct memory without allocating. Confined to one thread. */
public final class Crc32c {
    private final CRC32C crc = new CRC32C();

    /** The checksum of {@code length} bytes from {@code index}; the buffer's indices stay as they are. */
    public int of(ByteBuf buffer, int index, int length) {
        crc.reset();
        crc.update(buffer.internalNioBuffer(index, length));
        return (int) crc.getValue();
    }
}
