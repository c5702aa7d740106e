package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.varve.dataplane.buffer.Crc32c;

/** Builds the head of a frame, header and metadata, in one small pooled buffer. Confined to one loop. */
public final class FrameWriter {
    private final Crc32c crc = new Crc32c();
    private final Header header = new Header();

    /** A buffer with room for the header, positioned behind it: the caller writes exactly {@code metaLength} bytes of metadata. */
    public ByteBuf start(int metaLength) {
        ByteBuf head = PooledByteBufAllocator.DEFAULT.directBuffer(
                Header.BYTES + metaLength, Header.BYTES + Header.MAX_META_BYTES);
        head.writerIndex(Header.BYTES);
        return head;
    }

    /** Puts the header before the metadata; the frame is then ready for {@link Connection#send}. */
    public ByteBuf finish(
            ByteBuf head, MessageType type, int requestId, long stream, int epoch, int gen, int payloadLength) {
        header.type = type;
        header.flags = 0;
        header.metaLength = head.writerIndex() - Header.BYTES;
        header.payloadLength = payloadLength;
        header.requestId = requestId;
        header.stream = stream;
        header.epoch = epoch;
        header.gen = gen;
        header.write(head, 0, crc);
        return head;
    }
}
