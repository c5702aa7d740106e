package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * One request to a volume. A pooled object of the front end: it fills the fields, calls {@link Volume#submit}, and leaves everything
 * alone until {@link #completed}, which is called exactly once, on the volume's loop, never inside {@code submit}.
 *
 * <p>Any byte offset and length are allowed within the volume; blocks that are covered in part are read, changed and written, one such
 * request at a time per block.
 */
public abstract class BlockRequest {
    /** What is asked. */
    public enum Kind {
        READ,
        WRITE,
        /** Afterwards the range reads as zeros, and space need not be given back. */
        ZERO,
        /** Afterwards the range reads as zeros, and its whole pieces are given back. */
        UNMAP,
        /** Every write completed before is durable already; this only proves that the access point is still the one. */
        FLUSH
    }

    public Kind kind = Kind.READ;
    public long offsetBytes;
    public long lengthBytes;

    /**
     * WRITE: the data, {@code lengthBytes} from {@code dataIndex}; READ: room for it. Retained by the front end until completion. Quickest
     * when offset and length are multiples of 4 KiB and the memory is aligned to 4 KiB ({@link io.varve.dataplane.buffer.Buffers}).
     */
    public @Nullable ByteBuf data;

    public int dataIndex;

    /** When it was submitted, {@link io.varve.dataplane.time.Loop#nanos}; set by the volume. */
    public long submittedNanos;

    protected abstract void completed(BlockStatus status);

    /** Ends the request. Only for the {@link Volume} that it was submitted to. */
    public final void end(BlockStatus status) {
        completed(status);
    }
}
