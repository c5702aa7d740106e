package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.model.Geometry;
import java.util.Arrays;
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
        assertThat(hasData(rig.media.get(1))).isFalse();
        new StoreModel(rig, 2, 6_000).run(2_000);
        assertThat(hasData(rig.media.get(1)))
                .as("the HDD took what the flash did not")
                .isTrue();
    }

    /** True if anything but superblocks stands on the device. */
    private static boolean hasData(SimulatedMedium medium) {
        long first = DiskGroupFormat.FIRST_REGION / Geometry.BLOCK_BYTES;
        long end = (medium.sizeBytes() - SuperblockCopies.SPACING_BYTES) / Geometry.BLOCK_BYTES;
        byte[] zeros = new byte[Geometry.BLOCK_BYTES];
        for (long block = first; block < end; block++) {
            if (!Arrays.equals(medium.read(block), zeros)) {
                return true;
            }
        }
        return false;
    }

    @Test
    @Tag("long")
    void agreesWithAPlainMapForMillionsOfOperations() {
        for (int round = 0; round < 100; round++) {
            model(SEED + round, 1 + round % 4, 2_000 + 500 * (round % 30)).run(20_000);
        }
    }
}
