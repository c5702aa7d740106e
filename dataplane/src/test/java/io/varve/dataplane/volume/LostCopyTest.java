package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A copy dies under a volume: who waits how long, and how the copy becomes whole again (docs/internals/resync.md). */
class LostCopyTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final long MIB = Geometry.EXTENT_BYTES;

    @Test
    void goesOnWithoutACopyThatDied() {
        SimulatedCluster cluster = new SimulatedCluster(1, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(2 * SECOND);
        assertThat(request.status).isEqualTo(BlockStatus.OK);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
        assertThat(cluster.truth.isr(0)).containsExactly("group-n0");
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(SimulatedCluster.stamp(4096, 1));
    }

    @Test
    void goesOnWithoutACopyWhoseDiskHangs() {
        SimulatedCluster cluster = new SimulatedCluster(2, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).life().memory().isStuck = true;
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(2 * SECOND);
        assertThat(request.status).isEqualTo(BlockStatus.OK);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
    }

    /** A process that was stopped for a while: its connection is still there, and it never says anything of a pause. */
    @Test
    void bringsBackACopyThatWasFrozenOnTheSameConnection() {
        SimulatedCluster cluster = new SimulatedCluster(9, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).life().loop.pause(3 * SECOND);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
        for (int i = 0; i < 100; i++) {
            assertThat(cluster.write(0, 4096L * i, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
            cluster.scheduler.runFor(SECOND / 10);
        }
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        cluster.assertCopiesEqual(2);
    }

    /** Two of two have to have every write: then a lost one is waited for, until it is back or somebody says that one is enough. */
    @Test
    void waitsForACopyWithoutWhichTooFewAreLeftUntilFewerAreEnough() {
        SimulatedCluster cluster = new SimulatedCluster(5, 3, 2, 1);
        cluster.truth.fewest = 2;
        SlabVolume volume = cluster.open(0);
        cluster.node(1).crash();
        Request waits = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(waits.status).isNull();
        assertThat(volume.accessPoints().state()).isEqualTo("STALLED");
        assertThat(cluster.truth.isr(0)).hasSize(2);
        cluster.node(1).start();
        assertThat(cluster.await(waits)).isEqualTo(BlockStatus.OK);
        cluster.node(1).crash();
        Request again = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 2)));
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(again.status).isNull();
        cluster.truth.fewest = 1;
        cluster.spread();
        cluster.scheduler.runFor(5 * SECOND);
        assertThat(again.status).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.isr(0)).containsExactly("group-n0");
    }

    /** One of three is enough, if somebody wants it so. */
    @Test
    void goesOnWithOneOfThreeWhenThatIsEnough() {
        SimulatedCluster cluster = new SimulatedCluster(6, 3, 3, 1);
        cluster.truth.fewest = 1;
        cluster.open(0);
        cluster.node(1).crash();
        cluster.node(2).crash();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.isr(0)).containsExactly("group-n0");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void acknowledgesNothingBeforeTheSetHasChanged(boolean isThere) {
        SimulatedCluster cluster = new SimulatedCluster(3, 3, 2, 1);
        cluster.open(0);
        cluster.truth.isAway = !isThere;
        cluster.truth.isStuck = isThere;
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(5 * SECOND);
        Request later = cluster.submit(0, cluster.writeOf(4096, SimulatedCluster.stamp(4096, 2)));
        cluster.scheduler.runFor(5 * SECOND);
        assertThat(request.status).isNull();
        assertThat(later.status).isNull();
        assertThat(cluster.node(0).life().volume().accessPoints().state()).isEqualTo("STALLED");
        cluster.truth.isAway = false;
        cluster.truth.isStuck = false;
        cluster.scheduler.runFor(SECOND);
        assertThat(request.status).isEqualTo(BlockStatus.OK);
    }

    /** Its answers are lost, but what it is asked is carried out. */
    @Test
    void takesNobodyOutOfTheSetThatDoesNotHear() {
        SimulatedCluster cluster = new SimulatedCluster(13, 3, 2, 1);
        cluster.open(0);
        cluster.truth.isUnheard = true;
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(request.status).isNull();
        assertThat(cluster.truth.isr(0)).hasSize(2);
        cluster.truth.isUnheard = false;
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.isr(0)).containsExactly("group-n0");
    }

    @Test
    void takesNobodyOutOfTheSetThatCouldNotGoOnAnyway() {
        SimulatedCluster cluster = new SimulatedCluster(14, 3, 3, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(SECOND / 2);
        cluster.node(2).crash();
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(request.status).isNull();
        assertThat(volume.accessPoints().state()).isEqualTo("STALLED");
        assertThat(cluster.truth.isr(0)).hasSize(3);
        cluster.node(2).start();
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
        assertThat(cluster.truth.isr(0)).containsExactlyInAnyOrder("group-n0", "group-n2");
    }

    @Test
    void keepsTwoOfThreeAndStallsBelow() {
        SimulatedCluster cluster = new SimulatedCluster(4, 3, 3, 1);
        SlabVolume volume = cluster.open(0);
        cluster.node(1).crash();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.node(2).crash();
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 2)));
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(request.status).isNull();
        assertThat(volume.accessPoints().state()).isEqualTo("STALLED");
        cluster.node(2).start();
        assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
        cluster.node(1).start();
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(volume.accessPoints().state()).isEqualTo("HEALTHY");
        cluster.assertCopiesEqual(3);
    }

    @Test
    void doesNotOpenBelowTheMinimum() {
        SimulatedCluster cluster = new SimulatedCluster(10, 3, 3, 1);
        cluster.open(0);
        cluster.node(0).crash();
        cluster.node(1).crash();
        cluster.node(2).life().attach();
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(cluster.node(2).life().isOpen).isFalse();
        cluster.node(1).start();
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(cluster.node(2).life().isOpen).isTrue();
        assertThat(cluster.truth.isr(0)).containsExactlyInAnyOrder("group-n1", "group-n2");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void bringsACopyBackThatMissedWrites(boolean onDisk) {
        SimulatedCluster cluster = new SimulatedCluster(5, 3, 2, 1, 64 * MIB, onDisk);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 32; i++) {
            assertThat(cluster.write(0, i * MIB, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        cluster.scheduler.runFor(10 * SECOND);
        cluster.node(1).crash();
        for (int i = 4; i < 8; i++) {
            assertThat(cluster.write(0, i * MIB + 8192, SimulatedCluster.stamp(65536, 100 + i)))
                    .isEqualTo(BlockStatus.OK);
        }
        assertThat(cluster.await(cluster.submit(0, cluster.request(BlockRequest.Kind.UNMAP, 9 * MIB, 2 * MIB))))
                .isEqualTo(BlockStatus.OK);
        cluster.scheduler.runFor(7 * SECOND);
        cluster.node(1).start();
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        assertThat(cluster.truth.isr(0)).hasSize(2);
        // What was written while it was away, to the block, and what it did not know to be committed; what was given
        // back needs no bytes.
        assertThat(volume.accessPoints().bytesCopied()).isBetween(4 * 65536L, 4 * 65536L + 4096);
        assertEqual(cluster, onDisk);
        // What came back serves alone.
        cluster.node(0).crash();
        cluster.open(1);
        for (int i = 4; i < 8; i++) {
            assertThat(cluster.read(1, i * MIB + 8192, 65536)).isEqualTo(SimulatedCluster.stamp(65536, 100 + i));
        }
        assertThat(cluster.read(1, 9 * MIB, 4096)).isEqualTo(new byte[4096]);
        assertThat(cluster.read(1, 20 * MIB, 4096)).isEqualTo(SimulatedCluster.stamp(4096, 20));
    }

    /** Written all over the slab, a block here and there: extents would be all of it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void copiesTheBlocksThatWereWrittenAndNoMore(boolean freezes) {
        for (long seed = 1; seed <= 2; seed++) {
            SimulatedCluster cluster = new SimulatedCluster(seed, 3, 2, 1, 16 * MIB, true);
            SlabVolume volume = cluster.open(0);
            byte[] all = SimulatedCluster.stamp((int) (16 * MIB), seed);
            assertThat(cluster.write(0, 0, all)).isEqualTo(BlockStatus.OK);
            cluster.scheduler.runFor(5 * SECOND);
            if (freezes) {
                cluster.node(1).life().loop.pause(12 * SECOND);
            } else {
                cluster.node(1).crash();
            }
            long written = 0;
            long end = cluster.scheduler.nanos() + 10 * SECOND;
            List<Request> requests = new ArrayList<>();
            while (cluster.scheduler.nanos() < end) {
                byte[] data = SimulatedCluster.stamp(4096 * (1 + cluster.random.nextInt(3)), cluster.random.nextLong());
                int block = cluster.random.nextInt((int) (16 * MIB / 4096) - 3);
                System.arraycopy(data, 0, all, block * 4096, data.length);
                requests.add(cluster.submit(0, cluster.writeOf(block * 4096L, data)));
                written += data.length;
                cluster.scheduler.runFor(25_000_000L);
            }
            requests.forEach(request -> assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK));
            if (!freezes) {
                cluster.node(1).start();
            }
            cluster.scheduler.runFor(20 * SECOND);
            assertThat(volume.accessPoints().state())
                    .as(volume.accessPoints().detail())
                    .isEqualTo("HEALTHY");
            long copied = volume.accessPoints().bytesCopied();
            assertThat(copied).isPositive().isLessThanOrEqualTo(written * 11 / 10);
            assertThat(cluster.differences(0)).isEmpty();
            cluster.node(0).crash();
            cluster.open(1);
            assertThat(cluster.read(1, 0, all.length)).isEqualTo(all);
        }
    }

    /** It cuts away what it does not know to be committed, joins, dies before it was given that again, and then knows of no cut any more. */
    @Test
    void givesACopyWhatAnEarlierSessionLeftUndone() {
        for (long seed = 1; seed <= 5; seed++) {
            SimulatedCluster cluster = new SimulatedCluster(seed, 3, 2, 1, 16 * MIB, true);
            SlabVolume volume = cluster.open(0);
            byte[] last = SimulatedCluster.stamp(4096, seed);
            assertThat(cluster.write(0, 8192, last)).isEqualTo(BlockStatus.OK);
            cluster.node(1).crash();
            assertThat(cluster.write(0, MIB / 2, SimulatedCluster.stamp(4096, 99)))
                    .isEqualTo(BlockStatus.OK);
            cluster.node(1).start();
            long end = cluster.scheduler.nanos() + 20 * SECOND;
            while (volume.accessPoints().copies().stream()
                    .noneMatch(copy -> copy.state().equals("COPYING"))) {
                assertThat(cluster.scheduler.nanos()).isLessThan(end);
                cluster.scheduler.runFor(SECOND / 100_000);
            }
            cluster.node(1).crash();
            cluster.scheduler.runFor(3 * SECOND);
            cluster.node(1).start();
            cluster.scheduler.runFor(20 * SECOND);
            assertThat(volume.accessPoints().state())
                    .as(volume.accessPoints().detail())
                    .isEqualTo("HEALTHY");
            assertThat(cluster.differences(0)).as("seed %d", seed).isEmpty();
            cluster.node(0).crash();
            cluster.open(1);
            assertThat(cluster.read(1, 8192, 4096)).as("seed %d", seed).isEqualTo(last);
        }
    }

    @Test
    void copiesNothingWhenNothingWasWrittenMeanwhile() {
        SimulatedCluster cluster = new SimulatedCluster(6, 3, 2, 1, 64 * MIB, true);
        SlabVolume volume = cluster.open(0);
        for (int i = 0; i < 32; i++) {
            assertThat(cluster.write(0, i * MIB, SimulatedCluster.stamp(4096, i)))
                    .isEqualTo(BlockStatus.OK);
        }
        cluster.scheduler.runFor(SECOND);
        cluster.node(1).crash();
        cluster.scheduler.runFor(5 * SECOND);
        assertThat(volume.accessPoints().state()).isIn("DEGRADED", "STALLED");
        cluster.node(1).start();
        cluster.scheduler.runFor(15 * SECOND);
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        assertThat(volume.accessPoints().bytesCopied()).isZero();
    }

    /** Clients write all the time, also into what is being copied. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fillsACopyUnderLoad(boolean onDisk) {
        for (long seed = 1; seed <= 6; seed++) {
            SimulatedCluster cluster = new SimulatedCluster(seed, 3, 2, 1, 16 * MIB, onDisk);
            SlabVolume volume = cluster.open(0);
            cluster.node(1).crash();
            List<Request> all = new ArrayList<>();
            byte[][] newest = new byte[64][];
            for (int step = 0; step < 400; step++) {
                int place = cluster.random.nextInt(64);
                byte[] data = SimulatedCluster.stamp(4096 * (1 + cluster.random.nextInt(4)), seed * 1000 + step);
                Request request = cluster.writeOf(place * (MIB / 4), data);
                newest[place] = data;
                all.add(cluster.submit(0, request));
                cluster.scheduler.runFor(1 + cluster.random.nextLong(30_000_000L));
                if (step == 100 || step == 250) {
                    cluster.node(1).start();
                } else if (step == 200) {
                    cluster.node(1).crash();
                }
            }
            all.forEach(request -> assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK));
            cluster.scheduler.runFor(40 * SECOND);
            assertThat(volume.accessPoints().state())
                    .as(volume.accessPoints().detail())
                    .isEqualTo("HEALTHY");
            assertEqual(cluster, onDisk);
            cluster.node(0).crash();
            cluster.open(1);
            for (int place = 0; place < 64; place++) {
                if (newest[place] != null) {
                    assertThat(cluster.read(1, place * (MIB / 4), newest[place].length))
                            .as("seed %d place %d", seed, place)
                            .isEqualTo(newest[place]);
                }
            }
        }
    }

    /** So many writes that some are on their way at every step of a return, and some hit what is being read for the copy. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fillsACopyBetweenWritesThatNeverCease(boolean onDisk) {
        for (long seed = 1; seed <= 5; seed++) {
            SimulatedCluster cluster = new SimulatedCluster(seed, 3, 2, 1, 64 * MIB, onDisk);
            SlabVolume volume = cluster.open(0);
            for (int i = 0; i < 64; i++) {
                assertThat(cluster.write(0, i * MIB, SimulatedCluster.stamp(4096, i)))
                        .isEqualTo(BlockStatus.OK);
            }
            for (int round = 0; round < 3; round++) {
                cluster.node(1).crash();
                assertThat(cluster.write(0, 0, SimulatedCluster.stamp(65536, round)))
                        .isEqualTo(BlockStatus.OK);
                cluster.node(1).start();
                List<Request> all = new ArrayList<>();
                long end = cluster.scheduler.nanos() + 4 * SECOND;
                while (cluster.scheduler.nanos() < end && cluster.truth.isr(0).size() < 2) {
                    // Half of them where the copy begins, the others anywhere.
                    long block = cluster.random.nextBoolean()
                            ? cluster.random.nextInt(16)
                            : cluster.random.nextInt(64) * 256 + cluster.random.nextInt(4);
                    all.add(cluster.submit(
                            0, cluster.writeOf(block * 4096, SimulatedCluster.stamp(4096, cluster.random.nextLong()))));
                    cluster.scheduler.runFor(1 + cluster.random.nextLong(200_000L));
                }
                all.forEach(request -> assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK));
                cluster.scheduler.runFor(10 * SECOND);
                assertThat(volume.accessPoints().state())
                        .as(volume.accessPoints().detail())
                        .isEqualTo("HEALTHY");
                assertEqual(cluster, onDisk);
            }
        }
    }

    @Test
    void opensWithoutAMemberThatIsDead() {
        SimulatedCluster cluster = new SimulatedCluster(8, 3, 2, 1);
        cluster.open(0);
        byte[] data = SimulatedCluster.stamp(4096, 1);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.node(0).crash();
        cluster.node(1).life().attach();
        long before = cluster.scheduler.nanos();
        while (!cluster.node(1).life().isOpen) {
            cluster.scheduler.runFor(SECOND / 10);
            assertThat(cluster.scheduler.nanos() - before).isLessThan(8 * SECOND);
        }
        assertThat(cluster.read(1, 0, 4096)).isEqualTo(data);
        assertThat(cluster.truth.isr(0)).containsExactly("group-n1");
        assertThat(cluster.write(1, 4096, data)).isEqualTo(BlockStatus.OK);
        cluster.node(0).start();
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(cluster.node(1).life().volume().accessPoints().state()).isEqualTo("HEALTHY");
        cluster.assertCopiesEqual(2);
    }

    private static void assertEqual(SimulatedCluster cluster, boolean onDisk) {
        if (onDisk) {
            assertThat(cluster.differences(0)).isEmpty();
        } else {
            cluster.assertCopiesEqual(2);
        }
    }
}
