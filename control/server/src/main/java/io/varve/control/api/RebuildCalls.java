package io.varve.control.api;

import io.varve.api.ChangeSettingsRequest;
import io.varve.api.ClusterSettings;
import io.varve.api.CopyStats;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.NodeStats;
import io.varve.api.Rebuild;
import io.varve.api.RebuildList;
import io.varve.api.SetReplicasRequest;
import io.varve.api.Volume;
import io.varve.control.meta.GuaranteeRules;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.Settings;
import io.varve.control.rebuild.RebuildMemory;
import io.varve.control.rebuild.RebuildMove;
import io.varve.control.rebuild.RebuildPlan;
import io.varve.control.rebuild.RebuildTruth;
import io.varve.control.rebuild.Sighted;
import io.varve.control.truth.NodeCalls;
import io.varve.model.Geometry;
import io.varve.model.IoLimits;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/** Settings of the cluster, how many copies a volume has, and how far copies under way are, as people ask for it. */
final class RebuildCalls {
    /** Where the nodes are there it takes milliseconds; else it goes on behind. */
    private static final Duration GUARANTEE_WAIT = Duration.ofSeconds(10);

    private static final Duration STATS_DEADLINE = Duration.ofSeconds(2);

    private final MetaGroup group;
    private final StatusReport report;
    private final NodeCalls calls;
    private final VolumeCalls volumes;

    RebuildCalls(MetaGroup group, StatusReport report, NodeCalls calls, VolumeCalls volumes) {
        this.group = group;
        this.report = report;
        this.calls = calls;
        this.volumes = volumes;
    }

    // ------------------------------------------------------------------ settings

    Future<ClusterSettings> settings() {
        return group.lookUpToDate(state -> Settings.told(state.cluster()));
    }

    Future<ClusterSettings> change(ChangeSettingsRequest request) {
        if (request.getValuesCount() == 0) {
            return Future.failedFuture(
                    new RefusedException(GrpcStatus.INVALID_ARGUMENT, "nothing to set: say KEY=VALUE"));
        }
        Map<String, String> values = new HashMap<>();
        for (var value : request.getValuesList()) {
            if (Settings.judge(value.getKey(), value.getValue()) instanceof Settings.Judged.Bad(var reason)) {
                return Future.failedFuture(new RefusedException(GrpcStatus.INVALID_ARGUMENT, reason));
            }
            values.put(value.getKey(), value.getValue());
        }
        return group.propose(new ChangeSettings(values))
                .compose(Failures::demandOk)
                .compose(done -> settings());
    }

    // ------------------------------------------------------------------ replicas

    Future<Volume> setReplicas(SetReplicasRequest request) {
        boolean isAsItWas =
                request.getReplicas() == 0 && (request.hasMinInSync() || request.hasLimits() || request.hasThick());
        if (!isAsItWas && (request.getReplicas() < 1 || request.getReplicas() > 3)) {
            return Future.failedFuture(new RefusedException(
                    GrpcStatus.INVALID_ARGUMENT, "a volume has 1, 2 or 3 replicas, not " + request.getReplicas()));
        }
        String outOfRange = new IoLimits(
                        request.getLimits().getIops(),
                        request.getLimits().getBandwidthBytesPerSecond(),
                        request.getLimits().getBurstMillis())
                .objection();
        if (!outOfRange.isEmpty()) {
            return Future.failedFuture(new RefusedException(GrpcStatus.INVALID_ARGUMENT, outOfRange));
        }
        OptionalInt fewest = request.hasMinInSync() ? OptionalInt.of(request.getMinInSync()) : OptionalInt.empty();
        return volumes.find(request.getName())
                .compose(volume -> group.propose(new SetReplicas(
                                volume.getId(),
                                request.getReplicas(),
                                fewest,
                                request.getLimits(),
                                request.hasThick() ? Optional.of(request.getThick()) : Optional.empty()))
                        .compose(Failures::demandOk)
                        .compose(done -> request.getReplicas() != 0 && request.getReplicas() < volume.getReplicas()
                                ? dropUnfilled(volume.getId()).map(done)
                                : Future.succeededFuture(done)))
                .compose(done -> request.getThick()
                        ? group.waitFor(done.index(), state -> guaranteed(state, request.getName()), GUARANTEE_WAIT)
                        : Future.succeededFuture(Optional.of(done.requireVolume())))
                .compose(kept -> kept.filter(volume -> request.getThick() && !volume.getThick())
                        .map(thin -> Future.<Volume>failedFuture(new RefusedException(
                                GrpcStatus.RESOURCE_EXHAUSTED,
                                "volume '" + request.getName() + "' stays thin: " + thin.getRefusal())))
                        .orElseGet(() -> volumes.find(request.getName())));
    }

    /** The volume when every copy keeps room for it, or when it was given up because one cannot; else empty. */
    private static Optional<Volume> guaranteed(MetaState state, String name) {
        return state.volume(name).filter(volume -> !volume.getThick() || GuaranteeRules.isComplete(state, volume));
    }

