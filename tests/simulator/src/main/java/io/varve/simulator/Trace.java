package io.varve.simulator;

import io.varve.dataplane.time.SimulatedScheduler;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * What happened, line by line, for people; and a digest of it, which is the same whenever the same seed runs: that is how replay is tested. Lines
 * are made only when somebody reads them.
 */
final class Trace {
    private static final double MILLIS = 1e6;

    private final SimulatedScheduler scheduler;
    private final Consumer<String> reader;
    private final boolean isRead;
    private long digest = 17;

    /** {@code reader}: gets each line; null: nobody. */
    Trace(SimulatedScheduler scheduler, @org.jspecify.annotations.Nullable Consumer<String> reader) {
        this.scheduler = scheduler;
        this.reader = reader == null ? line -> {} : reader;
        this.isRead = reader != null;
    }

    /** {@code what}: a number that says the same as the line. */
    void note(long what, Supplier<String> line) {
        digest = (digest * 31 + what) * 31 + scheduler.nanos();
        if (isRead) {
            reader.accept(String.format("%12.3f  %s", scheduler.nanos() / MILLIS, line.get()));
        }
    }

    long digest() {
        return digest * 31 + scheduler.stepsDone();
    }
}
