package io.varve.control.rebuild;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.AnewRules;
import io.varve.model.Guarantee;
import io.varve.model.Redundancy;
import java.util.BitSet;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * A volume as the planner needs it. A cluster has 100 000s of slabs: they stand in arrays, a copy in four bytes. Copies are named by their place in
 * {@link #from} to {@link #to} of their slab.
 */
final class VolumeFact {
    private static final int PHASE = 3;
    private static final int IN_SYNC = 4;
    private static final int GROUP_SHIFT = 3;

    /** No volume at all. */
    static final VolumeFact NONE = new VolumeFact(Volume.getDefaultInstance(), List.of(), uuid -> 0);

    final long id;
    final String name;
    final int replicas;
    /** In sync, with which a slab goes on. */
    final int fewest;

    final int epoch;
    final String wantedNode;
    final String attachedNode;
    final boolean open;
    final String moveRequestId;
    final boolean maintenance;
    /** Neither being made nor being deleted. */
    final boolean settled;
    /** Its copies are being made for the first time: those of a new volume, or of what one grows by. */
    final boolean isBeingMade;
    /** Number of its first slab: not 0 only of what a volume grows by. */
    final int first;

    private final BitSet untouched = new BitSet();

    /** What copies of a thick volume are made for; 0: it is thin. */
    private final long guaranteedBytes;

    private final long slabBytes;
    private final int[] gens;
    private final int[] ends;
    private final int[] copies;

    VolumeFact(Volume volume, List<Slab> slabs, ToIntFunction<String> groupIndex) {
        id = volume.getId();
        name = volume.getName();
        replicas = volume.getReplicas();
        fewest = Redundancy.minInSync(replicas, volume.getMinInSync(), volume.getReplicasBefore());
        epoch = volume.getEpoch();
        wantedNode = volume.getWantedNode();
        attachedNode = volume.getAttachment().getNode();
        open = volume.getAttachment().getOpen();
        moveRequestId = volume.getMoveRequestId();
        maintenance = volume.getMaintenance();
        settled = switch (volume.getState()) {
            case VOLUME_DETACHED, VOLUME_ATTACHING, VOLUME_ATTACHED -> true;
            case VOLUME_CREATING, VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
        isBeingMade = volume.getState() == VolumeState.VOLUME_CREATING;
        first = slabs.isEmpty() ? 0 : slabs.getFirst().getIndex();
        guaranteedBytes = volume.getThick() ? volume.getSizeBytes() : 0;
        slabBytes = volume.getSlabBytes();
        gens = new int[slabs.size()];
        ends = new int[slabs.size()];
        copies = new int[slabs.stream().mapToInt(Slab::getReplicasCount).sum()];
        int copy = 0;
        for (int slab = 0; slab < gens.length; slab++) {
            Slab from = slabs.get(slab);
            gens[slab] = from.getGen();
            untouched.set(slab, AnewRules.isUntouched(from));
            for (Replica replica : from.getReplicasList()) {
                copies[copy++] = groupIndex.applyAsInt(replica.getGroup()) << GROUP_SHIFT
                        | (from.getIsrList().contains(replica.getGroup()) ? IN_SYNC : 0)
                        | replica.getPhase().getNumber();
            }
            ends[slab] = copy;
        }
    }

    /** Room that a copy of the slab needs before it can be made. */
    long guaranteedBytes(int slab) {
        return Guarantee.ofSlab(guaranteedBytes, slabBytes, first + slab);
    }

    /** What the volume grows by, as a volume that is being made. */
    static VolumeFact growing(Volume volume, ToIntFunction<String> groupIndex) {
        Volume.Builder growing = volume.toBuilder()
                .setState(VolumeState.VOLUME_CREATING)
                .setSizeBytes(volume.getGrowth().getSizeBytes())
                .clearWantedNode()
                .clearAttachment()
                .clearMoveRequestId()
                .clearMaintenance();
        return new VolumeFact(growing.build(), volume.getGrowth().getSlabsList(), groupIndex);
    }

    int slabs() {
        return gens.length;
    }

    /** Nobody has ever opened the slab: it holds nothing. */
    boolean isUntouched(int slab) {
        return untouched.get(slab);
    }

    int gen(int slab) {
        return gens[slab];
    }

    /** Of all slabs. */
    int copies() {
        return copies.length;
    }

    int from(int slab) {
        return slab == 0 ? 0 : ends[slab - 1];
    }

    int to(int slab) {
        return ends[slab];
    }

    int group(int copy) {
        return copies[copy] >>> GROUP_SHIFT;
    }

    boolean isInSync(int copy) {
        return (copies[copy] & IN_SYNC) != 0;
    }

    boolean isNew(int copy) {
        return (copies[copy] & PHASE) == ReplicaPhase.REPLICA_NEW_VALUE;
    }

    boolean isLeaving(int copy) {
        return (copies[copy] & PHASE) == ReplicaPhase.REPLICA_LEAVING_VALUE;
    }

    /** Bytes that it takes in memory, about. */
    long bytes() {
        return 136L + 2L * name.length() + 4L * (gens.length + ends.length + copies.length) + 48;
    }
}
