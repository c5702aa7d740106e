package io.varve.control.raft;

import io.varve.control.meta.MemberPlan;
import io.varve.identity.LiveIdentity;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * The metadata group as one of its members is told about it at its start. Who is in it later is Raft's own matter.
 *
 * @param self id of this member; one of {@code members}
 * @param members all members as they are known, 1, 3 or 5, with the id of each
 * @param groupUuid the same on all members
 * @param joins this member came later than the group: with an empty log it waits until the leader takes it in
 * @param storageDir where this member keeps its log, snapshots and map; owned by one process
 * @param snapshotEvery a snapshot is taken each time so many log entries were applied
 * @param identity what this member shows the others by TLS; empty: plaintext
 * @param admitted the nodes that may call, at every moment
 */
public record MetaConfig(
        String self,
        List<Member> members,
        UUID groupUuid,
        boolean joins,
        Path storageDir,
        int snapshotEvery,
        Optional<LiveIdentity> identity,
        Supplier<Set<String>> admitted) {
    /**
     * A snapshot copies the whole map (26 MiB for 1 PB, in a tenth of a second); 1 024 entries are replayed in about a second at start.
     */
    public static final int SNAPSHOT_EVERY = 1_024;

    /**
     * One member of the group.
     *
     * @param id the node's name, or one that begins with it: docs/internals/metadata-group.md
     * @param host where the member listens for the others
     * @param port its port
     */
    public record Member(String id, String host, int port) {
        public String address() {
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

    /** One of the first members of a group. */
    public MetaConfig(String self, List<Member> members, Path storageDir, int snapshotEvery) {
        this(self, members, groupOf(members), false, storageDir, snapshotEvery, Optional.empty(), () -> nodes(members));
    }

    public MetaConfig(String self, List<Member> members, Path storageDir) {
        this(self, members, storageDir, SNAPSHOT_EVERY);
    }

    /** The same member, which shows this identity. */
    public MetaConfig shown(Optional<LiveIdentity> by) {
        return new MetaConfig(self, members, groupUuid, joins, storageDir, snapshotEvery, by, admitted);
    }

    Member selfMember() {
        return members.stream()
                .filter(member -> member.id().equals(self))
                .findFirst()
                .orElseThrow();
    }

    /** Of the group that begins with these members, and another for any other set: a stray process is not taken for one of ours. */
    public static UUID groupOf(List<Member> first) {
        String ids = first.stream().map(Member::id).sorted().collect(Collectors.joining("/"));
        return UUID.nameUUIDFromBytes(("varve metadata group " + ids).getBytes(StandardCharsets.UTF_8));
    }

    private static Set<String> nodes(List<Member> members) {
        return members.stream().map(Member::id).map(MemberPlan::nodeOf).collect(Collectors.toSet());
    }
}
