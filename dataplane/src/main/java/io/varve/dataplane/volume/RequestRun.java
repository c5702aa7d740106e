package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One request on its way: how much of it was cut into parts, how many parts are out, and the one answer. Pooled by its volume. A request may be
 * answered (it waited too long) before its last part came back; the run then stays until that.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class RequestRun implements Runnable {
    private final SlabVolume volume;
    private @Nullable BlockRequest request;
    /** Copied, because the request is the front end's again once it was answered. */
    BlockRequest.Kind kind = BlockRequest.Kind.READ;

    long offsetBytes;
    long endBytes;
    long submittedNanos;
    /** First byte not yet cut into parts. */
    long positionBytes;

    private int partsOut;
    private boolean isCut;
    private BlockStatus status = BlockStatus.OK;

    /** The queue that it waits in. */
    @Nullable RequestRun nextWaiting;

    /** All runs of the volume, oldest first. */
    @Nullable RequestRun older;

    @Nullable RequestRun younger;

    RequestRun(SlabVolume volume) {
        this.volume = volume;
    }

    void begin(BlockRequest of, long now) {
        request = of;
        kind = of.kind;
        offsetBytes = of.offsetBytes;
        endBytes = of.offsetBytes + of.lengthBytes;
        positionBytes = offsetBytes;
        submittedNanos = now;
        of.submittedNanos = now;
        partsOut = 0;
        isCut = false;
        status = BlockStatus.OK;
        nextWaiting = null;
    }

    BlockRequest request() {
        return Objects.requireNonNull(request);
    }

    /**
     * A late disk may write to {@code old} at any time. If that is the request's data, the request gets a copy in its place; parts that were read to the
     * old one are copied when they come back.
     */
    void moveData(ByteBuf old) {
        BlockRequest of = request;
        if (of != null && of.data == old) {
            ByteBuf other = Buffers.aligned(old.capacity());
            other.setBytes(0, old, 0, old.capacity());
            other.setIndex(old.readerIndex(), old.writerIndex());
            of.data = other;
            old.release();
        }
    }

    boolean isAnswered() {
        return request == null;
    }

    /** Nothing of it was cut into parts yet. */
    boolean isWholeInHand() {
        return positionBytes == offsetBytes && partsOut == 0;
    }

    void partOut() {
        partsOut++;
    }

    void partBack(BlockStatus how) {
        partsOut--;
        if (how != BlockStatus.OK && status == BlockStatus.OK) {
            status = how;
        }
        endIfDone();
    }

    /** No more parts will be cut. */
    void cut(BlockStatus how) {
        isCut = true;
        if (how != BlockStatus.OK && status == BlockStatus.OK) {
            status = how;
        }
        endIfDone();
    }

    /** What is not cut yet will not be: the run ends like this when it is taken from its queue. */
    void refuse(BlockStatus how) {
        status = how;
        positionBytes = endBytes;
    }

    private void endIfDone() {
        if (isCut && partsOut == 0) {
            volume.ended(this);
        }
    }

    BlockStatus status() {
        return status;
    }

    /** Gives the answer now. */
    void answer(BlockStatus how) {
        BlockRequest answered = request;
        request = null;
        if (answered != null) {
            answered.completed(how);
        }
    }

    /** The run ends in a later turn. */
    @Override
    public void run() {
        volume.finish(this);
    }
}
