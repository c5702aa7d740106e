package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Copies that leave and come back, through checkpoints, cuts and crashes. {@code -Dvarve.seed=…} replays one. */
@NullUnmarked
final class ResyncModelTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());

    private static ResyncModel run(long seed, int extents, int steps) {
        System.out.println("ResyncModelTest -Dvarve.seed=" + seed);
        ResyncModel model = new ResyncModel(seed, extents, 128 * StoreRig.MIB);
        model.run(steps);
        return model;
    }

    @Test
    void whatIsNotMissingIsAsItShouldBe() {
        long finished = 0;
        for (int round = 0; round < 12; round++) {
            finished += run(SEED + round, 3 + round % 10, 400).finished;
        }
        assertThat(finished).isGreaterThan(12);
    }

    @Test
    @Tag("long")
    void whatIsNotMissingIsAsItShouldBeInThousandsOfSessions() {
        for (int round = 0; round < 100; round++) {
            run(SEED + round, 2 + round % 14, 2_000);
        }
    }
}
