package io.varve.control.rebuild;

import java.util.Map;
import java.util.Optional;

/**
 * What the truth does not hold: who was heard from, and how much lies where.
 *
 * @param nowMillis by a clock that never goes back
 * @param silentMillis for each node heard from, how long ago
 * @param silentGroups for each disk group (uuid) heard of, how long ago; empty: nobody knows, and they count as heard with their nodes
 * @param bytesOf for disk groups (uuid) that were asked, the bytes of each copy by stream (volume << 16 | slab); the planner says when it wants one
 */
public record Sighted(
        long nowMillis,
        Map<String, Long> silentMillis,
        Optional<Map<String, Long>> silentGroups,
        Map<String, Map<Long, Long>> bytesOf) {
    /** Longest silence of a node that runs, as for the status. */
    static final long SILENCE_MILLIS = io.varve.control.health.ClusterFacts.SILENCE_MILLIS;

    public Sighted {
        silentMillis = Map.copyOf(silentMillis);
        silentGroups = silentGroups.map(Map::copyOf);
        bytesOf = Map.copyOf(bytesOf);
    }

    /** Nothing is known of single groups. */
    public Sighted(long nowMillis, Map<String, Long> silentMillis, Map<String, Map<Long, Long>> bytesOf) {
        this(nowMillis, silentMillis, Optional.empty(), bytesOf);
    }

    boolean isGroupHeard(String uuid) {
        return silentGroups.isEmpty() || silentGroups.get().getOrDefault(uuid, Long.MAX_VALUE) < SILENCE_MILLIS;
    }

    boolean isHeard(String node) {
        Long silent = silentMillis.get(node);
        return silent != null && silent < SILENCE_MILLIS;
    }
}
