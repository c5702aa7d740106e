package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.frontend.nbd.NbdProtocol;
import io.varve.dataplane.volume.BlockRequest;
import org.jspecify.annotations.Nullable;

/**
 * One request that the access point has not answered: what is sent of it, as often as needed. Pooled by {@link PendingRequests}; confined to the
 * loop. The data stays the front end's, which keeps it until the request has ended.
 */
final class Pending {
    final int slot;
    /** Tells this use of the slot from earlier ones: an answer to those is a violation, not an answer to this. */
    int use;

    int command;
    int flags;
    long offsetBytes;
    long lengthBytes;
    /** Null for a question about allocation. */
    @Nullable BlockRequest request;

    @Nullable Allocation allocation;

    boolean isSent;
    long sentNanos;

    @Nullable Pending older;

    @Nullable Pending newer;

    Pending(int slot) {
        this.slot = slot;
    }

    void ask(BlockRequest asked) {
        request = asked;
        offsetBytes = asked.offsetBytes;
        lengthBytes = asked.lengthBytes;
        flags = 0;
        switch (asked.kind) {
            case READ -> command = NbdProtocol.CMD_READ;
            case WRITE -> command = NbdProtocol.CMD_WRITE;
            case ZERO -> {
                command = NbdProtocol.CMD_WRITE_ZEROES;
                flags = NbdProtocol.CMD_FLAG_NO_HOLE;
            }
            case UNMAP -> command = NbdProtocol.CMD_WRITE_ZEROES;
            case FLUSH -> {
                command = NbdProtocol.CMD_FLUSH;
                offsetBytes = 0;
                lengthBytes = 0;
            }
        }
    }

    void ask(Allocation asked) {
        allocation = asked;
        command = NbdProtocol.CMD_BLOCK_STATUS;
        flags = 0;
        offsetBytes = asked.offsetBytes();
        lengthBytes = asked.lengthBytes();
    }

    long cookie() {
        return (long) use << 32 | slot;
    }

    boolean isChange() {
        return command == NbdProtocol.CMD_WRITE || command == NbdProtocol.CMD_WRITE_ZEROES;
    }

    boolean overlaps(Pending other) {
        return offsetBytes < other.offsetBytes + other.lengthBytes && other.offsetBytes < offsetBytes + lengthBytes;
    }

    /** Bytes of data that go with the request or come with its answer. */
    long dataBytes() {
        return command == NbdProtocol.CMD_READ || command == NbdProtocol.CMD_WRITE ? lengthBytes : 0;
    }

    /** The data of a WRITE to be sent, or the room for that of a READ. */
    ByteBuf data() {
        BlockRequest asked = request;
        if (asked == null || asked.data == null) {
            throw new IllegalStateException("this request has no data");
        }
        return asked.data;
    }

    int dataIndex() {
        BlockRequest asked = request;
        return asked == null ? 0 : asked.dataIndex;
    }
}
