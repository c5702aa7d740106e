package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import java.util.UUID;
import java.util.zip.CRC32C;

/** CRC-32C over frame heads and segment headers, seeded with the journal's UUID so that no other journal's frames match. One thread. */
final class FrameChecksum {
    private final byte[] seed = new byte[16];
    private final CRC32C crc = new CRC32C();

    FrameChecksum(UUID journal) {
        java.nio.ByteBuffer.wrap(seed)
                .putLong(journal.getMostSignificantBits())
                .putLong(journal.getLeastSignificantBits());
    }

    /** Over {@code bytes} from {@code index}, leaving out the four at {@code index + hole}. */
    int of(ByteBuf buffer, int index, int bytes, int hole) {
        crc.reset();
        crc.update(seed);
        crc.update(buffer.internalNioBuffer(index, hole));
        int rest = hole + Integer.BYTES;
        if (bytes > rest) {
            crc.update(buffer.internalNioBuffer(index + rest, bytes - rest));
        }
        return (int) crc.getValue();
    }
}
