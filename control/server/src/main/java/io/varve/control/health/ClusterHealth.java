package io.varve.control.health;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The judgement behind the first line of {@code varve status}.
 *
 * @param safe every volume has all its copies in sync on nodes that are there, and the metadata group can lose a member (or
 *     is whole, when it was set up with one)
 * @param headline one sentence: the answer and the worst reason
 * @param problems what is wrong and what to do, most urgent first
 */
public record ClusterHealth(boolean safe, String headline, List<String> problems) {
    private static final int WARN_PERCENT = 80;
    private static final int NO_PLACEMENT_PERCENT = 85;
    private static final int NO_GROWTH_PERCENT = 90;

    public ClusterHealth {
        problems = List.copyOf(problems);
    }

    /** How bad a problem is; in this order they are told. */
    private enum Urgency {
        UNREACHABLE,
        LAST_COPY,
        DEGRADED,
        METADATA,
        NODE,
        DEVICE,
        SLOW,
        SPACE,
        LEFT_OVER;

        /** Whether data is less safe than was asked for. */
        boolean isAboutSafety() {
            return this != SLOW && this != SPACE && this != LEFT_OVER;
        }
    }

    private record Problem(Urgency urgency, String text) {}

    /** The judgement on what is known. */
    public static ClusterHealth of(ClusterFacts facts) {
        if (!facts.initialised()) {
            String init = "the cluster is not initialised: run varve cluster init --name NAME";
            return new ClusterHealth(false, "No: " + init, List.of(init));
        }
        List<Problem> problems = new ArrayList<>();
        Map<String, DiskGroup> groups = new HashMap<>();
        facts.groups().forEach(group -> groups.put(group.getUuid(), group));
        facts.volumes().forEach(volume -> judgeVolume(volume, groups, facts, problems));
        judgeMetadata(facts, problems);
        Set<String> needed = needed(groups, facts);
        facts.nodes().forEach(node -> judgeNode(node, needed, facts, problems));
        facts.groups().forEach(group -> judgeGroup(group, facts, problems));
        List<String> texts = problems.stream()
                .sorted((a, b) -> a.urgency.compareTo(b.urgency))
                .map(Problem::text)
                .toList();
        boolean safe = problems.stream().noneMatch(problem -> problem.urgency.isAboutSafety());
        return new ClusterHealth(safe, headline(facts, safe, texts), texts);
    }

    private static String headline(ClusterFacts facts, boolean safe, List<String> problems) {
        if (!canDecide(facts)) {
            return "Unknown: " + problems.getFirst();
        }
        if (!safe) {
            return "No: " + problems.getFirst();
        }
        long volumes = facts.volumes().stream()
                .filter(volume -> volume.getState() != VolumeState.VOLUME_DELETING)
                .count();
        String yes = switch ((int) Math.min(volumes, 2)) {
            case 0 -> "Yes: there are no volumes yet, and all " + nodes(facts) + " are well";
            case 1 -> "Yes: the volume has every copy in sync, and all " + nodes(facts) + " are well";
            default ->
                "Yes: all " + volumes + " volumes have every copy in sync, and all " + nodes(facts) + " are well";
        };
        return problems.isEmpty() ? yes : yes + "; but " + problems.getFirst();
    }

    private static boolean canDecide(ClusterFacts facts) {
        return facts.current() && facts.membersUp() > facts.membersTotal() / 2;
    }

    private static String nodes(ClusterFacts facts) {
        return facts.nodes().size() == 1 ? "1 node" : facts.nodes().size() + " nodes";
    }

