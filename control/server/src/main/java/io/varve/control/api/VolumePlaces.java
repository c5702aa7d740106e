package io.varve.control.api;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.DiskGroup;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaState;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Where volumes are attached, as people ask for it. Each call changes the truth and then waits, watching the local copy, until the nodes
 * concerned have followed; what it waited for in vain is told.
 */
final class VolumePlaces {
    /** An attach after a crash may wait for leases (5 s) and a restart of a node. */
    private static final Duration DEFAULT_WAIT = Duration.ofSeconds(30);

    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private final MetaGroup group;
    private final StatusReport report;
    private final VolumeCalls volumes;

    VolumePlaces(MetaGroup group, StatusReport report, VolumeCalls volumes) {
        this.group = group;
        this.report = report;
        this.volumes = volumes;
    }

    // ------------------------------------------------------------------ attach

    Future<Volume> attach(AttachVolumeRequest request) {
        return volumes.find(request.getName())
                .compose(volume -> choose(volume, request.getNode())
                        .compose(node -> group.propose(new WantNode(volume.getId(), node)))
                        .compose(Failures::demandOk)
                        .compose(result -> waitUntilOpen(
                                result.index(), result.requireVolume(), wait(request.getTimeoutSeconds()))));
    }

    /** The node asked for, or where the volume is already wanted, or a running one with the most copies in sync. */
    private Future<String> choose(Volume volume, String asked) {
        if (!asked.isEmpty()) {
            return Future.succeededFuture(asked);
        }
        if (!volume.getWantedNode().isEmpty()) {
            return Future.succeededFuture(volume.getWantedNode());
        }
        return report.heard()
                .compose(heard -> group.look(state -> bestNode(state, volume, heard, "")))
                .compose(node -> node.map(Future::succeededFuture)
                        .orElseGet(() -> Future.failedFuture(
                                new RefusedException("no node is there to attach '" + volume.getName() + "' to"))));
    }

    /** The running node with disks that has the most copies in sync, and of equals the least attached; never the one to be avoided. */
    private static Optional<String> bestNode(MetaState state, Volume volume, StatusReport.Heard heard, String avoided) {
        Map<String, Long> rank = new HashMap<>();
        nodesWithDisks(state).stream()
                .filter(heard::isLately)
                .filter(node -> !node.equals(avoided))
                .filter(node -> !state.node(node).map(Node::getDraining).orElse(false))
                .forEach(node -> rank.put(node, 0L));
        for (Slab slab : volume.getSlabsList()) {
            for (String uuid : slab.getIsrList()) {
                state.group(uuid).ifPresent(group -> rank.computeIfPresent(group.getNode(), (node, n) -> n + 1_000));
            }
        }
        state.volumes().forEach(other -> rank.computeIfPresent(other.getWantedNode(), (node, n) -> n - 1));
        return rank.entrySet().stream()
                .max(Map.Entry.<String, Long>comparingByValue()
                        .thenComparing(Map.Entry.comparingByKey(Comparator.reverseOrder())))
                .map(Map.Entry::getKey);
    }

    /** A volume is served by the event loop of a disk group. */
    private static Set<String> nodesWithDisks(MetaState state) {
        return state.groups().stream().map(DiskGroup::getNode).collect(Collectors.toSet());
    }

    private Future<Volume> waitUntilOpen(long index, Volume wanted, Duration wait) {
        return group.waitFor(index, state -> attachEnd(state, wanted), wait).compose(end -> {
            if (end.isEmpty()) {
                return tellLate(wanted, wait, Progress::ofAttach, "attached");
            }
            return end.get().getAttachment().getOpen()
                    ? Future.succeededFuture(end.get())
                    : Future.failedFuture(new RefusedException(
                            GrpcStatus.ABORTED,
                            "meanwhile somebody asked for another place for '" + wanted.getName() + "'"));
        });
    }

    /** The volume when it is open where it was wanted, or when it is wanted there no longer; else empty. */
    private static Optional<Volume> attachEnd(MetaState state, Volume wanted) {
        Optional<Volume> now =
                VolumeCalls.whole(state, wanted.getName()).filter(volume -> volume.getId() == wanted.getId());
        if (now.isEmpty()) {
            return Optional.of(wanted.toBuilder().clearAttachment().build());
        }
        Volume volume = now.get();
        if (!volume.getWantedNode().equals(wanted.getWantedNode())) {
            return Optional.of(volume.toBuilder().clearAttachment().build());
        }
        boolean open = volume.getAttachment().getOpen()
                && volume.getAttachment().getNode().equals(wanted.getWantedNode());
        return open ? now : Optional.empty();
    }

    // ------------------------------------------------------------------ move

