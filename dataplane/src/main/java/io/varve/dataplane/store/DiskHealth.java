package io.varve.dataplane.store;

import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.metrics.LatencyHistogram;
import org.jspecify.annotations.Nullable;

/**
 * Judges one device by how its operations end (docs/internals/faults.md). Decides only: told of ticks, one a second while something is with the
 * device, and of ends. Confined to the group's loop; {@link #latency} may be read from any thread.
 */
final class DiskHealth {
    /** Ticks over which an operation may be with the device: what Linux gives an NVMe command; a disk that many share may stall for 10 s under load. */
    static final int OPERATION_LIMIT_TICKS = 30;

    /** Failed reads in a row. A bad sector fails a few, a dead disk all. */
    static final int MAX_FAILED_READS = 64;

    /** A window in which latencies are compared. */
    static final int WINDOW_TICKS = 10;

    /** Fewer tell nothing of a p99. */
    static final int MIN_OPERATIONS = 100;

    static final int SLOW_FACTOR = 8;

    /** Faster than this is never called slow: hard disks under load take as long. */
    static final long SLOW_NANOS = 50_000_000;

    /** Windows in a row that must agree. */
    static final int WINDOWS = 3;

    /** A window's weight in the mean of earlier ones: some ten minutes of work. */
    private static final double WEIGHT = 1.0 / 64;

    private final LatencyHistogram latency = new LatencyHistogram();
    private long[] windowBegan = latency.snapshot();
    private int tick;
    private int windowTick;
    private int failedReads;
    private double usualNanos;
    private int agreeing;
    private boolean isSlow;

    /** Of all operations since the group was opened. */
    LatencyHistogram latency() {
        return latency;
    }

    /** Number of the current tick: what an operation that begins now remembers. */
    int tick() {
        return tick;
    }

    boolean isSlow() {
        return isSlow;
    }

    /** An operation ended with {@code result}. Null, or why the device has failed. */
    @Nullable String ended(boolean isRead, long nanos, int result) {
        latency.record(nanos);
        if (result == -Errno.ENXIO || result == -Errno.ENODEV) {
            return "is gone: " + Errno.describe(result);
        }
        if (isRead) {
            failedReads = result < 0 ? failedReads + 1 : 0;
            if (failedReads >= MAX_FAILED_READS) {
                return "failed " + failedReads + " reads in a row: " + Errno.describe(result);
            }
        }
        return null;
    }

    /** {@code oldestTick}: when the oldest operation that is with the device began; the current one if there is none. Null, or why it has failed. */
    @Nullable String ticked(int oldestTick) {
        tick++;
        windowTick++;
        if (windowTick >= WINDOW_TICKS) {
            windowTick = 0;
            compare();
        }
        return tick - oldestTick > OPERATION_LIMIT_TICKS
                ? "hangs: an operation has not ended for " + OPERATION_LIMIT_TICKS + " s"
                : null;
    }

    private void compare() {
        long[] now = latency.snapshot();
        long[] window = now.clone();
        long operations = 0;
        for (int i = 0; i < window.length; i++) {
            window[i] -= windowBegan[i];
            operations += window[i];
        }
        windowBegan = now;
        if (operations < MIN_OPERATIONS) {
            return;
        }
        double p99 = LatencyHistogram.quantileNanos(window, 0.99);
        if (usualNanos == 0) {
            usualNanos = p99;
        }
        boolean isAbove = p99 > SLOW_NANOS && p99 > SLOW_FACTOR * usualNanos;
        boolean isBelow = p99 < SLOW_NANOS || p99 < SLOW_FACTOR * usualNanos / 2;
        agreeing = (isSlow ? isBelow : isAbove) ? agreeing + 1 : 0;
        if (agreeing >= WINDOWS) {
            isSlow = !isSlow;
            agreeing = 0;
        }
        if (!isSlow && !isAbove) {
            usualNanos += (p99 - usualNanos) * WEIGHT;
        }
    }
}
