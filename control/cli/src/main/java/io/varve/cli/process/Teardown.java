package io.varve.cli.process;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What must be undone, newest first. Steps are entered as things come into being; {@link #run} does them once, each
 * within a time and all within a time, and goes on when one fails. Ctrl-C runs it on the JVM's shutdown thread while the command's own thread may
 * still be entering steps: a step entered after the end began is done at once.
 */
public final class Teardown {
    /** Whatever is dead: a person who pressed Ctrl-C does not wait longer. */
    public static final Duration TOTAL = Duration.ofSeconds(10);

    /** Of the last steps when the first ones used up everything: enough to kill and to unmount by force. */
    private static final Duration LEAST = Duration.ofMillis(500);

    /** For a step that used up its limit and says so itself. */
    private static final long SLACK_MILLIS = 200;

    private final PrintWriter out;
    private final Duration total;
    private final Deque<Step> steps = new ArrayDeque<>();
    /** Held by the thread that undoes: two at once would undo things in the wrong order. */
    private final ReentrantLock performing = new ReentrantLock();

    private final CountDownLatch begun = new CountDownLatch(1);

    private volatile long endNanos;

    /** One thing to undo. */
    @FunctionalInterface
    public interface Undo {
        /**
         * Undoes it.
         *
         * @param limit after that the next step begins; the own one, or what is left of the whole time
         * @return an empty string, or what went wrong
         */
        String undo(Duration limit) throws Exception;
    }

    private record Step(String what, Duration limit, Undo undo) {}

    public Teardown(PrintWriter out) {
        this(out, TOTAL);
    }

    /** @param total for all steps together */
    public Teardown(PrintWriter out, Duration total) {
        this.out = out;
        this.total = total;
    }

    /**
     * Enters a step.
     *
     * @param what for the message when it fails
     * @param limit after that the next step begins, at the latest
     */
    public void add(String what, Duration limit, Undo undo) {
        var step = new Step(what, limit, undo);
        synchronized (this) {
            if (!isRunning()) {
                steps.push(step);
                return;
            }
        }
        perform(step);
    }

    /** True from the moment when everything is being undone: failures elsewhere are then its consequence. */
    public boolean isRunning() {
        return begun.getCount() == 0;
    }

    /** Waits a while, or until everything is being undone; answers whether it is. */
    public boolean awaitBegin(Duration limit) throws InterruptedException {
        return begun.await(limit.toNanos(), TimeUnit.NANOSECONDS);
    }

    /**
     * Undoes everything; at a second call nothing is left to do. A call while another one is at work waits for its end.
     * Answers whether all steps of this call worked.
     */
    public boolean run() {
        synchronized (this) {
            if (!isRunning()) {
                endNanos = System.nanoTime() + total.toNanos();
            }
            begun.countDown();
        }
        performing.lock();
        try {
            var worked = true;
            for (var step = next(); step != null; step = next()) {
                worked &= perform(step);
            }
            return worked;
        } finally {
            performing.unlock();
        }
    }

    private synchronized @Nullable Step next() {
        return steps.poll();
    }

    private boolean perform(Step step) {
        ExecutorService thread = Executors.newVirtualThreadPerTaskExecutor();
        var left = Duration.ofNanos(Math.max(LEAST.toNanos(), endNanos - System.nanoTime()));
        var limit = step.limit.compareTo(left) < 0 ? step.limit : left;
        try {
            var problem = thread.submit(() -> step.undo.undo(limit))
                    .get(limit.toMillis() + SLACK_MILLIS, TimeUnit.MILLISECONDS);
            if (!problem.isEmpty()) {
                complain(step, problem);
            }
            return problem.isEmpty();
        } catch (TimeoutException e) {
            complain(step, "not done within " + limit.toMillis() + " ms");
        } catch (ExecutionException e) {
            complain(step, String.valueOf(e.getCause()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            thread.shutdownNow();
        }
        return false;
    }

    private void complain(Step step, String problem) {
        out.println("varve: could not " + step.what + ": " + problem);
        out.flush();
    }
}
