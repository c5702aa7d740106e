package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.volume.SimulatedCluster.Request;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** "No space" is said when it is true, and only then: on stores in memory for the questions, on the product's own for the answers. */
class ThinGrowthTest {
    private static final int MIB = 1 << 20;
    private static final byte[] PIECE = SimulatedCluster.stamp(65_536, 1);

    private static SimulatedCluster full(long seed) {
        SimulatedCluster cluster = new SimulatedCluster(seed, 2, 2, 1);
        cluster.open(0);
        cluster.node(1).life().memory().pieces = 0;
        cluster.scheduler.runFor(3 * SimulatedCluster.SECOND);
        return cluster;
    }

    private static MemoryStore other(SimulatedCluster cluster) {
        return cluster.node(1).life().memory();
    }

    @Test
    void asksTheCopyThatLacksRoomBeforeItRefuses() {
        SimulatedCluster cluster = full(1);
        other(cluster).reclaimable = 1;
        assertThat(cluster.write(0, 0, PIECE)).isEqualTo(BlockStatus.OK);
        assertThat(other(cluster).reclaims).isEqualTo(1);
        assertThat(cluster.node(0).life().memory().reclaims).isZero();
    }

    @Test
    void refusesWhatFollowsAtOnceAndAsksAgainAfterASecond() {
        SimulatedCluster cluster = full(2);
        List<Request> all = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            all.add(cluster.submit(0, cluster.writeOf((long) i * MIB, PIECE)));
        }
        cluster.scheduler.runFor(SimulatedCluster.SECOND / 2);
        assertThat(all).allMatch(request -> request.status == BlockStatus.NO_SPACE);
        assertThat(other(cluster).reclaims).isEqualTo(1);
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        other(cluster).reclaimable = 1;
        assertThat(cluster.write(0, 0, PIECE)).isEqualTo(BlockStatus.OK);
        assertThat(other(cluster).reclaims).isEqualTo(2);
    }

    @Test
    void asksAtOnceWhenSomethingWasTrimmed() {
        SimulatedCluster cluster = full(3);
        assertThat(cluster.write(0, 0, PIECE)).isEqualTo(BlockStatus.NO_SPACE);
        assertThat(cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 0, MIB))))
                .isEqualTo(BlockStatus.OK);
        other(cluster).reclaimable = 1;
        assertThat(cluster.write(0, 0, PIECE)).isEqualTo(BlockStatus.OK);
    }

    @Test
    void waitsForACopyThatIsAwayAndAsksItWhenItIsBack() {
        SimulatedCluster cluster = full(4);
        cluster.truth.isAway = true;
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, PIECE));
        cluster.scheduler.runFor(10 * SimulatedCluster.SECOND);
        assertThat(request.status).isNull();
        cluster.node(1).start();
        other(cluster).pieces = 0;
        other(cluster).reclaimable = 1;
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
    }

    @Test
    void asksAgainWhenTheCopyIsLostWhileItReclaims() {
        for (int pause = 1; pause < 40; pause++) {
            SimulatedCluster cluster = full(5);
            Request request = cluster.submit(0, cluster.writeOf(0, PIECE));
            cluster.scheduler.runFor(pause * 1_000_000L);
            cluster.network.reset("n0", "n1");
            other(cluster).reclaimable = 1;
            assertThat(cluster.await(request)).isIn(BlockStatus.OK, BlockStatus.NO_SPACE);
            cluster.scheduler.runFor(2 * SimulatedCluster.SECOND);
            assertThat(cluster.write(0, 0, PIECE)).isEqualTo(BlockStatus.OK);
        }
    }

    @Test
    void readsOvertakeAWriteThatWaits() {
        SimulatedCluster cluster = full(6);
        cluster.truth.isAway = true;
        cluster.node(1).crash();
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        Request write = cluster.submit(0, cluster.writeOf(0, PIECE));
        cluster.scheduler.runFor(SimulatedCluster.SECOND);
        assertThat(write.status).isNull();
        cluster.node(1).start();
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(new byte[4096]);
    }

    // ------------------------------------------------------------------------------------------------ real stores

    private static SimulatedCluster onDisk(long seed) {
        SimulatedCluster cluster = new SimulatedCluster(seed, 2, 2, 1, 512L * MIB, true);
        cluster.open(0);
        return cluster;
    }

    /** MiB written from {@code from} on, eight requests of a MiB in flight, until one is refused. */
    private static int fill(SimulatedCluster cluster, int from, int end) {
        byte[] data = SimulatedCluster.stamp(MIB, from + 1);
        int at = from;
        while (at < end) {
            List<Request> several = new ArrayList<>();
            for (int i = 0; i < 8 && at + i < end; i++) {
                several.add(cluster.submit(0, cluster.writeOf((long) (at + i) * MIB, data)));
            }
            for (Request request : several) {
                if (cluster.await(request) != BlockStatus.OK) {
                    assertThat(request.status).isEqualTo(BlockStatus.NO_SPACE);
                    return at - from;
                }
                at++;
            }
        }
        return at - from;
    }

    private static void trim(SimulatedCluster cluster, int from, int count) {
        assertThat(cluster.await(cluster.submit(
                        0, cluster.request(BlockRequest.Kind.UNMAP, (long) from * MIB, (long) count * MIB))))
                .isEqualTo(BlockStatus.OK);
    }

    /** MiB of the pool that a volume can fill: all but the twentieth that is kept. */
    private static int usable(SimulatedCluster cluster) {
        return (int) (cluster.node(0).life().store.stats().capacityBytes() * 95 / 100 / MIB);
    }

    @Test
    void fillsTheWholePoolHoweverItIsWritten() {
        SimulatedCluster cluster = onDisk(11);
        int usable = usable(cluster);
        assertThat(fill(cluster, 0, 512)).isBetween(usable - 1, usable + 1);
    }

    @Test
    void takesTrimmedSpaceAtOnce() {
        SimulatedCluster cluster = onDisk(12);
        int filled = fill(cluster, 0, 512);
        for (int round = 0; round < 4; round++) {
            trim(cluster, 0, filled);
            assertThat(fill(cluster, 0, filled)).isEqualTo(filled);
        }
    }

    @Test
    void growsAtOnceAfterEverythingWasOverwritten() {
        SimulatedCluster cluster = onDisk(13);
        int most = usable(cluster) - 24;
        assertThat(fill(cluster, 0, most)).isEqualTo(most);
        for (int round = 0; round < 3; round++) {
            assertThat(fill(cluster, 0, most)).isEqualTo(most);
        }
        assertThat(fill(cluster, most, most + 22)).isEqualTo(22);
    }
}
