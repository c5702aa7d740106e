package io.varve.control.api;

import io.varve.api.AttachedThere;
import io.varve.api.ClusterStatus;
import io.varve.api.DiskGroup;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.NodeRestartCheck;
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthGrpcClient;
import io.varve.api.Volume;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.health.ClusterFacts;
import io.varve.control.health.ClusterHealth;
import io.varve.control.health.RestartCheck;
import io.varve.control.health.SuspectedNodes;
import io.varve.control.membership.Membership;
import io.varve.control.meta.MemberPlan;
import io.varve.control.meta.MetaState;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Gathers what there is to know for a status: the truth, and whom each metadata member heard from. */
final class StatusReport {
    /** A member that needs longer is not well; a status must come while a person waits. */
    private static final Duration MEMBER_DEADLINE = Duration.ofMillis(1_500);

    /** One election (6 s) on a busy machine. Then what is known here is shown, and that it may be old. */
    private static final Duration CURRENT_WITHIN = Duration.ofSeconds(10);

    private final MetaGroup group;
    private final Sightings sightings;
    private final NodeCalls calls;
    private final MetadataMembers members;
    private final Membership membership;

    StatusReport(
            MetaGroup group, Sightings sightings, NodeCalls calls, MetadataMembers members, Membership membership) {
        this.group = group;
        this.sightings = sightings;
        this.calls = calls;
        this.members = members;
        this.membership = membership;
    }

    /**
     * Who was heard from.
     *
     * @param silentMillis nodes by name with the milliseconds since any member heard from them
     * @param silentGroups the same of disk groups, by uuid; empty: not all members tell
     * @param members that answered
     */
    record Heard(Map<String, Long> silentMillis, Optional<Map<String, Long>> silentGroups, Set<String> members) {
        int membersUp() {
            return members.size();
        }

        boolean isLately(String node) {
            return silentMillis.getOrDefault(node, Long.MAX_VALUE) < ClusterFacts.SILENCE_MILLIS;
        }

        boolean isLately(DiskGroup group) {
            return isLately(group.getNode()) && !isSilent(group);
        }

        private boolean isSilent(DiskGroup group) {
            return silentGroups
                    .filter(told -> told.getOrDefault(group.getUuid(), Long.MAX_VALUE) >= ClusterFacts.SILENCE_MILLIS)
                    .isPresent();
        }

        /** With what was heard of it. */
        DiskGroup told(DiskGroup group) {
            return isSilent(group)
                    ? group.toBuilder()
                            .setSilent(true)
                            .setSilentMillis(silentGroups.orElseThrow().getOrDefault(group.getUuid(), 0L))
                            .build()
                    : group;
        }
    }

    private record Truth(
            Optional<ClusterRecord> cluster, List<Node> nodes, List<DiskGroup> groups, List<Volume> volumes) {
        static Truth of(MetaState state) {
            return new Truth(state.cluster(), state.nodes(), state.groups(), VolumeCalls.all(state));
        }
    }

    private record Seen(Truth truth, boolean current) {}

    Future<ClusterStatus> status() {
        Future<Heard> heard = heard();
        Future<Seen> seen = seen();
        return Future.all(heard, seen).map(both -> assemble(heard.result(), seen.result()));
    }

    /** Whether a node may be stopped. Nodes are asked themselves: one that stopped a moment ago was heard from lately, and is not there. */
    Future<NodeRestartCheck> restartCheck(String name) {
        Future<Heard> heard = heard();
        Future<Seen> seen = seen();
        return Future.all(heard, seen)
                .compose(both -> answering(seen.result().truth.nodes))
                .compose(there -> {
                    Map<String, Long> silent = new HashMap<>(heard.result().silentMillis);
                    silent.keySet().retainAll(there);
                    ClusterFacts facts = facts(
                            new Heard(silent, heard.result().silentGroups, heard.result().members), seen.result());
                    return facts.nodes().stream()
                            .filter(each -> each.getId().equals(name))
                            .findFirst()
                            .map(node -> Future.succeededFuture(
                                    told(RestartCheck.of(facts, heard.result().members, node), name)))
                            .orElseGet(() -> Future.failedFuture(new RefusedException(
                                    GrpcStatus.NOT_FOUND,
                                    "there is no node '" + name + "': varve node list shows those that there are")));
                });
    }

    /** The nodes whose process answers now and whose data plane works. */
    private Future<Set<String>> answering(List<Node> nodes) {
        Set<String> there = ConcurrentHashMap.newKeySet();
        List<Future<Void>> asked = nodes.stream()
                .filter(node -> !node.getManagementAddress().isEmpty())
                .map(node -> calls.ask(
                                Addresses.parse(node.getManagementAddress()),
                                ManagementGrpcClient.GetNodeStats,
                                GetNodeStatsRequest.getDefaultInstance(),
                                MEMBER_DEADLINE)
                        .onSuccess(stats -> there.add(node.getId()))
                        .<Void>mapEmpty()
                        .otherwiseEmpty())
                .toList();
        return Future.join(asked).map(all -> there);
    }

