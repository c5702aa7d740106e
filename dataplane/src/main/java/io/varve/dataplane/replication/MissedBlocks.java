package io.varve.dataplane.replication;

import io.varve.model.Geometry;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which blocks of a slab clients wrote since a copy left the set, so that only these are copied when it comes back (docs/internals/resync.md, "Blocks, not
 * extents"). The newest records are remembered always, because a copy may have cut away some that it had acknowledged. Where memory is short less is known, and
 * whole extents are copied. Confined to the volume's loop; allocates while a copy is out, and until it remembers {@link #RECENT} records.
 */
final class MissedBlocks {
    /**
     * Records remembered while all copies are in the set: four times what may be in flight, so that what a copy has and does not know to be committed is
     * among them.
     */
    static final int RECENT = 4 * InFlight.MAX_RECORDS;

    /** Most slabs are hardly written to: so many records at first. */
    static final int FIRST_RECENT = 64;

    /** Extents of which blocks are remembered; of more, whole extents are copied: then half of what is read is needed, or little is gained. */
    static final int MAX_EXTENTS = 2048;

    /** Two longs for a record: its seq, then its first block and how many. */
    private static final int RECORD_LONGS = 2;

    static final int RECORD_BYTES = RECORD_LONGS * Long.BYTES;

    /** 256 bits, three objects around them, and a place in a map. */
    static final int EXTENT_BYTES = 160;

    private final MissedMemory memory;

    /** A ring: when it is full the oldest record is at {@link #next}. */
    private long[] recent = {};

    private int next;
    private int known;
    /** Of records that are not in the ring any more: the newest. */
    private long forgottenSeq;

    /** What was remembered when a copy left: which of it that one has, it tells when it comes back. */
    private long[] before = {};

    /** By extent, since then; null while every copy is in the set, or when there were too many. */
    private @Nullable Map<Integer, BitSet> missed;

    private int takenExtents;
    private long fromSeq;
    private boolean isTooMuch;
    private boolean isClosed;

    MissedBlocks(MissedMemory memory) {
        this.memory = memory;
    }

    /** A client's record was numbered {@code seq}. */
    void wrote(long seq, int block, int count) {
        if (isClosed) {
            return;
        }
        if (known == capacity()) {
            grow();
        }
        if (capacity() == 0) {
            forgottenSeq = seq;
        } else {
            remember(seq, block, count);
        }
        note(block, count);
    }

    private int capacity() {
        return recent.length / RECORD_LONGS;
    }

    /** Only when it is full. */
    private void grow() {
        int larger = Math.max(FIRST_RECENT, 2 * capacity());
        if (larger > RECENT || !memory.take((long) (larger - capacity()) * RECORD_BYTES)) {
            return;
        }
        long[] unrolled = new long[larger * RECORD_LONGS];
        int oldest = next * RECORD_LONGS;
        System.arraycopy(recent, oldest, unrolled, 0, recent.length - oldest);
        System.arraycopy(recent, 0, unrolled, recent.length - oldest, oldest);
        recent = unrolled;
        next = known;
    }

    private void remember(long seq, int block, int count) {
        int at = next * RECORD_LONGS;
        if (known == capacity()) {
            forgottenSeq = recent[at];
        } else {
            known++;
        }
        recent[at] = seq;
        recent[at + 1] = (long) block << Integer.SIZE | count;
        next = (next + 1) % capacity();
    }

    /** A copy leaves the set: from now on everything is remembered, and what is still known of before. {@code epochSeq}: the first of the epoch. */
    void begin(long epochSeq) {
        if (missed != null || isTooMuch || isClosed) {
            return;
        }
        if (!memory.take((long) known * RECORD_BYTES)) {
            isTooMuch = true;
            return;
        }
        missed = new HashMap<>();
        fromSeq = Math.max(epochSeq, forgottenSeq + 1);
        before = Arrays.copyOf(recent, known * RECORD_LONGS);
    }

    /** Every copy is in the set. */
    void end() {
        forget();
        isTooMuch = false;
    }

    /** Nothing is written any more. */
    void close() {
        forget();
        memory.giveBack((long) capacity() * RECORD_BYTES);
        recent = new long[0];
        isClosed = true;
    }

    private void note(int block, int count) {
        Map<Integer, BitSet> into = missed;
        if (into == null) {
            return;
        }
        add(into, block, count);
        int more = into.size() - takenExtents;
        if (into.size() > MAX_EXTENTS || !memory.take((long) more * EXTENT_BYTES)) {
            forget();
            isTooMuch = true;
        } else {
            takenExtents += more;
        }
    }

    private void forget() {
        memory.giveBack((long) takenExtents * EXTENT_BYTES + (long) before.length * Long.BYTES);
        takenExtents = 0;
        missed = null;
        before = new long[0];
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
        Map<Integer, BitSet> since = missed;
        if (since == null || cutSeq + 1 < fromSeq) {
            return null;
        }
        Map<Integer, BitSet> copy = new HashMap<>();
        since.forEach((extent, blocks) -> copy.put(extent, (BitSet) blocks.clone()));
        for (int i = 0; i < before.length; i += RECORD_LONGS) {
            if (before[i] > cutSeq) {
                add(copy, (int) (before[i + 1] >>> Integer.SIZE), (int) before[i + 1]);
            }
        }
        return copy;
    }
}
