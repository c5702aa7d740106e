package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.volume.BlockRequest.Kind;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.dataplane.volume.Volume;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The transmission phase of one connection: takes requests off the client's bytes, hands them to the volume, and replies in the order
 * in which they end. Confined to the loop. Any number of requests is in flight up to the limits; at a limit {@link #consume} stops, and
 * the connection calls again when there is room.
 */
final class NbdSession {
    private enum Expect {
        HEADER,
        /** The header is decoded; limits allowing, the request begins. */
        ADMISSION,
        /** Data of the WRITE {@link #lead}. */
        PAYLOAD,
        /** Data of a WRITE that has been refused already. */
        REFUSED_PAYLOAD,
        /** Nothing: what comes after DISC or a violation is thrown away. */
        NOTHING
    }

    private final NbdConnection connection;
    private final Volume volume;
    private final NbdReplies replies;
    private final NbdRequest.Pool pool;
    private final NbdMemory memory;
    private final NbdLimits limits;
    private final boolean structured;
    private final boolean blockStatus;
    private final Runnable drained = this::drained;
    private final Runnable statusKnown;

    private final ByteBuf header = Unpooled.buffer(NbdProtocol.REQUEST_HEADER_BYTES, NbdProtocol.REQUEST_HEADER_BYTES);
    private Expect expect = Expect.HEADER;
    private int flags;
    private int command;
    private long cookie;
    private long offsetBytes;
    private long lengthBytes;

    /** The WRITE whose data comes in, and how much is still to come. */
    private @Nullable NbdRequest lead;

    private @Nullable NbdRequest part;
    private long payloadLeftBytes;
    private long partBeganNanos;

    private int inFlight;
    private boolean awaitsDrain;
    private boolean refusesAll;
    private long heldBytes;
    /** Of a session that takes nothing any more. */
    private @Nullable Runnable whenIdle;

    NbdSession(
            NbdConnection connection,
            Volume volume,
            boolean structured,
            boolean blockStatus,
            NbdRequest.Pool pool,
            NbdMemory memory,
            NbdLimits limits) {
        this.connection = connection;
        this.volume = volume;
        this.structured = structured;
        this.blockStatus = blockStatus;
        this.replies = new NbdReplies(structured);
        this.pool = pool;
        this.memory = memory;
        this.limits = limits;
        this.statusKnown = connection::pump;
    }

    int inFlight() {
        return inFlight;
    }

    /** Runs {@code task} when the last request that is in flight has ended; there is at least one, and no more are taken. */
    void onIdle(Runnable task) {
        whenIdle = task;
    }

    /** True if the client owes the rest of a WRITE's data since before {@code nanos}. */
    boolean owesDataSince(long nanos) {
        return part != null && partBeganNanos - nanos < 0;
    }

    /** The time in which the client could not send, because it was not read from, is not its fault. */
    void wasBlocked() {
        partBeganNanos = volume.loop().nanos();
    }

    /** True if all of {@code in} was used; false if a limit was met, and the rest is to be offered again later. */
    boolean consume(ByteBuf in) {
        boolean went = true;
        while (went && (in.isReadable() || expect == Expect.ADMISSION)) {
            went = switch (expect) {
                case HEADER -> header(in);
                case ADMISSION -> admit();
                case PAYLOAD -> payload(in);
                case REFUSED_PAYLOAD -> refusedPayload(in);
                case NOTHING -> {
                    in.skipBytes(in.readableBytes());
                    yield true;
                }
            };
        }
        return went;
    }

    private boolean header(ByteBuf in) {
        ByteBuf from = in;
        if (header.isReadable() || in.readableBytes() < NbdProtocol.REQUEST_HEADER_BYTES) {
            header.writeBytes(in, Math.min(header.writableBytes(), in.readableBytes()));
            if (header.isWritable()) {
                return true;
            }
            from = header;
        }
        int magic = from.readInt();
        flags = from.readUnsignedShort();
        command = from.readUnsignedShort();
        cookie = from.readLong();
        offsetBytes = from.readLong();
        lengthBytes = from.readUnsignedInt();
        header.clear();
        if (magic != NbdProtocol.REQUEST_MAGIC) {
            violated();
        } else {
            expect = Expect.ADMISSION;
        }
        return true;
    }

    /** A client that breaks the framing cannot be understood any more. */
    private void violated() {
        expect = Expect.NOTHING;
        connection.abort();
    }

    private boolean admit() {
        if (command == NbdProtocol.CMD_DISC) {
            expect = Expect.NOTHING;
            connection.end();
            return true;
        }
        if (inFlight >= limits.requestsInFlight() || connection.backlogged() || !volumeTakesMore()) {
            memory.leave(connection); // Who cannot go on for another reason must not stand in front of those who could.
            return false;
        }
        NbdError error = refusesAll ? NbdError.ESHUTDOWN : check();
        if (error != NbdError.NONE) {
            refuse(error);
            return true;
        }
        return switch (command) {
            case NbdProtocol.CMD_READ -> read();
            case NbdProtocol.CMD_WRITE -> write();
            case NbdProtocol.CMD_FLUSH -> begin(Kind.FLUSH);
            case NbdProtocol.CMD_TRIM -> begin(Kind.UNMAP);
            case NbdProtocol.CMD_WRITE_ZEROES ->
                begin((flags & NbdProtocol.CMD_FLAG_NO_HOLE) != 0 ? Kind.ZERO : Kind.UNMAP);
            case NbdProtocol.CMD_BLOCK_STATUS -> tellStatus();
            default -> done(); // CACHE: a hint; what is read often is cached below
        };
    }

    private boolean volumeTakesMore() {
        if (volume.canTakeMore()) {
            return true;
        }
        if (!awaitsDrain) {
            awaitsDrain = true;
            volume.onDrained(drained);
        }
        return false;
    }

    /** True while the next request waits for nothing but the volume's limits. */
    boolean isHeldBack() {
        boolean waits = expect == Expect.ADMISSION || (expect == Expect.PAYLOAD && part == null);
        return waits && awaitsDrain && volume.isHoldingBack();
    }

    /** Of the request that waits. */
    long heldCookie() {
        return cookie;
    }

    private void drained() {
        awaitsDrain = false;
        connection.pump();
    }

    private NbdError check() {
        if (command > NbdProtocol.CMD_BLOCK_STATUS || (flags & ~allowedFlags()) != 0) {
            return NbdError.EINVAL;
        }
        if (command == NbdProtocol.CMD_FLUSH) {
            return offsetBytes == 0 && lengthBytes == 0 ? NbdError.NONE : NbdError.EINVAL;
        }
        boolean payload = command == NbdProtocol.CMD_READ || command == NbdProtocol.CMD_WRITE;
        if (payload && lengthBytes > NbdProtocol.MAX_PAYLOAD_BYTES) {
            return NbdError.EINVAL;
        }
        long sizeBytes = volume.sizeBytes();
        boolean inside = offsetBytes >= 0 && offsetBytes <= sizeBytes && lengthBytes <= sizeBytes - offsetBytes;
        if (!inside) {
            return command == NbdProtocol.CMD_WRITE || command == NbdProtocol.CMD_WRITE_ZEROES
                    ? NbdError.ENOSPC
                    : NbdError.EINVAL;
        }
        if (command == NbdProtocol.CMD_BLOCK_STATUS) {
            return blockStatus && lengthBytes > 0 ? NbdError.NONE : NbdError.EINVAL;
        }
        return NbdError.NONE;
    }

    /** The flags that the document defines for the command. */
    private int allowedFlags() {
        return switch (command) {
            case NbdProtocol.CMD_READ -> NbdProtocol.CMD_FLAG_FUA | (structured ? NbdProtocol.CMD_FLAG_DF : 0);
            case NbdProtocol.CMD_WRITE, NbdProtocol.CMD_FLUSH, NbdProtocol.CMD_TRIM, NbdProtocol.CMD_CACHE ->
                NbdProtocol.CMD_FLAG_FUA;
            case NbdProtocol.CMD_WRITE_ZEROES ->
                NbdProtocol.CMD_FLAG_FUA | NbdProtocol.CMD_FLAG_NO_HOLE | NbdProtocol.CMD_FLAG_FAST_ZERO;
            case NbdProtocol.CMD_BLOCK_STATUS -> NbdProtocol.CMD_FLAG_FUA | NbdProtocol.CMD_FLAG_REQ_ONE;
            default -> 0;
        };
    }

    private void refuse(NbdError error) {
        replies.failed(connection.out(), cookie, error);
        if (command != NbdProtocol.CMD_WRITE) {
            expect = Expect.HEADER;
        } else if (lengthBytes <= NbdProtocol.MAX_PAYLOAD_BYTES) {
            payloadLeftBytes = lengthBytes;
            expect = lengthBytes == 0 ? Expect.HEADER : Expect.REFUSED_PAYLOAD;
        } else {
            // Reading over up to 4 GiB that were announced against the rules is not worth it.
            expect = Expect.NOTHING;
            connection.end();
        }
    }

    private boolean done() {
        replies.done(connection.out(), command, cookie);
        expect = Expect.HEADER;
        return true;
    }

    private boolean tellStatus() {
        if (!volume.knowsAllocation(offsetBytes, lengthBytes, statusKnown)) {
            memory.leave(connection);
            return false;
        }
        int maxRuns = (flags & NbdProtocol.CMD_FLAG_REQ_ONE) != 0 ? 1 : NbdReplies.MAX_DESCRIPTORS;
        replies.blockStatus(connection.out(), cookie, volume, offsetBytes, lengthBytes, maxRuns);
        expect = Expect.HEADER;
        return true;
    }

    private boolean begin(Kind kind) {
        if (lengthBytes == 0 && kind != Kind.FLUSH) {
            return done();
        }
        NbdRequest request = pool.take(this, command, cookie);
        request.kind = kind;
        request.offsetBytes = offsetBytes;
        request.lengthBytes = lengthBytes;
        submit(request);
        return true;
    }

    private void submit(NbdRequest request) {
        inFlight++;
        expect = Expect.HEADER;
        volume.submit(request);
    }

    private boolean read() {
        if (lengthBytes == 0) {
            return done();
        }
        int bytes = NbdRequest.HEADER_ROOM_BYTES + (int) lengthBytes;
        if (!takeMemory(bytes)) {
            return false;
        }
        NbdRequest request = pool.take(this, command, cookie);
        request.kind = Kind.READ;
        request.offsetBytes = offsetBytes;
        request.lengthBytes = lengthBytes;
        request.allocate(bytes);
        request.dataIndex = NbdRequest.HEADER_ROOM_BYTES;
        submit(request);
        return true;
    }

    private boolean takeMemory(int bytes) {
        boolean ownRoom = heldBytes == 0 || heldBytes + bytes <= limits.connectionBytes();
        if (!ownRoom) {
            memory.leave(connection);
            return false;
        }
        if (!memory.take(connection, heldBytes, bytes)) {
            return false;
        }
        heldBytes += bytes;
        return true;
    }

    /** Counts bytes that are held beside requests: replies waiting in the socket's queue. Negative gives back. */
    void adjustHeld(long bytes) {
        if (bytes != 0) {
            heldBytes += bytes;
            memory.adjust(bytes);
        }
    }

    private boolean write() {
        if (lengthBytes == 0) {
            return done();
        }
        NbdRequest whole = pool.take(this, command, cookie);
        whole.kind = Kind.WRITE;
        lead = whole;
        payloadLeftBytes = lengthBytes;
        inFlight++;
        expect = Expect.PAYLOAD;
        return true;
    }

    private boolean payload(ByteBuf in) {
        NbdRequest current = part;
        if (current == null) {
            current = beginPart();
            if (current == null) {
                return false;
            }
        }
        ByteBuf data = Objects.requireNonNull(current.data);
        int taken = Math.min(in.readableBytes(), (int) current.lengthBytes - data.writerIndex());
        data.writeBytes(in, taken);
        payloadLeftBytes -= taken;
        if (data.writerIndex() == current.lengthBytes) {
            endPart(current);
        }
        return true;
    }

    private @Nullable NbdRequest beginPart() {
        NbdRequest whole = Objects.requireNonNull(lead);
        int toCut = NbdRequest.PART_BYTES - (int) (offsetBytes & (NbdRequest.PART_BYTES - 1));
        int bytes = (int) Math.min(payloadLeftBytes, toCut);
        if (!volumeTakesMore()) {
            memory.leave(connection);
            return null;
        }
        if (!takeMemory(bytes)) {
            return null;
        }
        boolean first = payloadLeftBytes == lengthBytes;
        NbdRequest next = first ? whole : pool.take(this, command, cookie);
        next.follow(whole);
        next.kind = Kind.WRITE;
        next.offsetBytes = offsetBytes;
        next.lengthBytes = bytes;
        next.allocate(bytes);
        offsetBytes += bytes;
        part = next;
        partBeganNanos = volume.loop().nanos();
        return next;
    }

    private void endPart(NbdRequest full) {
        part = null;
        NbdRequest whole = full.lead();
        volume.submit(full);
        if (payloadLeftBytes == 0) {
            lead = null;
            expect = Expect.HEADER;
            whole.received();
        }
    }

    private boolean refusedPayload(ByteBuf in) {
        int taken = (int) Math.min(payloadLeftBytes, in.readableBytes());
        in.skipBytes(taken);
        payloadLeftBytes -= taken;
        if (payloadLeftBytes == 0) {
            expect = Expect.HEADER;
        }
        return true;
    }

    /** The data of a part of a WRITE is not needed any more. */
    void partEnded(NbdRequest ended) {
        int bytes = ended.heldBytes();
        ByteBuf data = ended.takeData();
        if (data != null) {
            data.release();
        }
        adjustHeld(-bytes);
    }

    /** A request has ended in all its parts: replies, unless the client has gone. */
    void finish(NbdRequest ended) {
        inFlight--;
        Invariant.check(inFlight >= 0, "more NBD requests ended than began");
        int bytes = ended.heldBytes();
        ByteBuf data = ended.takeData();
        NbdError error = NbdError.of(ended.outcome());
        if (connection.isClosed()) {
            if (data != null) {
                data.release();
            }
        } else if (error != NbdError.NONE) {
            replies.failed(connection.out(), ended.cookie(), error);
            if (data != null) {
                data.release();
            }
        } else if (data != null) {
            replies.frameRead(data, ended.cookie(), ended.offsetBytes, (int) ended.lengthBytes);
            connection.send(data);
        } else {
            replies.done(connection.out(), ended.command(), ended.cookie());
        }
        ended.free();
        adjustHeld(-bytes);
        connection.requestEnded();
        Runnable told = whenIdle;
        if (told != null && inFlight == 0) {
            whenIdle = null;
            told.run();
        }
    }

    /** From now on every request is refused with ESHUTDOWN; a WRITE whose data is still coming fails at once. */
    void refuseAll() {
        refusesAll = true;
        failIncoming();
    }

    /** The client is gone: what it has not sent completely is forgotten. The rest ends in the volume. */
    void close() {
        failIncoming();
        expect = Expect.NOTHING;
        memory.leave(connection);
    }

    private void failIncoming() {
        NbdRequest whole = lead;
        if (whole == null) {
            return;
        }
        NbdRequest incomplete = part;
        lead = null;
        part = null;
        expect = Expect.REFUSED_PAYLOAD;
        if (incomplete != null) {
            incomplete.abandon(BlockStatus.SHUTTING_DOWN);
        } else {
            whole.fail(BlockStatus.SHUTTING_DOWN);
        }
        whole.received();
    }
}
