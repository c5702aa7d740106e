package io.varve.control.membership;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which nodes are in the membership, and which were and are not any more: a pure state machine, told of comings and goings with the time. A node
 * that left without saying so is suspected until it is back; one that said goodbye is not. Confined to whoever locks it.
 */
final class Suspicions {
    /** More nodes than a cluster has. Beyond it the one suspected longest is forgotten. */
    static final int MAX_NODES = 4_096;

    private final Map<String, Standing> nodes = new LinkedHashMap<>();

    private record Standing(long incarnation, boolean together, long sinceNanos) {}

    /** How one node stands. {@code suspectedNanos} is 0 while it is together with this one. */
    record Seen(String node, long incarnation, boolean together, long suspectedNanos) {}

    /** A member came. One of an older incarnation than is known changes nothing: its process is gone. */
    void joined(String node, long incarnation, long nowNanos) {
        Standing known = nodes.get(node);
        if (known != null && known.incarnation > incarnation) {
            return;
        }
        nodes.remove(node);
        nodes.put(node, new Standing(incarnation, true, nowNanos));
        if (nodes.size() > MAX_NODES) {
            forgetOne();
        }
    }

    /** A member is gone: its connections broke, or it was silent for too long. */
    void lost(String node, long incarnation, long nowNanos) {
        Standing known = nodes.get(node);
        if (known != null && known.incarnation == incarnation && known.together) {
            nodes.put(node, new Standing(incarnation, false, nowNanos));
        }
    }

    /** A member said goodbye. */
    void left(String node, long incarnation) {
        Standing known = nodes.get(node);
        if (known != null && known.incarnation == incarnation) {
            nodes.remove(node);
        }
    }

    /** This node left: it sees nobody, and knows nothing. */
    void clear() {
        nodes.clear();
    }

    Optional<Seen> of(String node, long nowNanos) {
        return Optional.ofNullable(nodes.get(node)).map(standing -> seen(node, standing, nowNanos));
    }

    List<Seen> all(long nowNanos) {
        List<Seen> list = new ArrayList<>();
        nodes.forEach((node, standing) -> list.add(seen(node, standing, nowNanos)));
        return list;
    }

    int together() {
        return (int) nodes.values().stream().filter(Standing::together).count();
    }

    private static Seen seen(String node, Standing standing, long nowNanos) {
        return new Seen(
                node, standing.incarnation, standing.together, standing.together ? 0 : nowNanos - standing.sinceNanos);
    }

    /** The eldest of those not there; else the eldest. */
    private void forgetOne() {
        String eldest = nodes.entrySet().stream()
                .filter(entry -> !entry.getValue().together)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseGet(() -> nodes.keySet().iterator().next());
        nodes.remove(eldest);
    }
}
