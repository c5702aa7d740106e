package io.varve.dataplane.volume;

import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.time.Loop;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The requests of a volume that were taken and are not answered: how many they are and what they hold, in the order in which they came; gives up
 * on those that waited too long, and counts how each was answered. Confined to the volume's loop.
 */
final class OpenRequests {
    private static final long WATCH_NANOS = 1_000_000_000L;

    private final Loop loop;
    private final VolumeCounters counters;
    /** Moves what can move: run once a second while there are requests, for what nobody told of. */
    private final Runnable push;

    /** What its clients may do at most. */
    private final IoThrottle throttle;

    /** In turn: who goes on, and has to wait again, waits behind the others. */
    private final ArrayDeque<Runnable> drained = new ArrayDeque<>();

    private @Nullable RequestRun oldest;
    private @Nullable RequestRun youngest;
    private int count;
    private long heldBytes;
    private boolean watching;

    OpenRequests(Loop loop, VolumeCounters counters, Runnable push) {
        this.loop = loop;
        this.counters = counters;
        this.push = push;
        this.throttle = new IoThrottle(loop, counters, this::tellDrained);
    }

    IoThrottle throttle() {
        return throttle;
    }

    boolean isEmpty() {
        return count == 0;
    }

    void add(RequestRun run) {
        counters.add(Figure.IN_FLIGHT, 1);
        count++;
        heldBytes += run.endBytes - run.offsetBytes;
        run.older = youngest;
        run.younger = null;
        if (youngest == null) {
            oldest = run;
        } else {
            youngest.younger = run;
        }
        youngest = run;
        watchLater();
    }

    /** All parts of the run are back: it is answered, if it was not before, and gone. */
    void end(RequestRun run) {
        count--;
        heldBytes -= run.endBytes - run.offsetBytes;
        if (run.older == null) {
            oldest = run.younger;
        } else {
            run.older.younger = run.younger;
        }
        if (run.younger == null) {
            youngest = run.older;
        } else {
            run.younger.older = run.older;
        }
        run.older = null;
        run.younger = null;
        answer(run, run.status());
    }

    private void answer(RequestRun run, BlockStatus status) {
        if (run.isAnswered()) {
            return;
        }
        counters.add(Figure.IN_FLIGHT, -1);
        if (status == BlockStatus.OK) {
            countDone(run);
        } else {
            counters.add(status == BlockStatus.NO_SPACE ? Figure.NO_SPACE : Figure.ERRORS, 1);
        }
        run.answer(status);
    }

    private void countDone(RequestRun run) {
        long bytes = run.endBytes - run.offsetBytes;
        long nanos = loop.nanos() - run.submittedNanos;
        switch (run.kind) {
            case READ -> {
                counters.add(Figure.READS, 1);
                counters.add(Figure.READ_BYTES, bytes);
                counters.reads().record(nanos);
            }
            case WRITE -> {
                counters.add(Figure.WRITES, 1);
                counters.add(Figure.WRITTEN_BYTES, bytes);
                counters.writes().record(nanos);
            }
            case ZERO -> {
                counters.add(Figure.ZEROES, 1);
                counters.add(Figure.ZEROED_BYTES, bytes);
                counters.zeroes().record(nanos);
            }
            case UNMAP -> {
                counters.add(Figure.UNMAPS, 1);
                counters.add(Figure.UNMAPPED_BYTES, bytes);
                counters.unmaps().record(nanos);
            }
            case FLUSH -> {
                counters.add(Figure.FLUSHES, 1);
                counters.flushes().record(nanos);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ back pressure

    boolean canTakeMore() {
        return hasRoom() && throttle.mayTake();
    }

    private boolean hasRoom() {
        return count < SlabVolume.MAX_REQUESTS && heldBytes < SlabVolume.MAX_HELD_BYTES;
    }

    /** Runs {@code task} once, as soon as more can be taken. */
    void onDrained(Runnable task) {
        drained.add(task);
        if (!throttle.mayTake()) {
            counters.add(Figure.HELD_BACK, 1);
            throttle.await();
        } else if (hasRoom()) {
            loop.execute(this::tellDrained);
        }
    }

    void tellDrained() {
        while (!drained.isEmpty() && canTakeMore()) {
            drained.remove().run();
        }
        if (!drained.isEmpty() && !throttle.mayTake()) {
            throttle.await();
        }
    }

    // ------------------------------------------------------------------------------------------------ time

    private void watchLater() {
        if (oldest != null && !watching) {
            watching = true;
            loop.schedule(WATCH_NANOS, this::watch);
        }
    }

    /** Answers what waited too long. Runs only while there are requests. */
    private void watch() {
        watching = false;
        long now = loop.nanos();
        RequestRun run = oldest;
        while (run != null && now - run.submittedNanos >= SlabVolume.WAIT_LIMIT_NANOS) {
            RequestRun next = run.younger;
            if (!run.isAnswered()) {
                counters.add(Figure.TIMEOUTS, 1);
                answer(run, BlockStatus.IO_ERROR);
            }
            run = next;
        }
        push.run();
        watchLater();
    }
}
