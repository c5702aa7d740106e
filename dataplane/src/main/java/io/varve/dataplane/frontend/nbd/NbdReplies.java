package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.volume.Volume;
import java.nio.charset.StandardCharsets;

/** Encodes replies of the transmission phase. One per session, for the cursor of BLOCK_STATUS; confined to the loop. */
final class NbdReplies {
    /** The id under which base:allocation is told. Any number would do. */
    static final int ALLOCATION_CONTEXT = 1;
    /** Likewise {@link NbdProtocol#HELD_BACK}; no BLOCK_STATUS tells of it. */
    static final int HELD_BACK_CONTEXT = 2;
    /** Most runs in one BLOCK_STATUS reply: the client asks again from where they end. */
    static final int MAX_DESCRIPTORS = 1024;

    private static final int DATA_CHUNK_HEADER_BYTES = NbdProtocol.CHUNK_HEADER_BYTES + 8;

    private final boolean structured;
    private final AllocationRuns runs = new AllocationRuns();

    NbdReplies(boolean structured) {
        this.structured = structured;
    }

    /** Success without data. A simple reply is allowed after structured ones were agreed on too, but not for READ. */
    void done(ByteBuf out, int command, long cookie) {
        if (structured && command == NbdProtocol.CMD_READ) {
            chunk(out, NbdProtocol.REPLY_TYPE_NONE, cookie, 0);
        } else {
            simple(out, cookie, 0);
        }
    }

    void failed(ByteBuf out, long cookie, NbdError error) {
        if (!structured) {
            simple(out, cookie, error.code);
            return;
        }
        chunk(out, NbdProtocol.REPLY_TYPE_ERROR, cookie, 4 + 2 + error.text.length());
        out.writeInt(error.code);
        out.writeShort(error.text.length());
        out.writeCharSequence(error.text, StandardCharsets.US_ASCII);
    }

    /** Puts the header of a READ right before its data, which starts at {@link NbdRequest#HEADER_ROOM_BYTES}, and sets the indices. */
    void frameRead(ByteBuf data, long cookie, long offsetBytes, int lengthBytes) {
        int headerBytes = structured ? DATA_CHUNK_HEADER_BYTES : NbdProtocol.SIMPLE_REPLY_BYTES;
        int start = NbdRequest.HEADER_ROOM_BYTES - headerBytes;
        data.setIndex(start, start);
        if (structured) {
            chunk(data, NbdProtocol.REPLY_TYPE_OFFSET_DATA, cookie, 8 + lengthBytes);
            data.writeLong(offsetBytes);
        } else {
            simple(data, cookie, 0);
        }
        data.writerIndex(NbdRequest.HEADER_ROOM_BYTES + lengthBytes);
    }

    /** The chunk of BLOCK_STATUS for base:allocation, from {@code offsetBytes} on: at least one run, at most {@code maxRuns}. */
    void blockStatus(ByteBuf out, long cookie, Volume volume, long offsetBytes, long lengthBytes, int maxRuns) {
        int begin = out.writerIndex();
        chunk(out, NbdProtocol.REPLY_TYPE_BLOCK_STATUS, cookie, 0);
        out.writeInt(ALLOCATION_CONTEXT);
        runs.begin(out, offsetBytes + lengthBytes, maxRuns);
        volume.allocation(offsetBytes, lengthBytes, runs);
        if (runs.count == 0) {
            runs.run(offsetBytes, lengthBytes, true);
        }
        int payloadBytes = out.writerIndex() - begin - NbdProtocol.CHUNK_HEADER_BYTES;
        out.setInt(begin + NbdProtocol.CHUNK_HEADER_BYTES - 4, payloadBytes);
        runs.end();
    }

    /** The request has not been taken yet, because the volume's clients have had what they may; it will be answered. */
    static void heldBack(ByteBuf out, long cookie) {
        out.writeInt(NbdProtocol.STRUCTURED_REPLY_MAGIC);
        out.writeShort(0);
        out.writeShort(NbdProtocol.REPLY_TYPE_HELD_BACK);
        out.writeLong(cookie);
        out.writeInt(0);
    }

    private static void simple(ByteBuf out, long cookie, int error) {
        out.writeInt(NbdProtocol.SIMPLE_REPLY_MAGIC);
        out.writeInt(error);
        out.writeLong(cookie);
    }

    /** The header of the only chunk of a reply. */
    private static void chunk(ByteBuf out, int type, long cookie, int payloadBytes) {
        out.writeInt(NbdProtocol.STRUCTURED_REPLY_MAGIC);
        out.writeShort(NbdProtocol.REPLY_FLAG_DONE);
        out.writeShort(type);
        out.writeLong(cookie);
        out.writeInt(payloadBytes);
    }

    /** Writes runs as block descriptors. */
    private static final class AllocationRuns implements Volume.AllocationVisitor {
        private static final ByteBuf NOWHERE = io.netty.buffer.Unpooled.EMPTY_BUFFER;

        private ByteBuf out = NOWHERE;
        private long endBytes;
        private int maxRuns;
        private int count;

        void begin(ByteBuf to, long end, int most) {
            out = to;
            endBytes = end;
            maxRuns = most;
            count = 0;
        }

        void end() {
            out = NOWHERE;
        }

        @Override
        public boolean run(long offsetBytes, long lengthBytes, boolean allocated) {
            out.writeInt((int) Math.min(lengthBytes, endBytes - offsetBytes));
            out.writeInt(allocated ? 0 : NbdProtocol.STATE_HOLE | NbdProtocol.STATE_ZERO);
            count++;
            return count < maxRuns;
        }
    }
}
