package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Disks fail under a volume: who notices, how long clients wait, and that no answer is wrong (docs/internals/faults.md). */
class DiskFaultTest {
    private static final long SECOND = SimulatedCluster.SECOND;
    private static final int MIB = Geometry.EXTENT_BYTES;

    /** What can be wrong with a disk. */
    enum Fault {
        FAILS_WRITES(faults -> faults.fail(DiskFaults.Target.WRITE, Errno.EIO)),
        IS_READ_ONLY(faults -> faults.fail(DiskFaults.Target.WRITE, Errno.EROFS)),
        FAILS_FLUSHES(faults -> faults.fail(DiskFaults.Target.FLUSH, Errno.EIO)),
        IS_GONE(faults -> {
            faults.fail(DiskFaults.Target.READ, Errno.ENXIO);
            faults.fail(DiskFaults.Target.WRITE, Errno.ENXIO);
        }),
        FAILS_READS(faults -> faults.fail(DiskFaults.Target.READ, Errno.EIO)),
        HANGS(DiskFaults::hang),
        IS_UNLINKED(faults -> faults.vanish("was unlinked"));

        @SuppressWarnings("ImmutableEnumChecker") // none of these lambdas holds anything
        private final Consumer<DiskFaults> begin;

        Fault(Consumer<DiskFaults> begin) {
            this.begin = begin;
        }
    }

    /** On the access point's own node, and elsewhere. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void goesOnWithoutTheDiskAndTellsNothingWrong(Fault fault) {
        // Nobody reads from the other node as long as the local copy can be read.
        int victims = fault == Fault.FAILS_READS ? 1 : 2;
        for (int victim = 0; victim < victims; victim++) {
            SimulatedCluster cluster = new SimulatedCluster(20 + victim, 3, 2, 1, 64L * MIB, true);
            SlabVolume volume = cluster.open(0);
            byte[][] newest = new byte[32][];
            for (int i = 0; i < newest.length; i++) {
                newest[i] = SimulatedCluster.stamp(8192, i);
                assertThat(cluster.write(0, (long) i * MIB, newest[i])).isEqualTo(BlockStatus.OK);
            }
            // Out of the journals, so that reads go to the places of the data.
            cluster.scheduler.runFor(10 * SECOND);
            fault.begin.accept(cluster.node(victim).faults());
            for (int step = 0; step < 400; step++) {
                int place = cluster.random.nextInt(newest.length);
                long began = cluster.scheduler.nanos();
                if (cluster.random.nextInt(3) == 0) {
                    newest[place] = SimulatedCluster.stamp(8192, 1000 + step);
                    assertThat(cluster.write(0, (long) place * MIB, newest[place]))
                            .isEqualTo(BlockStatus.OK);
                } else {
                    assertThat(cluster.read(0, (long) place * MIB, 8192))
                            .as("%s of node %d, step %d", fault, victim, step)
                            .isEqualTo(newest[place]);
                }
                assertThat(cluster.scheduler.nanos() - began)
                        .as("%s of node %d, step %d", fault, victim, step)
                        .isLessThan(2 * SECOND);
            }
            cluster.scheduler.runFor(15 * SECOND);
            assertThat(((DiskGroup) cluster.node(victim).life().store).failure())
                    .as("%s of node %d", fault, victim)
                    .isNotNull();
            assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
            assertThat(cluster.truth.isr(0)).hasSize(1);
            // The disk is well again, and so is the copy after the next start of its node.
            cluster.node(victim).faults().heal();
            cluster.node(victim).resumeDisk();
            if (victim == 1) {
                cluster.node(1).crash();
                cluster.node(1).start();
                cluster.scheduler.runFor(30 * SECOND);
                assertThat(volume.accessPoints().state())
                        .as(volume.accessPoints().detail())
                        .isEqualTo("HEALTHY");
                assertThat(cluster.differences(0)).isEmpty();
            }
        }
    }

    /** A hang that ends: the group is opened anew in the process that runs, at the access point's own node and elsewhere. */
    @Test
    void comesBackWithoutARestartWhenTheDiskAnswersAgain() {
        for (int victim = 0; victim < 2; victim++) {
            SimulatedCluster cluster = new SimulatedCluster(40 + victim, 3, 2, 1, 64L * MIB, true);
            SlabVolume volume = cluster.open(0);
            byte[][] newest = new byte[16][];
            writeAll(cluster, newest, 0);
            SimulatedCluster.Life life = cluster.node(victim).life();
            cluster.node(victim).faults().hang();
            boolean[] isBack = new boolean[1];
            writeAll(cluster, newest, 100);
            cluster.scheduler.runFor(35 * SECOND);
            DiskGroup failed = (DiskGroup) life.store;
            assertThat(failed.hasOnlyHung()).isTrue();
            life.reopenFailed(() -> isBack[0] = true);
            cluster.scheduler.runFor(20 * SECOND);
            assertThat(isBack[0])
                    .as("opened while operations are with the disk")
                    .isFalse();
            assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
            // What it was asked while it hung is done now, late.
            cluster.node(victim).resumeDisk();
            for (int step = 0; step < 40; step++) {
                writeAll(cluster, newest, 200 + step);
                readAll(cluster, newest);
            }
            cluster.scheduler.runFor(20 * SECOND);
            assertThat(isBack[0]).isTrue();
            assertThat(volume.accessPoints().state())
                    .as(volume.accessPoints().detail())
                    .isEqualTo("HEALTHY");
            readAll(cluster, newest);
            assertThat(cluster.differences(0)).isEmpty();
        }
    }

