package io.varve.dataplane.time;

import io.varve.dataplane.check.Invariant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Runs any number of {@link SimulatedLoop}s on the calling thread, in virtual time, in an order that follows from the seed alone: the
 * same seed gives the same run, step by step. Which loop goes next is drawn; within a loop tasks keep their order, as on a real one.
 */
public final class SimulatedScheduler {
    /** What one task costs in virtual time, so that time moves on when nobody waits. */
    public static final long STEP_NANOS = 1_000;

    /** Steps of one run without an end: two loops that wake each other for ever. */
    public static final long MAX_STEPS_PER_RUN = 200_000_000L;

    /** Wall clock at virtual time 0: 2026-01-01. */
    private static final long UNIX_MILLIS_AT_START = 1_767_225_600_000L;

    private final long seed;
    private final SplittableRandom random;
    private final List<SimulatedLoop> loops = new ArrayList<>();
    private final List<SimulatedLoop> runnable = new ArrayList<>();
    /** Not 0, so that code that takes 0 for "never" is found out by its own mistakes elsewhere. */
    private long nowNanos = 1_000_000_000L;

    private long stepsDone;
    private long timersStarted;

    public SimulatedScheduler(long seed) {
        this.seed = seed;
        this.random = new SplittableRandom(seed);
    }

    /** A new loop, for instance for the next life of a node that crashed. */
    public SimulatedLoop newLoop(String name) {
        SimulatedLoop loop = new SimulatedLoop(this, name, random.split());
        loops.add(loop);
        return loop;
    }

    /** Print it when a run fails: it replays the run. */
    public long seed() {
        return seed;
    }

    /** A generator for something else that belongs to this run (a disk, a network), so that it follows from the seed too. */
    public SplittableRandom newRandom() {
        return random.split();
    }

    public long nanos() {
        return nowNanos;
    }

    public long unixMillis() {
        return UNIX_MILLIS_AT_START + nowNanos / 1_000_000;
    }

    public long stepsDone() {
        return stepsDone;
    }

    /** Runs until no loop has anything to do, now or later. Periodic timers never let this end: use {@link #runFor} with them. */
    public void runUntilIdle() {
        runUntil(Long.MAX_VALUE);
    }

    public void runFor(long nanos) {
        runUntil(nowNanos + nanos);
    }

    /** Runs everything due until {@code nanos}; that is then the time. */
    public void runUntil(long nanos) {
        long limit = stepsDone + MAX_STEPS_PER_RUN;
        while (stepUntil(nanos)) {
            Invariant.check(stepsDone < limit, "the simulation does not come to rest, seed", seed);
        }
        if (nanos != Long.MAX_VALUE && nowNanos < nanos) {
            nowNanos = nanos;
        }
    }

    /** Runs one task, moving time to it if need be. False if there is none. */
    public boolean step() {
        return stepUntil(Long.MAX_VALUE);
    }

    private boolean stepUntil(long limitNanos) {
        if (nowNanos >= limitNanos) {
            return false;
        }
        collectRunnable();
        if (runnable.isEmpty()) {
            long due = earliestDue();
            if (due == Long.MAX_VALUE || due > limitNanos) {
                return false;
            }
            nowNanos = Math.max(nowNanos, due);
            collectRunnable();
        }
        SimulatedLoop next = runnable.get(runnable.size() == 1 ? 0 : random.nextInt(runnable.size()));
        stepsDone++;
        nowNanos += STEP_NANOS;
        next.runOne();
        return true;
    }

    private void collectRunnable() {
        runnable.clear();
        for (int i = 0; i < loops.size(); i++) {
            SimulatedLoop loop = loops.get(i);
            if (loop.hasReady(nowNanos)) {
                runnable.add(loop);
            }
        }
    }

    private long earliestDue() {
        long earliest = Long.MAX_VALUE;
        for (int i = 0; i < loops.size(); i++) {
            earliest = Math.min(earliest, loops.get(i).nextDueNanos());
        }
        return earliest;
    }

    long nextTimerNumber() {
        return timersStarted++;
    }

    void forget(SimulatedLoop loop) {
        loops.remove(loop);
    }
}
