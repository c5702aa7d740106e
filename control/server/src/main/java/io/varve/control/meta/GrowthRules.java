package io.varve.control.meta;

import io.varve.api.Growth;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.model.ByteSize;
import io.varve.model.EventReason;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How a volume grows: docs/internals/resize.md. What is not made yet stays out of sight of everybody but the nodes that make it. */
public final class GrowthRules {
    /** By which a volume grows at a time: the placement of more does not fit well into the volume's record, of which every view has a copy. */
    public static final int MAX_SLABS = 4096;

    private GrowthRules() {}

    static Outcome resize(MetaState state, long index, ResizeVolume command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        boolean repeated =
                !command.requestId().isEmpty() && volume.getResizeRequestId().equals(command.requestId());
        if (volume.getState() != VolumeState.VOLUME_DELETING
                && (repeated || targetBytes(volume) == command.sizeBytes())) {
            return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
        }
        Optional<String> objection = objection(volume, command.sizeBytes()).or(() -> placing(state, volume, command));
        if (objection.isPresent()) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, objection.get());
        }
        ClusterRecord cluster = state.cluster().orElseThrow();
        long creation = cluster.getNextCreation();
        Growth.Builder growth = Growth.newBuilder().setSizeBytes(command.sizeBytes());
        int first = state.slabs(volume.getId()).size();
        for (int i = 0; i < command.slabs().size(); i++) {
            Slab.Builder placed = Slab.newBuilder().setIndex(first + i).setGen(1);
            for (String group : command.slabs().get(i)) {
                placed.addReplicas(Replica.newBuilder()
                        .setGroup(group)
                        .setCreationId(creation++)
                        .setPhase(ReplicaPhase.REPLICA_NEW));
                placed.addIsr(group);
            }
            growth.addSlabs(placed);
        }
        state.putCluster(cluster.toBuilder().setNextCreation(creation).build());
        Volume after = GuaranteeRules.changed(
                volume,
                volume.toBuilder()
                        .setGrowth(growth)
                        .setResizeRequestId(command.requestId())
                        .clearRefusal()
                        .build());
        state.putVolume(after);
        return settled(state, volume.getId(), VolumeRules.changed(state, index, after));
    }

    /** What it has, or grows to. */
    static long targetBytes(Volume volume) {
        return volume.hasGrowth() && !volume.getGrowth().getRefused()
                ? volume.getGrowth().getSizeBytes()
                : volume.getSizeBytes();
    }

    /** Why the volume cannot have that size; empty when it may. For people. */
    public static Optional<String> objection(Volume volume, long sizeBytes) {
        String name = "volume '" + volume.getName() + "' ";
        switch (volume.getState()) {
            case VOLUME_DETACHED, VOLUME_ATTACHING, VOLUME_ATTACHED -> {}
            case VOLUME_CREATING -> {
                return Optional.of(name + "is being created: try again when that has ended");
            }
            case VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED -> {
                return Optional.of(name + "is being deleted");
            }
        }
        if (sizeBytes <= 0 || sizeBytes % Geometry.BLOCK_BYTES != 0) {
            return Optional.of("a volume's size is a multiple of " + Geometry.BLOCK_BYTES + " bytes and not zero");
        }
        if (volume.getGrowth().getRefused()) {
            return Optional.of(
                    name + "could not grow, and what was made for that is still being taken back: try again when"
                            + " that has ended, varve volume show tells");
        }
        long target = targetBytes(volume);
        if (sizeBytes < target) {
            return Optional.of(name + (volume.hasGrowth() ? "is being grown to " : "has ") + new ByteSize(target)
                    + " and was to have " + new ByteSize(sizeBytes) + ": a volume grows, it never shrinks");
        }
        if (volume.hasGrowth() && sizeBytes != target) {
            return Optional.of(name + "is being grown to " + new ByteSize(target)
                    + " already: try again when that has ended, varve volume show tells");
        }
        if (!volume.getWholeSlabs() && volume.getSizeBytes() % volume.getSlabBytes() != 0) {
            return Optional.of(name + "was made by an older version, whose copies end with its "
                    + new ByteSize(volume.getSizeBytes()) + ": it cannot grow, copy it to a new one");
        }
        long slabs = Math.ceilDiv(sizeBytes, volume.getSlabBytes());
        if (slabs > StreamId.MAX_SLABS) {
            return Optional.of("a volume has at most " + StreamId.MAX_SLABS + " slabs, this would need " + slabs);
        }
        if (slabs - Math.ceilDiv(volume.getSizeBytes(), volume.getSlabBytes()) > MAX_SLABS) {
            return Optional.of("a volume grows by at most " + new ByteSize(MAX_SLABS * volume.getSlabBytes())
                    + " at a time: grow it in steps");
        }
        return Optional.empty();
    }

    private static Optional<String> placing(MetaState state, Volume volume, ResizeVolume command) {
        if (command.requestId().isEmpty()) {
            return Optional.of("a change of size needs an id, so that it can be repeated");
        }
        if (command.fromSizeBytes() != volume.getSizeBytes()) {
            return Optional.of("somebody else was quicker: volume '" + volume.getName() + "' has "
                    + new ByteSize(volume.getSizeBytes()) + " now");
        }
        long slabs = Math.ceilDiv(command.sizeBytes(), volume.getSlabBytes())
                - state.slabs(volume.getId()).size();
        boolean asPlaced = slabs == command.slabs().size()
                && command.slabs().stream()
                        .allMatch(groups -> groups.size() == volume.getReplicas()
                                && VolumeRules.onDistinctKnownNodes(state, groups));
        return asPlaced
                ? Optional.empty()
                : Optional.of(slabs + " new slabs need " + volume.getReplicas()
                        + " known disk groups on distinct nodes each; the cluster changed meanwhile, try again");
    }

    /** A slab of the volume, or one that is being made for it. */
    static Optional<Slab> anySlab(MetaState state, Volume volume, int index) {
        return state.slab(volume.getId(), index)
                .or(() -> volume.getGrowth().getSlabsList().stream()
                        .filter(slab -> slab.getIndex() == index)
                        .findFirst());
    }

    /** Stores these slabs, each where it is: with the volume's, or with those that are being made. The volume as it is then. */
    static Volume put(MetaState state, Volume volume, List<Slab> after) {
        Growth.Builder growth = volume.getGrowth().toBuilder();
        boolean grows = false;
        for (Slab slab : after) {
            int place = growth.getSlabsCount() == 0
                    ? -1
                    : slab.getIndex() - growth.getSlabs(0).getIndex();
            if (place >= 0) {
                growth.setSlabs(place, slab);
                grows = true;
            } else {
                state.putSlab(volume.getId(), slab);
            }
        }
        if (!grows) {
            return volume;
        }
        Volume changed = volume.toBuilder().setGrowth(growth).build();
        state.putVolume(changed);
        return changed;
    }

    /** The same outcome; and if with it the last replica of a growth was made, or an attach has ended that it waited for, the volume has grown. */
    static Outcome settled(MetaState state, long id, Outcome outcome) {
        Volume volume = state.volume(id).orElse(null);
        if (!outcome.result().isOk()
                || volume == null
                || !volume.hasGrowth()
                || volume.getGrowth().getRefused()
                || !mayEnd(volume)
                || !GuaranteeRules.isGrown(state, volume)) {
            return outcome;
        }
        boolean attached = volume.hasAttachment();
        for (Slab slab : volume.getGrowth().getSlabsList()) {
            state.putSlab(
                    id,
                    attached ? slab.toBuilder().setAddedEpoch(volume.getEpoch()).build() : slab);
        }
        Volume grown = volume.toBuilder()
                .setSizeBytes(volume.getGrowth().getSizeBytes())
                .clearGrowth()
                .build();
        state.putVolume(grown);
        Volume whole = state.withSlabs(grown);
        Set<String> concerned = new HashSet<>(outcome.concerned());
        concerned.addAll(VolumeRules.nodesOf(state, whole));
        String message = "grown from " + new ByteSize(volume.getSizeBytes()).rounded() + " to "
                + new ByteSize(grown.getSizeBytes()).rounded();
        return new Outcome(outcome.result().withVolume(whole), concerned, outcome.concernsAll())
                .telling(outcome.events())
                .telling(VolumeRules.told(EventReason.VOLUME_RESIZED, grown, message));
    }

    /** An attach is told the slabs that it opens once: while it is under way they stay as they are. */
    private static boolean mayEnd(Volume volume) {
        return switch (volume.getState()) {
            case VOLUME_DETACHED, VOLUME_ATTACHED ->
                volume.getGrowth().getSlabsList().stream().allMatch(VolumeRules::isComplete);
            case VOLUME_CREATING, VOLUME_ATTACHING, VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /** There was no room for it: whatever was made for it goes, and then it can be asked for again. The volume as it is then. */
    static Volume refused(MetaState state, Volume volume, String why) {
        Growth.Builder growth = volume.getGrowth().toBuilder().setRefused(true);
        growth.getSlabsBuilderList().forEach(slab -> {
            slab.clearIsr();
            slab.getReplicasBuilderList().forEach(replica -> replica.setPhase(ReplicaPhase.REPLICA_LEAVING));
        });
        Volume.Builder after =
                volume.toBuilder().setGrowth(growth).setRefusal(why).clearResizeRequestId();
        if (growth.getSlabsCount() == 0) {
            after.clearGrowth();
        }
        Volume refused = GuaranteeRules.changed(volume, after.build());
        state.putVolume(refused);
        return refused;
    }

    /** The same; and when the last replica of a growth that was refused is gone, the growth is. */
    static Volume over(MetaState state, Volume volume) {
        boolean isOver = volume.getGrowth().getRefused()
                && volume.getGrowth().getSlabsList().stream().allMatch(slab -> slab.getReplicasCount() == 0);
        if (!isOver) {
            return volume;
        }
        Volume after = volume.toBuilder().clearGrowth().build();
        state.putVolume(after);
        return after;
    }

    /** The volume is deleted: what was made for it meanwhile goes the way of its other slabs. */
    static Volume abandoned(MetaState state, Volume volume) {
        volume.getGrowth().getSlabsList().forEach(slab -> state.putSlab(volume.getId(), slab));
        return volume.toBuilder().clearGrowth().build();
    }
}
