package io.varve.control.rebuild;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Volume;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.Settings;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the planner needs of the truth, at one index of the log. Groups and nodes are named by their place in the lists.
 *
 * @param placed for each group, the copies that are to stay there
 * @param claimed for each group, the bytes that copies which it has yet to make are going to keep there
 */
@SuppressWarnings("ArrayRecordComponent") // tens of thousands of copies are counted once; nobody compares two of these
public record RebuildTruth(
        long index,
        Settings settings,
        List<NodeFact> nodes,
        List<GroupFact> groups,
        List<VolumeFact> volumes,
        int[] placed,
        long[] claimed) {
    /** A node; {@code hasDisks}: it can serve volumes. */
    record NodeFact(String id, String zone, boolean draining, boolean hasDisks) {}

    record GroupFact(
            String uuid, String name, int node, long capacityBytes, long freeBytes, boolean failed, boolean evicting) {
        double usedPercent() {
            return capacityBytes <= 0 ? 100 : 100.0 * Math.max(0, capacityBytes - freeBytes) / capacityBytes;
        }

        /** As people know it. */
        String told(List<NodeFact> nodes) {
            return nodes.get(node).id() + "/" + (name.isEmpty() ? uuid : name);
        }
    }

    /** Reads everything once: a second's work for the largest cluster. */
    public static RebuildTruth of(MetaState state) {
        Map<String, Integer> nodeIndex = new HashMap<>();
        List<NodeFact> nodes = new ArrayList<>();
        List<DiskGroup> stored = state.groups();
        for (Node node : state.nodes()) {
            nodeIndex.put(node.getId(), nodes.size());
            boolean hasDisks = stored.stream().anyMatch(group -> group.getNode().equals(node.getId()));
            nodes.add(new NodeFact(node.getId(), node.getZone(), node.getDraining(), hasDisks));
        }
        Map<String, Integer> groupIndex = new HashMap<>();
        List<GroupFact> groups = new ArrayList<>();
        for (DiskGroup group : stored) {
            Integer node = nodeIndex.get(group.getNode());
            if (node != null) {
                groupIndex.put(group.getUuid(), groups.size());
                groups.add(fact(group, node));
            }
        }
        List<VolumeFact> volumes = new ArrayList<>();
        for (Volume volume : state.volumes()) {
            volumes.add(new VolumeFact(
                    volume,
                    state.slabs(volume.getId()),
                    uuid -> groupIndex.computeIfAbsent(uuid, unknown -> ghost(unknown, nodes, groups))));
            if (volume.hasGrowth() && !volume.getGrowth().getRefused()) {
                volumes.add(VolumeFact.growing(
                        volume, uuid -> groupIndex.computeIfAbsent(uuid, unknown -> ghost(unknown, nodes, groups))));
            }
        }
        int[] placed = new int[groups.size()];
        long[] claimed = new long[groups.size()];
        for (VolumeFact volume : volumes) {
            for (int slab = 0; slab < volume.slabs(); slab++) {
                for (int copy = volume.from(slab); copy < volume.to(slab); copy++) {
                    placed[volume.group(copy)] += volume.isLeaving(copy) ? 0 : 1;
                    claimed[volume.group(copy)] += volume.isNew(copy) ? volume.guaranteedBytes(slab) : 0;
                }
            }
        }
        return new RebuildTruth(
                state.applied().index(), Settings.of(state.cluster()), nodes, groups, volumes, placed, claimed);
    }

    /**
     * The same with what disk groups told of themselves since, which changes nothing else and so wakes nobody: their space, and failed devices. Cheap
     * however many slabs there are.
     */
    public RebuildTruth withGroupsOf(MetaState state) {
        List<GroupFact> now = new ArrayList<>(groups);
        for (int i = 0; i < now.size(); i++) {
            Optional<DiskGroup> group = state.group(now.get(i).uuid());
            if (group.isPresent()) {
                now.set(i, fact(group.get(), now.get(i).node()));
            }
        }
        return new RebuildTruth(index, settings, nodes, now, volumes, placed, claimed);
    }

    private static GroupFact fact(DiskGroup group, int node) {
        return new GroupFact(
                group.getUuid(),
                group.getName(),
                node,
                group.getCapacityBytes(),
                group.getFreeBytes(),
                group.getDevicesList().stream()
                        .anyMatch(device -> device.getState().equals("FAILED")),
                group.getEvicting());
    }

    /** A copy on a group that the truth does not know is lost: the rules allow none, and a planner that stumbles over one helps nobody. */
    private static int ghost(String uuid, List<NodeFact> nodes, List<GroupFact> groups) {
        nodes.add(new NodeFact("?", "", false, false));
        groups.add(new GroupFact(uuid, "", nodes.size() - 1, 0, 0, true, false));
        return groups.size() - 1;
    }

    /** Bytes that it takes in memory, about. */
    public long bytes() {
        return volumes.stream().mapToLong(VolumeFact::bytes).sum() + 200L * (groups.size() + nodes.size());
    }
}
