package io.varve.control.health;

import io.varve.api.DiskGroup;
import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.model.Redundancy;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Which copies of a volume are in sync and on nodes that are there.
 *
 * @param fewest of any slab
 * @param incomplete slabs with fewer than the volume has replicas
 * @param waiting slabs with fewer than it takes to write
 * @param unreachable slabs without any
 * @param missing disk groups with a copy that is not, as people know them
 * @param gone nodes of these that are not there
 * @param behind there is a copy that is not in sync on a node that is there
 */
record LiveCopies(
        int fewest,
        int incomplete,
        int waiting,
        int unreachable,
        Set<String> missing,
        Set<String> gone,
        boolean behind) {
    static LiveCopies of(Volume volume, Map<String, DiskGroup> groups, ClusterFacts facts) {
        int replicas = volume.getReplicas();
        int fewest = replicas;
        int incomplete = 0;
        int waiting = 0;
        int unreachable = 0;
        boolean behind = false;
        Set<String> missing = new TreeSet<>();
        Set<String> gone = new TreeSet<>();
        for (Slab slab : volume.getSlabsList()) {
            int live = 0;
            for (Replica replica : slab.getReplicasList()) {
                DiskGroup group = groups.getOrDefault(
                        replica.getGroup(),
                        DiskGroup.newBuilder()
                                .setUuid(replica.getGroup())
                                .setNode("?")
                                .build());
                boolean nodeThere = facts.isHeard(group.getNode());
                boolean there = facts.isHeard(group);
                boolean inSync = slab.getIsrList().contains(replica.getGroup());
                if (there && inSync) {
                    live++;
                    continue;
                }
                if (!inSync && !CopiesInSync.isAwaited(volume, slab, replica)) {
                    continue;
                }
                missing.add(group.getNode() + "/" + (group.getName().isEmpty() ? group.getUuid() : group.getName()));
                behind |= there;
                if (!nodeThere) {
                    gone.add(group.getNode());
                }
            }
            fewest = Math.min(fewest, live);
            incomplete += live < replicas ? 1 : 0;
            waiting += live < Redundancy.minInSync(replicas, volume.getMinInSync(), volume.getReplicasBefore()) ? 1 : 0;
            unreachable += live == 0 ? 1 : 0;
        }
        return new LiveCopies(fewest, incomplete, waiting, unreachable, missing, gone, behind);
    }

    /** What is missing and what to do, in one line. */
    String told(Volume volume) {
        int slabs = unreachable > 0 ? unreachable : incomplete;
        String all = " of " + volume.getSlabsCount() + (volume.getSlabsCount() == 1 ? " slab" : " slabs");
        return "volume " + volume.getName() + ": "
                + (unreachable > 0 ? "no copy in sync" : fewest + " of " + volume.getReplicas() + " copies in sync")
                + " on " + slabs + all + "; missing: " + String.join(", ", missing)
                + (waiting > 0 ? "; its clients wait" : "")
                + remedy();
    }

    private String remedy() {
        String back = "they come back by themselves";
        if (gone.isEmpty()) {
            return behind ? ": " + back + ", nothing is to be done" : "";
        }
        return ": start " + String.join(", ", gone) + ", then " + back;
    }
}
