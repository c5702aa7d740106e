package io.varve.dataplane.volume;

import io.varve.dataplane.replication.AccessPointHost;
import io.varve.model.Geometry;
import java.util.BitSet;

/**
 * Says whether a write may be numbered now: whether every copy has room for it in its journal. Knows which pieces take space already; whether
 * there is room for others is {@link ThinGrowth}'s to say. Confined to the volume's loop.
 */
final class Admission {
    /** Payload of a volume that is numbered and not yet on all copies: some hundred milliseconds of a fast disk. */
    static final long MAX_IN_FLIGHT_BYTES = 64L << 20;

    /** What a record takes of a journal besides payload: header and descriptors of a frame of its own. */
    private static final int RECORD_OVERHEAD_BYTES = 4096;

    private static final int PIECE_SHIFT = Integer.numberOfTrailingZeros(Geometry.BLOCKS_PER_PIECE);

    private final AccessPointHost host;
    private long inFlightBytes;

    Admission(AccessPointHost host) {
        this.host = host;
    }

    static long journalCost(int payloadBlocks) {
        return RECORD_OVERHEAD_BYTES + (long) payloadBlocks * Geometry.BLOCK_BYTES;
    }

    /** True if a record with so many blocks of payload can be numbered on the slab now; else {@link AccessPointHost.Owner#eased} comes. */
    boolean mayNumber(int slab, int payloadBlocks) {
        return inFlightBytes <= MAX_IN_FLIGHT_BYTES && host.mayNumber(slab, journalCost(payloadBlocks));
    }

    void numbered(int payloadBlocks) {
        inFlightBytes += (long) payloadBlocks * Geometry.BLOCK_BYTES;
    }

    void done(int payloadBlocks) {
        inFlightBytes -= (long) payloadBlocks * Geometry.BLOCK_BYTES;
    }

    boolean isAllocated(int slab, int block) {
        return host.allocated(slab).get(block >> PIECE_SHIFT);
    }

    /** The blocks take space from now on; tells how many pieces are new. */
    int grow(int slab, int block, int count) {
        BitSet allocated = host.allocated(slab);
        int first = block >> PIECE_SHIFT;
        int last = (block + count - 1) >> PIECE_SHIFT;
        BitSet unsure = host.unsure(slab);
        int growth = missing(allocated, unsure, first, last);
        if (growth > 0) {
            allocated.set(first, last + 1);
            unsure.clear(first, last + 1);
        }
        return growth;
    }

    /** Whole pieces of the range no longer take space, or may not: to write them again needs room. Those that it touches at its ends may have lost their last block. */
    void shrink(int slab, int block, int count) {
        int first = (block + Geometry.BLOCKS_PER_PIECE - 1) >> PIECE_SHIFT;
        int end = (block + count) >> PIECE_SHIFT;
        BitSet allocated = host.allocated(slab);
        BitSet unsure = host.unsure(slab);
        if (first < end) {
            allocated.clear(first, end);
            unsure.clear(first, end);
        }
        for (int piece : new int[] {block >> PIECE_SHIFT, (block + count - 1) >> PIECE_SHIFT}) {
            if (allocated.get(piece)) {
                unsure.set(piece);
            }
        }
    }

    /** Pieces from the first to the last that may need room. */
    static int missing(BitSet allocated, BitSet unsure, int first, int last) {
        int missing = 0;
        for (int piece = first; piece <= last; piece++) {
            missing += allocated.get(piece) && !unsure.get(piece) ? 0 : 1;
        }
        return missing;
    }
}
