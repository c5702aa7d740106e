package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What both real disks have in common: checking, the queue before the device, short transfers, the end. A backend only starts one
 * operation at a time and reports its result. Nothing is allocated for an operation once as many have been in flight before.
 */
abstract sealed class DeviceDisk implements Disk permits RingDisk, PoolDisk {
    /**
     * Operations that may wait for the device, in all. The store keeps far fewer in flight (its own queues are bounded by credits);
     * more is a caller that ignores back pressure.
     */
    static final int MAX_OPERATIONS = 16 * 1024;

    /** Times that "interrupted" or "try again" is believed in a row, for one operation, before it is an error. */
    private static final int MAX_RETRIES = 64;

    protected final Loop loop;
    protected final DeviceFile file;
    private final int queueDepth;
    private final long sizeBytes;
    private DiskOperation[] operations;
    private int operationCount;
    private @Nullable DiskOperation free;
    private @Nullable DiskOperation firstWaiting;
    private @Nullable DiskOperation lastWaiting;
    private int started;
    private int outstanding;
    private @Nullable Runnable closed;
    private boolean released;
    private boolean isExamined;

    DeviceDisk(Loop loop, DeviceFile file, int queueDepth) {
        Invariant.check(queueDepth > 0 && queueDepth <= MAX_OPERATIONS, "queue depth", queueDepth);
        this.loop = loop;
        this.file = file;
        this.queueDepth = queueDepth;
        this.sizeBytes = file.sizeBytes();
        this.operations = new DiskOperation[queueDepth];
    }

    /** Hands the rest of the operation to the device. False if it could not be handed over now: {@link #startWaiting} tries again. */
    abstract boolean start(DiskOperation operation);

    /** Everything has ended: lets go of the device and then runs {@code then} on the loop. */
    abstract void release(Runnable then);

    @Override
    public final String name() {
        return file.path();
    }

    @Override
    public final long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public final int queueDepth() {
        return queueDepth;
    }

    /** What kind of device it is, as far as the kernel tells. */
    public final DeviceClass deviceClass() {
        return file.deviceClass();
    }

    @Override
    public final void read(long offset, ByteBuf destination, int destinationIndex, int length, DiskCallback callback) {
        DiskOperation operation = take(DiskOperation.Kind.READ, offset, length, callback);
        addRange(operation, destination, destinationIndex, length);
        submit(operation);
    }

    @Override
    public final void write(
            long offset, ByteBuf source, int sourceIndex, int length, boolean durable, DiskCallback callback) {
        DiskOperation operation = take(DiskOperation.Kind.WRITE, offset, length, callback);
        operation.durable = durable;
        addRange(operation, source, sourceIndex, length);
        submit(operation);
    }

    @Override
    public final void write(long offset, Gather gather, boolean durable, DiskCallback callback) {
        DiskOperation operation = take(DiskOperation.Kind.WRITE, offset, gather.totalBytes(), callback);
        operation.durable = durable;
        for (int i = 0; i < gather.size(); i++) {
            addRange(operation, gather.buffer(i), gather.index(i), gather.length(i));
        }
        submit(operation);
    }

    @Override
    public final void flush(DiskCallback callback) {
        submit(take(DiskOperation.Kind.FLUSH, 0, 0, callback));
    }

    @Override
    public final void discard(long offset, long length, DiskCallback callback) {
        DiskOperation operation = take(DiskOperation.Kind.DISCARD, offset, 0, callback);
        operation.remaining = length;
        Invariant.check(length > 0 && isAligned(length), "length of a discard", length);
        submit(operation);
    }

    /** On a thread of its own: a device that hangs must not hold up the worker. */
    @Override
    public final void examine(Consumer<String> told) {
        Invariant.check(loop.inLoop() && !isExamined, "one look at a device at a time");
        isExamined = true;
        Thread.ofPlatform().daemon().name("varve-look-" + file.shortName()).start(() -> {
            String problem = file.examine();
            loop.execute(() -> {
                isExamined = false;
                told.accept(problem);
                releaseWhenIdle();
            });
        });
    }

    @Override
    public final void close(Runnable then) {
        Invariant.check(closed == null, "a disk is closed once");
        closed = then;
        releaseWhenIdle();
    }

    /** Once: a callback that closes the disk comes here a second time when it returns. */
    private void releaseWhenIdle() {
        Runnable then = closed;
        // A look that is under way uses the descriptor, which must not be another file's meanwhile.
        if (then != null && outstanding == 0 && !isExamined && !released) {
            released = true;
            release(then);
        }
    }

