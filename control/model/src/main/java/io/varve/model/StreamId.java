package io.varve.model;

/**
 * The id of one slab's log: {@code volume << 16 | slab}. Volume ids are never used again, so neither are stream ids.
 * Held as a plain {@code long} everywhere on the data path; this class only packs and unpacks it.
 */
public final class StreamId {
    /** Most slabs that one volume can have: 65 536 × 8 GiB = 512 TiB. */
    public static final int MAX_SLABS = 1 << 16;

    /** Largest volume id: 48 bits. */
    public static final long MAX_VOLUME = (1L << 48) - 1;

    private StreamId() {}

    public static long of(long volume, int slab) {
        if (volume <= 0 || volume > MAX_VOLUME) {
            throw new IllegalArgumentException("volume id " + volume + " is not in 1.." + MAX_VOLUME);
        }
        if (slab < 0 || slab >= MAX_SLABS) {
            throw new IllegalArgumentException("slab " + slab + " is not in 0.." + (MAX_SLABS - 1));
        }
        return volume << 16 | slab;
    }

    public static long volume(long stream) {
        return stream >>> 16;
    }

    public static int slab(long stream) {
        return (int) (stream & 0xffff);
    }

    /** For logs and messages: {@code 7/3} is slab 3 of volume 7. */
    public static String toString(long stream) {
        return volume(stream) + "/" + slab(stream);
    }
}
