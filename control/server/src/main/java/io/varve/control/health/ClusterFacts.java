package io.varve.control.health;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Volume;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is known about a cluster at one moment.
 *
 * @param initialised there is a cluster
 * @param current the metadata group confirmed that what follows is the newest
 * @param nodes as registered
 * @param groups as registered
 * @param volumes with their slabs
 * @param silentMillis for each node heard from, how long ago
 * @param silentGroups for each disk group (uuid) heard of, how long ago; empty: nobody knows, and they count as heard with their nodes
 * @param membersTotal of the metadata group
 * @param membersUp of them that answered
 */
public record ClusterFacts(
        boolean initialised,
        boolean current,
        List<Node> nodes,
        List<DiskGroup> groups,
        List<Volume> volumes,
        Map<String, Long> silentMillis,
        Optional<Map<String, Long>> silentGroups,
        int membersTotal,
        int membersUp) {
    public ClusterFacts {
        nodes = List.copyOf(nodes);
        groups = List.copyOf(groups);
        volumes = List.copyOf(volumes);
        silentMillis = Map.copyOf(silentMillis);
        silentGroups = silentGroups.map(Map::copyOf);
    }

    /** Nothing is known of single groups. */
    public ClusterFacts(
            boolean initialised,
            boolean current,
            List<Node> nodes,
            List<DiskGroup> groups,
            List<Volume> volumes,
            Map<String, Long> silentMillis,
            int membersTotal,
            int membersUp) {
        this(initialised, current, nodes, groups, volumes, silentMillis, Optional.empty(), membersTotal, membersUp);
    }

    /** Longest silence of a node that runs: it says something every few seconds, at the latest when its long poll ends (10 s). */
    public static final long SILENCE_MILLIS = 15_000;

    /** Heard from lately enough to be counted as running. */
    public boolean isHeard(String node) {
        Long silent = silentMillis.get(node);
        return silent != null && silent < SILENCE_MILLIS;
    }

    /** The same of a disk group: a node may live, and one of its groups tell nothing any more. */
    public boolean isHeard(DiskGroup group) {
        return isHeard(group.getNode()) && !isSilent(group);
    }

    /** Whatever is heard of its node. */
    boolean isSilent(DiskGroup group) {
        return silentGroups
                .filter(told -> told.getOrDefault(group.getUuid(), Long.MAX_VALUE) >= SILENCE_MILLIS)
                .isPresent();
    }
}
