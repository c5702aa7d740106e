package io.varve.control.api;

import io.varve.api.DiskGroup;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.NodeStats;
import io.varve.api.ReplicaStats;
import io.varve.api.Sighting;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaState;
import io.varve.control.rebuild.RebuildMemory;
import io.varve.control.rebuild.RebuildPlan;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.control.rebuild.RebuildTruth;
import io.varve.control.rebuild.Sighted;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the {@link RebuildPlan} at the leader of the metadata group, round after round, and has its commands decided. A member that leads no more
 * forgets what it remembered; two that both believe to lead do no harm, because every command is a comparison. On one event loop.
 */
final class RebuildLoop {
    private static final Logger LOG = LoggerFactory.getLogger(RebuildLoop.class);

    /** A round without news reads the disk groups only. Faster would not make copies whole sooner: filling one takes seconds to hours. */
    static final long ROUND_MILLIS = 1_000;

    /** A process that was stopped for a while knows of nobody; the others tell it within seconds. */
    private static final long GAP_MILLIS = 10_000;

    private static final Duration STATS_DEADLINE = Duration.ofSeconds(2);

    private final MetaGroup group;
    private final Sightings sightings;
    private final NodeCalls calls;
    private final Supplier<? extends Future<?>> hear;

    private @Nullable RebuildMemory memory;
    private @Nullable RebuildTruth truth;
    private long truthOf = -1;
    private Map<String, Map<Long, Long>> bytesOf = Map.of();
    private boolean running;
    private long lastRound = nowMillis();
    private int gaps;

    /** {@code hear}: asks all members whom they heard from, which goes into the sightings; it does not fail when some don't answer. */
    RebuildLoop(MetaGroup group, Sightings sightings, NodeCalls calls, Supplier<? extends Future<?>> hear) {
        this.group = group;
        this.sightings = sightings;
        this.calls = calls;
        this.hear = hear;
    }

    /** Begins a round unless one is under way or another member leads. What it returns never fails. */
    Future<Void> round() {
        long called = nowMillis();
        if (called - lastRound > GAP_MILLIS) {
            memory = null;
            gaps++;
        }
        lastRound = called;
        if (running) {
            return Future.succeededFuture();
        }
        if (!group.leads()) {
            memory = null;
            truth = null;
            return Future.succeededFuture();
        }
        running = true;
        // Who has just begun has heard of few, and does not know either that another member is of an older version.
        Future<?> heard = memory == null ? hear.get() : Future.succeededFuture();
        RebuildMemory remembered = memory == null ? RebuildMemory.begun(called) : memory;
        int gapsBefore = gaps;
        return heard.compose(all -> read())
                .compose(now -> {
                    if (gaps != gapsBefore) {
                        return Future.failedFuture("this process was stopped for a while");
                    }
                    RebuildPlan plan = RebuildPlan.of(now, sighted(sightings, bytesOf), remembered);
                    memory = plan.next();
                    bytesOf = Map.of();
                    return carryOut(plan.steps(), 0).compose(done -> weigh(plan.bytesWanted()));
                })
                .onFailure(failure -> LOG.info("rebuild round ended early reason=\"{}\"", failure.getMessage()))
                .onComplete(ended -> running = false)
                .otherwiseEmpty();
    }

    private static long nowMillis() {
        return System.nanoTime() / 1_000_000;
    }

    static Sighted sighted(Sightings sightings, Map<String, Map<Long, Long>> bytesOf) {
        Map<String, Long> silent = new HashMap<>();
        for (Sighting sighting : sightings.list()) {
            silent.put(sighting.getNode(), sighting.getMillisAgo());
        }
        return new Sighted(nowMillis(), silent, sightings.silentGroups(), bytesOf);
    }

    /** The whole truth is read again only when something changed in it. */
    private Future<RebuildTruth> read() {
        long newest = group.newest();
        RebuildTruth known = truth;
        boolean news = known == null || truthOf != newest;
        return group.look(state -> news || known == null ? RebuildTruth.of(state) : known.withGroupsOf(state))
                .onSuccess(read -> {
                    truth = read;
                    truthOf = newest;
                });
    }

    private Future<Void> carryOut(List<Step> steps, int next) {
        if (next == steps.size()) {
            return Future.succeededFuture();
        }
        Step step = steps.get(next);
        return group.propose(step.command()).compose(result -> {
            LOG.info(
                    "rebuild step command={} why=\"{}\" answer=\"{}\"",
                    step.command(),
                    step.why(),
                    result.isOk() ? "done" : result.message());
            List<Step> singles = result.isOk() ? List.of() : singles(step);
            return carryOut(singles, 0).compose(done -> carryOut(steps, next + 1));
        });
    }

    /** A command about several copies is decided as a whole: one that was overtaken must not hold up the others. */
    private static List<Step> singles(Step step) {
        List<MetaCommand> commands = switch (step.command()) {
            case PlaceCopies(var volume, var copies)
            when copies.size() > 1 ->
                copies.stream()
                        .<MetaCommand>map(copy -> new PlaceCopies(volume, List.of(copy)))
                        .toList();
            case RetireCopies(var volume, var copies)
            when copies.size() > 1 ->
                copies.stream()
                        .<MetaCommand>map(copy -> new RetireCopies(volume, List.of(copy)))
                        .toList();
            case PlaceAnew(var volume, var copies)
            when copies.size() > 1 ->
                copies.stream()
                        .<MetaCommand>map(copy -> new PlaceAnew(volume, List.of(copy)))
                        .toList();
            default -> List.of();
        };
        return commands.stream().map(command -> new Step(command, step.why())).toList();
    }

    /** Asks how much each copy on that disk group holds, for the next round. A node that does not say is asked again when balance looks again. */
    private Future<Void> weigh(Optional<String> wanted) {
        if (wanted.isEmpty()) {
            return Future.succeededFuture();
        }
        String uuid = wanted.get();
        return group.look(state -> addressOf(state, uuid))
                .compose(address -> address.map(at -> calls.ask(
                                at,
                                ManagementGrpcClient.GetNodeStats,
                                GetNodeStatsRequest.getDefaultInstance(),
                                STATS_DEADLINE))
                        .orElseGet(() -> Future.succeededFuture(NodeStats.getDefaultInstance())))
                .otherwise(NodeStats.getDefaultInstance())
                .map(stats -> {
                    Map<Long, Long> bytes = new HashMap<>();
                    for (ReplicaStats replica : stats.getReplicasList()) {
                        if (replica.getGroup().equals(uuid)) {
                            bytes.put(
                                    replica.getStream(),
                                    Math.max(replica.getAllocatedBytes(), replica.getGuaranteedBytes()));
                        }
                    }
                    bytesOf = Map.of(uuid, bytes);
                    return null;
                });
    }

    private static Optional<SocketAddress> addressOf(MetaState state, String group) {
        return state.group(group)
                .map(DiskGroup::getNode)
                .flatMap(state::node)
                .map(Node::getManagementAddress)
                .map(Addresses::parse);
    }
}
