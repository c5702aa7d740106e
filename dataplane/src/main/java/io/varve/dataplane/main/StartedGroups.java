package io.varve.dataplane.main;

import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.agent.GroupOpening;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.agent.RefusedGroup;
import io.varve.dataplane.time.Loop;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the disk groups that a node should have when it starts. One that cannot be opened, or takes too long, does not keep the node from serving the
 * others: it is told, and tried again (docs/internals/faults.md). Confined to the home loop.
 */
final class StartedGroups {
    private static final Logger LOG = LoggerFactory.getLogger(StartedGroups.class);

    /** The node goes on without a group that is not open by then: its disk hangs, or its journal is long. */
    static final Duration OPENING_LIMIT = Duration.ofSeconds(30);

    /** Between two tries: a disk that was plugged in late is served within this. */
    static final Duration AGAIN = Duration.ofSeconds(10);

    private final Loop home;
    private final Opener opener;
    private final BiConsumer<LoopStack, LocalGroup> opened;
    private final Consumer<RefusedGroup> refused;
    /** Of groups that could not be opened: when they are tried next. */
    private final Map<String, Loop.Timer> next = new HashMap<>();

    private boolean stopped;

    /** Begins to open a group; the outcome comes once, on the stack's loop. */
    @FunctionalInterface
    interface Opener {
        void begin(LoopStack stack, GroupConfig group, Consumer<GroupOpening.Outcome> then);
    }

    /** {@code opened}, {@code refused}: called on the home loop, for each group as often as that changes. */
    StartedGroups(Loop home, Opener opener, BiConsumer<LoopStack, LocalGroup> opened, Consumer<RefusedGroup> refused) {
        this.home = home;
        this.opener = opener;
        this.opened = opened;
        this.refused = refused;
    }

    /** Completes when the group is open or the node should go on without it; never fails. */
    Future<Void> open(LoopStack stack, GroupConfig group) {
        Promise<Void> tried = Promise.promise();
        Loop.Timer limit = home.schedule(OPENING_LIMIT.toNanos(), () -> {
            refuse(
                    stack,
                    group,
                    "disk group " + group.name() + " is not open after " + OPENING_LIMIT.toSeconds()
                            + " s: its disk hangs, or its journal takes long to read",
                    Optional.empty());
            tried.tryComplete();
        });
        attempt(stack, group, () -> {
            limit.cancel();
            tried.tryComplete();
        });
        return tried.future();
    }

    /** A group that could not be opened: tried now, not when its time comes. Empty: it is being tried. */
    Optional<Future<Void>> again(LoopStack stack, GroupConfig group) {
        Loop.Timer waiting = next.remove(group.name());
        if (waiting == null) {
            return Optional.empty();
        }
        waiting.cancel();
        return Optional.of(open(stack, group));
    }

    private void attempt(LoopStack stack, GroupConfig group, Runnable ended) {
        opener.begin(stack, group, outcome -> {
            LocalGroup local = outcome instanceof GroupOpening.Outcome.Opened done ? stack.serve(group, done) : null;
            home.execute(() -> ended(stack, group, outcome, local, ended));
        });
    }

    private void ended(
            LoopStack stack,
            GroupConfig group,
            GroupOpening.Outcome outcome,
            @Nullable LocalGroup local,
            Runnable ended) {
        switch (outcome) {
            case GroupOpening.Outcome.Opened done -> {
                stack.refused = null;
                opened.accept(stack, java.util.Objects.requireNonNull(local));
            }
            case GroupOpening.Outcome.Refused why -> {
                refuse(stack, group, why.reason(), why.group());
                next.put(group.name(), home.schedule(AGAIN.toNanos(), () -> {
                    next.remove(group.name());
                    if (!stopped) {
                        attempt(stack, group, () -> {});
                    }
                }));
            }
        }
        ended.run();
    }

    private void refuse(LoopStack stack, GroupConfig group, String reason, Optional<String> uuid) {
        RefusedGroup before = stack.refused;
        RefusedGroup now = new RefusedGroup(
                before != null && uuid.isEmpty() ? before.uuid() : uuid,
                group.name(),
                stack.peerAddress(),
                group.devices(),
                reason);
        stack.refused = now;
        if (before == null || !before.reason().equals(reason)) {
            LOG.error(
                    "disk group not opened name={} reason=\"{}\" now=\"the node serves without it, and tries again every {} s\"",
                    group.name(),
                    reason,
                    AGAIN.toSeconds());
        }
        refused.accept(now);
    }

    /**
     * A node that has none of its groups, and never had, is configured wrongly: that is said by not starting. Else it serves what it has.
     */
    Future<Void> judge(List<LoopStack> stacks) {
        boolean isAnyKnown = stacks.isEmpty();
        String reason = "";
        for (LoopStack stack : stacks) {
            RefusedGroup absent = stack.refused;
            isAnyKnown |= absent == null || absent.uuid().isPresent();
            reason = absent == null ? reason : absent.reason();
        }
        return isAnyKnown ? Future.succeededFuture() : Future.failedFuture(reason);
    }

    void stop() {
        stopped = true;
    }
}
