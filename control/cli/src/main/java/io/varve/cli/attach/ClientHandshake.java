package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.frontend.nbd.NbdProtocol;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The client's half of the NBD handshake, fixed newstyle, as a state machine: bytes of the server in, bytes of the client out. Asks for structured
 * replies, for {@code base:allocation}, and for the export; the server has to grant all three. Asks to hear of requests that are held back, too, which an older
 * server does not know. No I/O, no clock. Confined to the loop.
 */
final class ClientHandshake {
    /** Longest reply to an option that is looked at; the target's are a few hundred bytes. */
    private static final int MAX_REPLY_BYTES = 64 << 10;

    private static final int GREETING_BYTES = 18;
    private static final int REPLY_HEADER_BYTES = 20;
    private static final int EXPORT_INFO_BYTES = 12;
    private static final int REQUIRED_FLAGS = NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES;

    enum Step {
        /** The server has more to say. */
        MORE,
        /** The export is open: {@link #sizeBytes}, {@link #flags}. */
        DONE,
        /** {@link #refusal} says why not. */
        REFUSED,
        /** Likewise, and it will be the same wherever the volume is open: it is another's to use. */
        OVER
    }

    private final byte[] export;
    private final ByteBuf collected = Unpooled.buffer(REPLY_HEADER_BYTES, MAX_REPLY_BYTES);
    private boolean greeted;
    private boolean inReply;
    private int needBytes = GREETING_BYTES;
    private int option = NbdProtocol.OPT_STRUCTURED_REPLY;
    private int replyType;
    private long sizeBytes = -1;
    private int flags;
    private @Nullable String refusal;

    ClientHandshake(String export) {
        this.export = export.getBytes(StandardCharsets.UTF_8);
    }

    /** The server has greeted: it is alive. */
    boolean isGreeted() {
        return greeted;
    }

    long sizeBytes() {
        return sizeBytes;
    }

    /** The transmission flags. */
    int flags() {
        return flags;
    }

    String refusal() {
        return refusal == null ? "" : refusal;
    }

    /** Uses bytes of {@code in} up to the end of one thing that the server says; call again while there are some and it says MORE. */
    Step advance(ByteBuf in, ByteBuf out) {
        int taken = Math.min(needBytes - collected.readableBytes(), in.readableBytes());
        collected.writeBytes(in, taken);
        if (collected.readableBytes() < needBytes) {
            return Step.MORE;
        }
        Step step;
        if (!greeted) {
            step = greeting(out);
        } else if (inReply) {
            step = replyData(out);
        } else {
            step = replyHeader(out);
        }
        return step;
    }

    private Step refuse(String why) {
        refusal = why;
        return Step.REFUSED;
    }

    private Step greeting(ByteBuf out) {
        if (collected.readLong() != NbdProtocol.INIT_PASSWD || collected.readLong() != NbdProtocol.OPTION_MAGIC) {
            return refuse("it does not speak NBD");
        }
        if ((collected.readUnsignedShort() & REQUIRED_FLAGS) != REQUIRED_FLAGS) {
            return refuse("it is no NBD target of Varve");
        }
        greeted = true;
        out.writeInt(REQUIRED_FLAGS);
        optionHeader(out, 0);
        awaitReply();
        return Step.MORE;
    }

    private void optionHeader(ByteBuf out, int bytes) {
        out.writeLong(NbdProtocol.OPTION_MAGIC);
        out.writeInt(option);
        out.writeInt(bytes);
    }

    private void awaitReply() {
        collected.clear();
        inReply = false;
        needBytes = REPLY_HEADER_BYTES;
    }

    private Step replyHeader(ByteBuf out) {
        if (collected.readLong() != NbdProtocol.OPTION_REPLY_MAGIC || collected.readInt() != option) {
            return refuse("its reply is to something else");
        }
        replyType = collected.readInt();
        needBytes = collected.readInt();
        if (needBytes < 0 || needBytes > MAX_REPLY_BYTES) {
            return refuse("its reply is too long");
        }
        collected.clear();
        inReply = true;
        return needBytes == 0 ? replyData(out) : Step.MORE;
    }

    private Step replyData(ByteBuf out) {
        if (replyType == NbdProtocol.REP_ACK) {
            return acknowledged(out);
        }
        if (replyType < 0) {
            String said = collected.toString(StandardCharsets.UTF_8);
            if (option == NbdProtocol.OPT_GO && replyType == NbdProtocol.REP_ERR_POLICY) {
                refusal = said;
                return Step.OVER;
            }
            return refuse(said.isEmpty() ? "it refuses option " + option : said);
        }
        if (replyType == NbdProtocol.REP_INFO
                && collected.readableBytes() == EXPORT_INFO_BYTES
                && collected.readUnsignedShort() == NbdProtocol.INFO_EXPORT) {
            sizeBytes = collected.readLong();
            flags = collected.readUnsignedShort();
        }
        awaitReply();
        return Step.MORE;
    }

    private Step acknowledged(ByteBuf out) {
        switch (option) {
            case NbdProtocol.OPT_STRUCTURED_REPLY -> {
                option = NbdProtocol.OPT_SET_META_CONTEXT;
                byte[] allocation = NbdProtocol.BASE_ALLOCATION.getBytes(StandardCharsets.UTF_8);
                byte[] heldBack = NbdProtocol.HELD_BACK.getBytes(StandardCharsets.UTF_8);
                optionHeader(out, 4 + export.length + 4 + 4 + allocation.length + 4 + heldBack.length);
                name(out, export);
                out.writeInt(2);
                name(out, allocation);
                name(out, heldBack);
            }
            case NbdProtocol.OPT_SET_META_CONTEXT -> {
                option = NbdProtocol.OPT_GO;
                optionHeader(out, 4 + export.length + 2);
                name(out, export);
                out.writeShort(0); // Size and flags come anyway.
            }
            default -> {
                return sizeBytes < 0 ? refuse("it did not tell the size") : Step.DONE;
            }
        }
        awaitReply();
        return Step.MORE;
    }

    private static void name(ByteBuf out, byte[] text) {
        out.writeInt(text.length);
        out.writeBytes(text);
    }
}
