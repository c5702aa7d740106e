package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import java.util.function.Consumer;

/**
 * One device (a block device or a preallocated file) opened with O_DIRECT and an exclusive lock. Confined to one event loop: calls and
 * callbacks happen there, a callback never inside the call that started it. Offsets, lengths and memory addresses are multiples of
 * {@link io.varve.model.Geometry#BLOCK_BYTES}. Buffers must stay alive (retained by the caller) until the callback.
 *
 * <p>At most {@link #queueDepth()} operations are with the device; more wait in order inside, up to a named limit above which the
 * caller has a bug. Operations may complete in any order. A short transfer is finished inside; an error is final for that operation.
 */
public interface Disk {
    /** Name for logs and errors: the path. */
    String name();

    long sizeBytes();

    int queueDepth();

    /** Reads {@code length} bytes into {@code destination} from {@code destinationIndex}; its indices stay as they are. */
    void read(long offset, ByteBuf destination, int destinationIndex, int length, DiskCallback callback);

    /** Writes {@code length} bytes of {@code source} from {@code sourceIndex}. Durable at the callback if {@code durable}, else at the next flush. */
    void write(long offset, ByteBuf source, int sourceIndex, int length, boolean durable, DiskCallback callback);

    /** Writes the buffers of {@code gather} one behind the other. The list is read before this returns and may then be reused. */
    void write(long offset, Gather gather, boolean durable, DiskCallback callback);

    /** What was written and completed before this call is on stable storage at the callback. */
    void flush(DiskCallback callback);

    /** Tells the device that a range holds nothing of value. What it reads afterwards is undefined. Best effort: 0 where unsupported. */
    void discard(long offset, long length, DiskCallback callback);

    /**
     * Looks whether this is still the device that was opened: there, under its name, and as large. {@code told} gets a sentence for people about what
     * is wrong, empty if nothing is; on the loop, later; never, if the device hangs. One look at a time.
     */
    void examine(Consumer<String> told);

    /** Waits for what is under way, then closes. No call afterwards. */
    void close(Runnable closed);
}
