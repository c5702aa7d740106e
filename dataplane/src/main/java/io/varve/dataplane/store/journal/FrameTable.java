package io.varve.dataplane.store.journal;

import io.varve.dataplane.check.Invariant;

/** Where each frame that is still in the ring lies: a circular table by frameSeq, grown by doubling, bounded by the ring's size / 4 KiB. */
public final class FrameTable {
    private static final int FIRST_CAPACITY = 1024;

    private long[] offsets = new long[FIRST_CAPACITY];
    private int[] lengths = new int[FIRST_CAPACITY];
    private int[] previousCrcs = new int[FIRST_CAPACITY];
    private long first;
    private long end;

    /** An empty table whose next frame is {@code nextFrameSeq}. */
    void startAt(long nextFrameSeq) {
        first = nextFrameSeq;
        end = nextFrameSeq;
    }

    void add(long frameSeq, long deviceOffset, int bytes, int previousCrc) {
        Invariant.check(frameSeq >= end, "frames are added in order", frameSeq, end);
        while (frameSeq - first >= offsets.length) {
            grow();
        }
        for (long lost = end; lost < frameSeq; lost++) {
            lengths[slot(lost)] = 0;
        }
        int slot = slot(frameSeq);
        offsets[slot] = deviceOffset;
        lengths[slot] = bytes;
        previousCrcs[slot] = previousCrc;
        end = frameSeq + 1;
    }

    private void grow() {
        int capacity = offsets.length * 2;
        long[] newOffsets = new long[capacity];
        int[] newLengths = new int[capacity];
        int[] newCrcs = new int[capacity];
        for (long seq = first; seq < end; seq++) {
            int to = (int) (seq & (capacity - 1));
            newOffsets[to] = offsets[slot(seq)];
            newLengths[to] = lengths[slot(seq)];
            newCrcs[to] = previousCrcs[slot(seq)];
        }
        offsets = newOffsets;
        lengths = newLengths;
        previousCrcs = newCrcs;
    }

    private int slot(long frameSeq) {
        return (int) (frameSeq & (offsets.length - 1));
    }

    /** Forgets frames from {@code frameSeq} on. */
    void cutBack(long frameSeq) {
        end = Math.max(first, Math.min(end, frameSeq));
    }

    /** Forgets frames before {@code frameSeq}. */
    void releaseBefore(long frameSeq) {
        first = Math.max(first, Math.min(frameSeq, end));
    }

    public long firstFrameSeq() {
        return first;
    }

    /** The seq that the next frame gets. */
    public long endFrameSeq() {
        return end;
    }

    /** True if the frame is in the ring and was not lost to rot. */
    public boolean holds(long frameSeq) {
        return frameSeq >= first && frameSeq < end && lengths[slot(frameSeq)] > 0;
    }

    public long deviceOffset(long frameSeq) {
        return offsets[slot(frameSeq)];
    }

    public int bytes(long frameSeq) {
        return lengths[slot(frameSeq)];
    }

    int previousCrc(long frameSeq) {
        return previousCrcs[slot(frameSeq)];
    }
}
