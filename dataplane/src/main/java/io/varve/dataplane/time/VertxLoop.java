package io.varve.dataplane.time;

import io.netty.channel.EventLoop;
import io.varve.dataplane.check.Invariant;
import io.vertx.core.internal.ContextInternal;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jctools.queues.varhandle.MpscChunkedVarHandleArrayQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A Vert.x event-loop context as a {@link Loop}. Tasks run with that context current, so that servers and clients made by them live
 * on this loop. Tasks from any thread go through one queue that is drained by one wake-up of the loop: no allocation per task.
 *
 * <p>After Vert.x was closed, tasks and timers are dropped.
 *
 * <p>A throwable that leaves a task, a timer, offloaded work or an I/O callback is a bug after which the state of this loop is
 * doubtful: it goes to {@code onBug}, which in production is {@link #haltProcess}. In handlers that Vert.x calls (sockets), only an
 * {@link Error} does; what a client can provoke there must not stop the node.
 */
public final class VertxLoop implements Loop {
    /** Tasks that may wait for one loop. More is a producer without back pressure, hence a bug. */
    public static final int MAX_WAITING_TASKS = 1 << 17;

    /** Blocking jobs that may wait for one loop's worker: checkpoints, index misses. */
    public static final int MAX_OFFLOADED = 1 << 14;

    /** Tasks run before the loop looks at its sockets and disks again. Long enough to pay for the turn, some 0.1 ms of small tasks. */
    private static final int TASKS_PER_TURN = 256;

    /** EX_SOFTWARE of sysexits.h: a supervisor sees that this was no ordinary end. */
    public static final int EXIT_BUG = 70;

    private static final Logger LOG = LoggerFactory.getLogger(VertxLoop.class);

    private final ContextInternal context;
    private final EventLoop eventLoop;
    private final BugHandler onBug;
    private final MpscChunkedVarHandleArrayQueue<Runnable> tasks =
            new MpscChunkedVarHandleArrayQueue<>(256, MAX_WAITING_TASKS);
    private final AtomicBoolean turnRequested = new AtomicBoolean();
    private final Runnable turn = this::runTasks;
    private final ThreadPoolExecutor worker;
    private final ThreadPoolExecutor reader;

    /** What is done about a bug. Called on the thread that met it; in production it does not return. */
    @FunctionalInterface
    public interface BugHandler {
        void met(Throwable bug);
    }

    /**
     * Takes the context's exception handler for itself.
     *
     * @param context an event-loop context, not a worker's
     * @param name for the worker's thread name
     */
    public VertxLoop(ContextInternal context, String name, BugHandler onBug) {
        Invariant.check(context.isEventLoopContext(), "a loop needs an event-loop context");
        this.context = context;
        this.eventLoop = context.nettyEventLoop();
        this.onBug = onBug;
        this.worker = oneThread(name + "-worker");
        this.reader = oneThread(name + "-reader");
        context.exceptionHandler(this::handlerFailed);
    }

    /** It ends when it had nothing to do for some seconds. */
    private static ThreadPoolExecutor oneThread(String name) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                1,
                1,
                10,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MAX_OFFLOADED),
                Thread.ofPlatform().daemon().name(name).factory());
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    /** The production answer to a bug: says what it was and stops at once, so that no doubtful data is served or written. */
    public static void haltProcess(Throwable bug) {
        try {
            System.err.println("FATAL a bug stops this process: " + bug);
            bug.printStackTrace();
            System.err.flush();
        } finally {
            Runtime.getRuntime().halt(EXIT_BUG);
        }
    }

    @Override
    public long nanos() {
        return BootClock.nanos();
    }

    @Override
    public long unixMillis() {
        return System.currentTimeMillis();
    }

    @Override
    public void execute(Runnable task) {
        Invariant.check(tasks.offer(task), "too many tasks wait for the loop");
        requestTurn();
    }

    @Override
    public Timer schedule(long delayNanos, Runnable task) {
        try {
            ScheduledFuture<?> scheduled = eventLoop.schedule(() -> run(task), delayNanos, TimeUnit.NANOSECONDS);
            return () -> scheduled.cancel(false);
        } catch (RejectedExecutionException ended) {
            unlessEnded(ended);
            return () -> false;
        }
    }

    @Override
    public void offload(Runnable blocking, Runnable then) {
        offload(worker, blocking, then);
    }

    @Override
    public void offloadRead(Runnable blocking, Runnable then) {
        offload(reader, blocking, then);
    }

    private void offload(ThreadPoolExecutor to, Runnable blocking, Runnable then) {
        to.execute(() -> {
            try {
                blocking.run();
            } catch (Throwable bug) {
                onBug.met(bug);
                return;
            }
            execute(then);
        });
    }

    @Override
    public boolean inLoop() {
        return eventLoop.inEventLoop();
    }

    /** The Netty loop, for those who put their own file descriptors onto it. */
    public EventLoop eventLoop() {
        return eventLoop;
    }

    public ContextInternal context() {
        return context;
    }

    /** For code that Netty calls directly, outside of any task: I/O callbacks and channel handlers hand their bugs here. */
    public void bug(Throwable bug) {
        onBug.met(bug);
    }

    /** Ends the workers once they have done what they were given. The event loop itself belongs to Vert.x. */
    public void close() {
        worker.shutdown();
        reader.shutdown();
    }

    private void requestTurn() {
        if (turnRequested.compareAndSet(false, true)) {
            try {
                eventLoop.execute(turn);
            } catch (RejectedExecutionException ended) {
                unlessEnded(ended);
            }
        }
    }

    /** Answers of calls to elsewhere may still come while the process ends, when this loop has ended already: nobody waits for them. */
    private void unlessEnded(RejectedExecutionException rejected) {
        if (!eventLoop.isShuttingDown()) {
            throw rejected;
        }
    }

    private void runTasks() {
        // Cleared before polling: whoever offers from here on requests another turn, so no task is left lying.
        turnRequested.set(false);
        ContextInternal previous = context.beginDispatch();
        try {
            for (int i = 0; i < TASKS_PER_TURN; i++) {
                Runnable task = tasks.poll();
                if (task == null) {
                    return;
                }
                try {
                    task.run();
                } catch (Throwable bug) {
                    onBug.met(bug);
                }
            }
        } finally {
            context.endDispatch(previous);
        }
        if (!tasks.isEmpty()) {
            requestTurn();
        }
    }

    private void run(Runnable task) {
        ContextInternal previous = context.beginDispatch();
        try {
            task.run();
        } catch (Throwable bug) {
            onBug.met(bug);
        } finally {
            context.endDispatch(previous);
        }
    }

    private void handlerFailed(Throwable failure) {
        if (failure instanceof Error) {
            onBug.met(failure);
        } else {
            LOG.error("a handler failed", failure);
        }
    }
}
