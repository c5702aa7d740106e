package io.varve.dataplane.store;

import static io.varve.dataplane.store.StoreRig.STREAM;
import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.CrashChoices;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DiskTrace;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.index.MemoryIndex;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Cuts the power after every single step of a recorded history of journal, checkpoint and superblock, tries what the unsynced sectors may hold,
 * starts again, sometimes cuts again in the middle of that, and compares with what was acknowledged.
 */
@NullUnmarked
final class CrashPointTest {
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());
    private static final int BLOCKS = 1024;
    private static final long DISK_BYTES = 48 * StoreRig.MIB;

    /** A cut that can leave at most so many different devices is tried with all of them. */
    private static final int EVERY_IMAGE = 256;

    /** What the histories of the normal run write lies below it. */
    private static final int SHORT_HISTORY_BLOCKS = 96;

    private static final String FORMATTED = "formatted";

    private final List<TestRecord> history = new ArrayList<>();
    private final List<long[]> contents = new ArrayList<>();
    private DiskTrace trace;
    private StoreRig rig;
    private int comparedBlocks = SHORT_HISTORY_BLOCKS;

    private static StoreRig rig(long seed) {
        StoreRig rig = new StoreRig(seed, DISK_BYTES);
        rig.options = StoreRig.OPTIONS;
        return rig;
    }

    /** A fresh group with one stream, recording from here on. */
    private void record() {
        System.out.println("CrashPointTest -Dvarve.seed=" + SEED);
        rig = rig(SEED);
        rig.format();
        rig.open();
        rig.create(STREAM, BLOCKS);
        rig.close();
        rig.noted = new NotedIndex(rig.index, index -> trace.note(index));
        rig.openDisks();
        trace = rig.disks.getFirst().record();
        trace.note(rig.index.copy());
        rig.openWithDisks();
        contents.add(new long[BLOCKS]);
    }

    private void append(TestRecord record, long stamp) {
        long[] next = contents.getLast().clone();
        if (record.op == Op.WRITE || record.op == Op.ZERO || record.op == Op.UNMAP) {
            Arrays.fill(next, record.block, record.block + record.count, record.op == Op.WRITE ? stamp : 0);
        }
        contents.add(next);
        history.add(record);
        record.then = () -> trace.note(record.seq);
        rig.run(() -> rig.group().append(record));
    }

    private void write(int block, int count) {
        long seq = history.size() + 1L;
        append(StoreRig.write(STREAM, seq, block, count, seq), seq);
    }

    private void settle() {
        rig.await(() -> history.stream().allMatch(record -> record.status != null));
    }

    private void checkpoint() {
        rig.commit(STREAM, history.size());
        rig.scheduler.runFor(6_000_000_000L);
    }

    @Test
    void losesNothingAcknowledgedAtAnyPointOfJournalAndCheckpoint() {
        record();
        write(0, 1);
        write(1, 3);
        settle();
        write(16, 40);
        write(2, 1);
        settle();
        checkpoint();
        write(0, 2);
        append(new TestRecord(STREAM, Op.UNMAP, history.size() + 1, 16, 32), 0);
        append(new TestRecord(STREAM, Op.ZERO, history.size() + 1, 1, 2), 0);
        settle();
        checkpoint();
        write(32, 20);
        settle();
        assertThat(tryAllCuts(6, 1)).isGreaterThan(100);
    }

    @Test
    @Tag("long")
    void losesNothingAcknowledgedAtAnyPointOfLongHistories() {
        comparedBlocks = BLOCKS;
        for (int round = 0; round < 10; round++) {
            history.clear();
            contents.clear();
            record();
            SplittableRandom random = new SplittableRandom(SEED + round);
            for (int i = 0; i < 40; i++) {
                int count = random.nextInt(3) == 0 ? 1 + random.nextInt(60) : 1;
                write(random.nextInt(BLOCKS - count), count);
                if (random.nextInt(4) == 0) {
                    settle();
                }
                if (random.nextInt(10) == 0) {
                    settle();
                    checkpoint();
                }
            }
            settle();
            tryAllCuts(30, 1);
        }
    }

    @Test
    void opensAfterPowerCutAtAnyPointOfOpening() {
        record();
        write(5, 3);
        settle();
        assertThat(tryAllCuts(40, 1)).isGreaterThan(50);
    }

    /** A device is formatted or it is not: half of it is never opened, and never taken again unasked. */
    @Test
    void opensNothingThatIsFormattedInPart() {
        System.out.println("CrashPointTest -Dvarve.seed=" + SEED);
        rig = rig(SEED);
        rig.noted = new NotedIndex(rig.index, index -> trace.note(index));
        rig.openDisks();
        trace = rig.disks.getFirst().record();
        trace.note(rig.index.copy());
        assertThat(rig.tryFormatWithDisks(false)).isNull();
        trace.note(FORMATTED);
        int[] outcomes = new int[3];
        for (DiskTrace.Cut cut : trace.cuts()) {
            MemoryIndex index = null;
            for (Object note : cut.notes()) {
                index = note instanceof MemoryIndex committed ? committed : index;
            }
            if (index != null) {
                for (SimulatedMedium image : images(cut, 64)) {
                    outcomes[openFormatted(image, index.copy(), cut)]++;
                }
            }
        }
        System.out.println("blank, in part, whole: " + Arrays.toString(outcomes));
        assertThat(outcomes).doesNotContain(0);
    }

    /** 0: it was blank, 1: formatted in part, 2: whole. */
    private static int openFormatted(SimulatedMedium image, MemoryIndex index, DiskTrace.Cut cut) {
        String where = "step " + cut.steps() + ", seed " + SEED;
        StoreRig again = rig(SEED + cut.steps());
        again.media.set(0, image);
        again.index = index;
        int outcome = 2;
        if (again.tryOpen() instanceof OpenResult.Refused refused) {
            assertThat(cut.notes()).as(where).doesNotContain(FORMATTED);
            String problem = again.tryFormat(false);
            outcome = problem == null ? 0 : 1;
            if (problem != null) {
                assertThat(problem).as(where).contains("disk-0").contains("wipe");
                assertThat(refused.message()).as(where).contains("damaged superblock");
                assertThat(again.tryFormat(true)).as(where).isNull();
            }
        }
        again.crash(true);
        again.open();
        assertThat(again.group().streams()).as(where).isEmpty();
        again.create(STREAM, BLOCKS);
        assertThat(again.append(StoreRig.write(STREAM, 1, 5, 3, 1))).as(where).isEqualTo(StoreStatus.OK);
        again.restart();
        assertThat(again.stamps(STREAM, 4, 5)).as(where).containsExactly(0, 1, 1, 1, 0);
        return outcome;
    }

    private long tryAllCuts(int images, int secondCrashes) {
        long tried = 0;
        for (DiskTrace.Cut cut : trace.cuts()) {
            MemoryIndex index = null;
            long acknowledged = 0;
            for (Object note : cut.notes()) {
                if (note instanceof MemoryIndex committed) {
                    index = committed;
                } else {
                    acknowledged = Math.max(acknowledged, (Long) note);
                }
            }
            if (index == null) {
                continue;
            }
            for (SimulatedMedium image : images(cut, images)) {
                tried++;
                tryImage(image, index.copy(), acknowledged, tried, tried % 3 == 0 ? secondCrashes : 0, cut.steps());
            }
        }
        System.out.println(tried + " crashes tried");
        return tried;
    }

    private static Iterable<SimulatedMedium> images(DiskTrace.Cut cut, int most) {
        CrashChoices choices = cut.choices();
        return choices.images(choices.total() <= EVERY_IMAGE ? EVERY_IMAGE : most, SEED + cut.steps());
    }

    private void tryImage(
            SimulatedMedium image, MemoryIndex index, long acknowledged, long number, int crashes, int step) {
        StoreRig again = rig(SEED + number);
        again.media.set(0, image);
        again.classes.set(0, DeviceClass.NVME);
        again.index = index;
        SplittableRandom random = new SplittableRandom(SEED + number);
        for (int i = 0; i < crashes; i++) {
            again.beginOpening();
            again.scheduler.runFor(random.nextLong(20_000_000));
            again.crash(true);
        }
        again.open();
        verify(again, acknowledged, "step " + step + ", image " + number + ", seed " + SEED);
        // What recovery answered must hold after the next crash too.
        long recovered = again.group().stream(STREAM).lastSeq();
        again.restart();
        verify(again, recovered, "after another crash: step " + step + ", image " + number + ", seed " + SEED);
    }

    private void verify(StoreRig again, long acknowledged, String where) {
        StreamState state = again.group().stream(STREAM);
        assertThat(state).as(where).isNotNull();
        assertThat(state.lastSeq()).as(where).isBetween(acknowledged, (long) history.size());
        assertThat(state.suspectFromSeq()).as(where).isEqualTo(Long.MAX_VALUE);
        long[] expected = contents.get((int) state.lastSeq());
        for (int block = 0; block < comparedBlocks; block += 32) {
            assertThat(again.stamps(STREAM, block, 32))
                    .as(where)
                    .containsExactly(Arrays.copyOfRange(expected, block, block + 32));
        }
        assertThat(again.group().stats().checksumErrors()).as(where).isZero();
    }
}
