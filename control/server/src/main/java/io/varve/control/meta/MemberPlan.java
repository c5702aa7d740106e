package io.varve.control.meta;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeMembers.Step;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which change of the metadata group's members is needed now. Pure.
 *
 * @param change the one to begin; empty: none
 * @param obstacle why the one that is needed cannot begin, for people; empty: there is no such
 */
public record MemberPlan(Optional<Change> change, String obstacle) {
    /** Heard from within this: a node that is there. */
    public static final long THERE_MILLIS = 15_000;

    private static final String NOBODY =
            "no other node can take part: one that is there, is not drained and has an address for it (listen.raft)";

    /** Who comes, who goes, and why. */
    public record Change(List<Node> joining, List<GroupMember> leaving, String why) {
        public Change {
            joining = List.copyOf(joining);
            leaving = List.copyOf(leaving);
        }

        /** The command that begins it; {@code nowMillis}: by the proposer's clock. */
        public ChangeMembers begin(MetadataGroup group, long nowMillis) {
            long version = nextVersion(group, nowMillis);
            return new ChangeMembers(
                    Step.BEGIN,
                    group.getVersion(),
                    version,
                    joining.stream().map(node -> member(node, version)).toList(),
                    leaving.stream().map(GroupMember::getPeer).toList(),
                    why,
                    "");
        }
    }

    /**
     * What is known.
     *
     * @param silentMillis how long ago each node was heard from
     * @param leader node that leads
     * @param unfit nodes that were to join and did not come
     * @param wanted how many members there should be; empty: as many as there are
     * @param lost peers whose nodes say that their storage is lost
     */
    public record Facts(
            MetadataGroup group,
            List<Node> nodes,
            Map<String, Long> silentMillis,
            String leader,
            Set<String> unfit,
            long graceMillis,
            OptionalInt wanted,
            Set<String> lost) {
        public Facts {
            nodes = List.copyOf(nodes);
            silentMillis = Map.copyOf(silentMillis);
            unfit = Set.copyOf(unfit);
            lost = Set.copyOf(lost);
        }

        long silent(String node) {
            return silentMillis.getOrDefault(node, 0L);
        }

        boolean isThere(String node) {
            Long silent = silentMillis.get(node);
            return silent != null && silent < THERE_MILLIS;
        }

        Optional<Node> node(String name) {
            return nodes.stream().filter(node -> node.getId().equals(name)).findFirst();
        }
    }

    private record Gone(GroupMember member, String why, long order) {}

    /** Judges what is known. */
    public static MemberPlan of(Facts facts) {
        if (facts.group().getMembersCount() == 0 || GroupRules.isUnderWay(facts.group())) {
            return new MemberPlan(Optional.empty(), "");
        }
        Optional<Gone> gone = facts.group().getMembersList().stream()
                .flatMap(member -> gone(facts, member).stream())
                .max(Comparator.comparingLong(Gone::order));
        int size = facts.group().getMembersCount();
        int wanted = facts.wanted().orElse(size);
        String why = "metadata.members is " + wanted;
        if (wanted < size) {
            return new MemberPlan(Optional.of(new Change(List.of(), superfluous(facts, size - wanted), why)), "");
        }
        boolean growsFirst = size == 1 && wanted > size;
        if (gone.isPresent() && !growsFirst) {
            GroupMember member = gone.get().member;
            return itself(facts, member)
                    .map(node ->
                            new MemberPlan(Optional.of(new Change(List.of(node), List.of(member), gone.get().why)), ""))
                    .orElseGet(() -> replace(facts, member, gone.get().why));
        }
        if (wanted > size) {
            List<Node> joining = choose(facts, wanted - size, Set.of());
            return joining.size() < wanted - size
                    ? new MemberPlan(Optional.empty(), why + ", there are " + size + ", and " + NOBODY)
                    : new MemberPlan(Optional.of(new Change(joining, List.of(), why)), "");
        }
        return new MemberPlan(Optional.empty(), "");
    }

    /** The node of a member that lost nothing but its storage: it takes its own place, as a new peer. */
    private static Optional<Node> itself(Facts facts, GroupMember member) {
        return facts.node(member.getNode())
                .filter(node -> facts.lost().contains(member.getPeer())
                        && facts.group().getMembersCount() > 1
                        && !node.getDraining()
                        && !node.getRaftAddress().isEmpty()
                        && facts.isThere(node.getId())
                        && !facts.unfit().contains(node.getId()));
    }

    /** Another node in place of a member, whatever is with that one. */
    public static MemberPlan replace(Facts facts, GroupMember member, String why) {
        if (facts.group().getMembersCount() == 1) {
            return new MemberPlan(Optional.empty(), why + ", but " + GroupRules.SINGLE);
        }
        List<Node> joining = choose(facts, 1, Set.of(member.getPeer()));
        return joining.isEmpty()
                ? new MemberPlan(Optional.empty(), why + ", and " + NOBODY)
                : new MemberPlan(Optional.of(new Change(joining, List.of(member), why)), "");
    }

