package io.varve.control.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Node;
import io.varve.api.Sight;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class SuspectedNodesTest {
    private static Node node(String id, Sight sight, long suspectedMillis) {
        return Node.newBuilder()
                .setId(id)
                .setSight(sight)
                .setSuspectedMillis(suspectedMillis)
                .build();
    }

    @Test
    void tellsOfWhoIsSuspectedAndOfWhoIsMerelyCutOff() {
        List<Node> nodes = List.of(
                node("well", Sight.SIGHT_TOGETHER, 0),
                node("without", Sight.SIGHT_UNSPECIFIED, 0),
                node("fresh", Sight.SIGHT_SUSPECTED, 3_000),
                node("cut", Sight.SIGHT_SUSPECTED, 60_000),
                node("silent", Sight.SIGHT_SUSPECTED, 60_000));

        assertThat(SuspectedNodes.told(
                        nodes, Map.of("well", 0L, "without", 0L, "fresh", 4_000L, "cut", 1_000L, "silent", 60_000L)))
                .satisfiesExactly(
                        line -> assertThat(line).contains("node fresh is suspected", "3 s ago"),
                        line -> assertThat(line).contains("node cut is heard from", "60 s", "no data is less safe"));
    }
}
