package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.model.EventReason;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Copies of slabs that nobody has ever opened: of a volume that is being made, of what one grows by, and of slabs that are there and unused. They hold
 * nothing, so one that is lost is made elsewhere and nothing has to be filled: docs/internals/rebuild.md.
 */
public final class AnewRules {
    private AnewRules() {}

    static Outcome place(MetaState state, long index, PlaceAnew command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, "volume '" + volume.getName() + "' is being deleted");
        }
        ClusterRecord cluster = state.cluster().orElseThrow();
        long creation = cluster.getNextCreation();
        Map<Integer, Slab> after = new LinkedHashMap<>();
        Set<String> on = new TreeSet<>();
        for (AnewCopy copy : command.copies()) {
            Slab before = GrowthRules.anySlab(state, volume, copy.slab()).orElse(null);
            if (before == null) {
                return CopyRules.noSlab(index, volume, copy.slab());
            }
            Slab slab = after.getOrDefault(copy.slab(), before);
            if (isDone(slab, copy)) {
                continue; // The same again.
            }
            if (before.getGen() != copy.gen()) {
                return VolumeRules.no(
                        TruthCode.TRUTH_STALE_GEN,
                        index,
                        CopyRules.of(volume, copy.slab()) + "is at gen " + before.getGen() + ", not " + copy.gen());
            }
            Optional<String> reason = objection(state, volume, slab, copy);
            if (reason.isPresent()) {
                return CopyRules.refused(index, volume, copy.slab(), reason.get());
            }
            after.put(copy.slab(), placed(slab, before.getGen() + 1, copy, creation++));
            on.add(LogNames.group(state, copy.to().isEmpty() ? copy.from() : copy.to()));
        }
        if (after.isEmpty()) {
            return CopyRules.unchanged(state, index, volume);
        }
        Set<String> concerned = VolumeRules.nodesOf(state, state.withSlabs(volume));
        state.putCluster(cluster.toBuilder().setNextCreation(creation).build());
        Volume placed = VolumeRules.made(state, GrowthRules.put(state, volume, List.copyOf(after.values())));
        Outcome outcome = VolumeRules.changed(state, index, placed);
        concerned.addAll(outcome.concerned());
        String message = "slabs=" + LogNames.ranges(after.keySet()) + " on=" + String.join(",", on);
        return new Outcome(outcome.result(), concerned, false)
                .telling(VolumeRules.told(EventReason.COPIES_PLACED, placed, message));
    }

    /** Whoever stays is counted on nowhere yet: no epoch has begun on the slab, and an Open that is on its way names another gen. */
    public static boolean isUntouched(Slab slab) {
        return slab.getOpenedEpoch() == 0 && slab.getFirstOpenNeeds() == 0 && slab.getIsrCount() > 0;
    }

    /** All that are in its set are still to be made: there is nothing to open. */
    static boolean isNowhereYet(Slab slab) {
        return slab.getIsrCount() > 0
                && slab.getReplicasList().stream()
                        .filter(replica -> slab.getIsrList().contains(replica.getGroup()))
                        .allMatch(replica -> replica.getPhase() == ReplicaPhase.REPLICA_NEW);
    }

    private static boolean isDone(Slab slab, AnewCopy copy) {
        boolean isGone = !stays(slab, copy.from());
        return isGone && (copy.to().isEmpty() || stays(slab, copy.to()));
    }

    private static boolean stays(Slab slab, String group) {
        return slab.getReplicasList().stream()
                .anyMatch(replica ->
                        replica.getGroup().equals(group) && replica.getPhase() != ReplicaPhase.REPLICA_LEAVING);
    }

    /** Why the copy stays where it is; empty when it may go there. */
    private static Optional<String> objection(MetaState state, Volume volume, Slab slab, AnewCopy copy) {
        if (!isUntouched(slab)) {
            return Optional.of("it has been open, and its copies hold what was written");
        }
        if (!stays(slab, copy.from())) {
            return Optional.of("it has no replica on group " + copy.from() + " that is to stay");
        }
        if (copy.to().isEmpty()) {
            return mayDrop(state, volume, slab)
                    ? Optional.empty()
                    : Optional.of("it has no more copies than there should be");
        }
        Optional<DiskGroup> group = state.group(copy.to());
        if (group.isEmpty()) {
            return Optional.of("there is no disk group " + copy.to());
        }
        if (slab.getReplicasCount() >= CopyRules.MAX_MEMBERS) {
            return Optional.of("it has " + slab.getReplicasCount() + " replicas, and more than that is never needed");
        }
        for (Replica replica : slab.getReplicasList()) {
            if (replica.getGroup().equals(copy.to())) {
                return Optional.of(
                        "its replica on " + LogNames.group(state, copy.to()) + " is still to be deleted there");
            }
            boolean counts = replica.getPhase() != ReplicaPhase.REPLICA_LEAVING
                    && !replica.getGroup().equals(copy.from());
            if (counts
                    && state.group(replica.getGroup())
                            .filter(other -> other.getNode().equals(group.get().getNode()))
                            .isPresent()) {
                return Optional.of("node " + group.get().getNode() + " has a copy of it already");
            }
        }
        return Optional.empty();
    }

    /** Only where no access point can know of it: it takes a set that is the one it asked for as its own doing. */
    private static boolean mayDrop(MetaState state, Volume volume, Slab slab) {
        boolean isBeingMade = volume.getState() == VolumeState.VOLUME_CREATING
                || state.slab(volume.getId(), slab.getIndex()).isEmpty();
        long staying = slab.getReplicasList().stream()
                .filter(replica -> replica.getPhase() != ReplicaPhase.REPLICA_LEAVING)
                .count();
        return isBeingMade && staying > volume.getReplicas();
    }

    private static Slab placed(Slab slab, int gen, AnewCopy copy, long creation) {
        Slab.Builder placed = slab.toBuilder().setGen(gen).clearIsr();
        for (int i = 0; i < slab.getReplicasCount(); i++) {
            if (slab.getReplicas(i).getGroup().equals(copy.from())) {
                placed.setReplicas(i, slab.getReplicas(i).toBuilder().setPhase(ReplicaPhase.REPLICA_LEAVING));
            }
        }
        slab.getIsrList().stream().filter(group -> !group.equals(copy.from())).forEach(placed::addIsr);
        if (!copy.to().isEmpty()) {
            placed.addReplicas(Replica.newBuilder()
                    .setGroup(copy.to())
                    .setCreationId(creation)
                    .setPhase(ReplicaPhase.REPLICA_NEW));
            // What is not made yet keeps the slab from being opened where that is judged by the copies that have been
            // made.
            placed.addIsr(copy.to());
        }
        return placed.build();
    }
}
