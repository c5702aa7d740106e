package io.varve.dataplane.main;

import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.agent.RefusedGroup;
import io.varve.dataplane.time.Loop;
import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens disk groups anew that have failed while they were served (docs/internals/faults.md, "Opened anew"): those that only hung by themselves, all others when a
 * person says so. Never before the disks have let go of everything that they were asked. Confined to the home loop.
 */
final class ReopenedGroups {
    private static final Logger LOG = LoggerFactory.getLogger(ReopenedGroups.class);

    /** How long a person waits for disks to let go; the wish itself stays. */
    static final Duration LETTING_GO_LIMIT = Duration.ofSeconds(10);

    private static final String STUCK =
            "it could not be closed, because something that was under way does not end: restart the node";

    private final Loop home;
    private final StartedGroups groups;
    private final BiConsumer<LocalGroup, String> told;
    /** Until they are closed. */
    private final Map<String, Failed> failed = new HashMap<>();

    private final Map<String, Reopenings> reopenings = new HashMap<>();
    private boolean stopped;

    private static final class Failed {
        final LoopStack stack;
        final GroupConfig config;
        final LocalGroup group;
        boolean isLettingGo;
        /** Its disks have nothing of it any more. */
        boolean isQuiet;

        boolean isClosing;
        /** It was left open, and is not opened anew in this process. */
        boolean isStuck;
        /** Somebody wants it opened, whatever it failed of. Completes when it was tried. */
        @Nullable Promise<Void> wanted;

        Failed(LoopStack stack, GroupConfig config, LocalGroup group) {
            this.stack = stack;
            this.config = config;
            this.group = group;
        }

        RefusedGroup refused(String reason) {
            return new RefusedGroup(
                    Optional.of(group.uuid()), config.name(), stack.peerAddress(), config.devices(), reason);
        }
    }

    /** {@code told}: what is to be an event, about that group; on the home loop. */
    ReopenedGroups(Loop home, StartedGroups groups, BiConsumer<LocalGroup, String> told) {
        this.home = home;
        this.groups = groups;
        this.told = told;
    }

    /** The group, which was served, has failed. */
    void failed(LoopStack stack, GroupConfig config, LocalGroup group) {
        Failed one = new Failed(stack, config, group);
        failed.put(config.name(), one);
        stack.loop.execute(() -> {
            if (group.store().hasOnlyHung()) {
                home.execute(() -> letGo(one));
            }
        });
    }

    boolean hasFailed(String name) {
        return failed.containsKey(name);
    }

    /** A person wants it to be opened, whatever it failed of. Completes when that was tried; fails when it cannot be closed. */
    Future<Void> retry(String name) {
        Failed one = java.util.Objects.requireNonNull(failed.get(name));
        if (one.isStuck) {
            return Future.failedFuture(STUCK);
        }
        Promise<Void> wanted = one.wanted == null ? Promise.promise() : one.wanted;
        one.wanted = wanted;
        letGo(one);
        if (one.isQuiet) {
            reopen(one);
        }
        Promise<Void> answered = Promise.promise();
        wanted.future().onSuccess(answered::tryComplete).onFailure(answered::tryFail);
        home.schedule(LETTING_GO_LIMIT.toNanos(), () -> {
            if (!one.isQuiet) {
                answered.tryFail(
                        "its disk has not ended what it was asked: it still hangs. It is opened as soon as that has ended; "
                                + "if it never does, pull the disk, or restart the machine");
            }
        });
        return answered.future();
    }

    private void letGo(Failed one) {
        if (!one.isLettingGo && !stopped) {
            one.isLettingGo = true;
            one.stack.loop.execute(() -> one.group.store().letGo(() -> {
                boolean hasOnlyHung = one.group.store().hasOnlyHung();
                home.execute(() -> quiet(one, hasOnlyHung));
            }));
        }
    }

    private void quiet(Failed one, boolean hasOnlyHung) {
        one.isQuiet = true;
        if (one.wanted != null) {
            reopen(one);
        } else if (hasOnlyHung) {
            long pause = times(one).pauseNanos(home.nanos());
            LOG.info("disk group answers again name={} opened_in_ms={}", one.config.name(), pause / 1_000_000);
            home.schedule(pause, () -> reopen(one));
        } else {
            LOG.warn(
                    "disk group stays failed name={} reason=\"its disk refused writes\" now=\"look at the disk, then 'varve disk retry'\"",
                    one.config.name());
        }
    }

    private Reopenings times(Failed one) {
        return reopenings.computeIfAbsent(one.config.name(), name -> new Reopenings());
    }

    private void reopen(Failed one) {
        if (stopped || one.isClosing) {
            return;
        }
        one.isClosing = true;
        int time = times(one).begin(home.nanos());
        String failure = String.valueOf(one.group.store().failure());
        String why = one.wanted != null
                ? "somebody wants it: it had failed, " + failure
                : "it hung, and its disk answers again: time " + time + " of at most " + Reopenings.MAX_IN_AN_HOUR
                        + " in an hour";
        LOG.warn("disk group is opened anew name={} reason=\"{}\"", one.config.name(), why);
        told.accept(one.group, "disk group " + one.config.name() + " is opened anew: " + why);
        // Until it is open it is told as one that could not be opened.
        one.stack.refused = one.refused(failure);
        Promise<Void> closed = Promise.promise();
        one.stack.loop.execute(() -> one.stack.retire(one.group, closed::complete, () -> closed.fail(STUCK)));
        closed.future()
                .onComplete(outcome -> home.execute(() -> {
                    if (outcome.failed()) {
                        one.isStuck = true;
                        one.stack.refused = one.refused(failure + "; " + STUCK);
                        answer(one, outcome);
                    } else if (!stopped) {
                        failed.remove(one.config.name());
                        groups.open(one.stack, one.config).onComplete(tried -> answer(one, tried));
                    }
                }));
    }

    private static void answer(Failed one, AsyncResult<Void> outcome) {
        if (one.wanted != null) {
            one.wanted.handle(outcome);
        }
    }

    void stop() {
        stopped = true;
    }
}
