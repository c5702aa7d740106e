package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.DiskGroup;
import io.varve.model.Geometry;
import org.junit.jupiter.api.Test;

/** The last twentieth of a pool is not for clients' growth, but for copies that are being filled. */
class FullPoolTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final int MIB = Geometry.EXTENT_BYTES;

    @Test
    void fillsACopyThatNeedsMoreThanIsGivenToClients() {
        SimulatedCluster cluster = new SimulatedCluster(40, 3, 2, 1, 320L * MIB, true);
        SlabVolume volume = cluster.open(0);
        int full = 16;
        while (cluster.write(0, (long) full * MIB, SimulatedCluster.stamp(MIB, full)) == BlockStatus.OK) {
            full++;
        }
        assertThat(full).isBetween(100, 300);
        DiskGroup store = (DiskGroup) cluster.node(0).life().store;
        long kept = store.stats().capacityBytes() / 20;
        assertThat(store.stats().capacityBytes()
                        - store.stats().allocatedBytes()
                        - store.stats().reservedBytes())
                .isBetween(kept - MIB, kept + MIB);
        // What is there is overwritten; what is trimmed may be written elsewhere.
        assertThat(cluster.write(0, 20L * MIB, SimulatedCluster.stamp(MIB, 1000)))
                .isEqualTo(BlockStatus.OK);
        cluster.scheduler.runFor(10 * SECOND);
        cluster.node(1).crash();
        int moved = 6;
        assertThat(cluster.await(cluster.submit(
                        0, cluster.request(BlockRequest.Kind.UNMAP, (long) (full - moved) * MIB, (long) moved * MIB))))
                .isEqualTo(BlockStatus.OK);
        for (int i = 0; i < moved; i++) {
            assertThat(cluster.write(0, (long) i * MIB, SimulatedCluster.stamp(MIB, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        // It still holds what was trimmed meanwhile, and gets the new extents first: more than a client could take.
        cluster.node(1).start();
        cluster.scheduler.runFor(40 * SECOND);
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        assertThat(cluster.differences(0)).isEmpty();
        assertThat(cluster.write(0, (long) (full - 1) * MIB, SimulatedCluster.stamp(MIB, 1)))
                .isEqualTo(BlockStatus.NO_SPACE);
    }
}