    /** A backend reports here, on the loop, what became of an operation that it started: bytes transferred or a negative errno. */
    final void ended(DiskOperation operation, int result) {
        started--;
        boolean transfer = operation.kind == DiskOperation.Kind.READ || operation.kind == DiskOperation.Kind.WRITE;
        if (result == -Errno.EINTR || result == -Errno.EAGAIN) {
            if (++operation.retries <= MAX_RETRIES) {
                putFirst(operation);
            } else {
                complete(operation, -Errno.EIO);
            }
        } else if (result < 0) {
            complete(operation, isBestEffort(operation, result) ? 0 : result);
        } else if (!transfer || result == operation.remaining) {
            complete(operation, operation.length);
        } else if (result == 0) {
            // Nothing moved, and no error: the end of the device is not where it was when it was opened.
            complete(operation, -Errno.EIO);
        } else {
            operation.iovecs.advance(result);
            operation.offset += result;
            operation.remaining -= result;
            operation.retries = 0;
            putFirst(operation);
        }
        startWaiting();
    }

    final void startWaiting() {
        while (firstWaiting != null && started < queueDepth) {
            DiskOperation operation = firstWaiting;
            firstWaiting = operation.next;
            if (firstWaiting == null) {
                lastWaiting = null;
            }
            operation.next = null;
            started++;
            if (!start(operation)) {
                started--;
                putFirst(operation);
                return;
            }
        }
    }

    final DiskOperation operation(int slot) {
        return operations[slot];
    }

    private DiskOperation take(DiskOperation.Kind kind, long offset, int length, DiskCallback callback) {
        Invariant.check(loop.inLoop(), "a disk is used on its loop only");
        Invariant.check(closed == null, "a closed disk is not used");
        DiskOperation operation = free;
        if (operation == null) {
            operation = newOperation();
        } else {
            free = operation.next;
        }
        operation.kind = kind;
        operation.durable = false;
        operation.offset = offset;
        operation.remaining = length;
        operation.length = length;
        operation.retries = 0;
        operation.callback = callback;
        operation.next = null;
        operation.iovecs.clear();
        outstanding++;
        return operation;
    }

    private DiskOperation newOperation() {
        Invariant.check(operationCount < MAX_OPERATIONS, "too many operations wait for one disk", operationCount);
        if (operationCount == operations.length) {
            operations = Arrays.copyOf(operations, Math.min(MAX_OPERATIONS, operationCount * 2));
        }
        DiskOperation operation = new DiskOperation(operationCount);
        operations[operationCount++] = operation;
        return operation;
    }

    private static void addRange(DiskOperation operation, ByteBuf buffer, int index, int length) {
        long address = buffer.memoryAddress() + index;
        Invariant.check(isAligned(address), "memory of a transfer is not aligned", address);
        Invariant.check(length > 0 && isAligned(length), "length of a range", length);
        Invariant.check(index >= 0 && index + length <= buffer.capacity(), "a range leaves its buffer", index, length);
        operation.iovecs.add(address, length);
    }

    private void submit(DiskOperation operation) {
        Invariant.check(operation.offset >= 0 && isAligned(operation.offset), "offset on the device", operation.offset);
        if (operation.offset > sizeBytes - operation.remaining) {
            int refusal = operation.kind == DiskOperation.Kind.WRITE ? -Errno.ENOSPC : -Errno.EINVAL;
            loop.execute(() -> complete(operation, refusal));
            return;
        }
        Invariant.check(
                operation.kind == DiskOperation.Kind.FLUSH || operation.remaining > 0,
                "an empty transfer",
                operation.remaining);
        putLast(operation);
        startWaiting();
    }

    private void complete(DiskOperation operation, int result) {
        DiskCallback callback = Objects.requireNonNull(operation.callback, "an operation ended twice");
        operation.callback = null;
        operation.next = free;
        free = operation;
        outstanding--;
        callback.done(result);
        releaseWhenIdle();
    }

    private static boolean isBestEffort(DiskOperation operation, int result) {
        return operation.kind == DiskOperation.Kind.DISCARD && (result == -Errno.EOPNOTSUPP || result == -Errno.ENOSYS);
    }

    private void putFirst(DiskOperation operation) {
        operation.next = firstWaiting;
        firstWaiting = operation;
        if (lastWaiting == null) {
            lastWaiting = operation;
        }
    }

    private void putLast(DiskOperation operation) {
        if (lastWaiting == null) {
            firstWaiting = operation;
        } else {
            lastWaiting.next = operation;
        }
        lastWaiting = operation;
    }

    private static boolean isAligned(long value) {
        return (value & (Geometry.BLOCK_BYTES - 1)) == 0;
    }
}
