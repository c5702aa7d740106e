package io.varve.cli.server;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.dataplane.agent.DurableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * {@code metadata-members} in a node's data directory: the newest list of metadata members that it heard, for its next start. One word that says what, and what
 * belongs to it, on each line.
 */
final class MembersFile {
    static final String NAME = "metadata-members";

    private MembersFile() {}

    /**
     * Reads it.
     *
     * @return empty when there is none
     * @throws IOException when it is no such file
     */
    static Optional<MetadataGroup> read(Path dataDir) throws IOException {
        var file = dataDir.resolve(NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        var group = MetadataGroup.newBuilder();
        try {
            for (String line : Files.readAllLines(file)) {
                take(group, List.of(line.split(" ", -1)));
            }
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new IOException(
                    file + " cannot be read: put it aside, the node finds the members of the metadata group again", e);
        }
        return Optional.of(group.build());
    }

    private static void take(MetadataGroup.Builder group, List<String> words) {
        switch (words.getFirst()) {
            case "version" -> group.setVersion(Long.parseLong(words.get(1)));
            case "group" -> group.setGroupUuid(words.get(1));
            case "member" -> group.addMembers(member(words));
            case "joining" -> group.addJoining(member(words));
            case "leaving" -> group.addLeaving(words.get(1));
            case "other" -> group.addOthers(words.get(1));
            default -> throw new IllegalArgumentException(words.getFirst());
        }
    }

    private static GroupMember member(List<String> words) {
        return GroupMember.newBuilder()
                .setNode(words.get(1))
                .setPeer(words.get(2))
                .setRaftAddress(words.get(3))
                .setManagementAddress(words.get(4))
                .build();
    }

    /** Replaces it, durably. */
    static void write(Path dataDir, MetadataGroup group) throws IOException {
        var text = new StringBuilder();
        text.append("version ").append(group.getVersion()).append('\n');
        text.append("group ").append(group.getGroupUuid()).append('\n');
        group.getMembersList().forEach(member -> append(text, "member", member));
        group.getJoiningList().forEach(member -> append(text, "joining", member));
        group.getLeavingList()
                .forEach(peer -> text.append("leaving ").append(peer).append('\n'));
        group.getOthersList()
                .forEach(address -> text.append("other ").append(address).append('\n'));
        DurableFile.write(dataDir, NAME, text.toString());
    }

    private static void append(StringBuilder text, String what, GroupMember member) {
        text.append(String.join(
                        " ",
                        what,
                        member.getNode(),
                        member.getPeer(),
                        member.getRaftAddress(),
                        member.getManagementAddress()))
                .append('\n');
    }
}
