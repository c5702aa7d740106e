package io.varve.dataplane.frontend.nbd;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.varve.model.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * One request to the volume on behalf of a client: a whole command, or a part of a long WRITE. The first part leads: it carries what the
 * reply needs and stays until the last part has ended. Pooled; confined to the loop.
 */
final class NbdRequest extends BlockRequest {
    /** Room before the data of a READ, in which the reply's header is put so that both leave as one piece of memory. */
    static final int HEADER_ROOM_BYTES = Geometry.BLOCK_BYTES;
    /** A WRITE is handed on in parts as they arrive, cut where offsets are multiples of this: one extent. */
    static final int PART_BYTES = Geometry.EXTENT_BYTES;
    /** The most memory that one request can ask for at once. */
    static final int MAX_HELD_BYTES = NbdProtocol.MAX_PAYLOAD_BYTES + HEADER_ROOM_BYTES;

    private final Pool pool;
    private @Nullable NbdRequest nextFree;

    private @Nullable NbdSession session;
    private NbdRequest lead = this;
    /** Of a lead: its parts in the volume's hands, and 1 more until the last byte from the client has come. */
    private int unfinished;

    private BlockStatus outcome = BlockStatus.OK;
    private int heldBytes;
    private int command;
    private long cookie;

    private NbdRequest(Pool pool) {
        this.pool = pool;
    }

    int command() {
        return command;
    }

    long cookie() {
        return cookie;
    }

    int heldBytes() {
        return heldBytes;
    }

    BlockStatus outcome() {
        return outcome;
    }

    /** Makes this a part of {@code whole}, which counts it among its unfinished ones. */
    void follow(NbdRequest whole) {
        lead = whole;
        whole.unfinished++;
    }

    NbdRequest lead() {
        return lead;
    }

    /** A buffer for the data, for which {@code bytes} have been taken from the memory limits. */
    ByteBuf allocate(int bytes) {
        ByteBuf buffer = Buffers.aligned(bytes);
        heldBytes = bytes;
        data = buffer;
        return buffer;
    }

    /** Ends what {@link Pool#take} began with: no more parts will follow. */
    void received() {
        lead.endOne(BlockStatus.OK);
    }

    /** The whole will be answered with {@code status} unless a part failed before. */
    void fail(BlockStatus status) {
        if (outcome == BlockStatus.OK) {
            outcome = status;
        }
    }

    /** Ends this part without the volume having seen it. */
    void abandon(BlockStatus status) {
        completed(status);
    }

    @Override
    protected void completed(BlockStatus status) {
        NbdRequest whole = lead;
        if (whole != this) {
            session().partEnded(this);
            free();
        } else if (kind == Kind.WRITE) {
            session().partEnded(this);
        }
        whole.endOne(status);
    }

    private void endOne(BlockStatus status) {
        fail(status);
        unfinished--;
        Invariant.check(unfinished >= 0, "an NBD request ended twice");
        if (unfinished == 0) {
            session().finish(this);
        }
    }

    private NbdSession session() {
        NbdSession owner = session;
        if (owner == null) {
            throw new IllegalStateException("a free NBD request was used");
        }
        return owner;
    }

    /** Gives the data buffer up, if it is still there; the caller owns it. */
    @Nullable ByteBuf takeData() {
        ByteBuf buffer = data;
        data = null;
        heldBytes = 0;
        return buffer;
    }

    void free() {
        Invariant.check(data == null, "an NBD request was freed with its buffer");
        session = null;
        lead = this;
        pool.give(this);
    }

    /** The free requests of one loop: as many as were ever in flight at once, up to a limit. */
    static final class Pool {
        /** Free ones kept: 1 MiB of objects at most. */
        private static final int MAX_FREE = 8192;

        private @Nullable NbdRequest free;
        private int freeCount;

        /** A request that leads itself, with one unfinished part. */
        NbdRequest take(NbdSession session, int command, long cookie) {
            NbdRequest request = free;
            if (request == null) {
                request = new NbdRequest(this);
            } else {
                free = request.nextFree;
                request.nextFree = null;
                freeCount--;
            }
            request.session = session;
            request.unfinished = 1;
            request.outcome = BlockStatus.OK;
            request.command = command;
            request.cookie = cookie;
            request.dataIndex = 0;
            return request;
        }

        private void give(NbdRequest request) {
            if (freeCount < MAX_FREE) {
                request.nextFree = free;
                free = request;
                freeCount++;
            }
        }
    }
}
