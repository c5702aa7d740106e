package io.varve.control.meta;

import java.util.List;
import java.util.Set;

/**
 * What a node told when it was asked what its disks know.
 *
 * @param cluster uuid of the cluster that its disks belong to; empty: none yet
 * @param follows it has followed a metadata group since its start
 * @param disksOpen it has tried all of its disk groups
 * @param groups uuids of the disk groups that are open
 */
public record FoundNode(
        String node,
        String cluster,
        boolean follows,
        boolean disksOpen,
        Set<String> groups,
        List<FoundCopy> copies,
        List<Label> labels) {
    public FoundNode {
        groups = Set.copyOf(groups);
        copies = List.copyOf(copies);
        labels = List.copyOf(labels);
    }

    /** What the node remembers of a volume. Advice: nothing is served by it. */
    public record Label(long volume, String name, long sizeBytes, int replicas) {}
}
