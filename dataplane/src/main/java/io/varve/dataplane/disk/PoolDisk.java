package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.VertxLoop;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jctools.queues.varhandle.MpscVarHandleArrayQueue;

/**
 * A disk whose operations block threads of a small pool: for machines where io_uring is forbidden (container seccomp profiles, older
 * RHEL). Ended operations come back to the loop through one queue and one wake-up, however many ended meanwhile.
 */
public final class PoolDisk extends DeviceDisk {
    /** Most operations that one disk has with its device, thus threads: enough for flash to be busy, and 16 stacks of memory. */
    static final int MAX_THREADS = 16;

    private final VertxLoop vertxLoop;
    private final ArrayBlockingQueue<DiskOperation> toDo;
    private final MpscVarHandleArrayQueue<DiskOperation> done;
    private final AtomicBoolean wakeUpRequested = new AtomicBoolean();
    private final Runnable collect = this::collect;
    private final Thread[] threads;
    private int threadCount;
    private int busy;

    private final DiskOperation stop = new DiskOperation(-1);

    /** On the loop. The file is the disk's from now on. */
    PoolDisk(VertxLoop loop, DeviceFile file, int queueDepth) {
        super(loop, file, queueDepth);
        this.vertxLoop = loop;
        this.threads = new Thread[Math.min(MAX_THREADS, queueDepth)];
        this.toDo = new ArrayBlockingQueue<>(queueDepth + threads.length);
        this.done = new MpscVarHandleArrayQueue<>(Math.max(4, queueDepth));
    }

    @Override
    boolean start(DiskOperation operation) {
        busy++;
        if (busy > threadCount && threadCount < threads.length) {
            threads[threadCount] = Thread.ofPlatform()
                    .daemon()
                    .name("varve-disk-" + file.shortName() + "-" + threadCount)
                    .start(this::work);
            threadCount++;
        }
        Invariant.check(toDo.offer(operation), "more operations with the threads than the queue depth");
        return true;
    }

    @Override
    void release(Runnable then) {
        for (int i = 0; i < threadCount; i++) {
            Invariant.check(toDo.offer(stop), "the queue is empty when the disk closes");
        }
        loop.offload(
                () -> {
                    for (int i = 0; i < threadCount; i++) {
                        joinUninterruptibly(threads[i]);
                    }
                    file.close();
                },
                then);
    }

    private void work() {
        try {
            while (true) {
                DiskOperation operation = toDo.take();
                if (operation == stop) {
                    return;
                }
                operation.result = run(operation);
                Invariant.check(done.offer(operation), "more operations ended than were started");
                if (wakeUpRequested.compareAndSet(false, true)) {
                    vertxLoop.execute(collect);
                }
            }
        } catch (Throwable bug) {
            vertxLoop.bug(bug);
        }
    }

    private int run(DiskOperation operation) {
        int fd = file.fd();
        Iovecs iovecs = operation.iovecs;
        return switch (operation.kind) {
            case READ -> (int) NativeFile.preadv(fd, iovecs.address(), iovecs.count(), operation.offset);
            case WRITE ->
                (int) NativeFile.pwritev2(
                        fd,
                        iovecs.address(),
                        iovecs.count(),
                        operation.offset,
                        operation.durable ? NativeFile.RWF_DSYNC : 0);
            case FLUSH -> NativeFile.fdatasync(fd);
            case DISCARD -> file.discard(operation.offset, operation.remaining);
        };
    }

    private void collect() {
        // Cleared before polling: whoever ends from here on asks for another wake-up.
        wakeUpRequested.set(false);
        DiskOperation operation = done.poll();
        while (operation != null) {
            busy--;
            try {
                ended(operation, operation.result);
            } catch (Throwable bug) {
                // Each by itself: where a bug does not stop the process (in tests), the others are not lost.
                vertxLoop.bug(bug);
            }
            operation = done.poll();
        }
    }

    /** The worker that closes disks is not stopped halfway: the device must be free when this returns. */
    private static void joinUninterruptibly(Thread thread) {
        boolean ended = false;
        while (!ended) {
            try {
                thread.join();
                ended = true;
            } catch (InterruptedException again) {
                ended = false;
            }
        }
    }
}
