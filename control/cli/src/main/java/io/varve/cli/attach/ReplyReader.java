package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.frontend.nbd.NbdProtocol;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads replies of the transmission phase, after structured replies were agreed on. Data of a READ goes from the socket's buffer right to where the
 * request wants it; a request is told only when all of its reply has come. The access point is Varve's own target, which answers every request with one chunk:
 * anything else is a violation. Confined to the loop.
 */
final class ReplyReader {
    /** The most that the target says besides data: 1 024 runs of allocation. */
    private static final int MAX_COLLECTED_BYTES = 16 << 10;

    private static final int MAGIC_BYTES = 4;
    private static final int ERROR_FIXED_BYTES = 6;

    private enum Expect {
        MAGIC,
        SIMPLE,
        CHUNK,
        OFFSET,
        DATA,
        COLLECTED
    }

    private final PendingRequests pending;
    private final Answered answered;
    private final ByteBuf collected = Unpooled.buffer(64, MAX_COLLECTED_BYTES);
    private Expect expect = Expect.MAGIC;
    private int needBytes = MAGIC_BYTES;
    private @Nullable Pending current;
    private int type;
    private int dataBytes;

    /** What the reader finds. */
    interface Answered {
        /** All of the answer has come; {@code error} is the protocol's, 0 for success. */
        void answered(Pending request, int error);

        /** The access point lives and will answer, but has not taken the request yet: its clients have had what they may. Nor what was sent after it. */
        void heldBack(Pending request);
    }

    ReplyReader(PendingRequests pending, Answered answered) {
        this.pending = pending;
        this.answered = answered;
    }

    /** Null, or what was against the rules; then nothing more can be understood. */
    @Nullable String read(ByteBuf in) {
        String violation = null;
        while (violation == null && in.isReadable()) {
            if (expect == Expect.DATA) {
                data(in);
                continue;
            }
            int taken = Math.min(needBytes - collected.readableBytes(), in.readableBytes());
            collected.writeBytes(in, taken);
            if (collected.readableBytes() == needBytes) {
                violation = collected();
            }
        }
        return violation;
    }

    private @Nullable String collected() {
        return switch (expect) {
            case MAGIC -> magic();
            case SIMPLE -> simple();
            case CHUNK -> chunk();
            case OFFSET -> offset();
            case COLLECTED -> payload();
            case DATA -> throw new IllegalStateException("data is not collected");
        };
    }

    private void expect(Expect next, int bytes) {
        collected.clear();
        expect = next;
        needBytes = bytes;
    }

    private @Nullable String magic() {
        int magic = collected.readInt();
        if (magic == NbdProtocol.SIMPLE_REPLY_MAGIC) {
            expect(Expect.SIMPLE, NbdProtocol.SIMPLE_REPLY_BYTES - MAGIC_BYTES);
        } else if (magic == NbdProtocol.STRUCTURED_REPLY_MAGIC) {
            expect(Expect.CHUNK, NbdProtocol.CHUNK_HEADER_BYTES - MAGIC_BYTES);
        } else {
            return "what it says is no reply";
        }
        return null;
    }

    private @Nullable String simple() {
        int error = collected.readInt();
        Pending request = pending.find(collected.readLong());
        if (request == null) {
            return "it answers what was not asked";
        }
        if (error == 0
                && (request.command == NbdProtocol.CMD_READ || request.command == NbdProtocol.CMD_BLOCK_STATUS)) {
            return "its answer lacks what was asked for";
        }
        return end(request, error);
    }

    private @Nullable String end(Pending request, int error) {
        expect(Expect.MAGIC, MAGIC_BYTES);
        current = null;
        answered.answered(request, error);
        return null;
    }

    private @Nullable String chunk() {
        int flags = collected.readUnsignedShort();
        type = collected.readUnsignedShort();
        Pending request = pending.find(collected.readLong());
        long length = collected.readUnsignedInt();
        if (request == null) {
            return "it answers what was not asked";
        }
        if (type == NbdProtocol.REPLY_TYPE_HELD_BACK && flags == 0 && length == 0) {
            expect(Expect.MAGIC, MAGIC_BYTES);
            answered.heldBack(request);
            return null;
        }
        if ((flags & NbdProtocol.REPLY_FLAG_DONE) == 0) {
            return "its answer comes in several chunks";
        }
        current = request;
        return switch (type) {
            case NbdProtocol.REPLY_TYPE_OFFSET_DATA -> {
                if (request.command != NbdProtocol.CMD_READ || length != 8 + request.lengthBytes) {
                    yield "its answer is of another length";
                }
                expect(Expect.OFFSET, 8);
                yield null;
            }
            case NbdProtocol.REPLY_TYPE_BLOCK_STATUS -> {
                boolean fits = request.command == NbdProtocol.CMD_BLOCK_STATUS
                        && length >= 4 + NbdProtocol.BLOCK_DESCRIPTOR_BYTES
                        && (length - 4) % NbdProtocol.BLOCK_DESCRIPTOR_BYTES == 0;
                yield fits ? collect(length) : "its answer about allocation is out of shape";
            }
            case NbdProtocol.REPLY_TYPE_ERROR ->
                length >= ERROR_FIXED_BYTES ? collect(length) : "its error is out of shape";
            default -> "its answer is of an unknown type";
        };
    }

    private @Nullable String collect(long bytes) {
        if (bytes > MAX_COLLECTED_BYTES) {
            return "its answer is too long";
        }
        expect(Expect.COLLECTED, (int) bytes);
        return null;
    }

    private @Nullable String payload() {
        Pending request = Objects.requireNonNull(current);
        if (type == NbdProtocol.REPLY_TYPE_ERROR) {
            int error = collected.readInt();
            return error == 0 ? "its error is none" : end(request, error);
        }
        collected.skipBytes(4); // The id of the only context.
        Allocation asked = Objects.requireNonNull(request.allocation);
        asked.learn(collected, collected.readableBytes());
        return end(request, 0);
    }

    private @Nullable String offset() {
        Pending request = Objects.requireNonNull(current);
        if (collected.readLong() != request.offsetBytes) {
            return "its answer is of another place";
        }
        dataBytes = 0;
        expect(Expect.DATA, 0);
        return null;
    }

    private void data(ByteBuf in) {
        Pending request = Objects.requireNonNull(current);
        int taken = (int) Math.min(in.readableBytes(), request.lengthBytes - dataBytes);
        in.readBytes(request.data(), request.dataIndex() + dataBytes, taken);
        dataBytes += taken;
        if (dataBytes == request.lengthBytes) {
            end(request, 0);
        }
    }
}
