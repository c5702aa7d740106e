package io.varve.dataplane.store;

import io.varve.dataplane.store.index.LongIntTable;
import io.varve.model.Geometry;
import java.util.Arrays;

/**
 * The blocks whose newest version is not in the index yet: in the journal, in units of direct writes, or zeroed. For each block a chain of
 * versions, newest first: every uncommitted one, and under them the newest committed one of each layer, because an uncommitted version may
 * be cut away again. A zeroed extent is one entry, not 256.
 *
 * <p>Found by piece: one look into a table serves sixteen blocks. All in primitive tables: nothing is allocated per version. Bounded by the
 * journal, which every version takes room in. Confined to the group's loop.
 */
final class Overlay {
    static final int NONE = VersionChains.NONE;

    /** Location is a block of the journal device, inside the journal. */
    static final byte JOURNAL = 1;
    /** Location is {@code device << 40 | block} in a unit of a direct write. */
    static final byte UNIT = 2;

    static final byte ZERO = 3;
    static final byte UNMAP = 4;

    private static final int FIRST_CAPACITY = 256;
    private static final int DEVICE_SHIFT = 40;
    private static final int BLOCKS = Geometry.BLOCKS_PER_PIECE;

    private final LongIntTable extentTable = new LongIntTable();
    private final LongIntTable pieceTable = new LongIntTable();
    private final VersionChains chains;
    private final DirectUnits units;

    /** Extents: key, first piece record, versions that cover the whole extent. The free ones are chained through {@code extentPieces}. */
    private long[] extentKeys = new long[FIRST_CAPACITY];

    private int[] extentPieces = new int[FIRST_CAPACITY];
    private int[] extentVersions = new int[FIRST_CAPACITY];
    private int extentFree = NONE;
    private int extentEnd;

    /** Piece records: key, next record of the same extent (or of the free ones), a chain for each block, how many of those are not empty. */
    private long[] pieceKeys = new long[FIRST_CAPACITY];

    private int[] pieceNext = new int[FIRST_CAPACITY];
    private int[] heads = new int[FIRST_CAPACITY * BLOCKS];
    private byte[] pieceBlocks = new byte[FIRST_CAPACITY];
    private int pieceFree = NONE;
    private int pieceEnd;

    /** {@code units}: told of every version that points into a unit of a direct write. */
    Overlay(DirectUnits units) {
        this.units = units;
        chains = new VersionChains(units);
    }

    static long unitLocation(int device, long block) {
        return (long) device << DEVICE_SHIFT | block;
    }

    static int locationDevice(long location) {
        return (int) (location >>> DEVICE_SHIFT);
    }

    static long locationBlock(long location) {
        return location & ((1L << DEVICE_SHIFT) - 1);
    }

    /** {@code number}: of an extent or of a piece. */
    static long key(int slot, int number) {
        return (long) slot << 32 | number;
    }

    // ------------------------------------------------------------------------------------------------ new versions

    /** A new newest version of one block, in the journal or zero. {@code commitSeq}: what it supersedes below that is dropped. */
    void put(int slot, int block, long seq, byte kind, long location, int crc, int layer, long commitSeq) {
        push(pieceRecord(slot, block / BLOCKS), block % BLOCKS, seq, kind, location, crc, layer, commitSeq);
        units.settleRemoved();
    }

    /** New newest versions of all blocks of a piece, in a unit of a direct write that begins at {@code location}. */
    void putUnit(int slot, int piece, long seq, long location, int[] crcs, int firstCrc, int layer, long commitSeq) {
        int record = pieceRecord(slot, piece);
        units.added(location, BLOCKS);
        for (int i = 0; i < BLOCKS; i++) {
            push(record, i, seq, UNIT, location + i, crcs[firstCrc + i], layer, commitSeq);
        }
        units.settleRemoved();
    }

    private void push(int record, int within, long seq, byte kind, long location, int crc, int layer, long commitSeq) {
        int at = record * BLOCKS + within;
        int head = heads[at];
        heads[at] = chains.push(head, seq, kind, location, crc, layer);
        if (head == NONE) {
            pieceBlocks[record]++;
        } else {
            chains.prune(heads[at], commitSeq);
        }
    }

    /** The whole extent is zero from {@code seq} on. */
    void putExtent(int slot, int extent, long seq, byte kind, int layer, long commitSeq) {
        int record = extentRecord(slot, extent);
        extentVersions[record] = chains.push(extentVersions[record], seq, kind, 0, 0, layer);
        chains.prune(extentVersions[record], commitSeq);
        units.settleRemoved();
    }

    private int extentRecord(int slot, int extent) {
        long key = key(slot, extent);
        int record = extentTable.get(key);
        if (record != NONE) {
            return record;
        }
        record = extentFree;
        if (record != NONE) {
            extentFree = extentPieces[record];
        } else {
            if (extentEnd == extentKeys.length) {
                growExtents();
            }
            record = extentEnd++;
        }
        extentKeys[record] = key;
        extentPieces[record] = NONE;
        extentVersions[record] = NONE;
        extentTable.put(key, record);
        return record;
    }

