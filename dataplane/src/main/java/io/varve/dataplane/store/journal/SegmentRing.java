package io.varve.dataplane.store.journal;

import io.varve.dataplane.check.Invariant;
import io.varve.model.Geometry;
import java.util.Arrays;

/** Which segments hold something that is still needed, and where the next frame goes. No I/O; confined to the group's loop. */
final class SegmentRing {
    /**
     * Segments that data records leave alone, beside room for a copy of all that is uncommitted: one that only a start may open, the rest of the
     * open one that a crash loses, and two for starts before the one that makes room ("Room" in {@code docs/internals/journal.md}).
     */
    static final int RESERVED_SEGMENTS = 4;

    private static final long FREE = 0;

    private final JournalGeometry geometry;
    /** By slot: the segmentSeq it holds, 0 if free. */
    private final long[] seqs;

    private int free;
    private int activeSlot = -1;
    private int activeOffset;
    private int preferred = -1;
    private long lastSeq;

    /** {@code lastSeq}: the highest segmentSeq ever seen on the device. */
    SegmentRing(JournalGeometry geometry, long lastSeq) {
        this.geometry = geometry;
        this.lastSeq = lastSeq;
        seqs = new long[geometry.segments()];
        free = seqs.length;
    }

    /** Recovery found that a slot is needed. */
    void markLive(int slot, long segmentSeq) {
        Invariant.check(seqs[slot] == FREE, "a journal slot is live twice", slot);
        seqs[slot] = segmentSeq;
        free--;
    }

    /** True if the open segment has room for {@code bytes}. */
    boolean fits(int bytes) {
        return activeSlot >= 0 && geometry.segmentBytes() - activeOffset >= bytes;
    }

    int remaining() {
        return activeSlot < 0 ? 0 : geometry.segmentBytes() - activeOffset;
    }

    /** Opens the next free segment; its header and what follows are the caller's to write. */
    void openNext() {
        int slot = nextFree();
        Invariant.check(slot >= 0, "the journal was filled beyond its admission", lastSeq);
        lastSeq++;
        seqs[slot] = lastSeq;
        free--;
        activeSlot = slot;
        activeOffset = Geometry.BLOCK_BYTES;
    }

    /** The next segment opened shall take this place. */
    void prefer(int slot) {
        preferred = slot;
    }

    private int nextFree() {
        int wanted = preferred;
        preferred = -1;
        if (wanted >= 0 && seqs[wanted] == FREE) {
            return wanted;
        }
        for (int i = 1; i <= seqs.length; i++) {
            int slot = (activeSlot + i) % seqs.length;
            if (seqs[slot] == FREE) {
                return slot;
            }
        }
        return -1;
    }

    /** Takes {@code bytes} of the open segment; returns their offset on the device. */
    long take(int bytes) {
        long at = geometry.slotOffset(activeSlot) + activeOffset;
        activeOffset += bytes;
        return at;
    }

    long activeSeq() {
        return lastSeq;
    }

    int activeSlot() {
        return activeSlot;
    }

    int activeOffset() {
        return activeOffset;
    }

    long seqOf(long deviceOffset) {
        return seqs[geometry.slotOf(deviceOffset)];
    }

    /** Everything before {@code segmentSeq} is covered by the index. */
    void releaseBefore(long segmentSeq) {
        for (int slot = 0; slot < seqs.length; slot++) {
            if (seqs[slot] != FREE && seqs[slot] < segmentSeq) {
                seqs[slot] = FREE;
                free++;
            }
        }
    }

    /** The lowest segmentSeq still held, or the highest value if none. */
    long oldestSeq() {
        return Arrays.stream(seqs).filter(seq -> seq != FREE).min().orElse(Long.MAX_VALUE);
    }

    int freeSegments() {
        return free;
    }

    int segments() {
        return seqs.length;
    }

    /** Of free segments only. */
    long freeBytes() {
        return free * geometry.usableBytes();
    }

    /** Bytes that records can surely still get, all reserves included. */
    long usableBytes() {
        long open = Math.max(0, remaining() - FrameLayout.MAX_RECORD_BYTES);
        return free * geometry.usableBytes() + open;
    }

    /** The same, but the last free segment is left to the next start. */
    long usableButForAStart() {
        long open = Math.max(0, remaining() - FrameLayout.MAX_RECORD_BYTES);
        return Math.max(0, free - 1) * geometry.usableBytes() + open;
    }

    long reservedBytes() {
        return RESERVED_SEGMENTS * geometry.usableBytes();
    }

    /** What {@link #usableBytes} less the reserve is when nothing is used. */
    long capacityBytes() {
        return (seqs.length - RESERVED_SEGMENTS) * geometry.usableBytes();
    }
}
