package io.varve.dataplane.time;

/**
 * One event loop as the data plane sees it. Everything that belongs to a disk group or to a volume runs on exactly one loop;
 * only {@link #execute} and {@link #nanos} may be called from other threads. Real: a Vert.x event loop. Simulated: one queue of a
 * deterministic scheduler.
 */
public interface Loop {
    /** Monotonic time in nanoseconds that goes on while the machine sleeps (CLOCK_BOOTTIME). Any thread. */
    long nanos();

    /** Wall clock in milliseconds since 1970, for people only: nothing is decided by it. Any thread. */
    long unixMillis();

    /** Runs a task on this loop, after those already queued. Any thread. */
    void execute(Runnable task);

    /** Runs a task on this loop once, {@code delayNanos} from now. On the loop. */
    Timer schedule(long delayNanos, Runnable task);

    /**
     * Runs {@code blocking} on a worker thread, then {@code then} on this loop. On the loop. Work of one loop runs in order, one at a
     * time. An exception of {@code blocking} is a bug and stops the process.
     */
    void offload(Runnable blocking, Runnable then);

    /**
     * As {@link #offload}, on a second worker: for short reads that must not wait behind a long write. In order among themselves; what was
     * offloaded otherwise may run, and end, before or after.
     */
    void offloadRead(Runnable blocking, Runnable then);

    boolean inLoop();

    /** A task that has been scheduled. Confined to its loop. */
    interface Timer {
        /** True if the task will not run because of this call. */
        boolean cancel();
    }
}
