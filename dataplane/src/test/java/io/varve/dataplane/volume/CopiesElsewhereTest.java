package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Copies are placed on other nodes and retired while a volume is used (docs/internals/rebuild.md). */
class CopiesElsewhereTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final long MIB = Geometry.EXTENT_BYTES;

    private static void place(SimulatedCluster cluster, int node) {
        place(cluster, 0, node);
    }

    private static void place(SimulatedCluster cluster, int slab, int node) {
        cluster.truth.place(slab, cluster.groups.get(node), "n" + node + ":1");
    }

    /** Views for a while. */
    private static void follow(SimulatedCluster cluster, int seconds) {
        for (int i = 0; i < seconds; i++) {
            cluster.spread();
            cluster.scheduler.runFor(SECOND);
        }
    }

    private static List<String> groups(SimulatedCluster cluster, int... nodes) {
        return java.util.Arrays.stream(nodes).mapToObj(cluster.groups::get).toList();
    }

    private static void assertSet(SimulatedCluster cluster, int... nodes) {
        assertThat(cluster.truth.isr(0)).containsExactlyInAnyOrderElementsOf(groups(cluster, nodes));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aCopyMovesToAnotherNodeUnderLoad(boolean onDisk) {
        SimulatedCluster cluster = new SimulatedCluster(1, 3, 2, 1, 64 * MIB, onDisk);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 32; i++) {
            assertThat(cluster.write(0, i * MIB, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        place(cluster, 2);
        for (int i = 0; i < 200; i++) {
            cluster.submit(0, cluster.writeOf(i % 40 * MIB + 8192, SimulatedCluster.stamp(8192, 500 + i)));
            cluster.spread();
            cluster.scheduler.runFor(SECOND / 20);
        }
        assertSet(cluster, 0, 1, 2);
        assertThat(cluster.truth.retire(0, cluster.groups.get(1))).isTrue();
        follow(cluster, 5);
        assertSet(cluster, 0, 2);
        assertThat(cluster.truth.replicas(0)).as("deleted there").hasSize(2);
        assertThat(cluster.node(1).life().store.streams()).isEmpty();
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        assertThat(cluster.truth.epoch()).as("in the same attach").isEqualTo(1);
        assertThat(cluster.differences(0)).isEmpty();
        // What was filled serves alone.
        cluster.node(0).crash();
        cluster.open(2);
        for (int i = 0; i < 32; i++) {
            assertThat(cluster.read(2, i * MIB, 4096)).isEqualTo(SimulatedCluster.stamp(4096, i));
        }
        assertThat(cluster.read(2, 39 * MIB + 8192, 8192)).isEqualTo(SimulatedCluster.stamp(8192, 500 + 199));
    }

    /** A node may come back with other addresses: a volume that is open finds its copy there. */
    @Test
    void aCopyIsFoundWhereItsNodeIsReachedNow() {
        SimulatedCluster cluster = new SimulatedCluster(3, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.node(1).crash();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        assertSet(cluster, 0);
        cluster.node(1).port = 2;
        cluster.node(1).start();
        cluster.truth.moved(cluster.groups.get(1), "n1:2");
        follow(cluster, 10);
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        assertSet(cluster, 0, 1);
        assertThat(cluster.truth.epoch()).as("in the same attach").isEqualTo(1);
        assertThat(cluster.differences(0)).isEmpty();
    }

    /** 8 GiB of which little was written: neither what never was nor zeros nor what was trimmed travels. */
    @Test
    void onlyWhatWasWrittenTravels() {
        SimulatedCluster cluster = new SimulatedCluster(2, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 8; i++) {
            assertThat(cluster.write(0, i * 512L * MIB, SimulatedCluster.stamp(65536, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        assertThat(cluster.write(0, 100 * MIB, new byte[65536])).isEqualTo(BlockStatus.OK);
        assertThat(cluster.write(0, 200 * MIB, SimulatedCluster.stamp(65536, 9)))
                .isEqualTo(BlockStatus.OK);
        assertThat(cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 200 * MIB, MIB))))
                .isEqualTo(BlockStatus.OK);
        place(cluster, 2);
        follow(cluster, 8);
        assertSet(cluster, 0, 1, 2);
        assertThat(volume.accessPoints().bytesCopied()).isEqualTo(8 * 65536);
        cluster.assertCopiesEqual();
    }

    @Test
    void aCopyThatIsToGoStaysUntilItsReplacementIsInSync() {
        SimulatedCluster cluster = new SimulatedCluster(3, 3, 2, 1);
        cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.network.cut("n0", "n2");
        cluster.network.cut("n2", "n0");
        place(cluster, 2);
        follow(cluster, 3);
        assertThat(cluster.truth.retire(0, cluster.groups.get(1))).isTrue();
        follow(cluster, 5);
        assertSet(cluster, 0, 1);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        cluster.network.heal("n0", "n2");
        cluster.network.heal("n2", "n0");
        follow(cluster, 30);
        assertSet(cluster, 0, 2);
        assertThat(cluster.truth.replicas(0)).hasSize(2);
    }

    @Test
    void aCopyThatIsToGoIsNotTakenBack() {
        SimulatedCluster cluster = new SimulatedCluster(4, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).crash();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        assertSet(cluster, 0);
        assertThat(cluster.truth.retire(0, cluster.groups.get(1))).isTrue();
        follow(cluster, 2);
        cluster.node(1).start();
        // Its own agent does not see it yet: only the access point knows.
        cluster.scheduler.runFor(20 * SECOND);
        assertSet(cluster, 0);
        assertThat(volume.accessPoints().bytesCopied()).isZero();
        follow(cluster, 3);
        assertThat(cluster.truth.replicas(0)).hasSize(1);
    }

    /** The fewest follow from how many there should be, not from how many there happen to be. */
    @Test
    void aReplacementBesideTwoCopiesDoesNotRaiseTheFewest() {
        SimulatedCluster cluster = new SimulatedCluster(5, 3, 2, 1);
        cluster.open(0);
        place(cluster, 2);
        follow(cluster, 8);
        assertSet(cluster, 0, 1, 2);
        cluster.node(1).crash();
        cluster.node(2).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(3 * SECOND);
        assertThat(request.status).as("one of two is enough").isEqualTo(BlockStatus.OK);
    }

    @Test
    void oneCopyBecomesThreeAndOneAgain() {
        SimulatedCluster cluster = new SimulatedCluster(6, 4, 1, 1);
        SlabVolume volume = cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.truth.replicas = 3;
        follow(cluster, 1);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 2)))
                .as("nobody waits for the others")
                .isEqualTo(BlockStatus.OK);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
        place(cluster, 1);
        place(cluster, 3);
        follow(cluster, 8);
        assertSet(cluster, 0, 1, 3);
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        cluster.node(1).crash();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 3))).isEqualTo(BlockStatus.OK);
        cluster.node(1).start();
        follow(cluster, 20);
        cluster.truth.replicas = 1;
        assertThat(cluster.truth.retire(0, cluster.groups.get(0))).isTrue();
        assertThat(cluster.truth.retire(0, cluster.groups.get(1))).isTrue();
        assertThat(cluster.truth.retire(0, cluster.groups.get(3))).isFalse();
        follow(cluster, 5);
        assertSet(cluster, 3);
        assertThat(cluster.truth.replicas(0)).hasSize(1);
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(SimulatedCluster.stamp(4096, 3));
    }

    /** More copies come and go in one attach than there are places. */
    @Test
    void placesOfCopiesThatAreGoneAreUsedAgain() {
        SimulatedCluster cluster = new SimulatedCluster(7, 4, 2, 1);
        SlabVolume volume = cluster.open(0);
        for (int move = 0; move < 34; move++) {
            int from = 1 + move % 3;
            int to = 1 + (move + 1) % 3;
            place(cluster, to);
            cluster.settleCopies();
            assertThat(cluster.write(0, move * MIB, SimulatedCluster.stamp(4096, move)))
                    .isEqualTo(BlockStatus.OK);
            assertThat(cluster.truth.retire(0, cluster.groups.get(from))).isTrue();
            cluster.settleCopies();
            assertSet(cluster, 0, to);
        }
        assertThat(cluster.truth.epoch()).isEqualTo(1);
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        cluster.assertCopiesEqual();
    }

    /** The change that takes a copy out committed, but its answer is lost: the access point counts on it until it knows. */
    @Test
    void aCopyThatIsGoneIsWaitedForUntilTheSetIsKnown() {
        SimulatedCluster cluster = new SimulatedCluster(8, 3, 2, 1);
        cluster.open(0);
        place(cluster, 2);
        follow(cluster, 8);
        assertThat(cluster.truth.retire(0, cluster.groups.get(1))).isTrue();
        cluster.truth.losesOneIn = 1;
        for (int i = 0; i < 20; i++) {
            cluster.submit(0, cluster.writeOf(i * 4096L, SimulatedCluster.stamp(4096, i)));
            follow(cluster, 1);
        }
        cluster.truth.losesOneIn = 0;
        cluster.settleCopies();
        assertSet(cluster, 0, 2);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 99))).isEqualTo(BlockStatus.OK);
        cluster.assertCopiesEqual();
    }

    /** While it is only asked whether somebody hears, no set was asked for: who would join in it may go, and nothing waits for it. */
    @Test
    void waitsForNoCopyThatWasNotProposed() {
        SimulatedCluster cluster = new SimulatedCluster(11, 4, 2, 2);
        SlabVolume volume = cluster.open(0);
        place(cluster, 1, 2);
        follow(cluster, 8);
        assertThat(cluster.truth.isr(1)).hasSize(3);
        cluster.truth.isAway = true;
        cluster.node(2).crash();
        follow(cluster, 3);
        place(cluster, 0, 3);
        follow(cluster, 8);
        assertThat(volume.accessPoints().copies())
                .singleElement()
                .satisfies(copy -> assertThat(copy.state()).isEqualTo("FINISHING"));
        cluster.node(3).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(5 * SECOND);
        assertThat(request.status).isEqualTo(BlockStatus.OK);
    }

    @Test
    void copyingKeepsToTheLimitThatTheViewTells() {
        SimulatedCluster cluster = new SimulatedCluster(9, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 64; i++) {
            assertThat(cluster.write(0, i * MIB, SimulatedCluster.stamp(1 << 20, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        cluster.truth.copyLimit = 4 * MIB;
        follow(cluster, 2);
        place(cluster, 2);
        follow(cluster, 3);
        long before = volume.accessPoints().bytesCopied();
        follow(cluster, 5);
        assertThat(volume.accessPoints().bytesCopied() - before).isBetween(18 * MIB, 22 * MIB);
        assertThat(volume.accessPoints().copies()).singleElement().satisfies(copy -> {
            assertThat(copy.state()).isEqualTo("COPYING");
            assertThat(copy.group()).isEqualTo(cluster.groups.get(2));
            assertThat(copy.extentsTotal()).isEqualTo(64);
            assertThat(copy.extentsLeft()).isBetween(24, 50);
            assertThat(copy.bytesPerSecond()).isBetween(3 * MIB, 5 * MIB);
            assertThat(copy.bytesCopied()).isEqualTo(volume.accessPoints().bytesCopied());
        });
        cluster.truth.copyLimit = 0;
        follow(cluster, 5);
        assertSet(cluster, 0, 1, 2);
        assertThat(volume.accessPoints().copies()).isEmpty();
    }

    @Test
    void aVolumeThatIsOpenForItsCopiesOnlyIsFoundByNobodyUntilItIsWanted() {
        SimulatedCluster cluster = new SimulatedCluster(10, 3, 2, 1);
        SimulatedCluster.Life life = cluster.node(0).life();
        life.attach(false);
        cluster.scheduler.runFor(2 * SECOND);
        assertThat(life.isOpen).isTrue();
        assertThat(life.volumes.find("pg")).isNull();
        assertThat(life.volumes.names()).isEmpty();
        life.volumes.follow(cluster.truth.view().wanted(SimulatedCluster.VOLUME));
        assertThat(life.volumes.find("pg")).isSameAs(life.volume());
        assertThat(cluster.truth.epoch()).isEqualTo(1);
    }
}
