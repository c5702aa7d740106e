package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that behaves as badly as disks do, in a way that follows from the seed: it answers late and out of order, loses,
 * tears and reorders at a power cut what was not stable, and on demand fails, hangs, fills up, rots, writes to the wrong place, drops
 * a write or lies about flushing. Obeys {@link Disk} otherwise. It also checks its user: memory of a write must not change while the
 * write is under way, and what is read into holds garbage until it is complete.
 */
public final class SimulatedDisk implements Disk {
    /** One in so many operations takes up to {@link #SLOW_NANOS}: garbage collection inside a flash device. */
    private static final int SLOW_ONE_IN = 200;

    private static final long SLOW_NANOS = 8_000_000;
    private static final long FASTEST_NANOS = 20_000;
    private static final long USUAL_NANOS = 180_000;

    private final Loop loop;
    private final String name;
    private final SimulatedMedium medium;
    private final SplittableRandom random;
    private final int queueDepth;
    private final DiskFaults faults = new DiskFaults();
    private final ArrayDeque<Operation> waiting = new ArrayDeque<>();
    private final List<Operation> held = new ArrayList<>();
    private @Nullable DiskTrace trace;
    private @Nullable Runnable closed;
    private boolean released;
    private long lastId;
    private int started;
    private int outstanding;

