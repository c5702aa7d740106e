package io.varve.control.raft;

import io.varve.identity.LiveIdentity;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * The metadata group as one of its members is told about it. Members and their addresses are fixed for the cluster's life.
 *
 * @param self id of this member; one of {@code members}
 * @param members all members, 1, 3 or 5
 * @param storageDir where this member keeps its log, snapshots and map; owned by one process
 * @param snapshotEvery a snapshot is taken each time so many log entries were applied
 * @param identity what this member shows the others by TLS; empty: plaintext
 */
public record MetaConfig(
        String self, List<Member> members, Path storageDir, int snapshotEvery, Optional<LiveIdentity> identity) {
    /**
     * A snapshot copies the whole map (26 MiB for 1 PB, in a tenth of a second); 1 024 entries are replayed in about a second at start.
     */
    public static final int SNAPSHOT_EVERY = 1_024;

    /**
     * One member of the group.
     *
     * @param id the node's name
     * @param host where the member listens for the others
     * @param port its port
     */
    public record Member(String id, String host, int port) {
        String address() {
            return host + ":" + port;
        }
    }

    /** Checks the group's size and that this member is in it. */
    public MetaConfig {
        members = List.copyOf(members);
        if (members.size() != 1 && members.size() != 3 && members.size() != 5) {
            throw new IllegalArgumentException("the metadata group has 1, 3 or 5 members, not " + members.size());
        }
        if (members.stream().map(Member::id).distinct().count() != members.size()) {
            throw new IllegalArgumentException("every member of the metadata group needs an id of its own");
        }
        if (members.stream().noneMatch(member -> member.id().equals(self))) {
            throw new IllegalArgumentException("'" + self + "' is not among the members of the metadata group");
        }
        if (snapshotEvery < 1) {
            throw new IllegalArgumentException("snapshotEvery must be at least 1: " + snapshotEvery);
        }
    }

    public MetaConfig(String self, List<Member> members, Path storageDir, int snapshotEvery) {
        this(self, members, storageDir, snapshotEvery, Optional.empty());
    }

    public MetaConfig(String self, List<Member> members, Path storageDir) {
        this(self, members, storageDir, SNAPSHOT_EVERY);
    }

    /** The same member, which shows this identity. */
    public MetaConfig shown(Optional<LiveIdentity> by) {
        return new MetaConfig(self, members, storageDir, snapshotEvery, by);
    }

    Member selfMember() {
        return members.stream()
                .filter(member -> member.id().equals(self))
                .findFirst()
                .orElseThrow();
    }

    /** The same on all members, and another for any other set of members: a stray process is not taken for one of ours. */
    UUID groupUuid() {
        String ids = members.stream().map(Member::id).sorted().collect(Collectors.joining("/"));
        return UUID.nameUUIDFromBytes(("varve metadata group " + ids).getBytes(StandardCharsets.UTF_8));
    }
}
