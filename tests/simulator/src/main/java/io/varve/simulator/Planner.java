package io.varve.simulator;

import io.varve.control.meta.MetaState;
import io.varve.control.rebuild.RebuildMemory;
import io.varve.control.rebuild.RebuildPlan;
import io.varve.control.rebuild.RebuildTruth;
import io.varve.control.rebuild.Sighted;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The product's planner at whoever leads the metadata group: places, retires and moves as {@link RebuildPlan} says, round after round. Its clock runs
 * faster than all others, so that a loss that is taken to be for good after 15 s fits into a run.
 */
final class Planner {
    private static final long HASTE = 5;
    private static final long NANOS_PER_MILLI = 1_000_000L;
    private static final long ROUND_NANOS = Cluster.SECOND / HASTE;

    /** One round in so many is that of a member that does not know that it leads no more, and may lag. */
    private static final int LAGS_ONE_IN = 6;

    private final Cluster cluster;
    private final SplittableRandom random;
    private final Map<String, Long> heardMillis = new HashMap<>();
    private @Nullable String leader;
    private @Nullable RebuildMemory memory;
    private @Nullable RebuildTruth truth;
    private long truthOf;

    Planner(Cluster cluster) {
        this.cluster = cluster;
        this.random = cluster.random.split();
    }

    void start() {
        round();
        cluster.world.schedule(ROUND_NANOS, this::start);
    }

    private void round() {
        long now = nowMillis();
        for (Node node : cluster.nodes) {
            if (cluster.metadata.hears(node.name)) {
                heardMillis.put(node.name, now);
            }
        }
        String leads = cluster.metadata.leads();
        if (leads == null) {
            return;
        }
        if (!leads.equals(leader)) {
            // A new leader begins anew.
            leader = leads;
            memory = RebuildMemory.begun(now);
        }
        Map<String, Long> silent = new HashMap<>();
        heardMillis.forEach((node, at) -> silent.put(node, now - at));
        RebuildPlan plan = RebuildPlan.of(
                read(leads), new Sighted(now, silent, Map.of()), memory == null ? RebuildMemory.begun(now) : memory);
        memory = plan.next();
        for (RebuildPlan.Step step : plan.steps()) {
            cluster.metadata.propose(leads, cluster.world, step.command());
        }
    }

    private RebuildTruth read(String leads) {
        MetaState state = cluster.metadata.stateOf(leads, random.nextInt(LAGS_ONE_IN) == 0);
        long index = state.applied().index();
        RebuildTruth known = truth;
        if (known != null && truthOf == index) {
            return known;
        }
        RebuildTruth fresh = RebuildTruth.of(state);
        truth = fresh;
        truthOf = index;
        return fresh;
    }

    private long nowMillis() {
        return cluster.scheduler.nanos() / NANOS_PER_MILLI * HASTE;
    }
}
