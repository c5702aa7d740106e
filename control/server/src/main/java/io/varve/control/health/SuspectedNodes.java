package io.varve.control.health;

import io.varve.api.Node;
import io.varve.api.Sight;
import java.util.List;
import java.util.Map;

/** What the membership's suspicion adds to a status. Advice: it makes no data less safe, as the membership decides nothing. */
public final class SuspectedNodes {
    private SuspectedNodes() {}

    /**
     * One line for each node that is suspected and was heard from lately all the same; of others the sightings tell more.
     *
     * @param silentMillis for each node heard from, how long ago
     */
    public static List<String> told(List<Node> nodes, Map<String, Long> silentMillis) {
        return nodes.stream()
                .filter(node -> node.getSight() == Sight.SIGHT_SUSPECTED)
                .filter(node -> silentMillis.getOrDefault(node.getId(), Long.MAX_VALUE) < ClusterFacts.SILENCE_MILLIS)
                .map(SuspectedNodes::line)
                .toList();
    }

    private static String line(Node node) {
        long seconds = node.getSuspectedMillis() / 1_000;
        return node.getSuspectedMillis() < ClusterFacts.SILENCE_MILLIS
                ? "node " + node.getId() + " is suspected: it left the membership " + seconds
                        + " s ago without a word; look whether it runs"
                : "node " + node.getId() + " is heard from, but has not been in the membership for " + seconds
                        + " s: look at the network between listen.membership of the nodes (no data is less safe)";
    }
}
