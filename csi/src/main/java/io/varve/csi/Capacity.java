package io.varve.csi;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * How much can be written to new volumes. Pure.
 *
 * @param availableBytes in all
 * @param largestBytes of one volume
 */
record Capacity(long availableBytes, long largestBytes) {
    private static final Capacity NONE = new Capacity(0, 0);

    /** Nothing new comes to a disk group that is fuller: the cluster's own watermark. */
    private static final int FULL_PERCENT = 85;

    /** A volume that is no larger has one copy of everything in one disk group. */
    static final long HOME_BYTES = 128L << 30;

    /** A node is not there when it was last heard so much earlier than another one. */
    private static final long SILENCE_MILLIS = 15_000;

    /**
     * The most data of which every piece can have {@code replicas} copies in distinct places: the largest x for which the places, none counted with more
     * than x, have room for {@code replicas} times x. A place is a zone, where copies lie in distinct ones, else a node. Left out are nodes that are not
     * there, groups and nodes that are told to go, groups that have failed, and of each group what is above the watermark.
     */
    static Capacity of(List<DiskGroup> groups, List<Node> nodes, int replicas, boolean distinctZones) {
        Set<String> out = nodes.stream()
                .filter(node -> node.getDraining() || isSilent(node, nodes))
                .map(Node::getId)
                .collect(Collectors.toSet());
        Map<String, String> zones = nodes.stream().collect(Collectors.toMap(Node::getId, Node::getZone));
        List<DiskGroup> open = groups.stream()
                .filter(group -> !group.getEvicting() && !out.contains(group.getNode()) && room(group) > 0)
                .filter(group -> group.getDevicesList().stream()
                        .noneMatch(device -> device.getState().equals("FAILED")))
                .toList();
        Function<DiskGroup, String> zone = group -> zones.getOrDefault(group.getNode(), "");
        Map<String, Long> byZone = rooms(open, zone);
        byZone.remove("");
        boolean asZones = distinctZones || byZone.size() >= replicas;
        long available = available((asZones ? byZone : rooms(open, DiskGroup::getNode)).values(), replicas);
        long home = open.stream()
                .filter(group -> !asZones || !zone.apply(group).isEmpty())
                .mapToLong(Capacity::room)
                .max()
                .orElse(0);
        return available == 0
                ? NONE
                : new Capacity(available, available > HOME_BYTES ? available : Math.min(available, home));
    }

    private static boolean isSilent(Node node, List<Node> nodes) {
        long newest =
                nodes.stream().mapToLong(Node::getLastSeenUnixMillis).max().orElse(0);
        return newest - node.getLastSeenUnixMillis() > SILENCE_MILLIS;
    }

    private static Map<String, Long> rooms(List<DiskGroup> groups, Function<DiskGroup, String> place) {
        Map<String, Long> rooms = new HashMap<>();
        groups.forEach(group -> rooms.merge(place.apply(group), room(group), Long::sum));
        return rooms;
    }

    private static long room(DiskGroup group) {
        long used = group.getCapacityBytes() - group.getFreeBytes();
        return Math.max(0, group.getCapacityBytes() / 100 * FULL_PERCENT - used);
    }

    private static long available(Collection<Long> rooms, int replicas) {
        long low = 0;
        long high = rooms.stream().mapToLong(Long::longValue).sum() / replicas;
        while (low < high) {
            long middle = low + (high - low + 1) / 2;
            long placed =
                    rooms.stream().mapToLong(free -> Math.min(free, middle)).sum();
            if (placed / replicas >= middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