    private int pieceRecord(int slot, int piece) {
        long key = key(slot, piece);
        int record = pieceTable.get(key);
        if (record != NONE) {
            return record;
        }
        int extent = extentRecord(slot, piece / Geometry.PIECES_PER_EXTENT);
        record = pieceFree;
        if (record != NONE) {
            pieceFree = pieceNext[record];
        } else {
            if (pieceEnd == pieceKeys.length) {
                growPieces();
            }
            record = pieceEnd++;
        }
        pieceKeys[record] = key;
        pieceBlocks[record] = 0;
        Arrays.fill(heads, record * BLOCKS, (record + 1) * BLOCKS, NONE);
        pieceNext[record] = extentPieces[extent];
        extentPieces[extent] = record;
        pieceTable.put(key, record);
        return record;
    }

    // ------------------------------------------------------------------------------------------------ looking up

    private int head(int slot, int block) {
        int record = pieceTable.get(key(slot, block / BLOCKS));
        return record == NONE ? NONE : heads[record * BLOCKS + block % BLOCKS];
    }

    /** True if nothing of the extent is here: most reads of cold data end with this one lookup. */
    boolean isAbsent(int slot, int extent) {
        return extentTable.get(key(slot, extent)) == NONE;
    }

    /** Newest version of a block at or below {@code upTo}, or {@link #NONE}. */
    int newest(int slot, int block, long upTo) {
        int extent = extentTable.get(key(slot, block / Geometry.BLOCKS_PER_EXTENT));
        if (extent == NONE) {
            return NONE;
        }
        return newer(chains.upTo(head(slot, block), upTo), chains.upTo(extentVersions[extent], upTo));
    }

    /** Of a version of a block and one of its whole extent, the newer; either may be {@link #NONE}. */
    private int newer(int own, int whole) {
        if (own == NONE || (whole != NONE && chains.seq(whole) > chains.seq(own))) {
            return whole;
        }
        return own;
    }

    /**
     * The newest version at or below {@code upTo} of each block of an extent, as far as it belongs to {@code layer}, else {@link #NONE}. Returns
     * a bit for each piece that has any; the versions of other pieces are not set.
     */
    int collect(int slot, int extent, long upTo, int layer, int[] versions) {
        int record = extentTable.get(key(slot, extent));
        if (record == NONE) {
            return 0;
        }
        int whole = chains.ofLayer(chains.upTo(extentVersions[record], upTo), layer);
        int pieces = 0;
        if (whole != NONE) {
            Arrays.fill(versions, whole);
            pieces = (1 << Geometry.PIECES_PER_EXTENT) - 1;
        }
        for (int p = extentPieces[record]; p != NONE; p = pieceNext[p]) {
            int piece = (int) pieceKeys[p] % Geometry.PIECES_PER_EXTENT;
            boolean isAny = false;
            for (int i = 0; i < BLOCKS; i++) {
                int own = newer(chains.ofLayer(chains.upTo(heads[p * BLOCKS + i], upTo), layer), whole);
                versions[piece * BLOCKS + i] = own;
                isAny |= own != NONE;
            }
            pieces |= isAny ? 1 << piece : 0;
        }
        return pieces;
    }

    long seq(int version) {
        return chains.seq(version);
    }

    byte kind(int version) {
        return chains.kind(version);
    }

    boolean isZero(int version) {
        return chains.kind(version) >= ZERO;
    }

    long location(int version) {
        return chains.location(version);
    }

    int crc(int version) {
        return chains.crc(version);
    }

    int layer(int version) {
        return chains.layer(version);
    }

    int versions() {
        return chains.count();
    }

    int extents() {
        return extentTable.size();
    }

    /** Keys (see {@link #key}) of all extents that have versions; a copy, in no order. */
    long[] extentKeys() {
        long[] keys = new long[extentTable.size()];
        int[] n = {0};
        extentTable.forEach((key, record) -> keys[n[0]++] = key);
        return keys;
    }

    /** Highest seq of any version of the extent at or below {@code upTo}, 0 if none. */
    long highestSeq(int slot, int extent, long upTo) {
        int record = extentTable.get(key(slot, extent));
        if (record == NONE) {
            return 0;
        }
        int whole = chains.upTo(extentVersions[record], upTo);
        long highest = whole == NONE ? 0 : chains.seq(whole);
        for (int p = extentPieces[record]; p != NONE; p = pieceNext[p]) {
            for (int at = p * BLOCKS; at < (p + 1) * BLOCKS; at++) {
                int own = chains.upTo(heads[at], upTo);
                if (own != NONE) {
                    highest = Math.max(highest, chains.seq(own));
                }
            }
        }
        return highest;
    }

