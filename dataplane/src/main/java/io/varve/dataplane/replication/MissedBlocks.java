package io.varve.dataplane.replication;

import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which blocks of a slab clients wrote since a copy left the set, so that only these are copied when it comes back (docs/internals/resync.md, "Blocks, not
 * extents"). The newest records are remembered always, because a copy may have cut away some that it had acknowledged. Confined to the volume's loop;
 * allocates when a copy is out only.
 */
final class MissedBlocks {
    /**
     * Records remembered while all copies are in the set: four times what may be in flight, so that what a copy has and does not know to be committed is
     * among them.
     */
    static final int RECENT = 4 * InFlight.MAX_RECORDS;

    /** Extents of which blocks are remembered; of more, whole extents are copied: then half of what is read is needed, or little is gained. */
    static final int MAX_EXTENTS = 2048;

    private long[] recentSeqs = {};
    private int[] recentBlocks = {};
    private int[] recentCounts = {};
    private int recentNext;
    private boolean isWrapped;

    /** What was remembered when a copy left: which of it that one has, it tells when it comes back. */
    private long[] beforeSeqs = {};

    private int[] beforeBlocks = {};
    private int[] beforeCounts = {};

    /** By extent, since then; null while every copy is in the set, or when there were too many. */
    private @Nullable Map<Integer, BitSet> missed;

    private long fromSeq;
    private boolean isTooMuch;

    /** A client's record was numbered {@code seq}. */
    void wrote(long seq, int block, int count) {
        if (recentSeqs.length == 0) {
            recentSeqs = new long[RECENT];
            recentBlocks = new int[RECENT];
            recentCounts = new int[RECENT];
        }
        recentSeqs[recentNext] = seq;
        recentBlocks[recentNext] = block;
        recentCounts[recentNext] = count;
        recentNext++;
        if (recentNext == RECENT) {
            recentNext = 0;
            isWrapped = true;
        }
        note(block, count);
    }

    /** A copy leaves the set: from now on everything is remembered, and what is still known of before. {@code epochSeq}: the first of the epoch. */
    void begin(long epochSeq) {
        if (missed != null || isTooMuch) {
            return;
        }
        missed = new HashMap<>();
        fromSeq = isWrapped ? recentSeqs[recentNext] : epochSeq;
        int known = isWrapped ? RECENT : recentNext;
        beforeSeqs = Arrays.copyOf(recentSeqs, known);
        beforeBlocks = Arrays.copyOf(recentBlocks, known);
        beforeCounts = Arrays.copyOf(recentCounts, known);
    }

    /** Every copy is in the set. */
    void end() {
        forget();
        isTooMuch = false;
    }

    private void note(int block, int count) {
        Map<Integer, BitSet> into = missed;
        if (into == null) {
            return;
        }
        add(into, block, count);
        if (into.size() > MAX_EXTENTS) {
            forget();
            isTooMuch = true;
        }
    }

    private void forget() {
        missed = null;
        beforeSeqs = new long[0];
        beforeBlocks = new int[0];
        beforeCounts = new int[0];
    }

    private static void add(Map<Integer, BitSet> into, int block, int count) {
        int at = block;
        int left = count;
        while (left > 0) {
            int within = at % Geometry.BLOCKS_PER_EXTENT;
            int here = Math.min(left, Geometry.BLOCKS_PER_EXTENT - within);
            into.computeIfAbsent(at / Geometry.BLOCKS_PER_EXTENT, e -> new BitSet(Geometry.BLOCKS_PER_EXTENT))
                    .set(within, within + here);
            at += here;
            left -= here;
        }
    }

    /**
     * By extent, the blocks of every record above {@code cutSeq} and some more, as of now; null if it is not known. Only for a copy that was in the set when
     * {@link #begin} was called, or later.
     */
    @Nullable Map<Integer, BitSet> since(long cutSeq) {
        Map<Integer, BitSet> known = missed;
        if (known == null || cutSeq + 1 < fromSeq) {
            return null;
        }
        Map<Integer, BitSet> copy = new HashMap<>();
        known.forEach((extent, blocks) -> copy.put(extent, (BitSet) blocks.clone()));
        for (int i = 0; i < beforeSeqs.length; i++) {
            if (beforeSeqs[i] > cutSeq) {
                add(copy, beforeBlocks[i], beforeCounts[i]);
            }
        }
        return copy;
    }
}