    /** What was to be filled for the sake of the former number is not. Where that is refused the planner looks again. */
    private Future<Void> dropUnfilled(long volume) {
        return report.heard()
                .compose(heard -> group.lookUpToDate(state -> {
                    RebuildTruth truth = RebuildTruth.of(state);
                    return RebuildPlan.unfilled(truth, sighted(heard), askedJustNow(truth), volume);
                }))
                .compose(commands -> carryOut(commands, 0));
    }

    private Future<Void> carryOut(List<MetaCommand> commands, int next) {
        return next == commands.size()
                ? Future.succeededFuture()
                : group.propose(commands.get(next)).compose(result -> carryOut(commands, next + 1));
    }

    // ------------------------------------------------------------------ what is under way

    private record UnderWay(
            Settings settings, List<RebuildMove> moves, int waiting, int placeless, Map<String, String> addresses) {}

    Future<RebuildList> list() {
        return report.heard()
                .compose(heard -> group.lookUpToDate(state -> underWay(state, heard)))
                .compose(now -> now.moves.isEmpty()
                        ? Future.succeededFuture(listOf(now, Map.of()))
                        : told(now).map(copies -> listOf(now, copies)));
    }

    /** As the leader plans, but for its memory: silence counts from when a node was last heard from. */
    private static UnderWay underWay(MetaState state, StatusReport.Heard heard) {
        RebuildTruth truth = RebuildTruth.of(state);
        Sighted sighted = sighted(heard);
        RebuildMemory memory = askedJustNow(truth);
        RebuildPlan plan = RebuildPlan.of(truth, sighted, memory);
        return new UnderWay(
                truth.settings(),
                RebuildMove.of(truth, sighted, memory),
                plan.waiting(),
                plan.placeless(),
                state.nodes().stream().collect(Collectors.toMap(Node::getId, Node::getManagementAddress)));
    }

    private static Sighted sighted(StatusReport.Heard heard) {
        return new Sighted(nowMillis(), heard.silentMillis(), heard.silentGroups(), Map.of());
    }

    private static RebuildMemory askedJustNow(RebuildTruth truth) {
        return RebuildMemory.begun(nowMillis() - truth.settings().graceMillis() - ROUNDING_MILLIS);
    }

    private static long nowMillis() {
        return System.nanoTime() / 1_000_000;
    }

    private static final long ROUNDING_MILLIS = 1_000;

    /** A copy: by stream and disk group. */
    private record CopyAt(long stream, String group) {}

    /** What access points tell of the copies that they fill; one that does not answer tells nothing. */
    private Future<Map<CopyAt, CopyStats>> told(UnderWay now) {
        List<Future<NodeStats>> asked = now.moves.stream()
                .map(RebuildMove::servedBy)
                .distinct()
                .filter(now.addresses::containsKey)
                .map(now.addresses::get)
                .map(address -> calls.ask(
                                Addresses.parse(address),
                                ManagementGrpcClient.GetNodeStats,
                                GetNodeStatsRequest.getDefaultInstance(),
                                STATS_DEADLINE)
                        .otherwise(NodeStats.getDefaultInstance()))
                .toList();
        return Future.all(asked).map(all -> {
            Map<CopyAt, CopyStats> copies = new HashMap<>();
            for (Future<NodeStats> answer : asked) {
                for (CopyStats copy : answer.result().getCopiesList()) {
                    copies.put(new CopyAt(copy.getVolume() << 16 | copy.getSlab(), copy.getGroup()), copy);
                }
            }
            return copies;
        });
    }

    private static RebuildList listOf(UnderWay now, Map<CopyAt, CopyStats> copies) {
        RebuildList.Builder list = RebuildList.newBuilder()
                .setWaitingSlabs(now.waiting)
                .setPlacelessSlabs(now.placeless)
                .setPaused(now.settings.paused())
                .setLimitBytesPerSecond(now.settings.limitBytesPerSecond());
        for (RebuildMove move : now.moves) {
            CopyStats copy = copies.getOrDefault(
                    new CopyAt(move.volume() << 16 | move.slab(), move.target()), CopyStats.getDefaultInstance());
            long total = (long) copy.getExtentsTotal() * Geometry.EXTENT_BYTES;
            list.addRebuilds(Rebuild.newBuilder()
                    .setVolume(move.volumeName())
                    .setSlab(move.slab())
                    .setTo(move.to())
                    .setFrom(move.from())
                    .setWhy(move.why())
                    .setState(stateOf(move, copy))
                    .setBytesDone(total - (long) copy.getExtentsLeft() * Geometry.EXTENT_BYTES)
                    .setBytesTotal(total)
                    .setBytesPerSecond(copy.getBytesPerSecond())
                    .setLiveCopies(move.live()));
        }
        return list.build();
    }

    private static String stateOf(RebuildMove move, CopyStats copy) {
        if (!move.made()) {
            return "NEW";
        }
        return copy.getState().isEmpty() ? "WAITING" : copy.getState();
    }
}
