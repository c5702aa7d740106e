package io.varve.dataplane.store;

import io.varve.dataplane.check.Invariant;

/**
 * One stream's records that are still in the journal, by seq: in which frame, at which place, of which epoch. A circular table grown by
 * doubling; bounded by the ring. Confined to the group's loop.
 */
final class LogIndex {
    private static final int FIRST_CAPACITY = 16;

    private long[] frames = new long[FIRST_CAPACITY];
    private int[] epochs = new int[FIRST_CAPACITY];
    /** What all records up to each one cost, counted from some record on. */
    private long[] costs = new long[FIRST_CAPACITY];

    private long costBeforeFirst;
    private long first = 1;
    private long end = 1;

    /** The record with this seq is durable; one that is known moves. A first record starts the table where it is. {@code cost}: see {@code Journal}. */
    void put(long seq, long frameSeq, int epoch, int cost) {
        if (first == end) {
            first = seq;
            end = seq;
        }
        Invariant.check(seq >= first && seq <= end, "the log has a hole", seq, end);
        if (seq == end) {
            if (end - first == frames.length) {
                grow();
            }
            costs[slot(seq)] = costUpTo(seq - 1) + cost;
            end++;
        }
        frames[slot(seq)] = frameSeq;
        epochs[slot(seq)] = epoch;
    }

    private void grow() {
        int capacity = frames.length * 2;
        long[] newFrames = new long[capacity];
        int[] newEpochs = new int[capacity];
        long[] newCosts = new long[capacity];
        for (long seq = first; seq < end; seq++) {
            newFrames[(int) (seq & (capacity - 1))] = frames[slot(seq)];
            newEpochs[(int) (seq & (capacity - 1))] = epochs[slot(seq)];
            newCosts[(int) (seq & (capacity - 1))] = costs[slot(seq)];
        }
        frames = newFrames;
        epochs = newEpochs;
        costs = newCosts;
    }

    private int slot(long seq) {
        return (int) (seq & (frames.length - 1));
    }

    private long costUpTo(long seq) {
        return seq < first ? costBeforeFirst : costs[slot(Math.min(seq, end - 1))];
    }

    /** What the records above {@code seq} that are here cost. */
    long costAbove(long seq) {
        return first == end ? 0 : costUpTo(end - 1) - costUpTo(seq);
    }

    boolean holds(long seq) {
        return seq >= first && seq < end;
    }

    long frameOf(long seq) {
        return frames[slot(seq)];
    }

    int epochOf(long seq) {
        return epochs[slot(seq)];
    }

    /** Forgets records above {@code seq}. */
    void truncate(long seq) {
        end = Math.max(first, Math.min(end, seq + 1));
    }

    /** Forgets records up to {@code seq} whose frames are gone. */
    void release(long seq, long firstFrameSeq) {
        while (first < end && first <= seq && frames[slot(first)] < firstFrameSeq) {
            costBeforeFirst = costs[slot(first)];
            first++;
        }
    }

    long firstSeq() {
        return first;
    }

    long endSeq() {
        return end;
    }
}
