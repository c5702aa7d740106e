package io.varve.dataplane.store;

import io.varve.model.Geometry;
import java.util.BitSet;
import java.util.List;

/**
 * How many units are left, and for which pieces of which stream one is put aside: <em>reserved</em> because their data is still in the journal, or
 * <em>guaranteed</em> because the volume is thick. Counts conservatively: a piece that turns out not to need its unit gives it back at the next
 * checkpoint. Confined to the group's loop.
 */
final class Space {
    /** The last twentieth is for rebuild and for finishing what was begun: nothing new is admitted into it. */
    private static final int KEPT_FRACTION = 20;

    /** Flash above this takes no new data while there is another device (per cent). */
    private static final int FLASH_HIGH_WATERMARK = 85;

    /** Direct writes hold a second unit until the next checkpoint, so they need more room than others: a sixteenth of the group. */
    private static final int DIRECT_FRACTION = 16;

    /** On HDD pieces are given out in runs of four: 256 KiB, so that one seek brings more than one unit. */
    private static final int HDD_RUN = 4;

    private final List<GroupDevice> devices;
    private final long units;
    private long reserved;
    /** Units kept for pieces below {@link StreamLog#guaranteedPieces} that have neither a unit nor a reservation that counts. */
    private long guaranteed;
    /** Units taken by direct writes since the last checkpoint began. */
    private long takenDirect;

    Space(List<GroupDevice> devices) {
        this.devices = devices;
        long sum = 0;
        for (GroupDevice device : devices) {
            sum += device.allocator().units();
        }
        units = sum;
    }

    long units() {
        return units;
    }

    long free() {
        long sum = 0;
        for (int i = 0; i < devices.size(); i++) {
            sum += devices.get(i).allocator().free();
        }
        return sum;
    }

    long reserved() {
        return reserved;
    }

    long guaranteed() {
        return guaranteed;
    }

    /** Units that nobody has and that are put aside for nobody. */
    private long unclaimed() {
        return free() - reserved - guaranteed;
    }

    /** True if so many pieces can get a unit each that is put aside for nobody. */
    boolean hasUnclaimed(int pieces) {
        return pieces == 0 || pieces <= unclaimed();
    }

    boolean isAnyUnclaimed() {
        return unclaimed() > 0;
    }

    /** Units that a new piece can still get, if none is guaranteed to it. */
    long available() {
        return Math.max(0, unclaimed() - units / KEPT_FRACTION);
    }

    // ------------------------------------------------------------------------------------------------ guarantees

    static int pieces(int blocks) {
        return (blocks + Geometry.BLOCKS_PER_PIECE - 1) / Geometry.BLOCKS_PER_PIECE;
    }

    /** One unit is kept for the piece by its stream's guarantee. One that a direct write took is a further one: until a checkpoint it may be needed too. */
    private static boolean isKept(StreamLog stream, int piece) {
        return piece < stream.guaranteedPieces
                && !stream.mapped.get(piece)
                && (!stream.reserved.get(piece) || stream.covered.get(piece));
    }

    private static long keptPieces(StreamLog stream, int pieces) {
        BitSet settled = (BitSet) stream.reserved.clone();
        settled.andNot(stream.covered);
        settled.or(stream.mapped);
        return pieces - (long) settled.get(0, pieces).cardinality();
    }

    /** Keeps units for a stream that is about to be made. False: there are not as many. */
    boolean keep(int pieces) {
        if (pieces > available()) {
            return false;
        }
        guaranteed += pieces;
        return true;
    }

    /** That stream is not made after all. */
    void giveUp(int pieces) {
        guaranteed -= pieces;
    }

    /** Units that are lacking for such a guarantee; 0: it can be given. */
    long lacking(StreamLog stream, int pieces) {
        return Math.max(0, keptPieces(stream, pieces) - keptPieces(stream, stream.guaranteedPieces) - available());
    }

    /** The stream's guarantee covers so many pieces from now on, whatever it was before. */
    void guarantee(StreamLog stream, int pieces) {
        guaranteed += keptPieces(stream, pieces) - keptPieces(stream, stream.guaranteedPieces);
        stream.guaranteedPieces = pieces;
    }

    // ------------------------------------------------------------------------------------------------ reservations

    /**
     * Puts a unit aside for each piece of the record that will need one and did not take one directly; false: there are not enough, and nothing
     * happened. This may use what {@link #available} keeps back: the record has a number already, so its access point cannot take it back,
     * only repeat it.
     */
    boolean reserve(StreamLog stream, JournalRecord record) {
        int first = record.block / Geometry.BLOCKS_PER_PIECE;
        int end = (record.block + record.count - 1) / Geometry.BLOCKS_PER_PIECE;
        int direct = record.directPieces == 0 ? end + 1 : firstWholePiece(record);
        int directEnd = direct + record.directPieces;
        int needed = 0;
        for (int piece = first; piece <= end; piece++) {
            boolean journalled = piece < direct || piece >= directEnd;
            needed += journalled && needs(stream, piece) && !isKept(stream, piece) ? 1 : 0;
        }
        if (!hasUnclaimed(needed)) {
            return false;
        }
        for (int piece = first; piece <= end; piece++) {
            if (piece >= direct && piece < directEnd) {
                cover(stream, piece);
            } else {
                reserveAnyway(stream, piece);
            }
        }
        return true;
    }

    private static int firstWholePiece(JournalRecord record) {
        return (record.block + Geometry.BLOCKS_PER_PIECE - 1) / Geometry.BLOCKS_PER_PIECE;
    }

