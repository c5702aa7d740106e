package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Room: of the ring, of the devices, and what pins it. */
@NullUnmarked
final class SpaceTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());
    private static final long THIRD = 9L << 16;
    private static final long OTHER = 8L << 16;

    private final StoreRig rig = StoreRig.opened(SEED);
    private long seq;

    SpaceTest() {
        System.out.println("SpaceTest -Dvarve.seed=" + SEED);
    }

    private StoreStatus write(int block, int count) {
        StoreStatus status = rig.append(StoreRig.write(STREAM, seq + 1, block, count, seq + 1));
        seq += status == StoreStatus.OK ? 1 : 0;
        return status;
    }

    /** As an access point does: it looks at the credits first, and waits; for a disk's speed, not for ever. */
    private StoreStatus writeWhenThereIsRoom(int block, int count) {
        for (int tries = 0; tries < 100 && rig.group().credits().journalBytes() < (count + 1) * 4096L; tries++) {
            rig.scheduler.runFor(10_000_000);
        }
        return write(block, count);
    }

    private void checkpoint() {
        rig.commit(STREAM, seq);
        rig.scheduler.runFor(11_000_000_000L);
    }

    @Test
    void refusesBeyondTheRingAndGoesOnWhenItIsDestaged() {
        int accepted = 0;
        while (write(accepted * 3 % 60_000, 2) == StoreStatus.OK) {
            accepted++;
        }
        assertThat(accepted).isGreaterThan(500);
        assertThat(rig.group().credits().journalBytes()).isLessThan(20_000);
        assertThat(write(0, 1)).isIn(StoreStatus.OK, StoreStatus.NO_SPACE);

        checkpoint();
        checkpoint();

        assertThat(rig.group().credits().journalBytes()).isGreaterThan(2 << 20);
        assertThat(write(0, 1)).isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 3)).isEqualTo(2);
    }

    @Test
    void controlRecordsFindRoomInAFullRing() {
        int accepted = 0;
        while (write(accepted * 3 % 60_000, 2) == StoreStatus.OK) {
            accepted++;
        }
        TestRecord seal = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
        seal.epoch = 2;
        assertThat(rig.append(seal)).isEqualTo(StoreStatus.OK);
        rig.restart();
        assertThat(rig.group().stream(STREAM).promisedEpoch()).isEqualTo(2);
    }

    private void seal(int epoch) {
        TestRecord seal = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
        seal.epoch = epoch;
        assertThat(rig.append(seal)).as("promise of epoch %d", epoch).isEqualTo(StoreStatus.OK);
    }

    @Test
    void noNumberOfStartsFillsTheRing() {
        write(0, 2);
        for (int epoch = 2; epoch < 40; epoch++) {
            rig.restart();
            seal(epoch);
        }
        assertThat(rig.stamps(STREAM, 0, 2)).containsExactly(1, 1);
        checkpoint();
        checkpoint();
        assertThat(rig.group().credits().journalBytes()).isGreaterThan(2 << 20);
    }

    @Test
    void noNumberOfStartsFillsTheRingWhenNothingOfItIsCommitted() {
        rig.create(OTHER, 65_536);
        int accepted = 0;
        while (write(accepted % 3_000 * 8, 5) == StoreStatus.OK) {
            accepted++;
            rig.append(StoreRig.write(OTHER, accepted, accepted, 1, accepted));
        }
        long last = seq;
        for (int epoch = 2; epoch < 30; epoch++) {
            rig.restart();
            seal(epoch);
            TestRecord start = new TestRecord(STREAM, Op.EPOCH_START, ++seq, 0, 0);
            start.epoch = epoch;
            assertThat(rig.append(start)).isEqualTo(StoreStatus.OK);
        }
        assertThat(rig.stamp(STREAM, 0)).isEqualTo(1);
        assertThat(rig.stamp(STREAM, (int) (last - 1) * 8 + 4)).isEqualTo(last);
        checkpoint();
        checkpoint();
        assertThat(rig.group().stream(STREAM).appliedSeq()).isEqualTo(seq);
    }

    @Test
    void anUncommittedTailDoesNotPinTheRing() {
        rig.create(OTHER, 65_536);
        for (int i = 1; i <= 20; i++) {
            rig.append(StoreRig.write(OTHER, i, i, 1 + i % 3, i));
        }
        rig.append(new TestRecord(OTHER, Op.UNMAP, 21, 10, 2));
        rig.append(StoreRig.write(OTHER, 22, 64, 40, 22));
        for (int round = 0; round < 3_000; round++) {
            assertThat(writeWhenThereIsRoom(round % 300 * 16, 15))
                    .as("round %d", round)
                    .isEqualTo(StoreStatus.OK);
            rig.commit(STREAM, seq);
        }
        for (int round = 0; round < 2; round++) {
            StreamState state = rig.group().stream(OTHER);
            assertThat(state.lastSeq()).isEqualTo(22);
            assertThat(state.appliedSeq()).isZero();
            assertThat(rig.stamps(OTHER, 9, 4)).containsExactly(9, 0, 0, 12);
            assertThat(rig.stamps(OTHER, 63, 3)).containsExactly(0, 22, 22);
            rig.restart();
        }
        rig.append(new TestRecord(OTHER, Op.TRUNCATE, 20, 0, 0));
        assertThat(rig.stamps(OTHER, 9, 4)).containsExactly(9, 10, 11, 12);
        assertThat(rig.stamps(OTHER, 63, 3)).containsExactly(0, 0, 0);
    }

    @Test
    void countsWhatIsTakenExactlyOnceEverythingIsDestaged() {
        write(0, 256);
        write(256, 3);
        write(1000, 20);
        checkpoint();
        assertThat(rig.group().stats().allocatedBytes()).isEqualTo(19 * 65_536);
        assertThat(rig.group().stats().reservedBytes()).isZero();
        TestRecord unmap = new TestRecord(STREAM, Op.UNMAP, ++seq, 0, 300);
        rig.append(unmap);
        checkpoint();
        checkpoint();
        assertThat(rig.group().stats().allocatedBytes()).isEqualTo(2 * 65_536);
        BitSet[] pieces = new BitSet[1];
        rig.run(() -> rig.group().allocatedPieces(STREAM, told -> pieces[0] = told));
        rig.await(() -> pieces[0] != null);
        assertThat(pieces[0].stream().toArray()).containsExactly(62, 63);
    }

    private BitSet allocated() {
        BitSet[] pieces = new BitSet[1];
        rig.run(() -> rig.group().allocatedPieces(STREAM, told -> pieces[0] = told));
        rig.await(() -> pieces[0] != null);
        return pieces[0];
    }

    @Test
    void whatWasWrittenDirectlyTakesSpaceBeforeAndAfterARestart() {
        write(160, 32);
        assertThat(allocated().stream().toArray()).containsExactly(10, 11);
        rig.restart();
        assertThat(allocated().stream().toArray()).containsExactly(10, 11);
        assertThat(rig.group().stats().reservedBytes()).isZero();
        assertThat(rig.group().stats().allocatedBytes()).isEqualTo(2 * 65_536);
    }

    @Test
    void aDirectWriteTakesItsUnitOnce() {
        long before = rig.group().credits().pieces();
        write(0, 256);
        assertThat(rig.group().credits().pieces()).isEqualTo(before - 16);
        // Zeros need no unit of their own, data does until the checkpoint has put it in place.
        rig.append(new TestRecord(STREAM, Op.ZERO, ++seq, 3, 5));
        assertThat(rig.group().credits().pieces()).isEqualTo(before - 16);
        write(20, 1);
        assertThat(rig.group().credits().pieces()).isEqualTo(before - 17);
        checkpoint();
        checkpoint();
        assertThat(rig.group().credits().pieces()).isEqualTo(before - 16);
        assertThat(rig.stamps(STREAM, 2, 7)).containsExactly(1, 0, 0, 0, 0, 0, 1);
        assertThat(rig.stamps(STREAM, 19, 3)).containsExactly(1, 3, 1);
        rig.restart();
        assertThat(rig.stamps(STREAM, 2, 7)).containsExactly(1, 0, 0, 0, 0, 0, 1);
    }

    /** One device of a group for {@link Space} alone: nothing is read or written. */
    private GroupDevice device(DeviceClass deviceClass, int units) {
        UUID uuid = new UUID(5, units);
        long bytes = units * 65_536L;
        SimulatedDisk disk = new SimulatedDisk(
                rig.loop, deviceClass.name(), new SimulatedMedium(bytes), rig.scheduler.newRandom(), 16);
        Superblock superblock = new Superblock(
                false,
                deviceClass,
                0,
                1,
                StoreRig.CLUSTER,
                uuid,
                StoreRig.GROUP,
                uuid,
                uuid,
                0,
                2,
                bytes,
                0,
                0,
                0,
                0,
                0,
                units);
        return new GroupDevice(rig.loop, disk, superblock, 8);
    }

    @Test
    void newPiecesGoToFlashUpToItsWatermarkThenToHdd() {
        GroupDevice hdd = device(DeviceClass.HDD, 40);
        GroupDevice nvme = device(DeviceClass.NVME, 100);
        Space space = new Space(List.of(hdd, nvme));
        for (int taken = 0; taken < 85; taken++) {
            assertThat(space.chooseDevice())
                    .as("%d %% of the flash are taken", taken)
                    .isEqualTo(1);
            assertThat(space.chooseFlash()).isEqualTo(1);
            space.allocate(1, -1);
        }
        assertThat(hdd.allocator().free()).isEqualTo(40);
        for (int taken = 0; taken < 40; taken++) {
            assertThat(space.chooseDevice()).isZero();
            assertThat(space.chooseFlash())
                    .as("no direct writes above the watermark")
                    .isEqualTo(-1);
            space.allocate(0, -1);
        }
        for (int taken = 85; taken < 100; taken++) {
            assertThat(space.chooseDevice()).as("the HDD is full").isEqualTo(1);
            space.allocate(1, -1);
        }
        assertThat(space.chooseDevice()).as("all is full").isEqualTo(-1);
        for (int unit = 0; unit < 20; unit++) {
            nvme.allocator().reuse(unit);
        }
        assertThat(space.chooseDevice()).isEqualTo(1);
    }

    @Test
    void onHddFourNeighboursOfASlabLieTogetherWhoeverWritesBetween() {
        Space space = new Space(List.of(device(DeviceClass.HDD, 400)));
        int one = -1;
        int other = -1;
        for (int piece = 0; piece < 40; piece++) {
            int before = one;
            one = space.allocate(0, before);
            other = space.allocate(0, other);
            if (piece % 4 == 0) {
                assertThat(one % 4).as("a run is aligned").isZero();
            } else {
                assertThat(one).isEqualTo(before + 1);
            }
        }
    }

    @Test
    void reclaimGivesBackAllThatOnlyWaitsForACheckpoint() {
        long before = rig.group().credits().pieces();
        for (int i = 0; i < 4; i++) {
            write(0, 256);
            write(256, 256);
        }
        rig.append(new TestRecord(STREAM, Op.UNMAP, ++seq, 0, 256));
        assertThat(rig.group().credits().pieces()).isLessThan(before - 32);
        rig.commit(STREAM, seq);
        boolean[] done = new boolean[1];
        rig.run(() -> rig.group().reclaim(() -> done[0] = true));
        rig.await(() -> done[0]);
        assertThat(rig.group().credits().pieces()).isEqualTo(before - 16);
    }

    /** Two tails that begin in one frame, one of them a direct write, under load and through restarts. */
    @Test
    void goesOnThroughRestartsWithTwoTailsThatBeginInOneFrame() {
        rig.create(OTHER, 65_536);
        rig.create(THIRD, 65_536);
        TestRecord direct = StoreRig.write(OTHER, 1, 0, 16, 7);
        TestRecord small = StoreRig.write(THIRD, 1, 0, 1, 8);
        rig.run(() -> {
            rig.group().append(direct);
            rig.group().append(small);
        });
        rig.await(() -> direct.status != null && small.status != null);
        for (int round = 0; round < 1_500; round++) {
            assertThat(writeWhenThereIsRoom(round % 300 * 16, round % 3 == 0 ? 16 : 15))
                    .as("round %d", round)
                    .isEqualTo(StoreStatus.OK);
            rig.commit(STREAM, seq);
            if (round % 100 == 99) {
                rig.restart();
                checkpoint();
                assertThat(rig.stamps(OTHER, 0, 16)).as("round %d", round).containsOnly(7);
                assertThat(rig.stamps(THIRD, 0, 1)).containsExactly(8);
            }
        }
    }

    /** A copy is away for long: as much as may be is uncommitted, on several streams, and nothing can be freed by moving it about. */
    @Test
    void aRingFullOfWhatIsUncommittedComesToRest() {
        rig.create(OTHER, 65_536);
        rig.create(THIRD, 65_536);
        long[] streams = {STREAM, OTHER, THIRD};
        int accepted = 0;
        for (int i = 0; i < 20_000; i++) {
            long stream = streams[i % 3];
            if (rig.append(StoreRig.write(stream, 1 + i / 3, i / 3 % 4_000 * 16, 15, 1 + i / 3)) != StoreStatus.OK) {
                break;
            }
            accepted++;
        }
        assertThat(accepted).isGreaterThan(60);
        for (int start = 0; start < 6; start++) {
            rig.restart();
            rig.scheduler.runFor(7_000_000_000L);
        }
        long before = rig.group().stats().writtenBytes();
        rig.scheduler.runFor(30_000_000_000L);
        assertThat(rig.group().stats().writtenBytes() - before).isLessThan(1 << 20);
    }
}
