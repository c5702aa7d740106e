package io.varve.csi;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** How much can be written to new volumes. Pure. */
final class Capacity {
    /** Nothing new comes to a disk group that is fuller: the cluster's own watermark. */
    private static final int FULL_PERCENT = 85;

    private Capacity() {}

    /**
     * The most data of which every piece can have {@code replicas} copies on distinct nodes: the largest x for which the nodes, none counted with more
     * than x, have room for {@code replicas} times x. Groups and nodes that are told to go are left out, and of each group what is above the watermark.
     */
    static long available(List<DiskGroup> groups, List<Node> nodes, int replicas) {
        Set<String> leaving =
                nodes.stream().filter(Node::getDraining).map(Node::getId).collect(Collectors.toSet());
        Map<String, Long> room = new HashMap<>();
        for (DiskGroup group : groups) {
            boolean failed = group.getDevicesList().stream()
                    .anyMatch(device -> device.getState().equals("FAILED"));
            if (!failed && !group.getEvicting() && !leaving.contains(group.getNode())) {
                long used = group.getCapacityBytes() - group.getFreeBytes();
                long usable = group.getCapacityBytes() / 100 * FULL_PERCENT - used;
                room.merge(group.getNode(), Math.max(0, usable), Long::sum);
            }
        }
        long low = 0;
        long high = room.values().stream().mapToLong(Long::longValue).sum() / replicas;
        while (low < high) {
            long middle = low + (high - low + 1) / 2;
            long placed = room.values().stream()
                    .mapToLong(free -> Math.min(free, middle))
                    .sum();
            if (placed / replicas >= middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
