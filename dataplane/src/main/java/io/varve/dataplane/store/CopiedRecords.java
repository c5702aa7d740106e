package io.varve.dataplane.store;

import java.util.Arrays;

/**
 * One stream's COPIED records above what is applied, oldest first: they change no block, so that nothing else remembers which extents they speak
 * of. A circular table grown by doubling; bounded by the journal, in which each of them takes room. Confined to the group's loop.
 */
final class CopiedRecords {
    private static final int FIRST_CAPACITY = 16;

    private long[] seqs = new long[FIRST_CAPACITY];
    private int[] extents = new int[FIRST_CAPACITY];
    /** Whether the record says that its extent is done here. */
    private boolean[] ends = new boolean[FIRST_CAPACITY];

    private int first;
    private int count;

    /** {@code isDone}: from this record on the extent misses nothing. Seqs rise from call to call, but for {@link #cut}. */
    void add(long seq, int extent, boolean isDone) {
        if (count == seqs.length) {
            grow();
        }
        int at = (first + count++) & (seqs.length - 1);
        seqs[at] = seq;
        extents[at] = extent;
        ends[at] = isDone;
    }

    private void grow() {
        int capacity = seqs.length * 2;
        long[] newSeqs = new long[capacity];
        int[] newExtents = Arrays.copyOf(extents, capacity);
        boolean[] newEnds = Arrays.copyOf(ends, capacity);
        for (int i = 0; i < count; i++) {
            int from = (first + i) & (seqs.length - 1);
            newSeqs[i] = seqs[from];
            newExtents[i] = extents[from];
            newEnds[i] = ends[from];
        }
        seqs = newSeqs;
        extents = newExtents;
        ends = newEnds;
        first = 0;
    }

    /** The log was cut: what stands above {@code seq} never was. */
    void cut(long seq) {
        while (count > 0 && seqs[(first + count - 1) & (seqs.length - 1)] > seq) {
            count--;
        }
    }

    /** The index holds everything up to {@code seq} now. */
    void release(long seq) {
        while (count > 0 && seqs[first] <= seq) {
            first = (first + 1) & (seqs.length - 1);
            count--;
        }
    }

    /** Sees the records up to {@code seq}, oldest first. */
    void forEachUpTo(long seq, Visitor visitor) {
        for (int i = 0; i < count; i++) {
            int at = (first + i) & (seqs.length - 1);
            if (seqs[at] > seq) {
                return;
            }
            visitor.copied(seqs[at], extents[at], ends[at]);
        }
    }

    /** The newest that speaks of the extent; 0 if none does. */
    long highestSeq(int extent) {
        for (int i = count - 1; i >= 0; i--) {
            int at = (first + i) & (seqs.length - 1);
            if (extents[at] == extent) {
                return seqs[at];
            }
        }
        return 0;
    }

    /** Sees COPIED records. */
    @FunctionalInterface
    interface Visitor {
        void copied(long seq, int extent, boolean isDone);
    }
}