    /** With both copies' disks nobody is left to go on: the volume waits, and goes on when they are well, without any start. */
    @Test
    void goesOnAfterTheDisksOfAllCopiesHung() {
        SimulatedCluster cluster = new SimulatedCluster(42, 3, 2, 1, 64L * MIB, true);
        SlabVolume volume = cluster.open(0);
        byte[][] newest = new byte[16][];
        writeAll(cluster, newest, 0);
        int[] back = new int[1];
        for (int node = 0; node < 2; node++) {
            cluster.node(node).faults().hang();
        }
        byte[] data = SimulatedCluster.stamp(8192, 77);
        Request waiting = cluster.submit(0, cluster.writeOf(0, data));
        cluster.scheduler.runFor(40 * SECOND);
        assertThat(waiting.status).isNull();
        for (int node = 0; node < 2; node++) {
            SimulatedCluster.Life life = cluster.node(node).life();
            assertThat(((DiskGroup) life.store).hasOnlyHung()).isTrue();
            life.reopenFailed(() -> back[0]++);
            cluster.node(node).resumeDisk();
        }
        assertThat(cluster.await(waiting)).isEqualTo(BlockStatus.OK);
        newest[0] = data;
        readAll(cluster, newest);
        cluster.scheduler.runFor(30 * SECOND);
        assertThat(back[0]).isEqualTo(2);
        assertThat(volume.accessPoints().state())
                .as(volume.accessPoints().detail())
                .isEqualTo("HEALTHY");
        writeAll(cluster, newest, 500);
        readAll(cluster, newest);
        assertThat(cluster.differences(0)).isEmpty();
    }

    /** The promise that the access point looks at is that of the group as it is open now, not of the one that was closed. */
    @Test
    void readsNothingAfterAGroupThatWasOpenedAnewPromisedANewerEpoch() {
        SimulatedCluster cluster = new SimulatedCluster(43, 2, 1, 1, 16L * MIB, true);
        cluster.open(0);
        byte[] old = SimulatedCluster.stamp(4096, 1);
        assertThat(cluster.write(0, 0, old)).isEqualTo(BlockStatus.OK);
        boolean[] isBack = new boolean[1];
        cluster.node(0).faults().hang();
        cluster.submit(0, cluster.writeOf(4096, old));
        cluster.scheduler.runFor(40 * SECOND);
        cluster.node(0).life().reopenFailed(() -> isBack[0] = true);
        cluster.node(0).resumeDisk();
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(isBack[0]).isTrue();
        assertThat(cluster.read(0, 0, 4096)).isEqualTo(old);
        // Another node takes the volume, and writes; the old access point hears of it from its own disk group only.
        cluster.open(1);
        byte[] newer = SimulatedCluster.stamp(4096, 2);
        assertThat(cluster.write(1, 0, newer)).isEqualTo(BlockStatus.OK);
        Request late = cluster.submit(0, cluster.readOf(0, 4096));
        cluster.scheduler.runFor(SECOND);
        assertThat(late.status).as("a stale read was answered").isNotEqualTo(BlockStatus.OK);
    }

