package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static io.varve.dataplane.store.StoreRig.write;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.model.Geometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Flipped bits on every region of a device: found, told, never shown, never spread, and repaired from good data. */
@NullUnmarked
final class RotTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());

    private final StoreRig rig = StoreRig.opened(SEED);
    private final SplittableRandom random = new SplittableRandom(SEED);

    RotTest() {
        System.out.println("RotTest -Dvarve.seed=" + SEED);
    }

    private SimulatedMedium medium() {
        return rig.disks.getFirst().medium();
    }

    /** Offset of the block that carries this stamp for this block number; -1 if there is none. */
    private long find(int block, long stamp, long from) {
        ByteBuffer wanted = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(stamp)
                .putLong((long) block << 32);
        for (long at = from; at < medium().sizeBytes(); at += Geometry.BLOCK_BYTES) {
            byte[] content = medium().read(at / Geometry.BLOCK_BYTES);
            if (java.util.Arrays.equals(content, 0, 16, wanted.array(), 0, 16)) {
                return at;
            }
        }
        return -1;
    }

    private void checkpoint(long committed) {
        rig.commit(STREAM, committed);
        rig.scheduler.runFor(6_000_000_000L);
    }

    private StoreStatus repair(int block, long stamp) {
        return repair(block, stamp, Long.MAX_VALUE);
    }

    private StoreStatus repair(int block, long stamp, long version) {
        ByteBuf data = StoreRig.payload(block, 1, stamp);
        int crc = new Crc32c().of(data, 0, Geometry.BLOCK_BYTES);
        StoreStatus[] status = new StoreStatus[1];
        rig.run(() -> rig.group().repair(STREAM, block, data, 0, crc, version, how -> status[0] = how));
        rig.await(() -> status[0] != null);
        data.release();
        return status[0];
    }

    @Test
    void findsAndRepairsRotInTheJournal() {
        rig.append(write(STREAM, 1, 5, 3, 1));
        long at = find(6, 1, DiskGroupFormat.FIRST_REGION);
        medium().rot(at, Geometry.BLOCK_BYTES, 1, random);

        assertThat(rig.stamp(STREAM, 6)).isEqualTo(-1);
        assertThat(rig.stamp(STREAM, 5)).isEqualTo(1);
        assertThat(rig.group().stats().checksumErrors()).isPositive();
        assertThat(repair(6, 2)).as("other content is another write").isEqualTo(StoreStatus.BAD_BLOCK);
        assertThat(repair(6, 1)).isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 6)).isEqualTo(1);
        rig.restart();
        assertThat(rig.stamps(STREAM, 5, 3)).containsExactly(1, 1, 1);
    }

    @Test
    void doesNotBlessRotOfTheJournalByDestagingIt() {
        rig.append(write(STREAM, 1, 5, 3, 1));
        medium().rot(find(6, 1, DiskGroupFormat.FIRST_REGION), Geometry.BLOCK_BYTES, 1, random);
        checkpoint(1);

        for (int round = 0; round < 2; round++) {
            assertThat(rig.stamp(STREAM, 6)).isEqualTo(-1);
            assertThat(rig.stamp(STREAM, 5)).isEqualTo(1);
            rig.restart();
        }
        assertThat(repair(6, 1)).isEqualTo(StoreStatus.OK);
        rig.restart();
        assertThat(rig.stamps(STREAM, 5, 3)).containsExactly(1, 1, 1);
    }

    @Test
    void findsAndRepairsRotInAUnit() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        long journalEnd = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        medium().rot(find(7, 1, journalEnd), Geometry.BLOCK_BYTES, 1, random);

        assertThat(rig.stamp(STREAM, 7)).isEqualTo(-1);
        assertThat(repair(7, 1)).isEqualTo(StoreStatus.OK);
        rig.restart();
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(1);
        assertThat(rig.group().stats().checksumErrors()).isZero();
    }

    @Test
    void findsMisdirectedWrites() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        long journalEnd = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        long right = find(7, 1, journalEnd);
        // A block that is valid in itself, in another block's place.
        medium().put(
                        right,
                        medium().read(find(8, 1, journalEnd) / Geometry.BLOCK_BYTES)
                                .clone());
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(-1);
    }

    /** Data and checksum of one block where those of another belong, as an index entry that names a wrong unit would have it: consistent in itself. */
    @Test
    void findsABlockInAnothersPlaceWithItsOwnChecksum() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        long table = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        rig.close();
        swap(find(7, 1, table), find(8, 1, table), Geometry.BLOCK_BYTES);
        swap(table + 7 * Integer.BYTES, table + 8 * Integer.BYTES, Integer.BYTES);
        rig.open();
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(-1);
        assertThat(rig.stamp(STREAM, 8)).isEqualTo(-1);
        assertThat(rig.stamps(STREAM, 9, 11)).containsOnly(1);
    }

    private void swap(long one, long other, int bytes) {
        byte[] kept = medium().read(one, bytes);
        medium().put(one, medium().read(other, bytes));
        medium().put(other, kept);
    }

    @Test
    void findsRotInTheChecksumTable() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        rig.close();
        rig.open();
        long table = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        medium().rot(table, 16, 1, random);
        long[] stamps = rig.stamps(STREAM, 0, 1);
        long[] others = rig.stamps(STREAM, 1, 3);
        int bad = 0;
        for (long stamp : new long[] {stamps[0], others[0]}) {
            assertThat(stamp).isIn(-1L, 1L);
            bad += stamp == -1 ? 1 : 0;
        }
        assertThat(bad)
                .as("one of the first four checksums is wrong, seed %d", SEED)
                .isPositive();
        for (int block = 0; block < 4; block++) {
            if (rig.stamp(STREAM, block) == -1) {
                assertThat(repair(block, 1)).isEqualTo(StoreStatus.OK);
            }
        }
        rig.restart();
        assertThat(rig.stamps(STREAM, 0, 20)).containsOnly(1);
    }

    @Test
    void tellsRotOfACertifiedFrameFromATornTail() {
        for (int i = 1; i <= 6; i++) {
            rig.append(write(STREAM, i, i, 1, i));
        }
        long third = find(3, 3, DiskGroupFormat.FIRST_REGION);
        // The head of the frame that carries record 3 lies right before its payload.
        medium().rot(third - Geometry.BLOCK_BYTES, 64, 3, random);
        rig.crash(true);
        rig.open();

        StreamState state = rig.group().stream(STREAM);
        assertThat(state.suspectFromSeq()).isEqualTo(3);
        assertThat(rig.group().stats().checksumErrors()).isEqualTo(1);
        assertThat(state.lastSeq()).as("the log ends before the hole").isEqualTo(2);
        assertThat(rig.stamps(STREAM, 1, 3)).containsExactly(1, 2, 0);
        rig.append(write(STREAM, 3, 3, 1, 33));
        rig.restart();
        assertThat(rig.stamps(STREAM, 1, 6)).containsExactly(1, 2, 33, 0, 0, 0);
        assertThat(rig.group().stream(STREAM).lastSeq()).isEqualTo(3);
    }

    @Test
    void keepsRecordsWhosePayloadRotsWhenALaterFrameCertifiesThem() {
        rig.append(write(STREAM, 1, 1, 1, 1));
        rig.append(write(STREAM, 2, 2, 1, 2));
        medium().rot(find(1, 1, DiskGroupFormat.FIRST_REGION), Geometry.BLOCK_BYTES, 1, random);
        rig.restart();
        assertThat(rig.group().stream(STREAM).lastSeq()).isEqualTo(2);
        assertThat(rig.stamp(STREAM, 1)).isEqualTo(-1);
        assertThat(rig.stamp(STREAM, 2)).isEqualTo(2);
        assertThat(repair(1, 1)).isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 1)).isEqualTo(1);
    }

    @Test
    void certifiesTheLastFrameWhenIdle() {
        rig.append(write(STREAM, 1, 1, 1, 1));
        rig.scheduler.runFor(2_000_000_000L);
        medium().rot(find(1, 1, DiskGroupFormat.FIRST_REGION), Geometry.BLOCK_BYTES, 1, random);
        rig.restart();
        assertThat(rig.group().stream(STREAM).lastSeq())
                .as("rot, not a torn tail")
                .isEqualTo(1);
        assertThat(rig.stamp(STREAM, 1)).isEqualTo(-1);
    }

    @Test
    void opensWithTwoRottenSuperblockCopies() {
        rig.append(write(STREAM, 1, 1, 1, 1));
        rig.close();
        SimulatedMedium medium = rig.media.getFirst();
        medium.rot(0, Geometry.BLOCK_BYTES, 5, random);
        medium.rot(medium.sizeBytes() - Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES, 5, random);
        rig.open();
        assertThat(rig.stamp(STREAM, 1)).isEqualTo(1);
    }

    @Test
    void goesOnWhenAPageOfChecksumsCannotBeRead() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        rig.close();
        rig.openDisks();
        long table = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        rig.disks.getFirst().faults().fail(DiskFaults.Target.READ, table, Geometry.BLOCK_BYTES, 5);
        rig.openWithDisks();

        assertThat(rig.stamp(STREAM, 3)).as("another copy must be asked").isEqualTo(-1);
        rig.append(write(STREAM, 2, 7, 1, 2));
        checkpoint(2);
        assertThat(rig.group().failure()).isNull();
        rig.disks.getFirst().faults().heal();
        rig.restart();
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(2);
        assertThat(rig.stamp(STREAM, 3)).as("its checksum is gone").isEqualTo(-1);
        assertThat(repair(3, 1)).isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 3)).isEqualTo(1);
    }

    @Test
    void zeroesInAnExtentWhoseEntryRottedAreKnown() {
        rig.append(write(STREAM, 1, 0, 64, 1));
        checkpoint(1);
        rig.close();
        rig.index.rot(io.varve.dataplane.store.index.ExtentIndex.Table.EXTENT, random);
        rig.open();
        assertThat(repair(3, 1)).isEqualTo(StoreStatus.OK);
        assertThat(repair(4, 1)).isEqualTo(StoreStatus.OK);
        rig.append(new TestRecord(STREAM, Op.ZERO, 2, 3, 1));
        rig.append(new TestRecord(STREAM, Op.UNMAP, 3, 20, 2));
        rig.append(new TestRecord(STREAM, Op.UNMAP, 4, 32, 16));
        for (int round = 0; round < 2; round++) {
            assertThat(rig.stamp(STREAM, 3)).isZero();
            assertThat(rig.stamp(STREAM, 4)).isEqualTo(1);
            assertThat(rig.stamp(STREAM, 5)).isEqualTo(-1);
            assertThat(rig.stamps(STREAM, 20, 2)).containsOnly(0);
            assertThat(rig.stamp(STREAM, 22)).isEqualTo(-1);
            assertThat(rig.stamps(STREAM, 32, 16)).containsOnly(0);
            checkpoint(4);
            rig.restart();
        }
        assertThat(repair(33, 1)).as("nothing to repair").isEqualTo(StoreStatus.OK);
        assertThat(rig.stamps(STREAM, 32, 16)).containsOnly(0);
        rig.append(write(STREAM, 5, 32, 2, 5));
        checkpoint(5);
        rig.restart();
        assertThat(rig.stamps(STREAM, 32, 3)).containsExactly(5, 5, 0);
    }

    @Test
    void doesNotTakeAnEntryThatRottedForZeros() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        rig.close();
        rig.index.rot(io.varve.dataplane.store.index.ExtentIndex.Table.EXTENT, random);
        rig.open();
        assertThat(rig.stamp(STREAM, 3)).isEqualTo(-1);
        assertThat(rig.stamp(STREAM, 200))
                .as("nothing is known of the whole extent")
                .isEqualTo(-1);
        assertThat(repair(3, 1)).isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 3)).isEqualTo(1);
        rig.scheduler.runFor(6_000_000_000L);
        rig.restart();
        assertThat(rig.stamp(STREAM, 3)).isEqualTo(1);
        assertThat(rig.stamp(STREAM, 4)).isEqualTo(-1);
    }

    /** What was read before an overwrite may arrive as a repair only after the overwrite was destaged. */
    @Test
    void aLateRepairDoesNotTakeBackWhatWasWrittenSince() {
        rig.append(write(STREAM, 1, 0, 20, 1));
        checkpoint(1);
        rig.append(write(STREAM, 2, 7, 1, 2));
        checkpoint(2);
        assertThat(repair(7, 1, 1)).isEqualTo(StoreStatus.BAD_BLOCK);
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(2);

        long journalEnd = DiskGroupFormat.FIRST_REGION + StoreRig.OPTIONS.journalBytes();
        medium().rot(find(7, 2, journalEnd), Geometry.BLOCK_BYTES, 1, random);
        assertThat(repair(7, 2, 1)).as("the very content, by its checksum").isEqualTo(StoreStatus.OK);
        assertThat(rig.stamp(STREAM, 7)).isEqualTo(2);
    }

    @Test
    void zeroesOverADirectWriteInAnExtentWhoseEntryRottedAreKnown() {
        rig.append(write(STREAM, 1, 0, 64, 1));
        checkpoint(1);
        rig.close();
        rig.index.rot(io.varve.dataplane.store.index.ExtentIndex.Table.EXTENT, random);
        rig.open();
        rig.append(write(STREAM, 2, 16, 16, 2));
        rig.append(new TestRecord(STREAM, Op.ZERO, 3, 18, 2));
        checkpoint(3);
        for (int round = 0; round < 2; round++) {
            assertThat(rig.stamps(STREAM, 17, 4)).containsExactly(2, 0, 0, 2);
            assertThat(rig.stamp(STREAM, 40)).isEqualTo(-1);
            rig.restart();
        }
    }
}
