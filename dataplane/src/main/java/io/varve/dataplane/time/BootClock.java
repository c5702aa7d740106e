package io.varve.dataplane.time;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * CLOCK_BOOTTIME (clock_gettime(2)): monotonic, and it goes on while the machine sleeps. {@code System.nanoTime} is CLOCK_MONOTONIC,
 * which stops in suspend: a lease measured with it would outlive the term that the replica that granted it counts. Thread-safe;
 * allocates nothing after a thread's first call.
 */
final class BootClock {
    /** linux/time.h. */
    private static final int CLOCK_BOOTTIME = 7;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long TIMESPEC_BYTES = 16;

    private static final MethodHandle CLOCK_GETTIME = clockGettime();
    private static final ThreadLocal<MemorySegment> TIMESPEC =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(TIMESPEC_BYTES, Long.BYTES));

    private BootClock() {}

    /** Nanoseconds since the machine was started. */
    static long nanos() {
        MemorySegment timespec = TIMESPEC.get();
        int failed;
        try {
            failed = (int) CLOCK_GETTIME.invokeExact(CLOCK_BOOTTIME, timespec);
        } catch (Throwable impossible) {
            throw new AssertionError("clock_gettime", impossible);
        }
        if (failed != 0) {
            throw new AssertionError("clock_gettime(CLOCK_BOOTTIME) failed: Linux 2.6.39 or newer is needed");
        }
        return timespec.get(ValueLayout.JAVA_LONG, 0) * NANOS_PER_SECOND + timespec.get(ValueLayout.JAVA_LONG, 8);
    }

    private static MethodHandle clockGettime() {
        Linker linker = Linker.nativeLinker();
        // Critical: served by the vDSO in some 30 ns, never blocks, so the thread need not tell the collector that it
        // has left Java.
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("clock_gettime"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS),
                Linker.Option.critical(false));
    }
}
