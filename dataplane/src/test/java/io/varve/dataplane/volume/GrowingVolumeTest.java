package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A volume grows while it is used (docs/internals/resize.md). */
class GrowingVolumeTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final long MIB = Geometry.EXTENT_BYTES;
    private static final long SLAB = Geometry.SLAB_BYTES;

    private static void follow(SimulatedCluster cluster, int seconds) {
        for (int i = 0; i < seconds; i++) {
            cluster.spread();
            cluster.scheduler.runFor(SECOND);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void growsByASlabUnderLoadInTheSameEpoch(boolean onDisk) {
        SimulatedCluster cluster = new SimulatedCluster(1, 3, 2, 1, SLAB, onDisk);
        SlabVolume volume = cluster.open(0);
        List<Request> load = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            load.add(cluster.submit(0, cluster.writeOf(i * MIB, SimulatedCluster.stamp(4096, i))));
            cluster.scheduler.runFor(SECOND / 50);
        }
        assertThat(cluster.write(0, SLAB, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.IO_ERROR);
        cluster.grow(3 * SLAB);
        for (int i = 20; i < 120; i++) {
            load.add(cluster.submit(0, cluster.writeOf(i * MIB, SimulatedCluster.stamp(4096, i))));
            cluster.spread();
            cluster.scheduler.runFor(SECOND / 50);
        }
        follow(cluster, 3);
        assertThat(load).allSatisfy(request -> assertThat(request.status).isEqualTo(BlockStatus.OK));
        assertThat(volume.sizeBytes()).isEqualTo(3 * SLAB);
        assertThat(cluster.truth.epoch()).as("in the same attach").isEqualTo(1);
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        assertThat(cluster.write(0, 3 * SLAB - 8192, SimulatedCluster.stamp(8192, 7)))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, SLAB - 4096, SimulatedCluster.stamp(8192, 8)))
                .as("over the old end")
                .isEqualTo(BlockStatus.OK);
        // A crash right after: the next attach has all of it.
        cluster.node(0).crash();
        cluster.open(1);
        assertThat(cluster.read(1, 3 * SLAB - 8192, 8192)).isEqualTo(SimulatedCluster.stamp(8192, 7));
        assertThat(cluster.read(1, SLAB - 4096, 8192)).isEqualTo(SimulatedCluster.stamp(8192, 8));
        assertThat(cluster.read(1, 119 * MIB, 4096)).isEqualTo(SimulatedCluster.stamp(4096, 119));
    }

    @Test
    void whatIsNotOpenYetKeepsNobodyWaiting() {
        SimulatedCluster cluster = new SimulatedCluster(2, 4, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.grow(2 * SLAB);
        // The new slab is on n3 and n2: neither can be reached from the access point.
        for (String away : List.of("n2", "n3")) {
            cluster.network.cut("n0", away);
            cluster.network.cut(away, "n0");
        }
        follow(cluster, 4);
        assertThat(volume.sizeBytes()).isEqualTo(SLAB);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        Request flush = cluster.submit(0, cluster.request(BlockRequest.Kind.FLUSH, 0, 0));
        cluster.scheduler.runFor(SECOND);
        assertThat(flush.status).isEqualTo(BlockStatus.OK);
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        assertThat(volume.accessPoints().detail()).startsWith("it grows: slab 1 waits for its copy");
        for (String away : List.of("n2", "n3")) {
            cluster.network.heal("n0", away);
            cluster.network.heal(away, "n0");
        }
        follow(cluster, 5);
        assertThat(volume.sizeBytes()).isEqualTo(2 * SLAB);
        assertThat(cluster.write(0, SLAB, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.epoch()).isEqualTo(1);
        cluster.assertCopiesEqual();
    }

    @Test
    void aSlabWhoseOnlyCopyIsLostBeforeItIsOpenIsOpenedElsewhereInTheSameEpoch() {
        SimulatedCluster cluster = new SimulatedCluster(4, 3, 1, 1);
        SlabVolume volume = cluster.open(0);
        cluster.grow(2 * SLAB);
        String lost = cluster.node(2).life().store.uuid();
        cluster.node(2).crash();
        follow(cluster, 4);
        assertThat(volume.sizeBytes()).isEqualTo(SLAB);
        cluster.truth.placeAnew(1, lost, cluster.node(1).life().store.uuid(), "n1:1");
        List<Request> load = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            load.add(cluster.submit(0, cluster.writeOf(i * MIB, SimulatedCluster.stamp(4096, i))));
            cluster.spread();
            cluster.scheduler.runFor(SECOND / 10);
        }
        follow(cluster, 3);
        assertThat(load).allSatisfy(request -> assertThat(request.status).isEqualTo(BlockStatus.OK));
        assertThat(volume.sizeBytes()).isEqualTo(2 * SLAB);
        assertThat(cluster.truth.epoch()).as("in the same attach").isEqualTo(1);
        assertThat(cluster.write(0, SLAB, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        assertThat(cluster.read(0, SLAB, 4096)).isEqualTo(SimulatedCluster.stamp(4096, 2));
    }

    /** The view tells that the slab was added when its only copy is to go and the other one is still to be made. */
    @Test
    void isNotOpenedByAddedCopiesThatAreAllStillToBeMade() {
        SimulatedCluster cluster = new SimulatedCluster(5, 3, 1, 1);
        SlabVolume volume = cluster.open(0);
        cluster.grow(2 * SLAB);
        String lost = cluster.node(2).life().store.uuid();
        cluster.node(2).crash();
        cluster.node(1).crash();
        cluster.truth.placeAnew(1, lost, cluster.groups.get(1), "n1:1");
        follow(cluster, 4);
        assertThat(volume.sizeBytes()).isEqualTo(SLAB);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.node(1).start();
        follow(cluster, 4);
        assertThat(volume.sizeBytes()).isEqualTo(2 * SLAB);
    }

    /** The attach was answered when the copy that took a lost one's place was not made yet. */
    @Test
    void anAttachThatWaitsForALostCopyEndsWhenTheOneInAnothersPlaceIsMade() {
        SimulatedCluster cluster = new SimulatedCluster(6, 4, 3, 1);
        cluster.truth.fewest = 2;
        cluster.node(1).crash();
        cluster.node(2).crash();
        cluster.truth.placeAnew(0, cluster.groups.get(2), cluster.groups.get(3), "n3:1");
        SimulatedCluster.Life life = cluster.node(0).life();
        life.attach();
        cluster.scheduler.runFor(2 * SECOND);
        assertThat(life.isOpen).isFalse();
        assertThat(life.failure).isEmpty();
        follow(cluster, 4);
        assertThat(life.failure).contains("has other copies now");
        cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.isr(0)).containsExactlyInAnyOrder(cluster.groups.get(0), cluster.groups.get(3));
    }

    @Test
    void aLostAnswerToTheOpeningOfWhatWasAddedIsAskedForAgain() {
        for (int seed = 10; seed < 20; seed++) {
            SimulatedCluster cluster = new SimulatedCluster(seed, 3, 2, 1);
            SlabVolume volume = cluster.open(0);
            cluster.grow(2 * SLAB);
            cluster.truth.losesOneIn = 2;
            follow(cluster, 12);
            assertThat(volume.sizeBytes()).as("seed %d", seed).isEqualTo(2 * SLAB);
            assertThat(cluster.write(0, SLAB, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        }
    }

    /** Its copies are made for the whole slab, so nothing but the size changes. */
    @Test
    void growsWithinItsLastSlabAtOnce() {
        SimulatedCluster cluster = new SimulatedCluster(3, 2, 2, 1);
        cluster.grow(SLAB + 64 * MIB);
        SlabVolume volume = cluster.open(0);
        cluster.grow(SLAB + 96 * MIB);
        follow(cluster, 2);
        assertThat(volume.sizeBytes()).isEqualTo(SLAB + 96 * MIB);
        assertThat(cluster.write(0, SLAB + 96 * MIB - 4096, SimulatedCluster.stamp(4096, 3)))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, SLAB + 96 * MIB, SimulatedCluster.stamp(4096, 3)))
                .isEqualTo(BlockStatus.IO_ERROR);
    }
}
