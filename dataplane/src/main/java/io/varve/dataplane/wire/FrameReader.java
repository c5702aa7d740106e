package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a stream of bytes into frames, whatever the pieces in which it arrives. Payload is copied once, into aligned memory from which it can
 * be written to a device; header and metadata are used in place when they arrived whole. Confined to one loop.
 */
public final class FrameReader {
    private final Receiver receiver;
    private final Header header = new Header();
    private final Crc32c crc = new Crc32c();

    /** Header and metadata that arrived in pieces. On the heap, small, grows to one frame's head. */
    private final ByteBuf head = Unpooled.buffer(256, Header.BYTES + Header.MAX_META_BYTES);

    /** Non-null while a frame's payload arrives; its head then lies in {@link #head}. */
    private @Nullable ByteBuf payload;

    public FrameReader(Receiver receiver) {
        this.receiver = receiver;
    }

    /** Takes all readable bytes of {@code in}, which stays the caller's. Null, or the violation after which nothing more may be fed. */
    public @Nullable String feed(ByteBuf in) {
        while (in.isReadable() || payload != null) {
            if (payload != null) {
                String violation = feedPayload(in, payload);
                if (violation != null) {
                    return violation;
                }
                if (payload != null) {
                    return null;
                }
            } else {
                int before = in.readerIndex();
                String violation = feedHead(in);
                if (violation != null) {
                    return violation;
                }
                if (in.readerIndex() == before && payload == null) {
                    return null;
                }
            }
        }
        return null;
    }

    /** Gives back what an unfinished frame holds. */
    public void close() {
        if (payload != null) {
            payload.release();
            payload = null;
        }
    }

    private @Nullable String feedHead(ByteBuf in) {
        boolean inPlace = head.writerIndex() == 0;
        if (inPlace && in.readableBytes() >= Header.BYTES) {
            String violation = header.read(in, in.readerIndex(), crc);
            if (violation != null) {
                return violation;
            }
            int headLength = Header.BYTES + header.metaLength;
            if (in.readableBytes() >= headLength) {
                int index = in.readerIndex();
                in.skipBytes(headLength);
                return headComplete(in, index, false);
            }
        }
        if (fill(in, Header.BYTES)) {
            // The flyweight may still be that of an earlier frame: read it from the bytes collected.
            String violation = header.read(head, 0, crc);
            if (violation != null) {
                return violation;
            }
            if (fill(in, Header.BYTES + header.metaLength)) {
                return headComplete(head, 0, true);
            }
        }
        return null;
    }

    private boolean fill(ByteBuf in, int target) {
        int wanted = Math.min(target - head.writerIndex(), in.readableBytes());
        if (wanted > 0) {
            head.writeBytes(in, wanted);
        }
        return head.writerIndex() >= target;
    }

    private @Nullable String headComplete(ByteBuf from, int index, boolean isCollected) {
        int metaIndex = index + Header.BYTES;
        int actual = header.metaLength == 0 ? 0 : crc.of(from, metaIndex, header.metaLength);
        if (actual != header.metaCrc) {
            return "metadata checksum does not match";
        }
        if (header.payloadLength == 0) {
            String violation = receiver.received(header, from, metaIndex, null);
            head.clear();
            return violation;
        }
        if (!isCollected) {
            head.writeBytes(from, index, Header.BYTES + header.metaLength);
        }
        payload = Buffers.aligned(header.payloadLength);
        return null;
    }

    private @Nullable String feedPayload(ByteBuf in, ByteBuf into) {
        int wanted = Math.min(into.writableBytes(), in.readableBytes());
        into.writeBytes(in, wanted);
        if (into.isWritable()) {
            return null;
        }
        payload = null;
        try {
            return receiver.received(header, head, Header.BYTES, into);
        } finally {
            head.clear();
            into.release();
        }
    }
}