    /** True if some block of {@code count} from {@code block} has data above {@code aboveSeq} here. */
    boolean hasDataAbove(int slot, int block, int count, long aboveSeq) {
        int end = block + count;
        for (int piece = block / BLOCKS; piece * BLOCKS < end; piece++) {
            int record = pieceTable.get(key(slot, piece));
            int from = Math.max(block, piece * BLOCKS);
            int to = record == NONE ? from : Math.min(end, (piece + 1) * BLOCKS);
            for (int b = from; b < to; b++) {
                if (chains.hasDataAbove(heads[record * BLOCKS + b % BLOCKS], aboveSeq)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Sees the location of every version that lies in a unit of a direct write. */
    void forEachUnit(UnitVisitor visitor) {
        pieceTable.forEach((key, record) -> {
            for (int i = 0; i < BLOCKS; i++) {
                for (int v = heads[record * BLOCKS + i]; v != NONE; v = chains.older(v)) {
                    if (chains.kind(v) == UNIT) {
                        visitor.unit((int) (key >>> 32), (int) key * BLOCKS + i, chains.location(v));
                    }
                }
            }
        });
    }

    /** Sees (stream's number, block) of every block that has data in the journal. */
    void forEachJournalled(BlockVisitor visitor) {
        pieceTable.forEach((key, record) -> {
            for (int i = 0; i < BLOCKS; i++) {
                int v = heads[record * BLOCKS + i];
                while (v != NONE && chains.kind(v) != JOURNAL) {
                    v = chains.older(v);
                }
                if (v != NONE) {
                    visitor.block((int) (key >>> 32), (int) key * BLOCKS + i);
                }
            }
        });
    }

    /** Sees where blocks lie in units of direct writes. */
    @FunctionalInterface
    interface UnitVisitor {
        void unit(int slot, int block, long location);
    }

    /** Sees blocks. */
    @FunctionalInterface
    interface BlockVisitor {
        void block(int slot, int block);
    }

    // ------------------------------------------------------------------------------------------------ versions that
    // move or go

    /**
     * The version {@code seq} of a block now lies in the journal, at {@code location}, with the same content; before, the record of
     * {@code frameSeq} said where.
     */
    void relocate(int slot, int block, long seq, long location, long frameSeq) {
        int version = chains.find(head(slot, block), seq);
        if (version != NONE) {
            chains.relocate(version, location);
            units.settleRemoved(frameSeq);
        }
    }

    /** The index holds everything of this extent up to {@code seq} now. Returns how many versions went. */
    int removeUpTo(int slot, int extent, long seq) {
        int record = extentTable.get(key(slot, extent));
        if (record == NONE) {
            return 0;
        }
        int before = chains.count();
        cut(record, seq, true);
        return before - chains.count();
    }

    /** The log was cut: versions above {@code seq} never were. */
    void removeAbove(int slot, long seq) {
        for (long key : extentKeys()) {
            if ((int) (key >>> 32) == slot) {
                cut(extentTable.get(key), seq, false);
            }
        }
    }

    private void cut(int extent, long seq, boolean isOlder) {
        extentVersions[extent] = cutChain(extentVersions[extent], seq, isOlder);
        int before = NONE;
        int piece = extentPieces[extent];
        while (piece != NONE) {
            int next = pieceNext[piece];
            for (int at = piece * BLOCKS; at < (piece + 1) * BLOCKS; at++) {
                int head = heads[at];
                if (head != NONE) {
                    heads[at] = cutChain(head, seq, isOlder);
                    pieceBlocks[piece] -= (byte) (heads[at] == NONE ? 1 : 0);
                }
            }
            if (pieceBlocks[piece] == 0) {
                unlink(extent, piece, before);
            } else {
                before = piece;
            }
            piece = next;
        }
        units.settleRemoved();
        if (extentPieces[extent] == NONE && extentVersions[extent] == NONE) {
            extentTable.remove(extentKeys[extent]);
            extentPieces[extent] = extentFree;
            extentFree = extent;
        }
    }

    private int cutChain(int head, long seq, boolean isOlder) {
        return isOlder ? chains.cutOlder(head, seq) : chains.cutNewer(head, seq);
    }

    private void unlink(int extent, int piece, int before) {
        if (before == NONE) {
            extentPieces[extent] = pieceNext[piece];
        } else {
            pieceNext[before] = pieceNext[piece];
        }
        pieceTable.remove(pieceKeys[piece]);
        pieceNext[piece] = pieceFree;
        pieceFree = piece;
    }

    private void growExtents() {
        int capacity = extentKeys.length * 2;
        extentKeys = Arrays.copyOf(extentKeys, capacity);
        extentPieces = Arrays.copyOf(extentPieces, capacity);
        extentVersions = Arrays.copyOf(extentVersions, capacity);
    }

    private void growPieces() {
        int capacity = pieceKeys.length * 2;
        pieceKeys = Arrays.copyOf(pieceKeys, capacity);
        pieceNext = Arrays.copyOf(pieceNext, capacity);
        pieceBlocks = Arrays.copyOf(pieceBlocks, capacity);
        heads = Arrays.copyOf(heads, capacity * BLOCKS);
    }
}
