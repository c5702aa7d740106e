package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.model.EventReason;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * How a slab gets a replica elsewhere, and how one that is no longer wanted goes: docs/internals/rebuild.md. Nothing here touches an in-sync set or a
 * gen: those are the access point's, and a replica that is to go stays in the set until the access point has taken it out.
 */
final class CopyRules {
    /** Of a slab: its copies, as many replacements, and none left over for a planner that has gone mad. */
    static final int MAX_MEMBERS = 6;

    private CopyRules() {}

    static Outcome place(MetaState state, long index, PlaceCopies command) {
        Optional<Outcome> objection = unlessSettled(state, index, command.volume());
        if (objection.isPresent()) {
            return objection.get();
        }
        Volume volume = state.volume(command.volume()).orElseThrow();
        ClusterRecord cluster = state.cluster().orElseThrow();
        long creation = cluster.getNextCreation();
        Map<Integer, Slab> after = new LinkedHashMap<>();
        Set<String> on = new TreeSet<>();
        for (PlacedCopy copy : command.copies()) {
            Slab slab = after.getOrDefault(
                    copy.slab(), state.slab(volume.getId(), copy.slab()).orElse(null));
            if (slab == null) {
                return noSlab(index, volume, copy.slab());
            }
            int position = replicaOf(slab, copy.group(), 0);
            if (position >= 0 && slab.getReplicas(position).getPhase() != ReplicaPhase.REPLICA_LEAVING) {
                continue; // The same again.
            }
            Optional<String> reason = placeObjection(state, slab, copy.group());
            if (reason.isPresent()) {
                return refused(index, volume, copy.slab(), reason.get());
            }
            after.put(
                    copy.slab(),
                    slab.toBuilder()
                            .addReplicas(Replica.newBuilder()
                                    .setGroup(copy.group())
                                    .setCreationId(creation++)
                                    .setPhase(ReplicaPhase.REPLICA_NEW))
                            .build());
            on.add(LogNames.group(state, copy.group()));
        }
        if (after.isEmpty()) {
            return unchanged(state, index, volume);
        }
        state.putCluster(cluster.toBuilder().setNextCreation(creation).build());
        return stored(state, index, volume, after, EventReason.COPIES_PLACED, on);
    }

    /** Why the slab must not get a replica on that group; empty when it may. */
    private static Optional<String> placeObjection(MetaState state, Slab slab, String uuid) {
        Optional<DiskGroup> group = state.group(uuid);
        if (group.isEmpty()) {
            return Optional.of("there is no disk group " + uuid);
        }
        if (slab.getReplicasCount() >= MAX_MEMBERS) {
            return Optional.of("it has " + slab.getReplicasCount() + " replicas, and more than that is never needed");
        }
        for (Replica replica : slab.getReplicasList()) {
            if (replica.getGroup().equals(uuid)) {
                return Optional.of("its replica on " + LogNames.group(state, uuid) + " is still to be deleted there");
            }
            boolean counts = replica.getPhase() != ReplicaPhase.REPLICA_LEAVING
                    && slab.getIsrList().contains(replica.getGroup());
            // A disk group that is evicted makes way for its neighbour: nodes may be too few for a third.
            boolean sameNode = state.group(replica.getGroup())
                    .map(other -> !other.getEvicting()
                            && other.getNode().equals(group.get().getNode()))
                    .orElse(false);
            if (counts && sameNode) {
                return Optional.of("node " + group.get().getNode() + " has a copy of it in sync already");
            }
        }
        return Optional.empty();
    }

    static Outcome retire(MetaState state, long index, RetireCopies command) {
        Optional<Outcome> objection = unlessSettled(state, index, command.volume());
        if (objection.isPresent()) {
            return objection.get();
        }
        Volume volume = state.volume(command.volume()).orElseThrow();
        Map<Integer, Slab> after = new LinkedHashMap<>();
        Set<String> on = new TreeSet<>();
        for (RetiredCopy copy : command.copies()) {
            Slab slab = after.getOrDefault(
                    copy.slab(), state.slab(volume.getId(), copy.slab()).orElse(null));
            int position = slab == null ? -1 : replicaOf(slab, copy.group(), 0);
            if (slab == null || position < 0) {
                return slab == null ? noSlab(index, volume, copy.slab()) : noReplica(index, volume, copy);
            }
            if (slab.getReplicas(position).getPhase() == ReplicaPhase.REPLICA_LEAVING) {
                continue; // The same again.
            }
            if (slab.getGen() != copy.gen()) {
                return VolumeRules.no(
                        TruthCode.TRUTH_STALE_GEN,
                        index,
                        of(volume, copy.slab()) + "is at gen " + slab.getGen() + ", not " + copy.gen());
            }
            if (!leavesEnough(volume, slab, copy.group())) {
                return refused(index, volume, copy.slab(), "without this copy too few are in sync");
            }
            after.put(
                    copy.slab(),
                    withPhase(slab, copy.group(), slab.getReplicas(position).getPhase(), ReplicaPhase.REPLICA_LEAVING));
            on.add(LogNames.group(state, copy.group()));
        }
        return after.isEmpty()
                ? unchanged(state, index, volume)
                : stored(state, index, volume, after, EventReason.COPIES_RETIRED, on);
    }