    /** The medium belongs to the disk until it is closed or has crashed. */
    public SimulatedDisk(Loop loop, String name, SimulatedMedium medium, SplittableRandom random, int queueDepth) {
        this.loop = loop;
        this.name = name;
        this.medium = medium;
        this.random = random;
        this.queueDepth = queueDepth;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long sizeBytes() {
        return medium.sizeBytes();
    }

    @Override
    public int queueDepth() {
        return queueDepth;
    }

    /** What shall go wrong. */
    public DiskFaults faults() {
        return faults;
    }

    /** For tests that look at, prepare or damage the content behind the disk's back. */
    public SimulatedMedium medium() {
        return medium;
    }

    /** Records from here on. Nothing may be under way. */
    public DiskTrace record() {
        DiskTrace recording = new DiskTrace(medium.copy());
        trace = recording;
        return recording;
    }

    /** The power goes. What comes back is the device that the next start finds; this disk must not be used any more. */
    public SimulatedMedium powerCut() {
        return medium.powerCut(random);
    }

    /** The process goes, the power stays. This disk must not be used any more. */
    public SimulatedMedium processKilled() {
        return medium.processKilled(random);
    }

    /** Ends a hang: what was held back completes now, in any order. */
    public void resume() {
        faults.resume();
        List<Operation> resumed = List.copyOf(held);
        held.clear();
        resumed.forEach(operation -> loop.schedule(latencyNanos(), () -> ended(operation)));
    }

    @Override
    public void read(long offset, ByteBuf destination, int destinationIndex, int length, DiskCallback callback) {
        checkMemory(destination, destinationIndex, length);
        for (int i = 0; i < length; i += Long.BYTES) {
            destination.setLong(destinationIndex + i, 0xDEAD_BEEF_DEAD_BEEFL);
        }
        submit(new Operation(DiskFaults.Target.READ, offset, length, callback) {
            @Override
            void start() {}

            @Override
            int end() {
                int failed = faults.errnoFor(target, offset, length, random);
                if (failed != 0) {
                    return -failed;
                }
                for (int at = 0; at < length; at += Geometry.BLOCK_BYTES) {
                    destination.setBytes(destinationIndex + at, medium.read((offset + at) / Geometry.BLOCK_BYTES));
                }
                return (int) length;
            }
        });
    }

    @Override
    public void write(
            long offset, ByteBuf source, int sourceIndex, int length, boolean durable, DiskCallback callback) {
        write(offset, List.of(new Range(source, sourceIndex, length)), durable, callback);
    }

    @Override
    public void write(long offset, Gather gather, boolean durable, DiskCallback callback) {
        List<Range> ranges = new ArrayList<>(gather.size());
        for (int i = 0; i < gather.size(); i++) {
            ranges.add(new Range(gather.buffer(i), gather.index(i), gather.length(i)));
        }
        write(offset, ranges, durable, callback);
    }

    @Override
    public void flush(DiskCallback callback) {
        submit(new Operation(DiskFaults.Target.FLUSH, 0, 0, callback) {
            private long reach;

            @Override
            void start() {
                reach = medium.startFlush();
            }

            @Override
            int end() {
                if (faults.isLying()) {
                    return 0;
                }
                int failed = faults.errnoFor(target, 0, Long.MAX_VALUE, random);
                apply(failed == 0 ? new DiskTrace.EndFlush(reach) : new DiskTrace.FailFlush(reach));
                return -failed;
            }
        });
    }

    /** Afterwards each block reads as before, as zeros or as garbage: all are allowed. */
    @Override
    public void discard(long offset, long length, DiskCallback callback) {
        Invariant.check(length > 0 && length % Geometry.BLOCK_BYTES == 0, "length of a discard", length);
        List<byte[]> contents = new ArrayList<>();
        for (long block = offset / Geometry.BLOCK_BYTES; block < (offset + length) / Geometry.BLOCK_BYTES; block++) {
            contents.add(afterDiscard(block));
        }
        DiskCallback withoutCount = result -> callback.done(Math.min(0, result));
        submit(new WriteOperation(offset, contents, false, withoutCount, () -> true));
    }

    @Override
    public void examine(Consumer<String> told) {
        if (!faults.isHanging()) {
            loop.execute(() -> told.accept(faults.problem()));
        }
    }

    @Override
    public void close(Runnable then) {
        Invariant.check(closed == null, "a disk is closed once");
        closed = then;
        closeIfIdle();
    }

    private void write(long offset, List<Range> ranges, boolean durable, DiskCallback callback) {
        List<byte[]> contents = new ArrayList<>();
        for (Range range : ranges) {
            checkMemory(range.buffer, range.index, range.length);
            for (int at = 0; at < range.length; at += Geometry.BLOCK_BYTES) {
                byte[] block = new byte[Geometry.BLOCK_BYTES];
                range.buffer.getBytes(range.index + at, block);
                contents.add(block);
            }
        }
        submit(new WriteOperation(offset, contents, durable, callback, () -> isUnchanged(ranges, contents)));
    }

    private void submit(Operation operation) {
        Invariant.check(loop.inLoop(), "a disk is used on its loop only");
        Invariant.check(closed == null, "a closed disk is not used");
        Invariant.check(
                operation.offset >= 0 && operation.offset % Geometry.BLOCK_BYTES == 0, "offset", operation.offset);
        outstanding++;
        if (operation.offset > sizeBytes() - operation.length) {
            int errno = operation.target == DiskFaults.Target.READ ? Errno.EINVAL : Errno.ENOSPC;
            loop.execute(() -> complete(operation, -errno));
            return;
        }
        Invariant.check(
                waiting.size() < DeviceDisk.MAX_OPERATIONS, "too many operations wait for one disk", waiting.size());
        waiting.add(operation);
        startWaiting();
    }

    private void startWaiting() {
        while (!waiting.isEmpty() && started < queueDepth) {
            Operation operation = waiting.remove();
            started++;
            operation.start();
            faults.started();
            loop.schedule(latencyNanos(), () -> ended(operation));
        }
    }

    private void ended(Operation operation) {
        if (faults.isHanging()) {
            held.add(operation);
            return;
        }
        started--;
        complete(operation, operation.end());
        startWaiting();
    }

    private void complete(Operation operation, int result) {
        outstanding--;
        operation.callback.done(result);
        closeIfIdle();
    }

    private void closeIfIdle() {
        if (closed != null && outstanding == 0 && !released) {
            released = true;
            loop.execute(closed);
        }
    }

    private void apply(DiskTrace.Step step) {
        step.applyTo(medium);
        if (trace != null) {
            trace.add(step);
        }
    }

    private long latencyNanos() {
        long slow = random.nextInt(SLOW_ONE_IN) == 0 ? random.nextLong(SLOW_NANOS) : 0;
        return FASTEST_NANOS + random.nextLong(USUAL_NANOS) + slow + faults.extraLatencyNanos();
    }

    private byte[] afterDiscard(long block) {
        return switch (random.nextInt(3)) {
            case 0 -> medium.read(block);
            case 1 -> SimulatedMedium.ZEROS;
            default -> {
                byte[] garbage = new byte[Geometry.BLOCK_BYTES];
                random.nextBytes(garbage);
                yield garbage;
            }
        };
    }

    private static void checkMemory(ByteBuf buffer, int index, int length) {
        Invariant.check(length > 0 && length % Geometry.BLOCK_BYTES == 0, "length of a range", length);
        Invariant.check(index >= 0 && index + length <= buffer.capacity(), "a range leaves its buffer", index, length);
        Invariant.check(
                (buffer.memoryAddress() + index) % Geometry.BLOCK_BYTES == 0, "memory of a transfer is not aligned");
    }

    private static boolean isUnchanged(List<Range> ranges, List<byte[]> contents) {
        int block = 0;
        for (Range range : ranges) {
            for (int at = 0; at < range.length; at += Geometry.BLOCK_BYTES) {
                ByteBuffer memory = range.buffer.nioBuffer(range.index + at, Geometry.BLOCK_BYTES);
                if (!memory.equals(ByteBuffer.wrap(contents.get(block++)))) {
                    return false;
                }
            }
        }
        return true;
    }

    private record Range(ByteBuf buffer, int index, int length) {}

    /** One operation. {@link #end} takes effect and gives the result. */
    private abstract static class Operation {
        final DiskFaults.Target target;
        final long offset;
        final long length;
        final DiskCallback callback;

        Operation(DiskFaults.Target target, long offset, long length, DiskCallback callback) {
            this.target = target;
            this.offset = offset;
            this.length = length;
            this.callback = callback;
        }

        abstract void start();

        abstract int end();
    }

    private final class WriteOperation extends Operation {
        private final long id = ++lastId;
        private final List<byte[]> contents;
        private final boolean durable;
        private final BooleanSupplier isUnchanged;
        private boolean isDropped;

        WriteOperation(
                long offset,
                List<byte[]> contents,
                boolean durable,
                DiskCallback callback,
                BooleanSupplier isUnchanged) {
            super(DiskFaults.Target.WRITE, offset, (long) contents.size() * Geometry.BLOCK_BYTES, callback);
            this.contents = contents;
            this.durable = durable;
            this.isUnchanged = isUnchanged;
        }

        @Override
        void start() {
            isDropped = faults.takeDroppedWrite();
            if (!isDropped) {
                long at = faults.redirect(offset, length, sizeBytes());
                apply(new DiskTrace.StartWrite(id, at / Geometry.BLOCK_BYTES, contents, durable && !faults.isLying()));
            }
        }

        @Override
        int end() {
            Invariant.check(isUnchanged.getAsBoolean(), "memory changed while it was being written at", offset);
            int failed = faults.errnoFor(target, offset, length, random);
            if (!isDropped) {
                apply(failed == 0 ? new DiskTrace.EndWrite(id) : new DiskTrace.FailWrite(id, random.nextLong()));
            }
            return failed == 0 ? (int) length : -failed;
        }
    }
}
