package io.varve.control.api;

import io.varve.api.ClusterStatus;
import io.varve.api.GetVolumeRequest;
import io.varve.api.Node;
import io.varve.api.Volume;
import io.varve.control.health.ClusterFacts;
import io.varve.control.health.ClusterHealth;
import io.varve.control.membership.Membership;
import io.varve.control.membership.PlacementView;
import io.varve.control.truth.MetadataMembers;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a node that is no metadata member answers from the placement view: where an old answer does no harm, or nobody else is there to ask. */
final class ViewCalls {
    private final Vertx vertx;
    private final Membership membership;
    private final MetadataMembers members;

    ViewCalls(Vertx vertx, Membership membership, MetadataMembers members) {
        this.vertx = vertx;
        this.membership = membership;
        this.members = members;
    }

    /** Empty unless the asker says how old the answer may be, and the view has it as new as that. */
    Future<Optional<Volume>> volume(GetVolumeRequest request) {
        if (!request.hasAtLeastIndex()) {
            return Future.succeededFuture(Optional.empty());
        }
        return Future.fromCompletionStage(
                        membership.view().volume(request.getName(), request.getAtLeastIndex()),
                        vertx.getOrCreateContext())
                .map(found -> found.map(entry ->
                        entry.volume().toBuilder().setAsOfIndex(entry.index()).build()));
    }

    /** What was last known of the cluster; fails as given when that is nothing. */
    Future<ClusterStatus> status(Throwable failure) {
        return vertx.executeBlocking(() -> membership.view().all(), false)
                .compose(all -> all == null || all.isEmpty()
                        ? Future.failedFuture(failure)
                        : Future.succeededFuture(status(all.get())));
    }

    private ClusterStatus status(PlacementView.All all) {
        List<Node> nodes = all.nodes().stream().map(membership::seen).toList();
        Map<String, Long> silent = new HashMap<>();
        for (Node node : nodes) {
            switch (node.getSight()) {
                case SIGHT_TOGETHER -> silent.put(node.getId(), 0L);
                case SIGHT_SUSPECTED -> silent.put(node.getId(), node.getSuspectedMillis());
                case SIGHT_UNSPECIFIED, UNRECOGNIZED -> {}
            }
        }
        long now = System.currentTimeMillis();
        ClusterHealth health = ClusterHealth.of(new ClusterFacts(
                true,
                false,
                nodes,
                all.groups(),
                all.volumes(),
                silent,
                members.addresses().size(),
                0));
        return ClusterStatus.newBuilder()
                .setInitialized(true)
                .setSafe(health.safe())
                .setHeadline(health.headline())
                .addAllProblems(health.problems())
                .addAllNodes(nodes.stream()
                        .map(node -> silent.containsKey(node.getId())
                                ? node.toBuilder()
                                        .setLastSeenUnixMillis(now - silent.getOrDefault(node.getId(), 0L))
                                        .build()
                                : node)
                        .sorted((one, other) -> one.getId().compareTo(other.getId()))
                        .toList())
                .addAllGroups(all.groups())
                .addAllVolumes(all.volumes())
                .setMetadataMembers(members.addresses().size())
                .setMembership(membership.told())
                .build();
    }
}
