package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedMedium;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Random histories against a plain map, through checkpoints, power cuts and restarts. {@code -Dvarve.seed=…} replays one. */
@org.jspecify.annotations.NullUnmarked
final class StoreModelTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());

    private static StoreModel model(long seed, int streams, int blocks) {
        return model(seed, streams, blocks, 160 * StoreRig.MIB);
    }

    private static StoreModel model(long seed, int streams, int blocks, long diskBytes) {
        System.out.println("StoreModelTest -Dvarve.seed=" + seed);
        StoreRig rig = new StoreRig(seed, diskBytes);
        rig.format();
        rig.open();
        return new StoreModel(rig, streams, blocks);
    }

    @Test
    void agreesWithAPlainMap() {
        StoreModel model = model(SEED, 2, 4_000);
        model.run(3_000);
        assertThat(model.restarts).isPositive();
    }

    @Test
    void agreesWithAPlainMapWhenThePoolIsFull() {
        // More to write than there is room: refused cleanly, and everything else goes on.
        StoreModel model = model(SEED + 1, 3, 8_000, 64 * StoreRig.MIB);
        model.run(2_500);
        assertThat(model.refused).isPositive();
    }

    @Test
    void agreesWithAPlainMapOverFlashAndHdd() {
        System.out.println("StoreModelTest -Dvarve.seed=" + SEED);
        StoreRig rig = new StoreRig(SEED, 64 * StoreRig.MIB);
        rig.media.add(new SimulatedMedium(128 * StoreRig.MIB));
        rig.classes.add(DeviceClass.HDD);
        rig.format();
        rig.open();
        new StoreModel(rig, 2, 6_000).run(2_000);
    }

    @Test
    @Tag("long")
    void agreesWithAPlainMapForMillionsOfOperations() {
        for (int round = 0; round < 100; round++) {
            model(SEED + round, 1 + round % 4, 2_000 + 500 * (round % 30)).run(20_000);
        }
    }
}