    /** What a disk refused to write nobody knows: such a group is opened anew by a person only. */
    @Test
    void tellsAHangFromADiskThatRefusedWrites() {
        SimulatedCluster cluster = new SimulatedCluster(44, 3, 2, 1, 16L * MIB, true);
        cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.node(1).faults().hang();
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 2))).isEqualTo(BlockStatus.OK);
        cluster.scheduler.runFor(35 * SECOND);
        DiskGroup failed = (DiskGroup) cluster.node(1).life().store;
        assertThat(failed.hasOnlyHung()).isTrue();
        cluster.node(1).faults().fail(DiskFaults.Target.WRITE, Errno.EIO);
        cluster.node(1).resumeDisk();
        cluster.scheduler.runFor(SECOND);
        assertThat(failed.hasOnlyHung()).isFalse();
    }

    private static void writeAll(SimulatedCluster cluster, byte[][] newest, int stamp) {
        for (int i = 0; i < newest.length; i++) {
            newest[i] = SimulatedCluster.stamp(8192, stamp * 100L + i);
            assertThat(cluster.write(0, (long) i * MIB, newest[i])).isEqualTo(BlockStatus.OK);
        }
    }

    private static void readAll(SimulatedCluster cluster, byte[][] newest) {
        for (int i = 0; i < newest.length; i++) {
            assertThat(cluster.read(0, (long) i * MIB, 8192)).isEqualTo(newest[i]);
        }
    }

    @Test
    void leavesTheSetWithoutAnyWriteOrRead() {
        SimulatedCluster cluster = new SimulatedCluster(30, 3, 2, 1, 16L * MIB, true);
        SlabVolume volume = cluster.open(0);
        cluster.scheduler.runFor(10 * SECOND);
        cluster.node(1).faults().vanish("was unlinked");
        cluster.scheduler.runFor(8 * SECOND);
        assertThat(volume.accessPoints().state()).isEqualTo("DEGRADED");
        assertThat(cluster.truth.isr(0)).hasSize(1);
    }

    @Test
    void keepsTheOnlyCopyInTheSet() {
        SimulatedCluster cluster = new SimulatedCluster(31, 2, 1, 1, 16L * MIB, true);
        SlabVolume volume = cluster.open(0);
        cluster.node(0).faults().fail(DiskFaults.Target.WRITE, Errno.EIO);
        Request request = cluster.submit(0, cluster.writeOf(0, SimulatedCluster.stamp(4096, 1)));
        cluster.scheduler.runFor(20 * SECOND);
        assertThat(request.status).isNull();
        assertThat(volume.accessPoints().state()).isEqualTo("STALLED");
        assertThat(cluster.truth.isr(0)).hasSize(1);
    }

    /** The disk that hangs scribbles over what it was told to read to for as long as it hangs; the client's data must be elsewhere. */
    @Test
    void answersFromAnotherCopyWhileTheLocalDiskHangs() {
        SimulatedCluster cluster = new SimulatedCluster(32, 3, 2, 1);
        SlabVolume volume = cluster.open(0);
        byte[] data = SimulatedCluster.stamp(2 * MIB, 1);
        assertThat(cluster.write(0, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.node(0).life().memory().readsHang = true;
        // Two parts, the second of which comes back later than the first, and partial blocks at both ends.
        for (int[] range : new int[][] {{0, 2 * MIB}, {MIB - 65536, 131072}, {100, 5000}, {MIB - 1000, 9000}}) {
            long began = cluster.scheduler.nanos();
            Request request = cluster.submit(0, cluster.readOf(range[0], range[1]));
            assertThat(cluster.await(request)).isEqualTo(BlockStatus.OK);
            assertThat(request.bytes()).isEqualTo(Arrays.copyOfRange(data, range[0], range[0] + range[1]));
            assertThat(cluster.scheduler.nanos() - began).isLessThan(SECOND);
        }
        assertThat(volume.accessPoints().lateReads()).isPositive();
        // Whoever was late once is asked again, and found well.
        cluster.node(0).life().memory().readsHang = false;
        cluster.scheduler.runFor(6 * SECOND);
        long before = volume.accessPoints().lateReads();
        assertThat(cluster.read(0, 0, MIB)).isEqualTo(Arrays.copyOf(data, MIB));
        assertThat(volume.accessPoints().lateReads()).isEqualTo(before);
    }

    @Test
    void answersFromTheLocalCopyWhileTheOtherDiskHangs() {
        SimulatedCluster cluster = new SimulatedCluster(33, 3, 2, 1);
        cluster.open(2);
        byte[] data = SimulatedCluster.stamp(4 * MIB, 1);
        assertThat(cluster.write(2, 0, data)).isEqualTo(BlockStatus.OK);
        cluster.node(0).life().memory().readsHang = true;
        assertThat(cluster.read(2, 0, 4 * MIB)).isEqualTo(data);
        // Its late answers come when they are nobody's any more.
        cluster.node(0).life().memory().readsHang = false;
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(cluster.read(2, 0, 4 * MIB)).isEqualTo(data);
    }

    @Test
    void endsReadsWithAVolumeThatIsDetachedWhileItsOnlyDiskHangs() {
        SimulatedCluster cluster = new SimulatedCluster(34, 1, 1, 1);
        cluster.open(0);
        assertThat(cluster.write(0, 0, SimulatedCluster.stamp(4096, 1))).isEqualTo(BlockStatus.OK);
        cluster.node(0).life().memory().readsHang = true;
        Request read = cluster.submit(0, cluster.readOf(0, 4096));
        cluster.scheduler.runFor(SECOND);
        boolean[] gone = new boolean[1];
        SimulatedCluster.Life life = cluster.node(0).life();
        life.loop.execute(
                () -> life.volumes.detach(SimulatedCluster.VOLUME, Volumes.DETACH_LIMIT, () -> gone[0] = true));
        cluster.scheduler.runFor(10 * SECOND);
        assertThat(gone[0]).isTrue();
        assertThat(read.status).isNotNull().isNotEqualTo(BlockStatus.OK);
    }
}
