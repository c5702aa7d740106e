package io.varve.control.rebuild;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a decision costs in the largest cluster: 100 nodes, 130 000 replica sets of three copies (1 PB of volumes). Prints what it measured. */
@Tag("long")
class RebuildScaleTest {
    private static final int NODES = 100;
    private static final int GROUPS = 4;
    private static final int VOLUMES = 100;
    private static final int SLABS = 1_300;
    private static final int ROUNDS = 20;
    private static final long MIB = 1 << 20;

    private final MetaState state = new MetaState(new MapKeyValues());
    private long index;

    private void must(MetaCommand command) {
        var result = MetaRules.apply(state, ++index, 1, command).result();
        assertThat(result.isOk()).as(result.message()).isTrue();
    }

    private void build() {
        must(new InitCluster("c", "test"));
        for (int n = 0; n < NODES; n++) {
            must(new RegisterNode(
                    Node.newBuilder()
                            .setId("n" + n)
                            .setIncarnation(1)
                            .setZone("z" + n % 5)
                            .build(),
                    ""));
            for (int g = 0; g < GROUPS; g++) {
                must(new RegisterGroup(
                        DiskGroup.newBuilder()
                                .setUuid(uuid(n, g))
                                .setNode("n" + n)
                                .setCapacityBytes(30L << 40)
                                .setFreeBytes((15L << 40) + n * (1L << 30))
                                .build(),
                        1));
            }
        }
        for (int v = 0; v < VOLUMES; v++) {
            List<List<String>> places = new ArrayList<>();
            Map<String, List<Integer>> byGroup = new HashMap<>();
            for (int s = 0; s < SLABS; s++) {
                // Few groups for each volume, so that building it stays short.
                int at = v * 31 + s % 2 * 50;
                List<String> groups = List.of(
                        uuid(at % NODES, v % GROUPS),
                        uuid((at + 1) % NODES, v % GROUPS),
                        uuid((at + 7) % NODES, v % GROUPS));
                places.add(groups);
                for (String group : groups) {
                    byGroup.computeIfAbsent(group, key -> new ArrayList<>()).add(s);
                }
            }
            must(new CreateVolume("v" + v, SLABS * (8L << 30), 3, 8L << 30, 1, places, ""));
            long volume = v + 1L;
            byGroup.forEach((group, slabs) -> must(new ReplicasCreated(volume, group, slabs)));
        }
    }

    private static String uuid(int node, int group) {
        return "%08d-0000-4000-8000-%012d".formatted(node, group);
    }

    @Test
    void decidesWithinASecondAndFitsInto64Mebibytes() {
        build();
        Map<String, Long> silent = new HashMap<>();
        for (int n = 0; n < NODES; n++) {
            silent.put("n" + n, n == 17 ? 3_600_000L : 1_000L);
        }
        long now = 10_000_000;
        long worstRead = 0;
        long worstPlan = 0;
        RebuildTruth truth = RebuildTruth.of(state);
        RebuildPlan plan = RebuildPlan.of(truth, new Sighted(now, silent, Map.of()), RebuildMemory.begun(0));
        for (int i = 0; i < ROUNDS; i++) {
            long began = System.nanoTime();
            truth = RebuildTruth.of(state);
            long read = System.nanoTime();
            plan = RebuildPlan.of(truth, new Sighted(now, silent, Map.of()), RebuildMemory.begun(0));
            worstPlan = Math.max(worstPlan, System.nanoTime() - read);
            worstRead = Math.max(worstRead, read - began);
        }
        System.out.printf(
                "100 nodes, 130 000 slabs of 3: facts %.1f MiB, reading them at most %d ms, a plan with a lost node at most %d ms%n",
                (double) truth.bytes() / MIB, worstRead / 1_000_000, worstPlan / 1_000_000);
        assertThat(plan.steps()).anyMatch(step -> step.command() instanceof PlaceCopies);
        assertThat(plan.waiting()).isGreaterThan(1_000);
        assertThat(truth.bytes()).isLessThan(64 * MIB);
        assertThat(worstRead + worstPlan).isLessThan(1_000_000_000L);
    }
}
