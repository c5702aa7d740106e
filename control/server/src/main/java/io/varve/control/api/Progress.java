package io.varve.control.api;

import io.varve.api.Attachment;
import io.varve.api.DiskGroup;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.control.meta.MetaState;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;

/** What a volume that is on its way somewhere waits for, in words for people. */
final class Progress {
    private Progress() {}

    /** Nodes that have yet to make, or to forget, their replicas. */
    static Set<String> nodesWith(MetaState state, Volume volume, Predicate<Replica> which) {
        Set<String> nodes = new TreeSet<>();
        for (Slab slab : volume.getSlabsList()) {
            for (Replica replica : slab.getReplicasList()) {
                if (which.test(replica)) {
                    nodes.add(state.group(replica.getGroup())
                            .map(DiskGroup::getNode)
                            .orElse(replica.getGroup()));
                }
            }
        }
        return nodes;
    }

    private static Set<String> nodesInSync(MetaState state, Volume volume) {
        Set<String> inSync = new TreeSet<>();
        volume.getSlabsList().forEach(slab -> inSync.addAll(slab.getIsrList()));
        return nodesWith(state, volume, replica -> inSync.contains(replica.getGroup()));
    }

    static String ofAttach(MetaState state, Volume volume, StatusReport.Heard heard) {
        String node = volume.getWantedNode();
        Attachment attachment = volume.getAttachment();
        if (volume.hasAttachment() && !attachment.getNode().equals(node)) {
            return "node " + told(Set.of(node), heard) + " has not taken it from "
                    + told(Set.of(attachment.getNode()), heard) + " yet";
        }
        String elsewhere = node.isEmpty() || heard.isLately(node)
                ? ""
                : "; varve volume move " + volume.getName() + " takes it to a node that is there";
        return switch (volume.getState()) {
            case VOLUME_CREATING ->
                "its replicas are still being made on "
                        + told(
                                nodesWith(state, volume, replica -> replica.getPhase() == ReplicaPhase.REPLICA_NEW),
                                heard);
            case VOLUME_DETACHED -> "node " + told(Set.of(node), heard) + " has not taken it yet" + elsewhere;
            case VOLUME_ATTACHING -> {
                long closed = volume.getSlabsList().stream()
                        .filter(slab -> slab.getOpenedEpoch() != volume.getEpoch())
                        .count();
                yield "node " + told(Set.of(attachment.getNode()), heard) + " is opening it: " + closed + " of "
                        + volume.getSlabsCount() + " slabs wait for the in-sync copies on "
                        + told(nodesInSync(state, volume), heard) + elsewhere;
            }
            case VOLUME_ATTACHED, VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED ->
                "it is " + volume.getState();
        };
    }

    static String ofDetach(Volume volume, StatusReport.Heard heard) {
        String node = volume.getAttachment().getNode();
        return "node " + told(Set.of(node), heard) + " has not let go of it yet"
                + (heard.isLately(node)
                        ? ""
                        : ", and only it can say so: start it, or take the volume from it (varve volume move "
                                + volume.getName() + ") and detach it then");
    }

    /** The nodes, each with a word when it is not there. */
    static String told(Set<String> nodes, StatusReport.Heard heard) {
        return nodes.stream()
                .map(node -> {
                    Long silent = heard.silentMillis().get(node);
                    if (silent == null) {
                        return node + " (not heard from)";
                    }
                    return heard.isLately(node) ? node : node + " (silent for " + silent / 1_000 + " s)";
                })
                .reduce((a, b) -> a + ", " + b)
                .orElse("no node");
    }
}
