package io.varve.control.meta;

import io.varve.api.Departure;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Whether a node or a disk group may go for good. The rules that remove one and the answer to a person who asks before they pull a plug are the
 * same judgement.
 */
public final class Departures {
    private Departures() {}

    /** A whole node: what its disk groups hold, what is attached to it, whether it keeps the truth. */
    public static Departure of(MetaState state, Node node) {
        Set<String> groups = state.groups().stream()
                .filter(group -> group.getNode().equals(node.getId()))
                .map(DiskGroup::getUuid)
                .collect(Collectors.toSet());
        Departure.Builder departure =
                Departure.newBuilder().setNode(node.getId()).setOrdered(node.getDraining());
        for (Volume volume : state.volumes()) {
            if (volume.getWantedNode().equals(node.getId())
                    || volume.getAttachment().getNode().equals(node.getId())) {
                departure.addVolumes(volume.getName());
            }
        }
        Set<String> with = count(state, groups, departure);
        boolean takesPart = state.metadata()
                .filter(group -> GroupRules.takesPart(group, node.getId()))
                .isPresent();
        return judged(departure, with, node.getMetadataMember() || takesPart);
    }

    /** One disk group. */
    public static Departure of(MetaState state, DiskGroup group) {
        Departure.Builder departure = Departure.newBuilder()
                .setNode(group.getNode())
                .setGroup(group.getName().isEmpty() ? group.getUuid() : group.getName())
                .setOrdered(group.getEvicting());
        return judged(departure, count(state, Set.of(group.getUuid()), departure), false);
    }

    /** Counts the copies; the volumes that they belong to are the answer. */
    private static Set<String> count(MetaState state, Set<String> groups, Departure.Builder departure) {
        int copies = 0;
        int toDelete = 0;
        Set<String> with = new TreeSet<>();
        for (Volume volume : state.volumes()) {
            List<Slab> slabs = new ArrayList<>(state.slabs(volume.getId()));
            slabs.addAll(volume.getGrowth().getSlabsList());
            for (Slab slab : slabs) {
                for (Replica replica : slab.getReplicasList()) {
                    if (!groups.contains(replica.getGroup())) {
                        continue;
                    }
                    if (isNeeded(volume, slab, replica)) {
                        copies++;
                        with.add(volume.getName());
                    } else {
                        toDelete++;
                    }
                }
            }
        }
        departure.setCopies(copies).setCopiesToDelete(toDelete);
        return with;
    }

    /** One that is to go may still be in the in-sync set: then no attach succeeds, and no write is acknowledged, without it. */
    private static boolean isNeeded(Volume volume, Slab slab, Replica replica) {
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return false;
        }
        return replica.getPhase() != ReplicaPhase.REPLICA_LEAVING
                || slab.getIsrList().contains(replica.getGroup());
    }

    private static Departure judged(Departure.Builder departure, Set<String> with, boolean member) {
        List<String> reasons = new ArrayList<>();
        boolean wholeNode = departure.getGroup().isEmpty();
        String name = wholeNode ? departure.getNode() : departure.getNode() + "/" + departure.getGroup();
        String verb = wholeNode ? "varve node drain " : "varve disk evict ";
        String order = departure.getOrdered()
                ? ": they are being moved away, varve rebuild list tells how far"
                : ": " + verb + name + " moves them away";
        if (departure.getCopies() > 0) {
            reasons.add(departure.getCopies() + (departure.getCopies() == 1 ? " copy" : " copies") + " of " + some(with)
                    + (departure.getCopies() == 1 ? " is" : " are") + " still there" + order);
        }
        if (departure.getVolumesCount() > 0) {
            reasons.add(some(departure.getVolumesList()) + (departure.getVolumesCount() == 1 ? " is" : " are")
                    + " attached there" + order);
        }
        if (member) {
            reasons.add(
                    "it is a member of the metadata group, or becomes one, which would have one less: varve node drain, or varve metadata replace, has another node take its place first");
        }
        return departure.setSafe(reasons.isEmpty()).addAllReasons(reasons).build();
    }

    /** So many names as a line bears. */
    private static String some(Iterable<String> names) {
        List<String> all = new ArrayList<>();
        names.forEach(all::add);
        String shown = all.stream().limit(5).collect(Collectors.joining(", "));
        return (all.size() == 1 ? "volume " : "volumes ")
                + shown
                + (all.size() > 5 ? " and " + (all.size() - 5) + " more" : "");
    }
}
