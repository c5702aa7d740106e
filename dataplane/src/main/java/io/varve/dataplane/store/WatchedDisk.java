package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.Gather;
import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.time.Loop;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A member of a group: counts what is written to it, times what is asked of it, and tells once when {@link DiskHealth} has given it up, or when it is
 * no longer the device that was opened. Confined to the loop; allocates nothing once as many operations were under way before.
 */
final class WatchedDisk implements Disk {
    private static final long TICK_NANOS = 1_000_000_000L;

    /** Between two looks at whether the device is still there: what a test of a pulled disk waits for, and little enough to cost nothing. */
    private static final long EXAMINE_NANOS = 5_000_000_000L;

    private final Loop loop;
    private final Disk disk;
    private final DiskHealth health = new DiskHealth();
    private final Runnable tick = this::tick;
    private @Nullable Consumer<String> failed;
    private long writtenBytes;
    private @Nullable Watched free;

    /** With the device, in the order in which they began. */
    private @Nullable Watched oldest;

    private @Nullable Watched newest;
    private boolean isTicking;
    private boolean wasUsed;
    private boolean hasFailed;
    private boolean isClosed;
    private boolean hasHung;
    private boolean hasRefusedWrites;
    /** Nothing is handed to the device any more; {@link #quiet} waits for what it has. */
    private boolean isShut;

    private int refusing;
    private @Nullable Runnable quiet;

    WatchedDisk(Loop loop, Disk disk) {
        this.loop = loop;
        this.disk = disk;
    }

    /** {@code whenFailed} gets, once and in a turn of its own, a sentence that names the device. From now on it is looked after. */
    void watch(Consumer<String> whenFailed) {
        failed = whenFailed;
        loop.schedule(EXAMINE_NANOS, this::examine);
    }

    /** Handed to the device since the group was opened, whether it succeeded or not. */
    long writtenBytes() {
        return writtenBytes;
    }

    LatencyHistogram latency() {
        return health.latency();
    }

    boolean isSlow() {
        return health.isSlow();
    }

    /** True if the device was given up while it has operations: it may never let go of them. */
    boolean isStuck() {
        return hasFailed && isBusy();
    }

    /** True if it was given up because an operation did not end in time. */
    boolean hasHung() {
        return hasHung;
    }

    /** True if the device ended a write, a flush or a discard with an error: nobody knows what it holds there. */
    boolean hasRefusedWrites() {
        return hasRefusedWrites;
    }

    /** True while operations are with the device, or are about to be answered. */
    boolean isBusy() {
        return oldest != null || refusing > 0;
    }

    /**
     * From now on the device is asked nothing: what is asked for ends with EIO, in a turn of its own. {@code then} runs once, when the device has let go of
     * everything that it has; that may be never. Of a group that has failed.
     */
    void shut(Runnable then) {
        isShut = true;
        quiet = then;
        tellQuiet();
    }

    private void tellQuiet() {
        Runnable then = quiet;
        if (then != null && !isBusy()) {
            quiet = null;
            loop.execute(then);
        }
    }

    private void refuse(DiskCallback callback) {
        refusing++;
        loop.execute(() -> {
            refusing--;
            callback.done(-Errno.EIO);
            tellQuiet();
        });
    }

    private void fail(@Nullable String why) {
        if (why != null && !hasFailed && !isClosed) {
            hasFailed = true;
            Consumer<String> told = failed;
            if (told != null) {
                loop.execute(() -> told.accept(disk.name() + " " + why));
            }
        }
    }

    private void examine() {
        if (hasFailed || isClosed) {
            return;
        }
        disk.examine(problem -> {
            if (!problem.isEmpty()) {
                fail(problem);
            } else if (!isClosed) {
                loop.schedule(EXAMINE_NANOS, this::examine);
            }
        });
    }

    private void tick() {
        isTicking = false;
        Watched first = oldest;
        String hang = health.ticked(first == null ? health.tick() : first.tick);
        hasHung |= hang != null && !hasFailed;
        fail(hang);
        if ((first != null || wasUsed) && !hasFailed && !isClosed) {
            wasUsed = false;
            startTicking();
        }
    }

    private void startTicking() {
        isTicking = true;
        loop.schedule(TICK_NANOS, tick);
    }

    private Watched begin(boolean isRead, DiskCallback callback) {
        Watched operation = free;
        if (operation == null) {
            operation = new Watched();
        } else {
            free = operation.next;
        }
        operation.isRead = isRead;
        operation.callback = callback;
        operation.beganNanos = loop.nanos();
        operation.tick = health.tick();
        operation.next = null;
        operation.previous = newest;
        if (newest == null) {
            oldest = operation;
        } else {
            newest.next = operation;
        }
        newest = operation;
        wasUsed = true;
        if (!isTicking && !hasFailed) {
            startTicking();
        }
        return operation;
    }

    @Override
    public String name() {
        return disk.name();
    }

    @Override
    public long sizeBytes() {
        return disk.sizeBytes();
    }

    @Override
    public int queueDepth() {
        return disk.queueDepth();
    }

    @Override
    public void read(long offset, ByteBuf destination, int destinationIndex, int length, DiskCallback callback) {
        if (isShut) {
            refuse(callback);
        } else {
            disk.read(offset, destination, destinationIndex, length, begin(true, callback));
        }
    }

    @Override
    public void write(
            long offset, ByteBuf source, int sourceIndex, int length, boolean durable, DiskCallback callback) {
        if (isShut) {
            refuse(callback);
        } else {
            writtenBytes += length;
            disk.write(offset, source, sourceIndex, length, durable, begin(false, callback));
        }
    }

    @Override
    public void write(long offset, Gather gather, boolean durable, DiskCallback callback) {
        if (isShut) {
            refuse(callback);
        } else {
            writtenBytes += gather.totalBytes();
            disk.write(offset, gather, durable, begin(false, callback));
        }
    }

    @Override
    public void flush(DiskCallback callback) {
        if (isShut) {
            refuse(callback);
        } else {
            disk.flush(begin(false, callback));
        }
    }

    @Override
    public void discard(long offset, long length, DiskCallback callback) {
        if (isShut) {
            refuse(callback);
        } else {
            disk.discard(offset, length, begin(false, callback));
        }
    }

    @Override
    public void examine(Consumer<String> told) {
        disk.examine(told);
    }

    /** A device that is stuck is left to the end of the process. */
    @Override
    public void close(Runnable closed) {
        isClosed = true;
        if (isStuck()) {
            loop.execute(closed);
        } else {
            disk.close(closed);
        }
    }

    private final class Watched implements DiskCallback {
        private boolean isRead;
        private long beganNanos;
        private int tick;
        private @Nullable DiskCallback callback;
        private @Nullable Watched previous;
        private @Nullable Watched next;

        @Override
        public void done(int result) {
            DiskCallback told = java.util.Objects.requireNonNull(callback, "an operation ended twice");
            callback = null;
            unlink();
            hasRefusedWrites |= !isRead && result < 0;
            String problem = health.ended(isRead, loop.nanos() - beganNanos, result);
            next = free;
            free = this;
            fail(problem);
            told.done(result);
            tellQuiet();
        }

        private void unlink() {
            if (previous == null) {
                oldest = next;
            } else {
                previous.next = next;
            }
            if (next == null) {
                newest = previous;
            } else {
                next.previous = previous;
            }
            previous = null;
        }
    }
}
