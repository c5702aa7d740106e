package io.varve.dataplane.time;

import io.varve.dataplane.check.Invariant;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/**
 * One queue of a {@link SimulatedScheduler}. Offloaded work runs later, in order, in one step, so that whatever happens on the loop
 * in between is seen by the code under test. Confined to the scheduler's thread.
 */
public final class SimulatedLoop implements Loop {
    /** The longest that offloaded work takes: some commits of LMDB with a slow disk under it. */
    private static final long MAX_OFFLOAD_NANOS = 3_000_000;

    private static final long MILLION = 1_000_000;

    private final SimulatedScheduler scheduler;
    private final String name;
    private final SplittableRandom random;
    private final ArrayDeque<Runnable> ready = new ArrayDeque<>();
    private final PriorityQueue<Due> timers = new PriorityQueue<>(
            Comparator.comparingLong((Due due) -> due.atNanos).thenComparingLong(due -> due.number));
    private long offloadBusyUntilNanos;
    private long readBusyUntilNanos;
    private long pausedUntilNanos;
    private long clockOffsetNanos;
    private long driftPerMillion;
    private boolean running;
    private boolean crashed;

    SimulatedLoop(SimulatedScheduler scheduler, String name, SplittableRandom random) {
        this.scheduler = scheduler;
        this.name = name;
        this.random = random;
    }

    @Override
    public long nanos() {
        long now = scheduler.nanos();
        return now + now / MILLION * driftPerMillion + clockOffsetNanos;
    }

    @Override
    public long unixMillis() {
        return scheduler.unixMillis();
    }

    @Override
    public void execute(Runnable task) {
        if (!crashed) {
            ready.add(task);
        }
    }

    @Override
    public Timer schedule(long delayNanos, Runnable task) {
        long delay = Math.max(0, delayNanos);
        long atNanos = scheduler.nanos() + delay - delay / MILLION * driftPerMillion;
        Due due = new Due(atNanos, scheduler.nextTimerNumber(), task);
        if (!crashed) {
            timers.add(due);
        }
        return () -> timers.remove(due);
    }

    @Override
    public void offload(Runnable blocking, Runnable then) {
        long from = Math.max(offloadBusyUntilNanos, scheduler.nanos());
        offloadBusyUntilNanos = from + 1 + random.nextLong(MAX_OFFLOAD_NANOS);
        schedule(offloadBusyUntilNanos - scheduler.nanos(), () -> {
            // The worker is not the loop: code that asks must be told so.
            running = false;
            blocking.run();
            execute(then);
        });
    }

    /** What was read may be old by the time that the loop is told: a commit may have been told in between. */
    @Override
    public void offloadRead(Runnable blocking, Runnable then) {
        long from = Math.max(readBusyUntilNanos, scheduler.nanos());
        long read = from + 1 + random.nextLong(MAX_OFFLOAD_NANOS);
        readBusyUntilNanos = read + 1 + random.nextLong(MAX_OFFLOAD_NANOS);
        schedule(read - scheduler.nanos(), () -> {
            running = false;
            blocking.run();
        });
        schedule(readBusyUntilNanos - scheduler.nanos(), then);
    }

    @Override
    public boolean inLoop() {
        return running;
    }

    public String name() {
        return name;
    }

    /** The process is gone: what waited never runs, nothing can be started any more. A restart is a new loop. */
    public void crash() {
        crashed = true;
        ready.clear();
        timers.clear();
        scheduler.forget(this);
    }

    public boolean isCrashed() {
        return crashed;
    }

    /** SIGSTOP, or a long collection: nothing runs for so long, while the clock goes on. */
    public void pause(long nanos) {
        pausedUntilNanos = Math.max(pausedUntilNanos, scheduler.nanos() + nanos);
    }

    /** Makes this loop's clock differ from the others' by {@code nanos}. Forward only: the clock is monotonic. */
    public void advanceClock(long nanos) {
        Invariant.check(nanos >= 0, "a monotonic clock goes forward only", nanos);
        clockOffsetNanos += nanos;
    }

    /** Makes this loop's clock run faster, or slower, than the others' by so many parts of a million. Before the loop is used. */
    public void drift(long perMillion) {
        Invariant.check(ready.isEmpty() && timers.isEmpty(), "a clock's rate is fixed before it is used", waiting());
        driftPerMillion = perMillion;
    }

    /** Tasks that wait to run, now or at their time: what a simulation holds against a limit. */
    public int waiting() {
        return ready.size() + timers.size();
    }

    boolean hasReady(long nowNanos) {
        if (nowNanos < pausedUntilNanos) {
            return false;
        }
        while (!timers.isEmpty() && timers.peek().atNanos <= nowNanos) {
            ready.add(timers.poll().task);
        }
        return !ready.isEmpty();
    }

    /** When this loop can next run something, if nobody gives it anything: {@code Long.MAX_VALUE} for never. */
    long nextDueNanos() {
        if (!ready.isEmpty()) {
            return pausedUntilNanos;
        }
        return timers.isEmpty() ? Long.MAX_VALUE : Math.max(pausedUntilNanos, timers.peek().atNanos);
    }

    void runOne() {
        Runnable task = ready.remove();
        running = true;
        try {
            task.run();
        } finally {
            running = false;
        }
    }

    private record Due(long atNanos, long number, Runnable task) {}
}