    Future<Volume> move(MoveVolumeRequest request) {
        String id = request.getRequestId().isEmpty() ? UUID.randomUUID().toString() : request.getRequestId();
        return report.heard()
                .compose(heard -> group.lookUpToDate(state -> moving(state, request, id, heard)))
                .compose(moving -> switch (moving) {
                    case Moving.Refused refused -> Future.failedFuture(refused.why);
                    case Moving.Settled(var index, var volume) -> movedTo(index, volume, request);
                    case Moving.Proposed proposed ->
                        group.propose(proposed.command)
                                .compose(Failures::demandOk)
                                .compose(result -> movedTo(result.index(), result.requireVolume(), request));
                });
    }

    private Future<Volume> movedTo(long index, Volume volume, MoveVolumeRequest request) {
        return request.getNoWait()
                ? Future.succeededFuture(volume)
                : waitUntilOpen(index, volume, wait(request.getTimeoutSeconds()));
    }

    private sealed interface Moving {
        record Proposed(MetaCommand command) implements Moving {}

        /** It is wanted there already. */
        record Settled(long index, Volume volume) implements Moving {}

        record Refused(RefusedException why) implements Moving {}
    }

    private static Moving moving(MetaState state, MoveVolumeRequest request, String id, StatusReport.Heard heard) {
        Optional<Volume> found = VolumeCalls.whole(state, request.getName());
        if (found.isEmpty()) {
            return new Moving.Refused(VolumeCalls.notFound(request.getName()));
        }
        Volume volume = found.get();
        String from = volume.getWantedNode();
        Moving settled = new Moving.Settled(state.applied().index(), volume);
        if (volume.getMoveRequestId().equals(id)) {
            return settled;
        }
        String to = request.getNode();
        if (to.isEmpty()) {
            Optional<String> best = bestNode(state, volume, heard, from);
            if (best.isEmpty() && heard.isLately(from)) {
                return settled;
            }
            if (best.isEmpty()) {
                return new Moving.Refused(
                        new RefusedException("no node is there to move '" + volume.getName() + "' to"));
            }
            to = best.get();
        }
        Optional<RefusedException> objection = objection(state, to, heard);
        if (objection.isPresent()) {
            return new Moving.Refused(objection.get());
        }
        return to.equals(from) ? settled : new Moving.Proposed(new MoveVolume(volume.getId(), from, to, id));
    }

    /** Why nothing is moved to that node; empty when it may. A node that is not there would only take the volume out of use. */
    private static Optional<RefusedException> objection(MetaState state, String node, StatusReport.Heard heard) {
        if (state.node(node).map(Node::getId).isEmpty()) {
            return Optional.of(new RefusedException(
                    GrpcStatus.NOT_FOUND,
                    "there is no node '" + node + "': varve node list shows those that there are"));
        }
        if (!heard.isLately(node)) {
            return Optional.of(new RefusedException("node " + Progress.told(Set.of(node), heard)
                    + " cannot serve it now: choose one that is there (varve node list), or leave out --to"));
        }
        if (!nodesWithDisks(state).contains(node)) {
            return Optional.of(new RefusedException("node " + node + " has no disk group: it serves no volumes"));
        }
        return Optional.empty();
    }

    // ------------------------------------------------------------------ detach

    Future<Volume> detach(DetachVolumeRequest request) {
        return volumes.find(request.getName())
                .compose(volume -> group.propose(new WantNode(volume.getId(), "")))
                .compose(Failures::demandOk)
                .compose(result -> waitUntilDetached(result, wait(request.getTimeoutSeconds())));
    }

    private Future<Volume> waitUntilDetached(MetaResult result, Duration wait) {
        Volume volume = result.requireVolume();
        return group.waitFor(
                        result.index(),
                        state -> VolumeCalls.whole(state, volume.getName()).filter(now -> !now.hasAttachment()),
                        wait)
                .compose(end -> end.map(Future::succeededFuture)
                        .orElseGet(() -> tellLate(
                                volume, wait, (state, now, heard) -> Progress.ofDetach(now, heard), "detached")));
    }

    /** Says in words what a volume waits for. */
    @FunctionalInterface
    private interface Words {
        String of(MetaState state, Volume volume, StatusReport.Heard heard);
    }

    private Future<Volume> tellLate(Volume volume, Duration wait, Words words, String goal) {
        return report.heard()
                .compose(heard -> group.look(state -> VolumeCalls.whole(state, volume.getName())
                        .map(now -> words.of(state, now, heard))
                        .orElse("it is gone")))
                .compose(why -> Future.failedFuture(new RefusedException(
                        GrpcStatus.DEADLINE_EXCEEDED,
                        "volume '" + volume.getName() + "' is not " + goal + " after " + wait.toSeconds() + " s: " + why
                                + "; this goes on, varve volume show tells how far")));
    }

    private static Duration wait(int seconds) {
        if (seconds <= 0) {
            return DEFAULT_WAIT;
        }
        Duration asked = Duration.ofSeconds(seconds);
        return asked.compareTo(LONGEST_WAIT) < 0 ? asked : LONGEST_WAIT;
    }
}
