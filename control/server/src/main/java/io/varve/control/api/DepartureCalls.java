package io.varve.control.api;

import io.varve.api.CheckDepartureRequest;
import io.varve.api.Departure;
import io.varve.api.DiskGroup;
import io.varve.api.DrainNodeRequest;
import io.varve.api.EvictDiskRequest;
import io.varve.api.Node;
import io.varve.api.RemoveDiskRequest;
import io.varve.api.RemoveNodeRequest;
import io.varve.control.meta.Departures;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.control.meta.MetaState;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** How nodes and disk groups leave, as people ask for it. What moves their copies away is the planner. */
final class DepartureCalls {
    private final MetaGroup group;
    private final StatusReport report;

    DepartureCalls(MetaGroup group, StatusReport report) {
        this.group = group;
        this.report = report;
    }

    Future<Node> drain(DrainNodeRequest request) {
        return group.propose(new DrainNode(request.getNode(), !request.getUndo()))
                .compose(Failures::demandOk)
                .compose(done -> group.lookUpToDate(state -> state.node(request.getNode())))
                .compose(node -> orElse(node, noNode(request.getNode())));
    }

    Future<DiskGroup> evict(EvictDiskRequest request) {
        return group.lookUpToDate(state -> named(state, request.getNode(), request.getGroup()))
                .compose(found -> orElse(found, noGroup(request.getNode(), request.getGroup())))
                .compose(found -> group.propose(new EvictGroup(found.getUuid(), !request.getUndo()))
                        .compose(Failures::demandOk)
                        .compose(done -> group.lookUpToDate(state -> state.group(found.getUuid())))
                        .compose(now -> orElse(now, noGroup(request.getNode(), request.getGroup()))));
    }

    // ------------------------------------------------------------------ check

    Future<Departure> check(CheckDepartureRequest request) {
        return request.getGroup().isEmpty()
                ? departure(state -> ofNode(state, request.getNode()), noNode(request.getNode()))
                : departure(
                        state -> ofGroup(state, request.getNode(), request.getGroup()),
                        noGroup(request.getNode(), request.getGroup()));
    }

    private static Optional<Departure> ofNode(MetaState state, String node) {
        return state.node(node).map(found -> Departures.of(state, found));
    }

    private static Optional<Departure> ofGroup(MetaState state, String node, String name) {
        return named(state, node, name).map(found -> Departures.of(state, found));
    }

    private Future<Departure> departure(Function<MetaState, Optional<Departure>> question, RefusedException otherwise) {
        return report.heard()
                .compose(heard -> group.lookUpToDate(question)
                        .compose(found -> orElse(found, otherwise))
                        .map(found -> found.toBuilder()
                                .setHeard(heard.isLately(found.getNode()))
                                .build()));
    }

    // ------------------------------------------------------------------ remove

    Future<Departure> remove(RemoveNodeRequest request) {
        String node = request.getNode();
        return departure(state -> ofNode(state, node), noNode(node))
                .compose(departure -> remove(
                        departure,
                        "node '" + node + "'",
                        state -> state.groups().stream()
                                .filter(each -> each.getNode().equals(node))
                                .map(DiskGroup::getUuid)
                                .toList(),
                        new RemoveNode(node)));
    }

    Future<Departure> remove(RemoveDiskRequest request) {
        return group.lookUpToDate(state -> named(state, request.getNode(), request.getGroup()))
                .compose(found -> orElse(found, noGroup(request.getNode(), request.getGroup())))
                .compose(found -> departure(
                                state -> ofGroup(state, request.getNode(), request.getGroup()),
                                noGroup(request.getNode(), request.getGroup()))
                        .compose(departure -> report.heard()
                                .map(heard -> departure.toBuilder()
                                        .setHeard(heard.isLately(found))
                                        .build()))
                        .compose(departure -> remove(
                                departure,
                                "disk group '" + request.getNode() + "/" + request.getGroup() + "'",
                                state -> List.of(found.getUuid()),
                                new RemoveGroup(found.getUuid()))));
    }

    /**
     * Copies that are needed no longer are deleted by whoever has them. Only of a node that is not there, or of a failed disk, they are forgotten: it
     * would be waited for in vain.
     */
    private Future<Departure> remove(
            Departure departure, String name, Function<MetaState, List<String>> groups, MetaCommand command) {
        if (!departure.getSafe()) {
            return Future.failedFuture(
                    new RefusedException(name + " stays: " + String.join("; ", departure.getReasonsList())));
        }
        return group.lookUpToDate(state -> new Holders(
                        groups.apply(state), groups.apply(state).stream().allMatch(uuid -> hasFailed(state, uuid))))
                .compose(holders -> {
                    if (departure.getCopiesToDelete() > 0 && departure.getHeard() && !holders.failed) {
                        return Future.failedFuture(
                                new RefusedException(
                                        name + " stays for now: " + departure.getCopiesToDelete()
                                                + " copies that are needed no longer are still being deleted there; try again in a moment"));
                    }
                    return forget(departure.getCopiesToDelete() > 0 ? holders.groups : List.of(), 0)
                            .compose(done -> group.propose(command))
                            .compose(Failures::demandOk)
                            .map(done -> departure);
                });
    }

    private record Holders(List<String> groups, boolean failed) {}

    private static boolean hasFailed(MetaState state, String uuid) {
        return state.group(uuid)
                .map(found -> found.getDevicesList().stream()
                        .anyMatch(device -> device.getState().equals("FAILED")))
                .orElse(true);
    }

    private Future<Void> forget(List<String> groups, int next) {
        return next == groups.size()
                ? Future.succeededFuture()
                : group.propose(new ForgetCopies(groups.get(next)))
                        .compose(Failures::demandOk)
                        .compose(done -> forget(groups, next + 1));
    }

    // ------------------------------------------------------------------ names

    /** By its name on that node, or by uuid. */
    private static Optional<DiskGroup> named(MetaState state, String node, String name) {
        return state.groups().stream()
                .filter(found -> found.getNode().equals(node))
                .filter(found -> found.getName().equals(name) || found.getUuid().equals(name))
                .findFirst();
    }

    private static <T> Future<T> orElse(Optional<T> found, RefusedException otherwise) {
        return found.map(Future::succeededFuture).orElseGet(() -> Future.failedFuture(otherwise));
    }

    private static RefusedException noNode(String node) {
        return new RefusedException(
                GrpcStatus.NOT_FOUND, "there is no node '" + node + "': varve node list shows those that there are");
    }

    private static RefusedException noGroup(String node, String name) {
        return new RefusedException(
                GrpcStatus.NOT_FOUND,
                "there is no disk group '" + node + "/" + name + "': varve disk list shows those that there are");
    }
}
