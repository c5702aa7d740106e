package io.varve.control.meta;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeMembers.Step;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Who is in the metadata group, one change at a time: docs/internals/metadata-group.md. */
final class GroupRules {
    /** When the configuration has changed, the only one that could tell the new member so has gone. */
    static final String SINGLE = "a single metadata member is not replaced by another one: have two join it first"
            + " (varve cluster set metadata.members=3), then it can be replaced";

    private GroupRules() {}

    static Outcome change(MetaState state, long index, long unixMillis, ChangeMembers command) {
        MetadataGroup group = state.metadata().orElse(MetadataGroup.getDefaultInstance());
        if (group.getVersion() != 0 && group.getVersion() == command.version()) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        if (group.getVersion() != command.expectedVersion()) {
            return refused(index, "the members of the metadata group have changed meanwhile");
        }
        if (command.version() <= command.expectedVersion()) {
            return refused(index, "the version of the list of members rises");
        }
        boolean isUnderWay = isUnderWay(group);
        if (isUnderWay == (command.step() == Step.BEGIN || command.step() == Step.RECORD)) {
            return refused(
                    index,
                    isUnderWay
                            ? "another change of the metadata group is under way: " + group.getWhy()
                            : "no change of the metadata group is under way");
        }
        if (command.step() != Step.RECORD && group.getMembersCount() == 0) {
            return refused(index, "the members of the metadata group are not recorded yet");
        }
        MetadataGroup.Builder next = group.toBuilder().setVersion(command.version());
        return switch (command.step()) {
            case RECORD ->
                stored(
                        state,
                        index,
                        next.clearMembers()
                                .addAllMembers(command.members())
                                .setGroupUuid(command.groupUuid())
                                .build(),
                        "its members are " + names(command.members()));
            case BEGIN -> begin(state, index, unixMillis, group, command);
            case FINISH -> {
                List<GroupMember> after = after(group);
                yield stored(
                        state,
                        index,
                        withoutChange(next.clearMembers().addAllMembers(after)),
                        "its members are " + names(after) + " now, because " + group.getWhy());
            }
            case ABANDON ->
                stored(
                        state,
                        index,
                        withoutChange(next),
                        names(group.getJoiningList()) + " did not join: " + command.why());
        };
    }

    private static Outcome begin(
            MetaState state, long index, long unixMillis, MetadataGroup group, ChangeMembers command) {
        Optional<String> objection = objection(state, group, command);
        if (objection.isPresent()) {
            return refused(index, objection.get());
        }
        return stored(
                state,
                index,
                group.toBuilder()
                        .setVersion(command.version())
                        .addAllJoining(command.members())
                        .addAllLeaving(command.leaving())
                        .setWhy(command.why())
                        .setSinceUnixMillis(unixMillis)
                        .build(),
                told(group, command) + ", because " + command.why());
    }

    private static String told(MetadataGroup group, ChangeMembers command) {
        List<GroupMember> leaving = group.getMembersList().stream()
                .filter(member -> command.leaving().contains(member.getPeer()))
                .toList();
        String joins = command.members().isEmpty() ? "" : names(command.members()) + " joins";
        String leaves = leaving.isEmpty() ? "" : names(leaving) + " leaves";
        return joins + (joins.isEmpty() || leaves.isEmpty() ? "" : ", ") + leaves;
    }

    private static Optional<String> objection(MetaState state, MetadataGroup group, ChangeMembers command) {
        Set<String> peers = group.getMembersList().stream()
                .map(GroupMember::getPeer)
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> leaving = new TreeSet<>(command.leaving());
        if (command.members().isEmpty() && leaving.isEmpty()) {
            return Optional.of("nobody is to join or leave");
        }
        if (leaving.size() != command.leaving().size() || !peers.containsAll(leaving)) {
            return Optional.of("who is to leave the metadata group is no member of it");
        }
        int size = peers.size() - leaving.size() + command.members().size();
        if (size == 1 && peers.size() == 1) {
            return Optional.of(SINGLE);
        }
        if (size != 3 && size != 5) {
            return Optional.of("the metadata group would have " + size + " members: it has 3 or 5");
        }
        Set<String> nodes = group.getMembersList().stream()
                .filter(member -> !leaving.contains(member.getPeer()))
                .map(GroupMember::getNode)
                .collect(Collectors.toCollection(TreeSet::new));
        for (GroupMember member : command.members()) {
            Optional<Node> node = state.node(member.getNode());
            if (node.isEmpty()) {
                return Optional.of("there is no node '" + member.getNode() + "' in this cluster");
            }
            if (node.get().getDraining()) {
                return Optional.of("node '" + member.getNode() + "' is drained: varve node undrain keeps it");
            }
            if (!nodes.add(member.getNode())) {
                return Optional.of("node '" + member.getNode() + "' is a member already");
            }
            if (member.getRaftAddress().isEmpty()
                    || !member.getRaftAddress().equals(node.get().getRaftAddress())) {
                return Optional.of("node '" + member.getNode()
                        + "' has no address for the metadata group: name listen.raft in its configuration");
            }
            if (!peers.add(member.getPeer())) {
                return Optional.of("a peer of the metadata group comes only once");
            }
        }
        return Optional.empty();
    }

    static boolean isUnderWay(MetadataGroup group) {
        return group.getJoiningCount() > 0 || group.getLeavingCount() > 0;
    }

    /** The members when the change that is under way is done. */
    static List<GroupMember> after(MetadataGroup group) {
        List<GroupMember> after = new ArrayList<>(group.getMembersList());
        after.removeIf(member -> group.getLeavingList().contains(member.getPeer()));
        after.addAll(group.getJoiningList());
        return List.copyOf(after);
    }

    private static MetadataGroup withoutChange(MetadataGroup.Builder group) {
        return group.clearJoining()
                .clearLeaving()
                .clearWhy()
                .clearSinceUnixMillis()
                .build();
    }

    private static Outcome stored(MetaState state, long index, MetadataGroup group, String message) {
        state.putMetadata(group);
        for (Node node : state.nodes()) {
            boolean isMember = isMember(group, node.getId());
            if (node.getMetadataMember() != isMember) {
                state.putNode(node.toBuilder().setMetadataMember(isMember).build());
            }
        }
        return Outcome.all(MetaResult.ok(index))
                .telling(new ClusterEvent(EventReason.METADATA_MEMBERS, "", "", "metadata group: " + message));
    }

    static boolean isMember(MetadataGroup group, String node) {
        return group.getMembersList().stream()
                .anyMatch(member -> member.getNode().equals(node));
    }

    /** Whether a node is a member, or is being taken in. */
    static boolean takesPart(MetadataGroup group, String node) {
        return isMember(group, node)
                || group.getJoiningList().stream()
                        .anyMatch(member -> member.getNode().equals(node));
    }

    private static String names(List<GroupMember> members) {
        return members.stream().map(GroupMember::getNode).collect(Collectors.joining(", "));
    }

    private static Outcome refused(long index, String message) {
        return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_REFUSED, index, message));
    }
}
