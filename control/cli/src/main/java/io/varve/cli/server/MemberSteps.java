package io.varve.cli.server;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One step after the other, on a thread of their own; one that failed is done again later, and at most one waits for that. */
final class MemberSteps implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MemberSteps.class);

    private static final Duration TRIES_AGAIN = Duration.ofSeconds(2);

    private final ScheduledThreadPoolExecutor thread = new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().name("metadata-part").daemon().unstarted(task));

    private Optional<Future<?>> pending = Optional.empty();

    MemberSteps() {
        thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        thread.setRemoveOnCancelPolicy(true);
    }

    /** As soon as those before are done. */
    void next(Runnable step) {
        soon(step, Duration.ZERO);
    }

    /** After a pause, in place of one that waits for that already. */
    synchronized void again(Runnable step) {
        pending.ifPresent(former -> former.cancel(false));
        pending = soon(step, TRIES_AGAIN);
    }

    private Optional<Future<?>> soon(Runnable step, Duration pause) {
        try {
            return Optional.of(thread.schedule(step, pause.toMillis(), TimeUnit.MILLISECONDS));
        } catch (RejectedExecutionException e) {
            LOG.debug("the node stops");
            return Optional.empty();
        }
    }

    /** Steps that are not begun yet. */
    int waiting() {
        return thread.getQueue().size();
    }

    /** Begins nothing more. */
    @Override
    public void close() {
        thread.shutdown();
    }
}
