package io.varve.control.api;

import io.varve.api.Node;
import io.varve.api.Sighting;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Which nodes this member heard from, and when: kept in memory only, since it is worth nothing after a restart. Only names that
 * the truth knows are kept, so the map is as small as the cluster. Safe from any thread.
 */
final class Sightings {
    /** More nodes than a cluster has; whoever asks beyond them is heard when others ask no more. */
    private static final int MAX_WAITING = 4_096;

    private static final long WAITING_NANOS = 15_000_000_000L;

    private final Map<String, Long> seenAtNanos = new ConcurrentHashMap<>();
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