    /** Why a member has to be replaced; empty: it has not. Who was told to go is first, then who is silent longest. */
    private static Optional<Gone> gone(Facts facts, GroupMember member) {
        String name = member.getNode();
        Optional<Node> node = facts.node(name);
        if (node.isEmpty()) {
            return Optional.of(new Gone(member, "node " + name + " is no longer of this cluster", Long.MAX_VALUE));
        }
        if (node.get().getDraining()) {
            return Optional.of(new Gone(member, "node " + name + " is drained", Long.MAX_VALUE - 1));
        }
        if (facts.lost().contains(member.getPeer())) {
            return Optional.of(new Gone(member, "node " + name + " has lost its storage", Long.MAX_VALUE - 2));
        }
        long silent = facts.silent(name);
        return silent >= facts.graceMillis()
                ? Optional.of(
                        new Gone(member, "node " + name + " was not heard from for " + silent / 1_000 + " s", silent))
                : Optional.empty();
    }

    /** Nodes that may join, a zone without a member first; at most {@code count}. {@code leaving}: peers that do not count. */
    private static List<Node> choose(Facts facts, int count, Set<String> leaving) {
        Set<String> members = facts.group().getMembersList().stream()
                .map(GroupMember::getNode)
                .collect(Collectors.toSet());
        Map<String, Integer> ofZone = zones(facts, leaving);
        List<Node> free = new ArrayList<>(facts.nodes().stream()
                .filter(node -> !members.contains(node.getId()))
                .filter(node -> !node.getDraining() && !node.getRaftAddress().isEmpty())
                .filter(node -> facts.isThere(node.getId()) && !facts.unfit().contains(node.getId()))
                .toList());
        List<Node> chosen = new ArrayList<>();
        while (chosen.size() < count && !free.isEmpty()) {
            free.sort(Comparator.comparingInt((Node node) -> ofZone.getOrDefault(node.getZone(), 0))
                    .thenComparing(Node::getId));
            Node best = free.removeFirst();
            chosen.add(best);
            if (!best.getZone().isEmpty()) {
                ofZone.merge(best.getZone(), 1, Integer::sum);
            }
        }
        return chosen;
    }

    /** Members by zone; nodes without one share none. */
    private static Map<String, Integer> zones(Facts facts, Set<String> leaving) {
        Map<String, Integer> ofZone = new HashMap<>();
        for (GroupMember member : facts.group().getMembersList()) {
            String zone = facts.node(member.getNode()).map(Node::getZone).orElse("");
            if (!leaving.contains(member.getPeer()) && !zone.isEmpty()) {
                ofZone.merge(zone, 1, Integer::sum);
            }
        }
        return ofZone;
    }

    private static List<GroupMember> superfluous(Facts facts, int count) {
        List<GroupMember> leaving = new ArrayList<>();
        Set<String> peers = new HashSet<>();
        List<GroupMember> left = new ArrayList<>(facts.group().getMembersList());
        while (leaving.size() < count) {
            Map<String, Integer> ofZone = zones(facts, peers);
            left.sort(Comparator.comparing(
                            (GroupMember member) -> gone(facts, member).isEmpty())
                    .thenComparingInt(member -> facts.isThere(member.getNode()) ? 1 : 0)
                    .thenComparingInt(member -> member.getNode().equals(facts.leader()) ? 1 : 0)
                    .thenComparingInt(member -> -ofZone.getOrDefault(
                            facts.node(member.getNode()).map(Node::getZone).orElse(""), 0))
                    .thenComparing(GroupMember::getNode, Comparator.reverseOrder()));
            GroupMember first = left.removeFirst();
            leaving.add(first);
            peers.add(first.getPeer());
        }
        return leaving;
    }

    /** Higher than any before, also than those of a group that was lost and recovered meanwhile. */
    public static long nextVersion(MetadataGroup group, long nowMillis) {
        return Math.max(group.getVersion() + 1, nowMillis);
    }

    private static GroupMember member(Node node, long version) {
        return GroupMember.newBuilder()
                .setNode(node.getId())
                .setPeer(node.getId() + "#" + Long.toString(version, Character.MAX_RADIX))
                .setRaftAddress(node.getRaftAddress())
                .setManagementAddress(node.getManagementAddress())
                .build();
    }

    /** The node whose peer that is. */
    public static String nodeOf(String peer) {
        int mark = peer.indexOf('#');
        return mark < 0 ? peer : peer.substring(0, mark);
    }

    /** The members when the change that is under way is done. */
    public static List<GroupMember> after(MetadataGroup group) {
        return GroupRules.after(group);
    }

    public static boolean isUnderWay(MetadataGroup group) {
        return GroupRules.isUnderWay(group);
    }
}
