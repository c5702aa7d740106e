package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.volume.Volume;
import io.varve.dataplane.volume.VolumeDirectory;
import io.varve.model.Geometry;
import io.varve.model.Holder.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The handshake of one connection, fixed newstyle, as a state machine: bytes of the client in, bytes of the server and a {@link Step}
 * out. No I/O, no clock. Nothing that a client announces is believed: memory grows with the bytes that came, up to
 * {@link #MAX_OPTION_BYTES}. Confined to the target's loop; {@link #release} frees what is held.
 */
final class NbdHandshake {
    /** Longest option that is looked at: two longest names and some queries fit, and nobody sends more. */
    static final int MAX_OPTION_BYTES = 16 << 10;
    /** An option up to this long is read over and refused politely; a longer one ends the connection. */
    static final int MAX_SKIPPED_BYTES = 1 << 20;
    /** A client that has sent so many options will not come to an end. Real ones send fewer than ten. */
    static final int MAX_OPTIONS = 256;

    enum Step {
        /** All input was used. */
        MORE,
        /** One thing was done, and there may be an answer to send before the next. */
        DONE_ONE,
        /** {@link #client} wants {@link #volume}: {@link #letIn} answers it when it is the only one of its name. */
        CLAIM,
        /** What follows in the input belongs to the transmission phase with {@link #volume}. */
        TRANSMISSION,
        /** Send what there is, then close. */
        CLOSE
    }

    private enum Expect {
        CLIENT_FLAGS,
        OPTION_HEADER,
        OPTION_DATA,
        SKIPPED_DATA
    }

    private final VolumeDirectory volumes;
    private final ByteBuf collected = Unpooled.buffer(64, MAX_OPTION_BYTES);

    private Expect expect = Expect.CLIENT_FLAGS;
    private int needBytes = NbdProtocol.CLIENT_FLAGS_BYTES;
    private int option;
    private int options;
    private boolean fixedNewstyle;
    private boolean noZeroes;
    private boolean structuredReplies;
    /** The export for which base:allocation was selected last. */
    private @Nullable String contextExport;

    /** The export for which it wants to hear of what is held back. */
    private @Nullable String heldBackExport;

    private boolean blockStatus;
    private boolean heldBack;
    private @Nullable Volume volume;
    private @Nullable String client;
    private boolean nameAsked;

    NbdHandshake(VolumeDirectory volumes) {
        this.volumes = volumes;
    }

    /** What the server says first. */
    static void greet(ByteBuf out) {
        out.writeLong(NbdProtocol.INIT_PASSWD);
        out.writeLong(NbdProtocol.OPTION_MAGIC);
        out.writeShort(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
    }

    void release() {
        collected.release();
    }

    /** The volume chosen; only after {@link Step#TRANSMISSION}. */
    Volume volume() {
        Volume chosen = volume;
        if (chosen == null) {
            throw new IllegalStateException("the handshake has not come to its end");
        }
        return chosen;
    }

    /** Who asked for it, after {@link Step#CLAIM}; null for nobody in particular. */
    @Nullable String client() {
        return client;
    }

    boolean structuredReplies() {
        return structuredReplies;
    }

    /** True if BLOCK_STATUS may be asked. */
    boolean blockStatus() {
        return blockStatus;
    }

    /** True if the client is to be told of requests that are held back. */
    boolean heldBack() {
        return heldBack;
    }

    /** Takes bytes from {@code in} up to the end of one thing that the client says, and appends the answer to {@code out}. */
    Step advance(ByteBuf in, ByteBuf out) {
        if (expect == Expect.SKIPPED_DATA) {
            return skip(in, out);
        }
        int taken = Math.min(needBytes - collected.readableBytes(), in.readableBytes());
        collected.writeBytes(in, taken);
        if (collected.readableBytes() < needBytes) {
            return Step.MORE;
        }
        Step step = switch (expect) {
            case CLIENT_FLAGS -> clientFlags();
            case OPTION_HEADER -> optionHeader(out);
            case OPTION_DATA -> endOption(out);
            case SKIPPED_DATA -> throw new IllegalStateException("skipped data is not collected");
        };
        return step;
    }

    private Step clientFlags() {
        int flags = collected.readInt();
        if ((flags & ~(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES)) != 0) {
            return Step.CLOSE;
        }
        fixedNewstyle = (flags & NbdProtocol.FLAG_FIXED_NEWSTYLE) != 0;
        noZeroes = (flags & NbdProtocol.FLAG_NO_ZEROES) != 0;
        expectOption();
        return Step.DONE_ONE;
    }

    private void expectOption() {
        collected.clear();
        expect = Expect.OPTION_HEADER;
        needBytes = NbdProtocol.OPTION_HEADER_BYTES;
    }

    private Step optionHeader(ByteBuf out) {
        long magic = collected.readLong();
        option = collected.readInt();
        int length = collected.readInt();
        collected.clear();
        if (magic != NbdProtocol.OPTION_MAGIC
                || ++options > MAX_OPTIONS
                || (!fixedNewstyle && option != NbdProtocol.OPT_EXPORT_NAME)
                || Integer.compareUnsigned(length, MAX_SKIPPED_BYTES) > 0) {
            return Step.CLOSE;
        }
        needBytes = length;
        if (length > MAX_OPTION_BYTES) {
            expect = Expect.SKIPPED_DATA;
            return Step.DONE_ONE;
        }
        expect = Expect.OPTION_DATA;
        return length == 0 ? endOption(out) : Step.DONE_ONE;
    }

    private Step skip(ByteBuf in, ByteBuf out) {
        int taken = Math.min(needBytes, in.readableBytes());
        in.skipBytes(taken);
        needBytes -= taken;
        if (needBytes > 0) {
            return Step.MORE;
        }
        if (option == NbdProtocol.OPT_EXPORT_NAME) {
            return Step.CLOSE;
        }
        refuse(out, NbdProtocol.REP_ERR_TOO_BIG, "the option is too long");
        expectOption();
        return Step.DONE_ONE;
    }

    private Step endOption(ByteBuf out) {
        Step step = answer(out);
        expectOption();
        return step;
    }

    private Step answer(ByteBuf out) {
        if (option == NbdProtocol.OPT_ABORT) {
            reply(out, NbdProtocol.REP_ACK, 0);
            return Step.CLOSE;
        }
        if (option == NbdProtocol.OPT_EXPORT_NAME) {
            return exportName(out);
        }
        return switch (option) {
            case NbdProtocol.OPT_LIST -> list(out);
            case NbdProtocol.OPT_STARTTLS -> refuse(out, NbdProtocol.REP_ERR_POLICY, "TLS is not set up on this node");
            case NbdProtocol.OPT_INFO, NbdProtocol.OPT_GO -> go(out);
            case NbdProtocol.OPT_STRUCTURED_REPLY -> structuredReply(out);
            case NbdProtocol.OPT_LIST_META_CONTEXT, NbdProtocol.OPT_SET_META_CONTEXT -> metaContext(out);
            default -> refuse(out, NbdProtocol.REP_ERR_UNSUP, "this option is not supported");
        };
    }

    /** The old way in: no errors can be told, so the connection ends instead. */
    private Step exportName(ByteBuf out) {
        if (collected.readableBytes() > NbdProtocol.MAX_STRING_BYTES) {
            return Step.CLOSE;
        }
        String name = string(collected.readableBytes());
        Volume found = find(name);
        return found == null || verdict(found, name) != Verdict.MAY_USE ? Step.CLOSE : enter(out, found, name);
    }

    private Step list(ByteBuf out) {
        if (collected.isReadable()) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "LIST takes no data");
        }
        List<String> names = volumes.names();
        for (int i = 0; i < names.size(); i++) {
            byte[] name = names.get(i).getBytes(StandardCharsets.UTF_8);
            reply(out, NbdProtocol.REP_SERVER, 4 + name.length);
            out.writeInt(name.length);
            out.writeBytes(name);
        }
        reply(out, NbdProtocol.REP_ACK, 0);
        return Step.DONE_ONE;
    }

    /** GO and INFO: name length u32, name, count u16, that many kinds u16. */
    private Step go(ByteBuf out) {
        int nameBytes = readStringLength();
        if (nameBytes < 0) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "the name does not fit its option");
        }
        if (nameBytes > NbdProtocol.MAX_STRING_BYTES) {
            return refuse(out, NbdProtocol.REP_ERR_TOO_BIG, "the name is too long");
        }
        String name = string(nameBytes);
        if (collected.readableBytes() < 2) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "the kinds of information are missing");
        }
        int kinds = collected.readUnsignedShort();
        if (collected.readableBytes() != 2 * kinds) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "the kinds of information do not fit their option");
        }
        Volume found = find(name);
        if (found == null) {
            return refuse(out, NbdProtocol.REP_ERR_UNKNOWN, "no volume of this name is attached here");
        }
        nameAsked = false;
        for (int i = 0; i < kinds; i++) {
            nameAsked |= collected.readUnsignedShort() == NbdProtocol.INFO_NAME;
        }
        if (option == NbdProtocol.OPT_GO) {
            return switch (verdict(found, name)) {
                case MAY_USE -> enter(out, found, name);
                case NOT_YET ->
                    refuse(out, NbdProtocol.REP_ERR_UNKNOWN, "it is open here from before it was published so");
                case OVER -> refuse(out, NbdProtocol.REP_ERR_POLICY, objection(found, name));
            };
        }
        tell(out, found);
        return Step.DONE_ONE;
    }

    private static Verdict verdict(Volume found, String name) {
        return found.holder().judge(shown(name));
    }

    private static int shown(String name) {
        return Objects.requireNonNull(ExportName.parse(name)).publication();
    }

    private static String objection(Volume found, String name) {
        return shown(name) == 0
                ? "the volume is published to a node: it is used there, through its CSI driver"
                : "publication " + Integer.toUnsignedString(shown(name)) + " of the volume is over: "
                        + (found.holder().publication() == 0 ? "it is published to no node" : "there is a newer one");
    }

    private void tell(ByteBuf out, Volume found) {
        reply(out, NbdProtocol.REP_INFO, 12);
        out.writeShort(NbdProtocol.INFO_EXPORT);
        out.writeLong(found.sizeBytes());
        out.writeShort(transmissionFlags());
        reply(out, NbdProtocol.REP_INFO, 14);
        out.writeShort(NbdProtocol.INFO_BLOCK_SIZE);
        out.writeInt(NbdProtocol.MIN_BLOCK_BYTES);
        out.writeInt(Geometry.BLOCK_BYTES);
        out.writeInt(NbdProtocol.MAX_PAYLOAD_BYTES);
        if (nameAsked) {
            byte[] name = found.name().getBytes(StandardCharsets.UTF_8);
            reply(out, NbdProtocol.REP_INFO, 2 + name.length);
            out.writeShort(NbdProtocol.INFO_NAME);
            out.writeBytes(name);
        }
        reply(out, NbdProtocol.REP_ACK, 0);
    }

    private Step enter(ByteBuf out, Volume found, String name) {
        volume = found;
        blockStatus = name.equals(contextExport);
        heldBack = name.equals(heldBackExport);
        client = Objects.requireNonNull(ExportName.parse(name)).client();
        return client == null ? letIn(out) : Step.CLAIM;
    }

    /** Answers the option that chose the volume: EXPORT_NAME or GO. */
    Step letIn(ByteBuf out) {
        if (option == NbdProtocol.OPT_GO) {
            tell(out, volume());
            return Step.TRANSMISSION;
        }
        out.writeLong(volume().sizeBytes());
        out.writeShort(transmissionFlags());
        if (!noZeroes) {
            out.writeZero(NbdProtocol.EXPORT_NAME_PADDING_BYTES);
        }
        return Step.TRANSMISSION;
    }

    private Step structuredReply(ByteBuf out) {
        if (collected.isReadable()) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "STRUCTURED_REPLY takes no data");
        }
        structuredReplies = true;
        reply(out, NbdProtocol.REP_ACK, 0);
        return Step.DONE_ONE;
    }

    /** LIST_ and SET_META_CONTEXT: name length u32, name, count u32, that many queries of length u32 and text. */
    private Step metaContext(ByteBuf out) {
        boolean set = option == NbdProtocol.OPT_SET_META_CONTEXT;
        if (set) {
            contextExport = null;
            heldBackExport = null;
        }
        if (!structuredReplies) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "structured replies come first");
        }
        int nameBytes = readStringLength();
        if (nameBytes < 0 || nameBytes > NbdProtocol.MAX_STRING_BYTES) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "the name does not fit its option");
        }
        String name = string(nameBytes);
        if (collected.readableBytes() < 4) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "the queries are missing");
        }
        long queries = collected.readUnsignedInt();
        boolean wanted = queries == 0 && !set;
        boolean wantsHeldBack = false;
        for (long i = 0; i < queries; i++) {
            int queryBytes = readStringLength();
            if (queryBytes < 0 || queryBytes > NbdProtocol.MAX_STRING_BYTES) {
                return refuse(out, NbdProtocol.REP_ERR_INVALID, "a query does not fit its option");
            }
            String query = string(queryBytes);
            wanted |= query.equals(NbdProtocol.BASE_ALLOCATION) || (!set && query.equals(NbdProtocol.BASE_NAMESPACE));
            wantsHeldBack |= query.equals(NbdProtocol.HELD_BACK);
        }
        if (collected.isReadable()) {
            return refuse(out, NbdProtocol.REP_ERR_INVALID, "there is more than the queries");
        }
        if (find(name) == null) {
            return refuse(out, NbdProtocol.REP_ERR_UNKNOWN, "no volume of this name is attached here");
        }
        if (wanted) {
            replyContext(out, NbdProtocol.BASE_ALLOCATION, set ? NbdReplies.ALLOCATION_CONTEXT : 0);
        }
        if (wantsHeldBack) {
            replyContext(out, NbdProtocol.HELD_BACK, set ? NbdReplies.HELD_BACK_CONTEXT : 0);
        }
        if (wanted && set) {
            contextExport = name;
        }
        if (wantsHeldBack && set) {
            heldBackExport = name;
        }
        reply(out, NbdProtocol.REP_ACK, 0);
        return Step.DONE_ONE;
    }

    private void replyContext(ByteBuf out, String name, int id) {
        byte[] context = name.getBytes(StandardCharsets.UTF_8);
        reply(out, NbdProtocol.REP_META_CONTEXT, 4 + context.length);
        out.writeInt(id);
        out.writeBytes(context);
    }

    private int transmissionFlags() {
        return NbdProtocol.FLAG_HAS_FLAGS
                | NbdProtocol.FLAG_SEND_FLUSH
                | NbdProtocol.FLAG_SEND_FUA
                | NbdProtocol.FLAG_SEND_TRIM
                | NbdProtocol.FLAG_SEND_WRITE_ZEROES
                | (structuredReplies ? NbdProtocol.FLAG_SEND_DF : 0)
                | NbdProtocol.FLAG_CAN_MULTI_CONN
                | NbdProtocol.FLAG_SEND_CACHE
                | NbdProtocol.FLAG_SEND_FAST_ZERO;
    }

    /** The empty name is the document's "default export": the only volume, if there is just one. */
    private @Nullable Volume find(String export) {
        ExportName name = ExportName.parse(export);
        if (name == null) {
            return null;
        }
        if (!name.volume().isEmpty()) {
            return volumes.find(name.volume());
        }
        List<String> names = volumes.names();
        return names.size() == 1 ? volumes.find(names.getFirst()) : null;
    }

    /** A length u32 that the rest of the option can hold, or -1. */
    private int readStringLength() {
        if (collected.readableBytes() < 4) {
            return -1;
        }
        long length = collected.readUnsignedInt();
        return length <= collected.readableBytes() ? (int) length : -1;
    }

    private String string(int bytes) {
        return collected.readCharSequence(bytes, StandardCharsets.UTF_8).toString();
    }

    private void reply(ByteBuf out, int type, int dataBytes) {
        out.writeLong(NbdProtocol.OPTION_REPLY_MAGIC);
        out.writeInt(option);
        out.writeInt(type);
        out.writeInt(dataBytes);
    }

    private Step refuse(ByteBuf out, int type, String text) {
        byte[] message = text.getBytes(StandardCharsets.UTF_8);
        reply(out, type, message.length);
        out.writeBytes(message);
        return Step.DONE_ONE;
    }
}
