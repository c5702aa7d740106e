package io.varve.dataplane.disk;

import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.uring.IoUringIoEvent;
import io.netty.channel.uring.IoUringIoHandle;
import io.netty.channel.uring.IoUringIoOps;
import io.varve.dataplane.time.VertxLoop;
import org.jspecify.annotations.Nullable;

/**
 * A disk on the event loop's own io_uring, the one that carries its sockets: an operation costs an entry in the ring, and all entries
 * of one turn of the loop go to the kernel in one system call. Everything happens on the loop's thread.
 *
 * <p>A durable write is one WRITEV with RWF_DSYNC, not a write linked to an fsync: Netty may submit in the middle of a link when its
 * queue is full, and a submission ends a link (io_uring_enter(2)).
 */
public final class RingDisk extends DeviceDisk {
    /** linux/io_uring.h, enum io_uring_op: kernel ABI. Netty has them, but not in public. */
    private static final byte OP_READV = 1;

    private static final byte OP_WRITEV = 2;
    private static final byte OP_FSYNC = 3;
    private static final byte OP_FALLOCATE = 17;
    private static final byte OP_READ = 22;
    private static final byte OP_WRITE = 23;

    /** io_uring_enter(2): hands the operation to a worker of the kernel at once, without trying it on the thread that submits. */
    private static final byte IOSQE_ASYNC = 1 << 4;

    /** io_uring_prep_fsync(3). */
    private static final int FSYNC_DATASYNC = 1;

    /** Turns of the loop, one after the other, in which the ring took nothing, after which the device counts as failed. */
    private static final int MAX_REFUSED_TURNS = 10_000;

    private final VertxLoop vertxLoop;
    private final Handle handle = new Handle();
    private final byte entryFlags;
    private @Nullable IoRegistration registration;
    private int refusedTurns;
    private boolean retryScheduled;

    private RingDisk(VertxLoop loop, DeviceFile file, int queueDepth) {
        super(loop, file, queueDepth);
        this.vertxLoop = loop;
        this.entryFlags = file.mayHoldUpSubmitter() ? IOSQE_ASYNC : 0;
    }

    /**
     * Puts the file onto the loop's ring. On the loop; {@code then} runs on the loop, later, with the disk or with null and the reason why
     * this loop has no ring. The file is the disk's from then on, and stays the caller's if there is none.
     */
    static void open(VertxLoop loop, DeviceFile file, int queueDepth, Opened then) {
        if (!(loop.eventLoop() instanceof IoEventLoop ring) || !ring.isCompatible(IoUringIoHandle.class)) {
            loop.execute(() -> then.opened(null, "the event loop does not run on io_uring"));
            return;
        }
        RingDisk disk = new RingDisk(loop, file, queueDepth);
        ring.register(disk.handle)
                .addListener(registered -> loop.execute(() -> {
                    if (registered.isSuccess()) {
                        disk.registration = (IoRegistration) registered.getNow();
                        then.opened(disk, "");
                    } else {
                        then.opened(
                                null,
                                "the ring refused the file: "
                                        + registered.cause().getMessage());
                    }
                }));
    }

    interface Opened {
        void opened(@Nullable RingDisk disk, String reason);
    }

    @Override
    boolean start(DiskOperation operation) {
        IoRegistration ring = registration;
        if (ring == null || !ring.isValid()) {
            failLater(operation, -Errno.ENXIO);
            return true;
        }
        if (submitted(ring, operation)) {
            refusedTurns = 0;
            return true;
        }
        if (++refusedTurns > MAX_REFUSED_TURNS) {
            failLater(operation, -Errno.EIO);
            return true;
        }
        retryNextTurn();
        return false;
    }

    @Override
    void release(Runnable then) {
        if (registration != null) {
            registration.cancel();
        }
        // Closing the last descriptor of a device may wait for the device.
        loop.offload(file::close, then);
    }

    private boolean submitted(IoRegistration ring, DiskOperation operation) {
        Iovecs iovecs = operation.iovecs;
        boolean isSingle = iovecs.count() == 1;
        byte opcode = OP_FSYNC;
        long address = 0;
        int length = 0;
        int flags = 0;
        switch (operation.kind) {
            case READ -> {
                opcode = isSingle ? OP_READ : OP_READV;
                address = isSingle ? iovecs.firstRangeAddress() : iovecs.address();
                length = isSingle ? (int) operation.remaining : iovecs.count();
            }
            case WRITE -> {
                opcode = isSingle ? OP_WRITE : OP_WRITEV;
                address = isSingle ? iovecs.firstRangeAddress() : iovecs.address();
                length = isSingle ? (int) operation.remaining : iovecs.count();
                flags = operation.durable ? NativeFile.RWF_DSYNC : 0;
            }
            case FLUSH -> flags = FSYNC_DATASYNC;
            case DISCARD -> {
                // The length goes where the address does, and the mode where the length does.
                opcode = OP_FALLOCATE;
                address = operation.remaining;
                length = NativeFile.FALLOC_FL_PUNCH_HOLE | NativeFile.FALLOC_FL_KEEP_SIZE;
            }
        }
        try {
            // One place only, and handed straight on: so the compiler sees that the entry escapes nowhere and does not
            // allocate it.
            return ring.submit(new IoUringIoOps(
                            opcode,
                            entryFlags,
                            (short) 0,
                            file.fd(),
                            operation.offset,
                            address,
                            length,
                            flags,
                            (short) operation.slot,
                            (short) 0,
                            (short) 0,
                            0,
                            0L))
                    != 0;
        } catch (RuntimeException full) {
            // Netty throws when the ring is full and the kernel takes nothing (EBUSY, EAGAIN): nothing was queued.
            return false;
        }
    }

    private void failLater(DiskOperation operation, int errno) {
        loop.execute(() -> ended(operation, errno));
    }

    private void retryNextTurn() {
        if (!retryScheduled) {
            retryScheduled = true;
            loop.execute(() -> {
                retryScheduled = false;
                startWaiting();
            });
        }
    }

    private final class Handle implements IoUringIoHandle {
        @Override
        public void handle(IoRegistration from, IoEvent event) {
            IoUringIoEvent completion = (IoUringIoEvent) event;
            try {
                // The slot travels as a short: MAX_OPERATIONS is below 2^15.
                ended(operation(completion.data()), completion.res());
            } catch (Throwable bug) {
                // Netty would log it and go on with a disk whose state is doubtful.
                vertxLoop.bug(bug);
            }
        }

        /** The loop itself ends. Its operations in flight still end; new ones fail with ENXIO. */
        @Override
        public void close() {
            if (registration != null) {
                registration.cancel();
            }
        }
    }
}
