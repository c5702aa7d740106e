package io.varve.control.health;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Whether a node may be stopped for a while, as a pure function of what is known: no client may have to wait for it, and nothing that is being
 * made whole may depend on it.
 *
 * @param reasons why not, most urgent first; empty: it may
 * @param attached volumes that the node serves, and what happens to them
 */
public record RestartCheck(List<String> reasons, List<Attached> attached) {
    /** Slabs of a volume fare alike, so that a few reasons tell all; the count of further ones is told. */
    private static final int MAX_REASONS = 20;

    public RestartCheck {
        reasons = List.copyOf(reasons);
        attached = List.copyOf(attached);
    }

    /** A volume that the node serves. */
    public record Attached(String volume, String whatHappens) {}

    public boolean ok() {
        return reasons.isEmpty();
    }

    /**
     * Judges.
     *
     * @param membersThere the metadata members that answer
     * @param node one of {@code facts.nodes()}
     */
    public static RestartCheck of(ClusterFacts facts, Set<String> membersThere, Node node) {
        List<String> reasons = new ArrayList<>();
        if (!facts.current()) {
            reasons.add("the metadata group cannot decide, so nothing is known for certain: start its other members");
        }
        judgeMembers(facts, membersThere, node, reasons);
        Map<String, DiskGroup> groups = new HashMap<>();
        facts.groups().forEach(group -> groups.put(group.getUuid(), group));
        List<Attached> attached = new ArrayList<>();
        for (Volume volume : facts.volumes()) {
            if (volume.getState() == VolumeState.VOLUME_DELETING) {
                continue;
            }
            judgeCopies(volume, groups, facts, node.getId(), reasons);
            if (volume.getAttachment().getNode().equals(node.getId())
                    || volume.getWantedNode().equals(node.getId())) {
                attached.add(new Attached(volume.getName(), whatHappens(volume)));
            }
        }
        if (reasons.size() > MAX_REASONS) {
            int more = reasons.size() - MAX_REASONS;
            reasons = new ArrayList<>(reasons.subList(0, MAX_REASONS));
            reasons.add("and " + more + " more");
        }
        return new RestartCheck(reasons, attached);
    }

    private static void judgeMembers(ClusterFacts facts, Set<String> membersThere, Node node, List<String> reasons) {
        if (!node.getMetadataMember()) {
            return;
        }
        Set<String> others = new TreeSet<>(membersThere);
        others.remove(node.getId());
        int majority = facts.membersTotal() / 2 + 1;
        if (others.size() < majority) {
            reasons.add(
                    facts.membersTotal() == 1
                            ? "it is the only metadata member: while it is down nothing can be changed or attached"
                            : "without it only " + others.size() + " of " + facts.membersTotal()
                                    + " metadata members answer, " + majority
                                    + " are needed: start the others first");
        }
    }

    /** What keeps slabs of one volume from doing without the node, each kind told once with the number of slabs. */
    private static final class Slabs {
        private int needed;
        private int fewest = Integer.MAX_VALUE;
        private int filled;
        private final Set<String> fills = new TreeSet<>();
        private final Set<String> gone = new TreeSet<>();
    }

    private static void judgeCopies(
            Volume volume, Map<String, DiskGroup> groups, ClusterFacts facts, String node, List<String> reasons) {
        Slabs found = new Slabs();
        for (Slab slab : volume.getSlabsList()) {
            judgeSlab(
                    slab,
                    Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore()),
                    groups,
                    facts,
                    node,
                    found);
        }
        String name = "volume " + volume.getName() + ": ";
        String all = " of " + volume.getSlabsCount() + (volume.getSlabsCount() == 1 ? " slab" : " slabs");
        if (found.needed > 0) {
            String only = volume.getReplicas() == 1
                    ? "its only copy is here"
                    : found.fewest + " in-sync copies are elsewhere on nodes that are there, "
                            + Redundancy.minInSync(
                                    volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore())
                            + " needed";
            String remedy = found.gone.isEmpty()
                    ? found.filled > 0 ? "; they come back by themselves: wait" : ""
                    : "; start " + String.join(", ", found.gone) + " first";
            reasons.add(name + only + ", on " + found.needed + all + remedy);
        } else if (found.filled > 0) {
            reasons.add(name + "copies on " + String.join(", ", found.fills) + " are being filled, on " + found.filled
                    + all + ": wait until they are in sync");
        }
    }

    private static void judgeSlab(
            Slab slab, int needed, Map<String, DiskGroup> groups, ClusterFacts facts, String node, Slabs found) {
        boolean isHere = false;
        boolean isHereInSync = false;
        int elsewhere = 0;
        Set<String> filled = new TreeSet<>();
        Set<String> gone = new TreeSet<>();
        for (Replica replica : slab.getReplicasList()) {
            DiskGroup group = groups.getOrDefault(replica.getGroup(), DiskGroup.getDefaultInstance());
            String holder = group.getNode();
            boolean inSync = slab.getIsrList().contains(replica.getGroup());
            boolean there = facts.isHeard(group);
            isHere |= holder.equals(node);
            isHereInSync |= inSync && holder.equals(node);
            if (inSync && there && !holder.equals(node)) {
                elsewhere++;
            }
            // One that is to go is filled no more.
            if (!inSync && there && replica.getPhase() != ReplicaPhase.REPLICA_LEAVING) {
                filled.add(holder);
            }
            if (!there && !holder.equals(node)) {
                gone.add(holder.isEmpty() ? replica.getGroup() : holder);
            }
        }
        if (!isHere) {
            return;
        }
        if (!filled.isEmpty()) {
            found.filled++;
            found.fills.addAll(filled);
        }
        if (isHereInSync && elsewhere < needed) {
            found.needed++;
            found.fewest = Math.min(found.fewest, elsewhere);
            found.gone.addAll(gone);
        }
    }

    private static String whatHappens(Volume volume) {
        return "its clients wait until the node is back; varve attach has another node serve it after some seconds; "
                + "varve volume move " + volume.getName() + " does so now, with a pause of less than a second";
    }
}
