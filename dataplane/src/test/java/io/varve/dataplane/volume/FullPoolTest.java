package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import org.junit.jupiter.api.Test;

/** The last twentieth of a pool is not for clients' growth, but for copies that are being filled. */
class FullPoolTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final int MIB = Geometry.EXTENT_BYTES;

    /** A unit goes with the last block that is trimmed, however many requests that took: who writes there again needs leave, or the pool would be stuck. */
    @Test
    void writesWhatWasTrimmedInPartsOnlyWithRoom() {
        SimulatedCluster cluster = new SimulatedCluster(41, 3, 2, 1, 320L * MIB, true);
        cluster.open(0);
        int full = fill(cluster, 16);
        int trimmed = 40;
        for (long half = 0; half < 2L * trimmed * MIB / Geometry.PIECE_BYTES; half++) {
            long at = (16L * MIB) + half * Geometry.PIECE_BYTES / 2;
            assertThat(cluster.await(
                            cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, at, Geometry.PIECE_BYTES / 2))))
                    .isEqualTo(BlockStatus.OK);
        }
        int again = fill(cluster, full + 1);
        assertThat(again - full - 1).isGreaterThan(trimmed - 8);
        for (int i = 0; i < trimmed; i++) {
            assertThat(cluster.write(0, (16L + i) * MIB, SimulatedCluster.stamp(MIB, i)))
                    .isEqualTo(BlockStatus.NO_SPACE);
        }
        // Half of a piece is trimmed: it keeps its unit, and is overwritten in a full pool.
        long kept = (long) (full - 2) * MIB;
        assertThat(cluster.await(
                        cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, kept, Geometry.PIECE_BYTES / 2))))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, kept, SimulatedCluster.stamp(Geometry.PIECE_BYTES, 7)))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.await(
                        cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, kept, 8L * Geometry.PIECE_BYTES))))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, 16L * MIB, SimulatedCluster.stamp(Geometry.PIECE_BYTES, 9)))
                .isEqualTo(BlockStatus.OK);
    }

    /** MiB by MiB from there on until there is no room; where that was. */
    private static int fill(SimulatedCluster cluster, int from) {
        int at = from;
        while (cluster.write(0, (long) at * MIB, SimulatedCluster.stamp(MIB, at)) == BlockStatus.OK) {
            at++;
        }
        return at;
    }

    @Test
    void fillsACopyThatNeedsMoreThanIsGivenToClients() {
        SimulatedCluster cluster = new SimulatedCluster(40, 3, 2, 1, 320L * MIB, true);
        SlabVolume volume = cluster.open(0);
        int full = fill(cluster, 16);
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

    /** What the copies guarantee is written and trimmed and written again, while everybody else is told that there is no room. */
    @Test
    void writesWhatIsGuaranteedWhenThereIsNoRoom() {
        SimulatedCluster cluster = new SimulatedCluster(41, 3, 2, 1, 320L * MIB, true);
        SlabVolume volume = cluster.open(0);
        int kept = 24;
        int[] keeping = new int[1];
        for (int i = 0; i < 2; i++) {
            SimulatedCluster.Life life = cluster.node(i).life();
            long creation = 100L + i;
            life.loop.execute(() -> life.store.guarantee(
                    StreamId.of(SimulatedCluster.VOLUME, 0),
                    creation,
                    kept * Geometry.BLOCKS_PER_EXTENT,
                    status -> keeping[0] += status == StoreStatus.OK ? 1 : 0));
        }
        cluster.scheduler.runFor(SECOND);
        assertThat(keeping[0]).isEqualTo(2);
        int full = kept;
        while (cluster.write(0, (long) full * MIB, SimulatedCluster.stamp(MIB, full)) == BlockStatus.OK) {
            full++;
        }
        assertThat(full).isGreaterThan(100);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(MIB, 1))).isEqualTo(BlockStatus.NO_SPACE);
        volume.guaranteed(true);
        for (int round = 1; round <= 2; round++) {
            for (int at = 0; at < kept; at++) {
                assertThat(cluster.write(0, (long) at * MIB, SimulatedCluster.stamp(MIB, round * 100 + at)))
                        .as("round %d, MiB %d", round, at)
                        .isEqualTo(BlockStatus.OK);
            }
            assertThat(cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 0, (long) kept * MIB))))
                    .isEqualTo(BlockStatus.OK);
        }
        volume.guaranteed(false);
        assertThat(cluster.write(0, (long) full * MIB, SimulatedCluster.stamp(MIB, 1)))
                .isEqualTo(BlockStatus.NO_SPACE);
    }
}
