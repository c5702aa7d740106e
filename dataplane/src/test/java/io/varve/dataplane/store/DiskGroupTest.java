package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static io.varve.dataplane.store.StoreRig.write;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.time.HangingLoop;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract of {@link ReplicaStore} on simulated disks. */
@NullUnmarked
final class DiskGroupTest {
    private static final long SECOND = 1_000_000_000L;

    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());

    private final StoreRig rig = StoreRig.opened(SEED);

    DiskGroupTest() {
        System.out.println("DiskGroupTest -Dvarve.seed=" + SEED);
    }

    @Test
    void readsWhatWasWritten() {
        assertThat(rig.append(write(STREAM, 1, 10, 4, 1))).isEqualTo(StoreStatus.OK);
        assertThat(rig.append(write(STREAM, 2, 12, 1, 2))).isEqualTo(StoreStatus.OK);

        assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 1, 1, 2, 1, 0);
    }

    @Test
    void readsWhatWasWrittenAfterPowerCut() {
        rig.append(write(STREAM, 1, 10, 4, 1));
        rig.append(write(STREAM, 2, 12, 1, 2));

        rig.restart();

        assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 1, 1, 2, 1, 0);
        StreamState state = rig.group().stream(STREAM);
        assertThat(state).isNotNull();
        assertThat(state.lastSeq()).isEqualTo(2);
        assertThat(state.durableSeq()).isEqualTo(2);
        assertThat(state.suspectFromSeq()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void countsAllThatIsWrittenToTheDevices() {
        rig.append(write(STREAM, 1, 0, 10, 1));
        long journalled = rig.group().stats().writtenBytes();
        assertThat(journalled).as("ten blocks and the frame's head").isGreaterThan(10 * 4096L);
        assertThat(rig.group().allocatedBytes(STREAM)).isZero();

        rig.commit(STREAM, 1);
        rig.scheduler.runFor(6_000_000_000L);
        long destaged = rig.group().stats().writtenBytes() - journalled;
        assertThat(destaged).as("ten blocks and a page of checksums").isGreaterThanOrEqualTo(11 * 4096L);
        assertThat(rig.group().allocatedBytes(STREAM)).isEqualTo(65_536);

        long before = rig.group().stats().writtenBytes();
        rig.append(write(STREAM, 2, 256, 256, 2));
        assertThat(rig.group().stats().writtenBytes() - before)
                .as("a direct write leaves its payload out of the journal, not out of the count")
                .isBetween(256 * 4096L, 270 * 4096L);
    }

    @Test
    void completesRecordsInTheOrderOfAppending() {
        List<Long> order = new ArrayList<>();
        List<TestRecord> records = new ArrayList<>();
        for (int i = 1; i <= 300; i++) {
            TestRecord record = write(STREAM, i, i % 200, 1 + i % 5, i);
            record.then = () -> order.add(record.seq);
            records.add(record);
        }
        rig.run(() -> records.forEach(rig.group()::append));
        rig.await(() -> order.size() == 300);

        assertThat(order).isSorted();
        assertThat(rig.group().stats().frames())
                .as("many records share a frame")
                .isLessThan(100);
    }

    @Test
    void remembersPromiseAndCommitOverPowerCut() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.append(write(STREAM, 2, 1, 1, 1).committing(1));
        TestRecord seal = new TestRecord(STREAM, Op.SEAL, 0, 0, 0);
        seal.epoch = 9;
        seal.aux = 77;
        seal.aux2 = 78;
        rig.append(seal);

        rig.restart();

        StreamState state = rig.group().stream(STREAM);
        assertThat(state.promisedEpoch()).isEqualTo(9);
        assertThat(state.promisedNodeHash()).isEqualTo(77);
        assertThat(state.promisedIncarnation()).isEqualTo(78);
        assertThat(state.durableCommitSeq()).isEqualTo(1);
        assertThat(state.lastEpoch()).isEqualTo(1);
    }

    @Test
    void zeroesAndUnmapsWithoutPayload() {
        rig.append(write(STREAM, 1, 0, 256, 1));
        rig.append(write(STREAM, 2, 256, 256, 2));
        rig.append(new TestRecord(STREAM, Op.ZERO, 3, 10, 2));
        rig.append(new TestRecord(STREAM, Op.UNMAP, 4, 200, 400));
        rig.append(write(STREAM, 5, 300, 1, 5));

        for (int round = 0; round < 2; round++) {
            assertThat(rig.stamps(STREAM, 9, 4)).containsExactly(1, 0, 0, 1);
            assertThat(rig.stamps(STREAM, 199, 2)).containsExactly(1, 0);
            assertThat(rig.stamps(STREAM, 299, 3)).containsExactly(0, 5, 0);
            rig.restart();
        }
    }

    @Test
    void truncatesBackToWhatWasUnderneath() {
        rig.append(write(STREAM, 1, 0, 2, 1));
        rig.append(write(STREAM, 2, 0, 1, 2).committing(1));
        rig.append(write(STREAM, 3, 1, 1, 3));
        rig.append(new TestRecord(STREAM, Op.TRUNCATE, 1, 0, 0));
        assertThat(rig.stamps(STREAM, 0, 2)).containsExactly(1, 1);
        TestRecord again = write(STREAM, 2, 1, 1, 22);
        again.epoch = 2;
        rig.append(again);

        for (int round = 0; round < 2; round++) {
            assertThat(rig.stamps(STREAM, 0, 2)).containsExactly(1, 22);
            assertThat(rig.group().stream(STREAM).lastSeq()).isEqualTo(2);
            assertThat(rig.group().stream(STREAM).lastEpoch()).isEqualTo(2);
            rig.restart();
        }
    }

    @Test
    void deliversTheTail() {
        for (int i = 1; i <= 20; i++) {
            rig.append(write(STREAM, i, i, 1, i));
        }
        for (int round = 0; round < 2; round++) {
            List<Long> seqs = new ArrayList<>();
            StoreStatus[] ended = new StoreStatus[1];
            TailRead tail = new TailRead() {
                @Override
                protected boolean record(JournalRecord record) {
                    assertThat(record.payload.getLongLE(record.payloadIndex)).isEqualTo(record.seq);
                    seqs.add(record.seq);
                    return true;
                }

                @Override
                protected void ended(StoreStatus status) {
                    ended[0] = status;
                }
            };
            tail.stream = STREAM;
            tail.fromSeq = 5;
            tail.toSeq = 18;
            rig.run(() -> rig.group().readTail(tail));
            rig.await(() -> ended[0] != null);
            assertThat(ended[0]).isEqualTo(StoreStatus.OK);
            assertThat(seqs).containsExactly(5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L, 13L, 14L, 15L, 16L, 17L, 18L);
            rig.restart();
        }
    }

    @Test
    void opensAgainAndAgainWithoutACheckpoint() {
        rig.append(write(STREAM, 1, 10, 4, 1));
        for (int i = 0; i < 40; i++) {
            rig.crash(i % 2 == 0);
            rig.open();
            assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 1, 1, 1, 1, 0);
        }
        rig.append(write(STREAM, 2, 10, 1, 2));
        rig.restart();
        assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 2, 1, 1, 1, 0);
    }

    @Test
    void isNotFormattedTwice() {
        rig.append(write(STREAM, 1, 10, 4, 1));
        rig.close();
        SimulatedMedium before = rig.media.getFirst().copy();

        assertThat(rig.tryFormat(false))
                .contains("disk-0")
                .contains("disk group " + StoreRig.GROUP)
                .contains("wipe");

        assertSameContent(rig.media.getFirst(), before);
        rig.open();
        assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 1, 1, 1, 1, 0);
    }

    @Test
    void anotherClustersDiskIsNeitherOpenedNorFormatted() {
        rig.append(write(STREAM, 1, 10, 4, 1));
        rig.close();
        SimulatedMedium before = rig.media.getFirst().copy();
        rig.identity = new GroupIdentity(new UUID(8, 8), "node-1", new UUID(9, 9));

        assertThat(((OpenResult.Refused) rig.tryOpen()).message())
                .contains("disk-0")
                .contains("another cluster")
                .contains(StoreRig.CLUSTER.toString());
        assertThat(rig.tryFormat(false)).contains("disk-0").contains("cluster " + StoreRig.CLUSTER);

        assertSameContent(rig.media.getFirst(), before);
        rig.identity = StoreRig.IDENTITY;
        rig.open();
        assertThat(rig.stamps(STREAM, 9, 6)).containsExactly(0, 1, 1, 1, 1, 0);
    }

    @Test
    void isFormattedAnewWhenItMayBeWiped() {
        rig.append(write(STREAM, 1, 10, 4, 1));
        rig.close();
        rig.identity = new GroupIdentity(new UUID(8, 8), "node-1", new UUID(9, 9));

        assertThat(rig.tryFormat(true)).isNull();

        rig.open();
        assertThat(rig.group().streams()).isEmpty();
        rig.create(STREAM, 65_536);
        assertThat(rig.stamps(STREAM, 9, 6)).containsOnly(0);
        rig.identity = StoreRig.IDENTITY;
        rig.close();
        assertThat(rig.tryOpen()).as("it is the other cluster's now").isInstanceOf(OpenResult.Refused.class);
    }

    private static void assertSameContent(SimulatedMedium medium, SimulatedMedium before) {
        for (long block = 0; block < before.sizeBytes() / Geometry.BLOCK_BYTES; block++) {
            if (!Arrays.equals(medium.read(block), before.read(block))) {
                throw new AssertionError("block " + block + " of the device changed");
            }
        }
    }

    @Test
    void refusesWhatItDoesNotKnow() {
        assertThat(rig.append(write(99, 1, 0, 1, 1))).isEqualTo(StoreStatus.NOT_MEMBER);
        TestRead read = new TestRead(99, 0, 1);
        rig.run(() -> rig.group().read(read));
        rig.await(() -> read.status != null);
        assertThat(read.status).isEqualTo(StoreStatus.NOT_MEMBER);
    }

    @Test
    void failsForGoodWhenTheJournalCannotBeWritten() {
        rig.append(write(STREAM, 1, 0, 1, 1));
        rig.disks.getFirst().faults().fail(io.varve.dataplane.disk.DiskFaults.Target.WRITE, 5);
        assertThat(rig.append(write(STREAM, 2, 0, 1, 2))).isEqualTo(StoreStatus.IO_ERROR);
        rig.disks.getFirst().faults().heal();
        assertThat(rig.append(write(STREAM, 3, 0, 1, 3))).isEqualTo(StoreStatus.IO_ERROR);
        assertThat(rig.stamp(STREAM, 0)).isEqualTo(-1);
        assertThat(rig.group().failure()).contains("journal");
    }

    /** A node stops while a disk of it hangs: with a frame in the journal's device, let go of or not. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void closesWhileItsDiskHangs(boolean isLettingGo) {
        boolean[] isQuiet = new boolean[1];
        List<String> ends = new ArrayList<>();
        failByHanging();
        if (isLettingGo) {
            rig.run(() -> rig.group().letGo(() -> isQuiet[0] = true));
            rig.scheduler.runFor(10 * SECOND);
            assertThat(isQuiet[0]).isFalse();
        }
        rig.run(() -> rig.group().close(() -> ends.add("closed"), () -> ends.add("stuck")));
        rig.scheduler.runFor(SECOND);
        assertThat(ends).containsExactly("stuck");
    }

    @Test
    void closesWhenItsDiskHasLetGo() {
        failByHanging();
        List<String> ends = new ArrayList<>();
        rig.run(() -> rig.group().letGo(() -> rig.group().close(() -> ends.add("closed"), () -> ends.add("stuck"))));
        rig.scheduler.runFor(10 * SECOND);
        assertThat(ends).isEmpty();
        rig.disks.getFirst().resume();
        rig.scheduler.runFor(SECOND);
        assertThat(ends).containsExactly("closed");
    }

    /** The index lies on a disk too. */
    @Test
    void givesUpClosingWhenAWorkerHangs() {
        rig.close();
        HangingLoop loop = new HangingLoop(rig.loop, Long.MAX_VALUE);
        rig.openDisks();
        List<String> ends = new ArrayList<>();
        DiskGroup.open(loop, rig.offered(), StoreRig.IDENTITY, rig.options, rig.index, result -> {
            rig.group = ((OpenResult.Opened) result).group();
        });
        rig.await(() -> rig.group != null);
        failByHanging();
        loop.hang();
        rig.run(() -> rig.group().letGo(() -> rig.group().close(() -> ends.add("closed"), () -> ends.add("stuck"))));
        rig.disks.getFirst().resume();
        rig.scheduler.runFor(29 * SECOND);
        assertThat(ends).isEmpty();
        rig.scheduler.runFor(2 * SECOND);
        assertThat(ends).containsExactly("stuck");
    }

    private void failByHanging() {
        rig.disks.getFirst().faults().hang();
        rig.run(() -> rig.group().append(write(STREAM, 1, 0, 1, 1)));
        rig.scheduler.runFor(40 * SECOND);
        assertThat(rig.group().hasOnlyHung()).isTrue();
    }
}
