package io.varve.control.api;

import io.varve.api.ClusterStatus;
import io.varve.api.Node;
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthGrpcClient;
import io.varve.api.Volume;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.health.ClusterFacts;
import io.varve.control.health.ClusterHealth;
import io.varve.control.meta.MetaState;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    private final List<SocketAddress> members;

    StatusReport(MetaGroup group, Sightings sightings, NodeCalls calls, List<SocketAddress> members) {
        this.group = group;
        this.sightings = sightings;
        this.calls = calls;
        this.members = members;
    }

    /** Nodes by name with the milliseconds since any member heard from them, and how many members answered. */
    record Heard(Map<String, Long> silentMillis, int membersUp) {
        boolean isLately(String node) {
            return silentMillis.getOrDefault(node, Long.MAX_VALUE) < ClusterFacts.SILENCE_MILLIS;
        }
    }

    private record Truth(
            Optional<ClusterRecord> cluster,
            List<Node> nodes,
            List<io.varve.api.DiskGroup> groups,
            List<Volume> volumes) {
        static Truth of(MetaState state) {
            return new Truth(state.cluster(), state.nodes(), state.groups(), VolumeCalls.all(state));
        }
    }

    private record Seen(Truth truth, boolean current) {}

    Future<ClusterStatus> status() {
        Future<Heard> heard = heard();
        // A group that cannot decide is what a status must be able to tell: then the local copy, and it says so.
        Future<Seen> seen = group.lookUpToDate(Truth::of)
                .timeout(CURRENT_WITHIN.toMillis(), TimeUnit.MILLISECONDS)
                .map(truth -> new Seen(truth, true))
                .recover(failure -> group.look(Truth::of).map(truth -> new Seen(truth, false)));
        return Future.all(heard, seen).map(both -> assemble(heard.result(), seen.result()));
    }

    private ClusterStatus assemble(Heard heard, Seen seen) {
        Truth truth = seen.truth;
        ClusterHealth health = ClusterHealth.of(new ClusterFacts(
                truth.cluster.isPresent(),
                seen.current,
                truth.nodes,
                truth.groups,
                truth.volumes,
                heard.silentMillis,
                members.size(),
                heard.membersUp));
        ClusterStatus.Builder status = ClusterStatus.newBuilder()
                .setInitialized(truth.cluster.isPresent())
                .setSafe(health.safe())
                .setHeadline(health.headline())
                .addAllProblems(health.problems())
                .addAllNodes(withLastSeen(truth.nodes, heard))
                .addAllGroups(truth.groups)
                .addAllVolumes(truth.volumes)
                .setMetadataLeader(group.leader().orElse(""))
                .setMetadataMembers(members.size())
                .setMetadataMembersUp(heard.membersUp);
        truth.cluster.ifPresent(
                cluster -> status.setClusterUuid(cluster.getUuid()).setName(cluster.getName()));
        return status.build();
    }

    /** The nodes with the wall-clock time at which they were last heard from; 0 stays: never. */
    static List<Node> withLastSeen(List<Node> nodes, Heard heard) {
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
        List<Future<Optional<SightingsResponse>>> answers = members.stream()
                .map(member -> calls.ask(
                                member,
                                TruthGrpcClient.Sightings,
                                SightingsRequest.getDefaultInstance(),
                                MEMBER_DEADLINE)
                        .map(Optional::of)
                        .otherwise(Optional.empty()))
                .toList();
        return Future.all(answers).map(all -> {
            int up = 0;
            for (Future<Optional<SightingsResponse>> answer : answers) {
                if (answer.result().isPresent()) {
                    up++;
                    answer.result().get().getSightingsList().forEach(sightings::told);
                }
            }
            Map<String, Long> silent = new HashMap<>();
            sightings.list().forEach(sighting -> silent.put(sighting.getNode(), sighting.getMillisAgo()));
            return new Heard(silent, up);
        });
    }
}