    /**
     * Whether the slab can do without: somebody in sync stays in any case. Below what it takes to write only a copy goes that is not in sync anyway.
     */
    private static boolean leavesEnough(Volume volume, Slab slab, String group) {
        int staying = 0;
        for (Replica replica : slab.getReplicasList()) {
            if (!replica.getGroup().equals(group)
                    && replica.getPhase() == ReplicaPhase.REPLICA_CREATED
                    && slab.getIsrList().contains(replica.getGroup())) {
                staying++;
            }
        }
        boolean inSync = slab.getIsrList().contains(group);
        return staying
                >= (inSync
                        ? Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore())
                        : 1);
    }

    static Outcome setReplicas(MetaState state, long index, SetReplicas command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        boolean isAsBefore = command.replicas() == 0
                && (command.minInSync().isPresent()
                        || command.changesLimits()
                        || command.thick().isPresent());
        int replicas = isAsBefore ? volume.getReplicas() : command.replicas();
        int fewest = command.minInSync().orElse(volume.getMinInSync());
        if (replicas < 1 || replicas > VolumeRules.MAX_REPLICAS) {
            return VolumeRules.no(
                    TruthCode.TRUTH_REFUSED,
                    index,
                    "a volume has 1 to " + VolumeRules.MAX_REPLICAS + " replicas, not " + replicas);
        }
        String objection = Redundancy.objection(replicas, fewest);
        if (!objection.isEmpty()) {
            return VolumeRules.no(
                    TruthCode.TRUTH_REFUSED,
                    index,
                    objection + (command.minInSync().isPresent() ? "" : ", as it is set: change both in one command"));
        }
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, "volume '" + volume.getName() + "' is being deleted");
        }
        VolumeLimits limits = LimitRules.changed(volume.getLimits(), command.limits());
        String outOfRange = LimitRules.of(limits).objection();
        if (!outOfRange.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, outOfRange);
        }
        int before = volume.getReplicasBefore() == 0 ? volume.getReplicas() : volume.getReplicasBefore();
        Volume after = LimitRules.put(volume.toBuilder(), limits)
                .setReplicas(replicas)
                .setMinInSync(fewest)
                .setReplicasBefore(replicas > before && !areThere(state, volume, replicas) ? before : 0)
                .setThick(command.thick().orElse(volume.getThick()))
                .setRefusal(command.thick().isPresent() ? "" : volume.getRefusal())
                .build();
        if (after.equals(volume)) {
            return unchanged(state, index, volume);
        }
        Volume put = GuaranteeRules.changed(volume, after);
        state.putVolume(put);
        return VolumeRules.changed(state, index, put);
    }

    /** Every slab has as many copies in sync that are to stay, those that are only being made included. */
    private static boolean areThere(MetaState state, Volume volume, int replicas) {
        return Stream.concat(state.slabs(volume.getId()).stream(), volume.getGrowth().getSlabsList().stream())
                .allMatch(slab -> slab.getReplicasList().stream()
                                .filter(replica -> replica.getPhase() != ReplicaPhase.REPLICA_LEAVING)
                                .filter(replica -> slab.getIsrList().contains(replica.getGroup()))
                                .count()
                        >= replicas);
    }

    /** The volume after a change of its sets: raised are its replicas when all of them have been in sync. */
    static Volume raised(MetaState state, Volume volume) {
        if (volume.getReplicasBefore() == 0 || !areThere(state, volume, volume.getReplicas())) {
            return volume;
        }
        Volume after = volume.toBuilder().clearReplicasBefore().build();
        state.putVolume(after);
        return after;
    }

    static Outcome forget(MetaState state, long index, ForgetCopies command) {
        if (state.group(command.group()).isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no disk group " + command.group());
        }
        for (Volume volume : state.volumes()) {
            for (Slab slab : state.slabs(volume.getId())) {
                if (volume.getState() != VolumeState.VOLUME_DELETING
                        && slab.getIsrList().contains(command.group())) {
                    return refused(
                            index,
                            volume,
                            slab.getIndex(),
                            "its copy on " + LogNames.group(state, command.group()) + " is in sync");
                }
            }
        }
        boolean anyGone = false;
        for (Volume volume : state.volumes()) {
            for (Slab slab : state.slabs(volume.getId())) {
                int position = replicaOf(slab, command.group(), 0);
                if (position >= 0
                        && (volume.getState() == VolumeState.VOLUME_DELETING
                                || slab.getReplicas(position).getPhase() == ReplicaPhase.REPLICA_LEAVING)) {
                    state.putSlab(
                            volume.getId(),
                            slab.toBuilder().removeReplicas(position).build());
                    anyGone = true;
                }
            }
            anyGone |= forgetGrowing(state, volume, command.group());
            if (!VolumeRules.buryIfGone(state, index, volume)) {
                GuaranteeRules.settle(state, volume.getId());
            }
        }
        return anyGone ? Outcome.all(MetaResult.ok(index)) : Outcome.nobody(MetaResult.ok(index));
    }

    private static boolean forgetGrowing(MetaState state, Volume volume, String group) {
        List<Slab> after = new ArrayList<>();
        for (Slab slab : volume.getGrowth().getSlabsList()) {
            int position = replicaOf(slab, group, 0);
            if (position >= 0 && slab.getReplicas(position).getPhase() == ReplicaPhase.REPLICA_LEAVING) {
                after.add(slab.toBuilder().removeReplicas(position).build());
            }
        }
        GrowthRules.over(state, GrowthRules.put(state, volume, after));
        return !after.isEmpty();
    }

    /** Why these replicas must not be gone; empty when they may: everything of a deleted volume, else what is to go and not in sync. */
    static Optional<Outcome> unlessToGo(MetaState state, long index, Volume volume, ReplicasDeleted command) {
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return Optional.empty();
        }
        for (int i = 0; i < command.slabs().size(); i++) {
            int slabIndex = command.slabs().get(i);
            long creation = creationAt(command.creationIds(), i);
            Optional<Slab> slab = state.slab(volume.getId(), slabIndex);
            int position = slab.isEmpty() ? -1 : replicaOf(slab.get(), command.group(), creation);
            if (position < 0) {
                continue; // Gone already; or another one was placed since.
            }
            if (slab.get().getReplicas(position).getPhase() != ReplicaPhase.REPLICA_LEAVING) {
                return Optional.of(refused(
                        index, volume, slabIndex, "neither is the volume being deleted nor is this replica to go"));
            }
            if (slab.get().getIsrList().contains(command.group())) {
                return Optional.of(refused(index, volume, slabIndex, "the replica is still in the in-sync set"));
            }
        }
        return Optional.empty();
    }

    /** The creation id that a report names for its slab at that place; 0: whichever there is. */
    static long creationAt(List<Long> creationIds, int place) {
        return place < creationIds.size() ? creationIds.get(place) : 0;
    }

    /** The place of a group's replica in its slab, or -1. */
    static int replicaOf(Slab slab, String group, long creation) {
        for (int i = 0; i < slab.getReplicasCount(); i++) {
            Replica replica = slab.getReplicas(i);
            if (replica.getGroup().equals(group) && (creation == 0 || replica.getCreationId() == creation)) {
                return i;
            }
        }
        return -1;
    }

    /** The slab with that replica in another phase, if it is in the first one. */
    static Slab withPhase(Slab slab, String group, ReplicaPhase from, ReplicaPhase to) {
        int position = replicaOf(slab, group, 0);
        Replica replica = slab.getReplicas(position);
        return replica.getPhase() == from
                ? slab.toBuilder()
                        .setReplicas(position, replica.toBuilder().setPhase(to))
                        .build()
                : slab;
    }

    /** Copies come and go only where the first ones have all been made. */
    private static Optional<Outcome> unlessSettled(MetaState state, long index, long id) {
        Optional<Volume> volume = state.volume(id);
        if (volume.isEmpty()) {
            return Optional.of(VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + id));
        }
        return switch (volume.get().getState()) {
            case VOLUME_DETACHED, VOLUME_ATTACHING, VOLUME_ATTACHED -> Optional.empty();
            case VOLUME_CREATING, VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED ->
                Optional.of(VolumeRules.no(
                        TruthCode.TRUTH_REFUSED,
                        index,
                        "volume '" + volume.get().getName() + "' is being created or deleted"));
        };
    }

    static Outcome unchanged(MetaState state, long index, Volume volume) {
        return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
    }

    private static Outcome stored(
            MetaState state, long index, Volume volume, Map<Integer, Slab> after, EventReason reason, Set<String> on) {
        after.values().forEach(slab -> state.putSlab(volume.getId(), slab));
        Outcome outcome = VolumeRules.changed(state, index, volume);
        String message = "slabs=" + LogNames.ranges(after.keySet()) + " on=" + String.join(",", on);
        return outcome.telling(new ClusterEvent(reason, volume.getName(), "", message));
    }

    static String of(Volume volume, int slab) {
        return "slab " + slab + " of volume '" + volume.getName() + "' ";
    }

    static Outcome noSlab(long index, Volume volume, int slab) {
        return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "volume '" + volume.getName() + "' has no slab " + slab);
    }

    private static Outcome noReplica(long index, Volume volume, RetiredCopy copy) {
        return VolumeRules.no(
                TruthCode.TRUTH_UNKNOWN, index, of(volume, copy.slab()) + "has no replica on group " + copy.group());
    }

    static Outcome refused(long index, Volume volume, int slab, String reason) {
        return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, of(volume, slab) + "stays as it is: " + reason);
    }
}
