package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.PlacementWish;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.TombRecord;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.model.ByteSize;
import io.varve.model.EventReason;
import io.varve.model.Geometry;
import io.varve.model.Redundancy;
import io.varve.model.StreamId;
import io.varve.model.VolumeName;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How volumes and their replicas come into being and go. */
final class VolumeRules {
    static final int MAX_REPLICAS = 3;

    private VolumeRules() {}

    static Outcome create(MetaState state, long index, CreateVolume command) {
        Optional<Volume> repeated =
                state.volume(command.name()).filter(volume -> isMadeBy(volume, command.requestId()));
        if (repeated.isPresent()) {
            return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(repeated.get())));
        }
        Optional<String> objection = objection(state, command);
        if (objection.isPresent()) {
            return no(TruthCode.TRUTH_REFUSED, index, objection.get());
        }
        ClusterRecord cluster = state.cluster().orElseThrow();
        Volume.Builder named = Volume.newBuilder()
                .setId(cluster.getNextVolume())
                .setName(command.name())
                .setSizeBytes(command.sizeBytes())
                .setReplicas(command.replicas())
                .setSlabBytes(command.slabBytes())
                .setState(VolumeState.VOLUME_CREATING)
                .setCreatedUnixMillis(command.createdUnixMillis())
                .setRequestId(command.requestId())
                .setWholeSlabs(command.wholeSlabs())
                .addAllLabels(command.labels())
                .setMinInSync(command.minInSync())
                .setThick(command.thick());
        if (!command.wish().equals(PlacementWish.getDefaultInstance())) {
            named.setWish(command.wish());
        }
        Volume volume = LimitRules.put(named, command.limits()).build();
        long creation = cluster.getNextCreation();
        for (int slab = 0; slab < command.slabs().size(); slab++) {
            Slab.Builder placed = Slab.newBuilder().setIndex(slab).setGen(1);
            for (String group : command.slabs().get(slab)) {
                placed.addReplicas(Replica.newBuilder()
                        .setGroup(group)
                        .setCreationId(creation++)
                        .setPhase(ReplicaPhase.REPLICA_NEW));
                placed.addIsr(group);
            }
            state.putSlab(volume.getId(), placed.build());
        }
        state.putVolume(volume);
        state.putCluster(cluster.toBuilder()
                .setNextVolume(volume.getId() + 1)
                .setNextCreation(creation)
                .build());
        return changed(state, index, volume)
                .telling(told(
                        EventReason.VOLUME_CREATED,
                        volume,
                        "created, size " + new ByteSize(volume.getSizeBytes()).rounded() + ", copies "
                                + volume.getReplicas() + (volume.getThick() ? ", thick" : "")
                                + elsewhere(state, command)));
    }

    /** That it has no copy where one was wanted: it is used over the network then. */
    private static String elsewhere(MetaState state, CreateVolume command) {
        String wanted = command.wish().getNode();
        boolean isThere = wanted.isEmpty()
                || command.slabs().stream()
                        .allMatch(groups -> groups.stream()
                                .anyMatch(group -> state.group(group)
                                        .filter(found -> found.getNode().equals(wanted))
                                        .isPresent()));
        return isThere ? "" : ", none on node " + wanted + ", where one was wanted: too little room there, or no disks";
    }

    /** Whether the volume is what an earlier try of this very request made. */
    static boolean isMadeBy(Volume volume, String requestId) {
        return !requestId.isEmpty()
                && volume.getRequestId().equals(requestId)
                && volume.getState() != VolumeState.VOLUME_DELETING;
    }

    /** Why this volume must not be created; empty when it may. */
    private static Optional<String> objection(MetaState state, CreateVolume command) {
        if (!VolumeName.isValid(command.name())) {
            return Optional.of("'" + command.name() + "' is not a volume name");
        }
        Optional<Volume> namesake = state.volume(command.name());
        if (namesake.isPresent()) {
            return Optional.of("there is already a volume '" + command.name() + "'"
                    + (namesake.get().getState() == VolumeState.VOLUME_DELETING
                            ? ": it is being deleted, try again when that has ended"
                            : ""));
        }
        if (command.sizeBytes() <= 0 || command.sizeBytes() % Geometry.BLOCK_BYTES != 0) {
            return Optional.of("a volume's size is a multiple of " + Geometry.BLOCK_BYTES + " bytes and not zero");
        }
        if (command.replicas() < 1 || command.replicas() > MAX_REPLICAS) {
            return Optional.of("a volume has 1 to " + MAX_REPLICAS + " replicas, not " + command.replicas());
        }
        String fewest = Redundancy.objection(command.replicas(), command.minInSync());
        if (!fewest.isEmpty()) {
            return Optional.of(fewest);
        }
        String limits = LimitRules.of(command.limits()).objection();
        if (!limits.isEmpty()) {
            return Optional.of(limits);
        }
        if (command.slabBytes() < Geometry.EXTENT_BYTES || command.slabBytes() % Geometry.EXTENT_BYTES != 0) {
            return Optional.of("a slab is a multiple of " + Geometry.EXTENT_BYTES + " bytes");
        }
        long slabs = Math.ceilDiv(command.sizeBytes(), command.slabBytes());
        if (slabs > StreamId.MAX_SLABS) {
            return Optional.of("a volume has at most " + StreamId.MAX_SLABS + " slabs, this would need " + slabs);
        }
        if (slabs != command.slabs().size()) {
            return Optional.of(slabs + " slabs need as many placements, not "
                    + command.slabs().size());
        }
        for (List<String> groups : command.slabs()) {
            if (groups.size() != command.replicas() || !onDistinctKnownNodes(state, groups)) {
                return Optional.of("each slab needs " + command.replicas()
                        + " known disk groups on distinct nodes; the cluster changed meanwhile, try again");
            }
        }
        return Optional.empty();
    }

    static boolean onDistinctKnownNodes(MetaState state, List<String> groups) {
        Set<String> nodes = new HashSet<>();
        for (String uuid : groups) {
            Optional<DiskGroup> group = state.group(uuid);
            if (group.isEmpty() || !nodes.add(group.get().getNode())) {
                return false;
            }
        }
        return true;
    }

    static Outcome replicasCreated(MetaState state, long index, ReplicasCreated command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return no(TruthCode.TRUTH_REFUSED, index, "volume '" + volume.getName() + "' is being deleted");
        }
        List<Slab> after = new ArrayList<>();
        for (int i = 0; i < command.slabs().size(); i++) {
            int slabIndex = command.slabs().get(i);
            long creation = CopyRules.creationAt(command.creationIds(), i);
            Optional<Slab> slab = GrowthRules.anySlab(state, volume, slabIndex);
            if (slab.isEmpty() || CopyRules.replicaOf(slab.get(), command.group(), creation) < 0) {
                return no(
                        TruthCode.TRUTH_UNKNOWN,
                        index,
                        "slab " + slabIndex + " of volume '" + volume.getName() + "' has no replica on group "
                                + command.group());
            }
            long guaranteed = CopyRules.creationAt(command.guaranteedBytes(), i);
            if (command.guaranteeVersion() != volume.getGuaranteeVersion()
                    || guaranteed < GuaranteeRules.wanted(volume, slabIndex)) {
                // Something else is wanted since, and its group makes it so. Whoever writes may count on all of it: so
                // the replica is not there before.
                continue;
            }
            Slab made = CopyRules.withPhase(
                    slab.get(), command.group(), ReplicaPhase.REPLICA_NEW, ReplicaPhase.REPLICA_CREATED);
            // One that was made before has told of its guarantee since: this is the same report again.
            after.add(made.equals(slab.get()) ? made : GuaranteeRules.with(made, command.group(), guaranteed));
        }
        return changed(state, index, made(state, GrowthRules.put(state, volume, after)));
    }

    /** The volume after some of its copies changed: one that was being created is there as soon as all of them are. */
    static Volume made(MetaState state, Volume volume) {
        if (volume.getState() != VolumeState.VOLUME_CREATING
                || !state.slabs(volume.getId()).stream().allMatch(VolumeRules::isComplete)) {
            return volume;
        }
        Volume made = volume.toBuilder().setState(VolumeState.VOLUME_DETACHED).build();
        state.putVolume(made);
        return made;
    }

    static Outcome delete(MetaState state, long index, DeleteVolume command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return state.tomb(command.volume()).isPresent()
                    ? Outcome.nobody(MetaResult.ok(index))
                    : no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        return switch (volume.getState()) {
            case VOLUME_DELETING -> Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
            case VOLUME_CREATING, VOLUME_DETACHED -> {
                if (volume.hasPublication()) {
                    yield no(
                            TruthCode.TRUTH_REFUSED,
                            index,
                            "volume '" + volume.getName() + "' is published to node "
                                    + volume.getPublication().getNode());
                }
                // To be opened for its copies only, by nobody's wish: that is over with them.
                if (!volume.getWantedNode().isEmpty() && !volume.getMaintenance()) {
                    yield no(
                            TruthCode.TRUTH_REFUSED,
                            index,
                            "volume '" + volume.getName() + "' is to be attached to " + volume.getWantedNode()
                                    + ": detach it first");
                }
                // Also the node that was to open it.
                Set<String> concerned = nodesOf(state, state.withSlabs(volume));
                Volume after = GrowthRules.abandoned(state, volume).toBuilder()
                        .setState(VolumeState.VOLUME_DELETING)
                        .clearWantedNode()
                        .clearMaintenance()
                        .build();
                state.putVolume(after);
                Outcome outcome = changed(state, index, after);
                concerned.addAll(outcome.concerned());
                yield new Outcome(outcome.result(), concerned, false)
                        .telling(told(EventReason.VOLUME_DELETED, after, "deleted; its copies go"));
            }
            case VOLUME_ATTACHING, VOLUME_ATTACHED, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED ->
                no(
                        TruthCode.TRUTH_REFUSED,
                        index,
                        "volume '" + volume.getName() + "' is attached to "
                                + volume.getAttachment().getNode() + ": detach it first");
        };
    }

    static Outcome replicasDeleted(MetaState state, long index, ReplicasDeleted command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return state.tomb(command.volume()).isPresent()
                    ? Outcome.nobody(MetaResult.ok(index))
                    : no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        Optional<Outcome> objection = CopyRules.unlessToGo(state, index, volume, command);
        if (objection.isPresent()) {
            return objection.get();
        }
        Outcome outcome = changed(state, index, volume);
        List<Slab> after = new ArrayList<>();
        for (int i = 0; i < command.slabs().size(); i++) {
            int slabIndex = command.slabs().get(i);
            long creation = CopyRules.creationAt(command.creationIds(), i);
            boolean isSlab = state.slab(volume.getId(), slabIndex).isPresent();
            Optional<Slab> slab = GrowthRules.anySlab(state, volume, slabIndex);
            int position = slab.isEmpty() ? -1 : CopyRules.replicaOf(slab.get(), command.group(), creation);
            if (position >= 0 && (isSlab || isLeaving(slab.get(), position))) {
                // The ISR of a volume that is being deleted means nothing any more; it goes with the slab.
                after.add(slab.get().toBuilder().removeReplicas(position).build());
            }
        }
        Volume left = GrowthRules.over(state, GrowthRules.put(state, volume, after));
        if (buryIfGone(state, index, left)) {
            return new Outcome(MetaResult.ok(index), outcome.concerned(), false);
        }
        MetaResult result = MetaResult.ok(index).withVolume(state.withSlabs(left));
        return after.isEmpty() ? Outcome.nobody(result) : new Outcome(result, outcome.concerned(), false);
    }

    private static boolean isLeaving(Slab slab, int position) {
        return slab.getReplicas(position).getPhase() == ReplicaPhase.REPLICA_LEAVING;
    }

    /** With its last replica a volume that is being deleted goes, and only its tomb stays. */
    static boolean buryIfGone(MetaState state, long index, Volume volume) {
        if (volume.getState() != VolumeState.VOLUME_DELETING
                || !state.slabs(volume.getId()).stream().allMatch(slab -> slab.getReplicasCount() == 0)) {
            return false;
        }
        state.bury(
                volume,
                TombRecord.newBuilder()
                        .setName(volume.getName())
                        .setDeletedAtIndex(index)
                        .build());
        return true;
    }

    /** Whether every copy that is to stay has been made. */
    static boolean isComplete(Slab slab) {
        return slab.getReplicasList().stream().noneMatch(replica -> replica.getPhase() == ReplicaPhase.REPLICA_NEW);
    }

    static ClusterEvent told(EventReason reason, Volume volume, String message) {
        return new ClusterEvent(reason, volume.getName(), "", message);
    }

    /** OK, with the volume as it stands in the map now, waking every node that has to do with it. */
    static Outcome changed(MetaState state, long index, Volume volume) {
        Volume whole = state.withSlabs(volume);
        return new Outcome(MetaResult.ok(index).withVolume(whole), nodesOf(state, whole), false);
    }

    /** The nodes that hold a replica of the volume, are to attach it, or have it attached. */
    static Set<String> nodesOf(MetaState state, Volume whole) {
        Set<String> nodes = new HashSet<>();
        for (DiskGroup group : state.groupsOf(whole.getSlabsList())) {
            nodes.add(group.getNode());
        }
        for (DiskGroup group : state.groupsOf(whole.getGrowth().getSlabsList())) {
            nodes.add(group.getNode());
        }
        nodes.add(whole.getWantedNode());
        nodes.add(whole.getAttachment().getNode());
        nodes.remove("");
        return nodes;
    }

    static Outcome no(TruthCode code, long index, String message) {
        return Outcome.nobody(MetaResult.no(code, index, message));
    }
}
