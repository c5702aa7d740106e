package io.varve.control.health;

import io.varve.api.DiskGroup;
import io.varve.api.MissingCopies;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.SyncState;
import io.varve.api.Volume;
import io.varve.api.VolumeSync;
import io.varve.model.Redundancy;
import java.util.Map;
import java.util.TreeMap;

/** Which copies of a volume are in sync, as the truth has it: whether their nodes are there is another question. */
public final class CopiesInSync {
    private CopiesInSync() {}

    /**
     * The volume with what {@link #of} says.
     *
     * @param groups by uuid
     */
    public static Volume told(Volume volume, Map<String, DiskGroup> groups) {
        return volume.toBuilder().setSync(of(volume, groups)).build();
    }

    /**
     * What there is and what is missing.
     *
     * @param groups by uuid; a group that is not among them is named by its uuid
     */
    public static VolumeSync of(Volume volume, Map<String, DiskGroup> groups) {
        int fewest = volume.getReplicas();
        int incomplete = 0;
        Map<String, Integer> missing = new TreeMap<>();
        for (Slab slab : volume.getSlabsList()) {
            fewest = Math.min(fewest, slab.getIsrCount());
            incomplete += slab.getIsrCount() < volume.getReplicas() ? 1 : 0;
            for (Replica replica : slab.getReplicasList()) {
                if (isAwaited(volume, slab, replica) && !slab.getIsrList().contains(replica.getGroup())) {
                    missing.merge(replica.getGroup(), 1, Integer::sum);
                }
            }
        }
        VolumeSync.Builder sync = VolumeSync.newBuilder()
                .setState(state(volume, fewest))
                .setIncompleteSlabs(incomplete)
                .setFewestCopies(fewest);
        missing.forEach((uuid, slabs) -> {
            DiskGroup group = groups.getOrDefault(uuid, DiskGroup.getDefaultInstance());
            sync.addMissing(MissingCopies.newBuilder()
                    .setNode(group.getNode())
                    .setGroup(uuid)
                    .setGroupName(group.getName())
                    .setSlabs(slabs));
        });
        return sync.build();
    }

    /** Whether the slab lacks this copy when it is not in sync: not one that is to go, nor one beside as many as there should be. */
    static boolean isAwaited(Volume volume, Slab slab, Replica replica) {
        return replica.getPhase() != ReplicaPhase.REPLICA_LEAVING && slab.getIsrCount() < volume.getReplicas();
    }

    private static SyncState state(Volume volume, int fewest) {
        if (fewest >= volume.getReplicas()) {
            return SyncState.SYNC_HEALTHY;
        }
        return fewest > Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore())
                ? SyncState.SYNC_DEGRADED
                : SyncState.SYNC_AT_MINIMUM;
    }
}
