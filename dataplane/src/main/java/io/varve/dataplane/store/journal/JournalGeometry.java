package io.varve.dataplane.store.journal;

import io.varve.model.Geometry;

/**
 * Where the journal lies on its device and how it is cut.
 *
 * @param offset first byte on the device, a multiple of 4 KiB
 * @param segmentBytes size of a segment, a power of two
 * @param segments how many
 */
public record JournalGeometry(long offset, int segmentBytes, int segments) {
    public static final int LARGEST_SEGMENT_BYTES = 64 << 20;
    public static final int SMALLEST_SEGMENT_BYTES = 4 << 20;
    /** Four in reserve, one open, and enough behind it that a checkpoint always frees some. */
    public static final int FEWEST_SEGMENTS = 8;

    private static final int WANTED_SEGMENTS = 16;

    /** The smallest journal that works. */
    public static final long SMALLEST_BYTES = (long) SMALLEST_SEGMENT_BYTES * FEWEST_SEGMENTS;

    /** The cut of a region of {@code bytes}; what is left over at its end stays unused. */
    public static JournalGeometry of(long offset, long bytes) {
        int segment = LARGEST_SEGMENT_BYTES;
        while (segment > SMALLEST_SEGMENT_BYTES && bytes / segment < WANTED_SEGMENTS) {
            segment >>= 1;
        }
        return new JournalGeometry(offset, segment, (int) (bytes / segment));
    }

    public long bytes() {
        return (long) segmentBytes * segments;
    }

    public long slotOffset(int slot) {
        return offset + (long) slot * segmentBytes;
    }

    int slotOf(long deviceOffset) {
        return (int) ((deviceOffset - offset) / segmentBytes);
    }

    /** What records can count on in one empty segment: its header and the room at the end that the largest record may not fit into are lost. */
    long usableBytes() {
        return (long) segmentBytes - Geometry.BLOCK_BYTES - FrameLayout.MAX_RECORD_BYTES;
    }
}