    private static NodeRestartCheck told(RestartCheck check, String node) {
        NodeRestartCheck.Builder told =
                NodeRestartCheck.newBuilder().setNode(node).setOk(check.ok()).addAllReasons(check.reasons());
        check.attached()
                .forEach(each -> told.addAttached(
                        AttachedThere.newBuilder().setVolume(each.volume()).setWhatHappens(each.whatHappens())));
        return told.build();
    }

    private Future<Seen> seen() {
        // A group that cannot decide is what a status must be able to tell: then the local copy, and it says so.
        return group.lookUpToDate(Truth::of)
                .timeout(CURRENT_WITHIN.toMillis(), TimeUnit.MILLISECONDS)
                .map(truth -> new Seen(truth, true))
                .recover(failure -> group.look(Truth::of).map(truth -> new Seen(truth, false)));
    }

    private ClusterFacts facts(Heard heard, Seen seen) {
        Truth truth = seen.truth;
        return new ClusterFacts(
                truth.cluster.isPresent(),
                seen.current,
                truth.nodes,
                truth.groups,
                truth.volumes,
                heard.silentMillis,
                heard.silentGroups,
                members.addresses().size(),
                heard.membersUp());
    }

    private ClusterStatus assemble(Heard heard, Seen seen) {
        Truth truth = seen.truth;
        ClusterHealth health = ClusterHealth.of(facts(heard, seen));
        List<Node> nodes = seen(truth.nodes, heard);
        ClusterStatus.Builder status = ClusterStatus.newBuilder()
                .setInitialized(truth.cluster.isPresent())
                .setSafe(health.safe())
                .setHeadline(health.headline())
                .addAllProblems(health.problems())
                .addAllProblems(SuspectedNodes.told(nodes, heard.silentMillis))
                .addAllProblems(changeOfMembers(members.group()))
                .addAllNodes(nodes)
                .addAllGroups(truth.groups.stream().map(heard::told).toList())
                .addAllVolumes(truth.volumes)
                .setMetadataLeader(group.leader().orElse(""))
                .setMetadataMembers(members.addresses().size())
                .setMetadataMembersUp(heard.membersUp())
                .setMembership(membership.told());
        truth.cluster.ifPresent(
                cluster -> status.setClusterUuid(cluster.getUuid()).setName(cluster.getName()));
        return status.build();
    }

    private static List<String> changeOfMembers(MetadataGroup now) {
        if (!MemberPlan.isUnderWay(now)) {
            return List.of();
        }
        return List.of("the metadata group is getting other members, because " + now.getWhy()
                + ": varve metadata show tells how far it is");
    }

    /** The nodes, with when they were last heard from and how they stand in the membership. */
    List<Node> seen(List<Node> nodes, Heard heard) {
        return withLastSeen(nodes, heard).stream().map(membership::seen).toList();
    }

    /** The nodes with the wall-clock time at which they were last heard from; 0 stays: never. */
    private static List<Node> withLastSeen(List<Node> nodes, Heard heard) {
        long now = System.currentTimeMillis();
        List<Node> list = new ArrayList<>();
        for (Node node : nodes) {
            Long silent = heard.silentMillis.get(node.getId());
            list.add(
                    silent == null
                            ? node
                            : node.toBuilder()
                                    .setLastSeenUnixMillis(now - silent)
                                    .build());
        }
        return list;
    }

    /** Asks every member, this one included by its own address, so that "answers" means the same for all. */
    Future<Heard> heard() {
        List<Future<Optional<SightingsResponse>>> answers = members.addresses().stream()
                .map(member -> calls.ask(
                                member,
                                TruthGrpcClient.Sightings,
                                SightingsRequest.getDefaultInstance(),
                                MEMBER_DEADLINE)
                        .map(Optional::of)
                        .otherwise(Optional.empty()))
                .toList();
        return Future.all(answers).map(all -> {
            Set<String> up = new TreeSet<>();
            for (Future<Optional<SightingsResponse>> answer : answers) {
                if (answer.result().isPresent()) {
                    up.add(answer.result().get().getMember());
                    answer.result().get().getSightingsList().forEach(sightings::told);
                    answer.result().get().getGroupsList().forEach(sightings::toldGroup);
                    if (!answer.result().get().getTellsGroups()) {
                        sightings.groupsUntold();
                    }
                }
            }
            Map<String, Long> silent = new HashMap<>();
            sightings.list().forEach(sighting -> silent.put(sighting.getNode(), sighting.getMillisAgo()));
            return new Heard(silent, sightings.silentGroups(), up);
        });
    }
}
