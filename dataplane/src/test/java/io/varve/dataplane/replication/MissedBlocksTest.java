package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MissedBlocksTest {
    private final MissedMemory memory = new MissedMemory(MissedMemory.LIMIT_BYTES);
    private final MissedBlocks missed = new MissedBlocks(memory);

    @Test
    void knowsNothingWhileEveryCopyIsInTheSet() {
        missed.wrote(1, 0, 1);
        assertThat(missed.since(0)).isNull();
        missed.begin(1);
        assertThat(missed.since(0)).containsOnlyKeys(0);
        missed.end();
        assertThat(missed.since(0)).isNull();
    }

    @Test
    void doesNotAnswerForRecordsThatItHasForgotten() {
        for (long seq = 1; seq <= MissedBlocks.RECENT + 10; seq++) {
            missed.wrote(seq, (int) seq, 1);
        }
        missed.begin(1);
        assertThat(missed.since(9)).isNull();
        assertThat(missed.since(10)).isNotNull();
    }

    /** Against a list of everything that was written: never a block too few. */
    @Test
    void namesEveryBlockWrittenAboveTheCut() {
        for (long seed = 1; seed <= 40; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            MissedMemory some =
                    new MissedMemory(random.nextBoolean() ? MissedMemory.LIMIT_BYTES : random.nextInt(150_000));
            MissedBlocks each = new MissedBlocks(some);
            List<long[]> all = new ArrayList<>();
            long seq = 100;
            int before = random.nextInt(2 * MissedBlocks.RECENT);
            int after = random.nextInt(3000);
            for (int i = 0; i < before + after; i++) {
                if (i == before) {
                    each.begin(100);
                }
                // Records that fill another copy take numbers, too.
                seq += 1 + (random.nextInt(5) == 0 ? random.nextInt(3) : 0);
                int block = random.nextInt(20_000);
                int count = 1 + random.nextInt(random.nextInt(50) == 0 ? 3000 : 4);
                each.wrote(seq, block, count);
                all.add(new long[] {seq, block, count});
            }
            long cut = 99 + random.nextLong(seq - 98);
            Map<Integer, BitSet> known = after == 0 ? null : each.since(cut);
            if (known != null) {
                check(all, cut, known);
            }
            each.close();
            assertThat(some.takenBytes()).isZero();
        }
    }

    private static void check(List<long[]> all, long cut, @Nullable Map<Integer, BitSet> known) {
        for (long[] record : all) {
            for (int b = 0; b < record[2] && record[0] > cut; b++) {
                int block = (int) record[1] + b;
                BitSet blocks = java.util.Objects.requireNonNull(known).get(block / 256);
                assertThat(blocks).as("extent of block %d", block).isNotNull();
                assertThat(java.util.Objects.requireNonNull(blocks).get(block % 256))
                        .as("block %d of record %d above %d", block, record[0], cut)
                        .isTrue();
            }
        }
    }

    @Test
    void givesUpWhenTooMuchWasWrittenAndKnowsAgainNextTime() {
        missed.begin(1);
        missed.wrote(1, 0, (MissedBlocks.MAX_EXTENTS + 1) * 256);
        assertThat(missed.since(0)).isNull();
        missed.begin(1);
        assertThat(missed.since(0)).isNull();
        missed.end();
        missed.begin(2);
        missed.wrote(2, 0, 1);
        assertThat(missed.since(1)).containsOnlyKeys(0);
    }

    @Test
    void takesLittleForASlabThatIsHardlyWrittenTo() {
        write(missed, 1, MissedBlocks.FIRST_RECENT);
        assertThat(memory.takenBytes()).isEqualTo(MissedBlocks.FIRST_RECENT * MissedBlocks.RECORD_BYTES);
        write(missed, MissedBlocks.FIRST_RECENT + 1, 3 * MissedBlocks.RECENT);
        assertThat(memory.takenBytes()).isEqualTo(MissedBlocks.RECENT * MissedBlocks.RECORD_BYTES);
    }

    /** 32 768 slabs of 8 GiB are 256 TiB. */
    @Test
    void takesNoMoreForAllSlabsOfALoopThanTheLimit() {
        List<MissedBlocks> slabs = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            MissedBlocks slab = new MissedBlocks(memory);
            slabs.add(slab);
            write(slab, 1, MissedBlocks.RECENT);
            slab.begin(1);
            write(slab, MissedBlocks.RECENT + 1, 300);
        }
        assertThat(memory.takenBytes()).isLessThanOrEqualTo(MissedMemory.LIMIT_BYTES);
        assertThat(slabs.getFirst().since(0)).isNotNull();
        assertThat(slabs.getLast().since(0))
                .as("there was no room to remember it")
                .isNull();
        slabs.getFirst().close();
        MissedBlocks next = new MissedBlocks(memory);
        write(next, 1, 10);
        next.begin(1);
        assertThat(next.since(0)).isNotNull();
        slabs.forEach(slab -> slab.close());
        next.close();
        assertThat(memory.takenBytes()).isZero();
    }

    private static void write(MissedBlocks slab, long fromSeq, int records) {
        for (int i = 0; i < records; i++) {
            slab.wrote(fromSeq + i, i % 1000 * 256, 1);
        }
    }
}