    /** The piece takes space, and has the unit of a direct write for it: as long as nothing but zeros is written over that, it needs no other. */
    void cover(StreamLog stream, int piece) {
        if (!stream.reserved.get(piece) && needs(stream, piece)) {
            stream.reserved.set(piece);
            stream.covered.set(piece);
        }
    }

    /** The same where refusing is no choice: the record is in the journal already. */
    void reserveAnyway(StreamLog stream, int block, int count) {
        int end = (block + count - 1) / Geometry.BLOCKS_PER_PIECE;
        for (int piece = block / Geometry.BLOCKS_PER_PIECE; piece <= end; piece++) {
            reserveAnyway(stream, piece);
        }
    }

    /** Adds the pieces for which {@link #reserveAnyway} would take a unit that is not kept for them. */
    static void addUnkept(StreamLog stream, int block, int count, BitSet pieces) {
        int end = (block + count - 1) / Geometry.BLOCKS_PER_PIECE;
        for (int piece = block / Geometry.BLOCKS_PER_PIECE; piece <= end; piece++) {
            if (needs(stream, piece) && !isKept(stream, piece)) {
                pieces.set(piece);
            }
        }
    }

    private void reserveAnyway(StreamLog stream, int piece) {
        if (needs(stream, piece)) {
            guaranteed -= isKept(stream, piece) ? 1 : 0;
            stream.reserved.set(piece);
            stream.covered.clear(piece);
            reserved++;
        }
    }

    /** True if a unit must be put aside for data that goes through the journal. */
    private static boolean needs(StreamLog stream, int piece) {
        return stream.reserved.get(piece)
                ? stream.covered.get(piece)
                : stream.state.layer > 0 || !stream.mapped.get(piece);
    }

    private void unreserve(StreamLog stream, int piece) {
        if (stream.reserved.get(piece)) {
            boolean wasKept = isKept(stream, piece);
            stream.reserved.clear(piece);
            reserved -= stream.covered.get(piece) ? 0 : 1;
            stream.covered.clear(piece);
            guaranteed += isKept(stream, piece) && !wasKept ? 1 : 0;
        }
    }

    void unreserveAll(StreamLog stream) {
        long kept = keptPieces(stream, stream.guaranteedPieces);
        reserved -= stream.reserved.cardinality() - stream.covered.cardinality();
        stream.reserved.clear();
        stream.covered.clear();
        guaranteed += keptPieces(stream, stream.guaranteedPieces) - kept;
    }

    /** The piece has a unit. */
    void mapped(StreamLog stream, int piece) {
        guaranteed -= isKept(stream, piece) ? 1 : 0;
        stream.mapped.set(piece);
        unreserve(stream, piece);
    }

    /** Its unit goes; it is free when the next index commit is durable. */
    void unmapped(StreamLog stream, int piece) {
        stream.mapped.clear(piece);
        guaranteed += isKept(stream, piece) ? 1 : 0;
    }

    /** Gives back what turned out not to be needed: the piece was mapped, zeroed or cut away, and no newer data waits. */
    void settle(StreamLog stream, Overlay overlay) {
        if (stream.state.lastSeq > stream.state.durableSeq) {
            // Records that are not in the overlay yet may count on any of these.
            return;
        }
        for (int piece = stream.reserved.nextSetBit(0); piece >= 0; piece = stream.reserved.nextSetBit(piece + 1)) {
            int block = piece * Geometry.BLOCKS_PER_PIECE;
            if (!overlay.hasDataAbove(stream.slot, block, Geometry.BLOCKS_PER_PIECE, stream.state.appliedSeq)) {
                unreserve(stream, piece);
            }
        }
    }

    /** True if {@code pieces} direct writes may take units now. */
    boolean hasRoomForDirect(int pieces) {
        return available() > units / DIRECT_FRACTION + pieces;
    }

    void tookDirect(int pieces) {
        takenDirect += pieces;
    }

    void checkpointBegins() {
        takenDirect = 0;
    }

    /**
     * True if direct writes hold so much that a checkpoint should give back what they replaced, before others are refused for it. Half of what
     * is left: so that each such checkpoint is paid for by much writing, however full the pool is.
     */
    boolean isPressedByDirect() {
        return takenDirect > 0 && takenDirect * 2 > available();
    }

    /** The device for a new piece: flash below its watermark, then HDD, then any with room; -1 if the group is full. */
    int chooseDevice() {
        int any = -1;
        int slow = -1;
        for (int i = 0; i < devices.size(); i++) {
            GroupDevice device = devices.get(i);
            int free = device.allocator().free();
            if (free == 0) {
                continue;
            }
            any = any < 0 ? i : any;
            if (!device.isFlash()) {
                slow = slow < 0 || free > devices.get(slow).allocator().free() ? i : slow;
            } else if (100L * free
                    > (100L - FLASH_HIGH_WATERMARK) * device.allocator().units()) {
                return i;
            }
        }
        return slow >= 0 ? slow : any;
    }

    /** A flash device with room for direct writes, or -1. */
    int chooseFlash() {
        int chosen = chooseDevice();
        return chosen >= 0 && devices.get(chosen).isFlash() ? chosen : -1;
    }

    /** A unit of a device chosen before; {@code near}: the unit of the piece before it on the same device, -1 if none. */
    int allocate(int device, int near) {
        GroupDevice chosen = devices.get(device);
        if (chosen.isFlash()) {
            return chosen.allocator().allocate();
        }
        if (near >= 0 && (near + 1) % HDD_RUN != 0 && chosen.allocator().allocateAt(near + 1)) {
            return near + 1;
        }
        return chosen.allocator().allocateAligned(HDD_RUN);
    }
}
