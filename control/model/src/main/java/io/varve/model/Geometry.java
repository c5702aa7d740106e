package io.varve.model;

/** The sizes that are fixed for a cluster's life. Every one is a power of two. */
public final class Geometry {
    /** The logical block: the unit of reads, writes, checksums and atomicity. */
    public static final int BLOCK_BYTES = 4096;

    /** A piece: the unit in which a slab's space is mapped, and one allocation unit on flash. */
    public static final int PIECE_BYTES = 64 * 1024;

    /** An extent: unit of the index, of heat, versions and resync. No WRITE record crosses an extent's edge. */
    public static final int EXTENT_BYTES = 1024 * 1024;

    /** A slab: what one replica set and one stream hold. The last slab of a volume may be shorter. */
    public static final long SLAB_BYTES = 8L << 30;

    public static final int BLOCKS_PER_PIECE = PIECE_BYTES / BLOCK_BYTES;
    public static final int BLOCKS_PER_EXTENT = EXTENT_BYTES / BLOCK_BYTES;
    public static final int PIECES_PER_EXTENT = EXTENT_BYTES / PIECE_BYTES;
    public static final int BLOCKS_PER_SLAB = (int) (SLAB_BYTES / BLOCK_BYTES);
    public static final int EXTENTS_PER_SLAB = (int) (SLAB_BYTES / EXTENT_BYTES);

    private Geometry() {}
}
