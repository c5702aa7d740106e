package io.varve.control.api;

import io.varve.api.GroupSighting;
import io.varve.api.Node;
import io.varve.api.Sighting;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Which nodes and disk groups this member heard from, and when: kept in memory only, since it is worth nothing after a restart. Only names that
 * the truth knows are kept, so the map is as small as the cluster. Safe from any thread.
 */
final class Sightings {
    /** More nodes than a cluster has; whoever asks beyond them is heard when others ask no more. */
    private static final int MAX_WAITING = 4_096;

    private static final long WAITING_NANOS = 15_000_000_000L;

    /** After a member of an older version is gone: what it had heard of groups, and told nobody, has been heard anew by then. */
    private static final long GROUPS_UNTOLD_NANOS = 60_000_000_000L;

    private final Map<String, Long> seenAtNanos = new ConcurrentHashMap<>();
    private final Map<String, Long> groupSeenAtNanos = new ConcurrentHashMap<>();
    private volatile OptionalLong untoldAtNanos = OptionalLong.empty();
    private final LongSupplier clock;
    private final Map<String, Waiting> waiting = new ConcurrentHashMap<>();

    private record Waiting(Node node, long atNanos) {}

    /** The clock gives nanoseconds that never go back. */
    Sightings(LongSupplier clock) {
        this.clock = clock;
    }

    void seen(String node) {
        seenAtNanos.put(node, clock.getAsLong());
    }

    /**
     * Takes over what another member heard: when that one goes, mostly with the node beside it, the others still know when it
     * was last there.
     */
    void told(Sighting sighting) {
        long at = clock.getAsLong() - sighting.getMillisAgo() * 1_000_000;
        seenAtNanos.merge(sighting.getNode(), at, (mine, theirs) -> theirs - mine > 0 ? theirs : mine);
    }

    /** The disk group of that uuid has told of itself, by its node. */
    void seenGroup(String group) {
        groupSeenAtNanos.put(group, clock.getAsLong());
    }

    void toldGroup(GroupSighting sighting) {
        long at = clock.getAsLong() - sighting.getMillisAgo() * 1_000_000;
        groupSeenAtNanos.merge(sighting.getGroup(), at, (mine, theirs) -> theirs - mine > 0 ? theirs : mine);
    }

    /** A member that answers knows of nodes only. */
    void groupsUntold() {
        untoldAtNanos = OptionalLong.of(clock.getAsLong());
    }

    /** For each disk group how long ago it was heard of; empty: other members may have heard of some and do not say so. */
    Optional<Map<String, Long>> silentGroups() {
        long now = clock.getAsLong();
        OptionalLong untold = untoldAtNanos;
        if (untold.isPresent() && now - untold.getAsLong() < GROUPS_UNTOLD_NANOS) {
            return Optional.empty();
        }
        Map<String, Long> silent = new HashMap<>();
        groupSeenAtNanos.forEach((group, at) -> silent.put(group, Math.max(0, (now - at) / 1_000_000)));
        return Optional.of(silent);
    }

    List<GroupSighting> groups() {
        long now = clock.getAsLong();
        return groupSeenAtNanos.entrySet().stream()
                .map(seen -> GroupSighting.newBuilder()
                        .setGroup(seen.getKey())
                        .setMillisAgo(Math.max(0, (now - seen.getValue()) / 1_000_000))
                        .build())
                .toList();
    }

    /** A node waits for a cluster: kept for a few seconds, since it asks several times in each. */
    void waits(Node node) {
        if (waiting.size() < MAX_WAITING || waiting.containsKey(node.getId())) {
            waiting.put(node.getId(), new Waiting(node, clock.getAsLong()));
        }
    }

    List<Node> waiting() {
        long now = clock.getAsLong();
        waiting.values().removeIf(each -> now - each.atNanos > WAITING_NANOS);
        return waiting.values().stream().map(Waiting::node).toList();
    }

    List<Sighting> list() {
        long now = clock.getAsLong();
        List<Sighting> list = new ArrayList<>();
        seenAtNanos.forEach((node, at) -> list.add(Sighting.newBuilder()
                .setNode(node)
                .setMillisAgo(Math.max(0, (now - at) / 1_000_000))
                .build()));
        return list;
    }
}