    private static void judgeVolume(
            Volume volume, Map<String, DiskGroup> groups, ClusterFacts facts, List<Problem> problems) {
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            judgeDeletion(volume, groups, facts, problems);
            return;
        }
        if (volume.getState() == VolumeState.VOLUME_CREATING) {
            return;
        }
        LiveCopies live = LiveCopies.of(volume, groups, facts);
        Urgency urgency = live.fewest() == 0
                ? Urgency.UNREACHABLE
                : live.fewest() == 1 && volume.getReplicas() > 1 ? Urgency.LAST_COPY : Urgency.DEGRADED;
        if (live.incomplete() > 0) {
            problems.add(new Problem(urgency, live.told(volume)));
        }
        judgeZones(volume, groups, facts, problems);
        String attached = volume.getAttachment().getNode();
        if (!attached.isEmpty() && !facts.isHeard(attached)) {
            problems.add(new Problem(
                    Urgency.UNREACHABLE,
                    "volume " + volume.getName() + " is attached to " + attached
                            + ", which is not there: start that node, or varve volume move " + volume.getName()));
        }
    }

    /** Copies that share a zone are lost together with it; only worth a line where there are zones enough. */
    private static void judgeZones(
            Volume volume, Map<String, DiskGroup> groups, ClusterFacts facts, List<Problem> problems) {
        Map<String, String> zones = facts.nodes().stream().collect(Collectors.toMap(Node::getId, Node::getZone));
        long there = zones.values().stream()
                .filter(zone -> !zone.isEmpty())
                .distinct()
                .count();
        int shared = 0;
        for (Slab slab : volume.getSlabsList()) {
            Set<String> seen = new TreeSet<>();
            boolean twice = false;
            for (Replica replica : slab.getReplicasList()) {
                DiskGroup group = groups.getOrDefault(replica.getGroup(), DiskGroup.getDefaultInstance());
                String zone = zones.getOrDefault(group.getNode(), "");
                twice |= replica.getPhase() != ReplicaPhase.REPLICA_LEAVING && !zone.isEmpty() && !seen.add(zone);
            }
            shared += twice ? 1 : 0;
        }
        if (shared > 0 && there >= volume.getReplicas()) {
            problems.add(new Problem(
                    Urgency.SPACE,
                    "volume " + volume.getName() + ": copies of " + shared + (shared == 1 ? " slab" : " slabs")
                            + " share a zone: one of each is moved when another zone has room"));
        }
    }

    /** Nodes that something depends on: a copy that is to stay, a volume, the truth itself. */
    private static Set<String> needed(Map<String, DiskGroup> groups, ClusterFacts facts) {
        Set<String> needed = new TreeSet<>();
        for (Volume volume : facts.volumes()) {
            needed.add(volume.getWantedNode());
            needed.add(volume.getAttachment().getNode());
            for (Slab slab : volume.getSlabsList()) {
                for (Replica replica : slab.getReplicasList()) {
                    boolean stays = replica.getPhase() != ReplicaPhase.REPLICA_LEAVING
                            || slab.getIsrList().contains(replica.getGroup());
                    if (stays) {
                        needed.add(groups.getOrDefault(replica.getGroup(), DiskGroup.getDefaultInstance())
                                .getNode());
                    }
                }
            }
        }
        return needed;
    }

    /** It goes on by itself; but who wonders why the name is not free should learn it. */
    private static void judgeDeletion(
            Volume volume, Map<String, DiskGroup> groups, ClusterFacts facts, List<Problem> problems) {
        Set<String> waitsFor = new TreeSet<>();
        for (Slab slab : volume.getSlabsList()) {
            slab.getReplicasList().stream()
                    .map(replica -> groups.getOrDefault(replica.getGroup(), DiskGroup.getDefaultInstance())
                            .getNode())
                    .filter(node -> !facts.isHeard(node))
                    .forEach(waitsFor::add);
        }
        if (!waitsFor.isEmpty()) {
            problems.add(new Problem(
                    Urgency.LEFT_OVER,
                    "volume " + volume.getName() + " is being deleted; its copies on " + String.join(", ", waitsFor)
                            + " go, and its name is free, when that node is back"));
        }
    }

    private static void judgeMetadata(ClusterFacts facts, List<Problem> problems) {
        int up = facts.membersUp();
        int total = facts.membersTotal();
        int majority = total / 2 + 1;
        String members = up + " of " + total + " metadata members answer";
        if (!canDecide(facts)) {
            // What is shown may be old: nothing else that is said is worth more.
            problems.addFirst(new Problem(
                    Urgency.UNREACHABLE,
                    members + " and they cannot decide: what is shown may be old, and nothing can be changed; start the"
                            + " others"));
        } else if (up < total) {
            problems.add(new Problem(
                    Urgency.METADATA,
                    members + (up == majority ? ": with one more lost nothing can be changed" : "")
                            + "; start the others"));
        }
    }

    private static void judgeNode(Node node, Set<String> needed, ClusterFacts facts, List<Problem> problems) {
        if (facts.isHeard(node.getId())) {
            return;
        }
        Long silent = facts.silentMillis().get(node.getId());
        String since = silent == null
                ? "has not been heard from by any member that answers"
                : "was last heard from " + silent / 1_000 + " s ago";
        if (node.getMetadataMember() || needed.contains(node.getId())) {
            problems.add(
                    new Problem(Urgency.NODE, "node " + node.getId() + " " + since + ": start it, or look at its log"));
        } else {
            problems.add(new Problem(
                    Urgency.LEFT_OVER,
                    "node " + node.getId() + " " + since
                            + ", and nothing depends on it: start it, or strike it off with" + " varve node remove "
                            + node.getId()));
        }
    }

    private static String devices(DiskGroup group, String state) {
        return group.getDevicesList().stream()
                .filter(device -> device.getState().equals(state))
                .map(Device::getPath)
                .collect(Collectors.joining(", "));
    }

    private static void judgeGroup(DiskGroup group, ClusterFacts facts, List<Problem> problems) {
        String name = "disk group " + (group.getName().isEmpty() ? group.getUuid() : group.getName()) + " of node "
                + group.getNode();
        String failed = devices(group, "FAILED");
        if (!failed.isEmpty()) {
            String why = group.getDevicesList().stream()
                    .map(Device::getDetail)
                    .filter(detail -> !detail.isEmpty())
                    .findFirst()
                    .map(detail -> " (" + detail + ")")
                    .orElse("");
            problems.add(new Problem(
                    Urgency.DEVICE,
                    name + ": failed: " + failed + why
                            + ": if the disk is sound, put it back and say varve disk retry; else replace it"));
        }
        if (failed.isEmpty() && facts.isHeard(group.getNode()) && facts.isSilent(group)) {
            Long silent = facts.silentGroups().orElseThrow().get(group.getUuid());
            problems.add(
                    new Problem(
                            Urgency.DEVICE,
                            name + " has told nothing " + (silent == null ? "yet" : "for " + silent / 1_000 + " s")
                                    + ", though its node is there: it hangs, or the node's configuration no longer names it;"
                                    + " look at the node's log, restart the node, or have its copies leave it: varve disk evict"));
        }
        String slow = devices(group, "SLOW");
        if (!slow.isEmpty()) {
            problems.add(new Problem(
                    Urgency.SLOW,
                    name + ": " + slow + " answers much slower than it used to: look at it before it fails"));
        }
        if (group.getCapacityBytes() <= 0) {
            return;
        }
        long used = Math.max(0, group.getCapacityBytes() - group.getFreeBytes());
        double percent = 100.0 * used / group.getCapacityBytes();
        double kept = 100.0 * group.getGuaranteedBytes() / group.getCapacityBytes();
        String full = name + " is " + (int) percent + " % full"
                + (kept < 1 ? "" : ", " + (int) kept + " % kept for thick volumes") + ": ";
        if (percent >= NO_GROWTH_PERCENT) {
            problems.add(new Problem(
                    Urgency.SPACE, full + "writes that need new space are refused; trim or delete, or add disks"));
        } else if (percent >= NO_PLACEMENT_PERCENT) {
            problems.add(new Problem(Urgency.SPACE, full + "no new volumes are placed there; add disks"));
        } else if (percent >= WARN_PERCENT) {
            problems.add(new Problem(Urgency.SPACE, full + "add disks before 85 %"));
        }
    }
}
