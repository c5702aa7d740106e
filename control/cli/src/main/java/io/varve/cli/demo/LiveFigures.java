package io.varve.cli.demo;

import io.varve.api.GroupStats;
import io.varve.api.NodeStats;
import io.varve.api.ReplicaStats;
import io.varve.api.VolumeStats;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What all nodes said at one moment.
 *
 * @param atNanos when, on the monotonic clock
 * @param nodes by name; a node that did not answer in time is absent
 */
record LiveFigures(long atNanos, Map<String, NodeStats> nodes) {
    /** States of an access point that was replaced, or never came to serve. */
    private static final Set<String> NOT_SERVING = Set.of("FENCED", "DETACHED", "REFUSED");

    static final LiveFigures NONE = new LiveFigures(0, Map.of());

    LiveFigures {
        nodes = Map.copyOf(nodes);
    }

    /** The volume as its access point sees it. */
    Optional<VolumeStats> volume(String name) {
        return nodeOf(name).flatMap(node -> volumeAt(node, name));
    }

    /** The node whose access point serves the volume; one that was replaced may not know it yet. */
    private Optional<String> nodeOf(String name) {
        return nodes.keySet().stream()
                .filter(node -> volumeAt(node, name).isPresent())
                .min(Comparator.comparing((String node) -> volumeAt(node, name)
                                .map(volume -> NOT_SERVING.contains(volume.getState()))
                                .orElse(true))
                        .thenComparing(Comparator.naturalOrder()));
    }

    private Optional<VolumeStats> volumeAt(String node, String name) {
        return Optional.ofNullable(nodes.get(node)).stream()
                .flatMap(stats -> stats.getVolumesList().stream())
                .filter(volume -> volume.getName().equals(name))
                .findFirst();
    }

    /** Reads and writes of the volume for each second since an earlier moment. */
    Rates since(LiveFigures before, String name) {
        var now = volume(name);
        var then = nodeOf(name).flatMap(node -> before.volumeAt(node, name)); // Each access point counts for itself.
        var seconds = (atNanos - before.atNanos) / 1e9;
        if (now.isEmpty() || then.isEmpty() || seconds <= 0) {
            return new Rates(0, 0, 0, 0);
        }
        return new Rates(
                rate(then.get().getReads(), now.get().getReads(), seconds),
                rate(then.get().getWrites(), now.get().getWrites(), seconds),
                rate(then.get().getReadBytes(), now.get().getReadBytes(), seconds),
                rate(then.get().getWrittenBytes(), now.get().getWrittenBytes(), seconds));
    }

    /** Counters begin again when a process does. */
    private static double rate(long before, long after, double seconds) {
        return Math.max(0, after - before) / seconds;
    }

    /**
     * Per second.
     *
     * @param readBytes of clients
     * @param writtenBytes of clients
     */
    record Rates(double reads, double writes, double readBytes, double writtenBytes) {
        double all() {
            return reads + writes;
        }
    }

    long storedBytes(String node) {
        return groups(node).stream().mapToLong(GroupStats::getAllocatedBytes).sum();
    }

    private List<GroupStats> groups(String node) {
        return Optional.ofNullable(nodes.get(node))
                .map(NodeStats::getGroupsList)
                .orElse(List.of());
    }

    List<ReplicaStats> replicas(String node) {
        return Optional.ofNullable(nodes.get(node))
                .map(NodeStats::getReplicasList)
                .orElse(List.of());
    }

    /** Stored bytes of all nodes, in the order given. */
    Map<String, Long> storedBytes(List<String> names) {
        var stored = new LinkedHashMap<String, Long>();
        names.forEach(name -> stored.put(name, storedBytes(name)));
        return stored;
    }
}
