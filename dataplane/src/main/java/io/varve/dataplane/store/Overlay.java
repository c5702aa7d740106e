package io.varve.dataplane.store;

import io.varve.dataplane.store.index.LongIntTable;
import io.varve.model.Geometry;
import java.util.Arrays;

/**
 * The blocks whose newest version is not in the index yet: in the journal, in units of direct writes, or zeroed. For each block a chain of
 * versions, newest first: every uncommitted one, and under them the newest committed one of each layer, because an uncommitted version may
 * be cut away again. A zeroed extent is one entry, not 256.
 *
 * <p>All in primitive tables: nothing is allocated per version. Bounded by the journal, which every version takes room in. Confined to the
 * group's loop.
 */
final class Overlay {
    static final int NONE = -1;

    /** Location is a block of the journal device, inside the journal. */
    static final byte JOURNAL = 1;
    /** Location is {@code device << 40 | block} in a unit of a direct write. */
    static final byte UNIT = 2;

    static final byte ZERO = 3;
    static final byte UNMAP = 4;

    private static final int FIRST_CAPACITY = 256;
    private static final int DEVICE_SHIFT = 40;

    private final LongIntTable extentTable = new LongIntTable();
    private final LongIntTable blockTable = new LongIntTable();

    /** Extents: key, first block record, versions that cover the whole extent. The free ones are chained through {@code extentBlocks}. */
    private long[] extentKeys = new long[FIRST_CAPACITY];

    private int[] extentBlocks = new int[FIRST_CAPACITY];
    private int[] extentVersions = new int[FIRST_CAPACITY];
    private int extentFree = NONE;
    private int extentEnd;

    /** Block records: key, versions, next record of the same extent. */
    private long[] blockKeys = new long[FIRST_CAPACITY];

    private int[] blockVersions = new int[FIRST_CAPACITY];
    private int[] blockNext = new int[FIRST_CAPACITY];
    private int blockFree = NONE;
    private int blockEnd;

    private long[] seqs = new long[FIRST_CAPACITY];
    private long[] locations = new long[FIRST_CAPACITY];
    private int[] crcs = new int[FIRST_CAPACITY];
    private int[] layers = new int[FIRST_CAPACITY];
    private byte[] kinds = new byte[FIRST_CAPACITY];
    private int[] older = new int[FIRST_CAPACITY];
    private int versionFree = NONE;
    private int versionEnd;
    private int versionCount;

    private final DirectUnits units;

    /** {@code units}: told of every version that points into a unit of a direct write. */
    Overlay(DirectUnits units) {
        this.units = units;
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

    static long key(int slot, int blockOrExtent) {
        return (long) slot << 32 | blockOrExtent;
    }

    /** A new newest version of one block. {@code commitSeq}: what it supersedes below that is dropped. */
    void put(int slot, int block, long seq, byte kind, long location, int crc, int layer, long commitSeq) {
        int record = blockRecord(slot, block);
        int head = blockVersions[record];
        blockVersions[record] = push(head, seq, kind, location, crc, layer);
        prune(blockVersions[record], commitSeq);
    }

    /** The whole extent is zero from {@code seq} on. */
    void putExtent(int slot, int extent, long seq, byte kind, int layer, long commitSeq) {
        int record = extentRecord(slot, extent);
        int head = extentVersions[record];
        extentVersions[record] = push(head, seq, kind, 0, 0, layer);
        prune(extentVersions[record], commitSeq);
    }

    private int find(int head, long seq) {
        for (int v = head; v != NONE && seqs[v] >= seq; v = older[v]) {
            if (seqs[v] == seq) {
                return v;
            }
        }
        return NONE;
    }

    private int push(int head, long seq, byte kind, long location, int crc, int layer) {
        int v = versionFree;
        if (v != NONE) {
            versionFree = older[v];
        } else {
            if (versionEnd == seqs.length) {
                growVersions();
            }
            v = versionEnd++;
        }
        versionCount++;
        seqs[v] = seq;
        kinds[v] = kind;
        locations[v] = location;
        crcs[v] = crc;
        layers[v] = layer;
        older[v] = head;
        if (kind == UNIT) {
            units.added(location);
        }
        return v;
    }

    private void freeVersion(int v) {
        if (kinds[v] == UNIT) {
            units.removed(locations[v]);
        }
        older[v] = versionFree;
        versionFree = v;
        versionCount--;
    }

    /** Drops committed versions under a newer committed one of the same layer. */
    private void prune(int head, long commitSeq) {
        int keptLayer = -1;
        int before = NONE;
        int v = head;
        while (v != NONE) {
            int next = older[v];
            boolean committed = seqs[v] <= commitSeq;
            if (committed && layers[v] == keptLayer) {
                older[before] = next;
                freeVersion(v);
            } else {
                if (committed) {
                    keptLayer = layers[v];
                }
                before = v;
            }
            v = next;
        }
    }

    private int extentRecord(int slot, int extent) {
        long key = key(slot, extent);
        int record = extentTable.get(key);
        if (record != NONE) {
            return record;
        }
        record = extentFree;
        if (record != NONE) {
            extentFree = extentBlocks[record];
        } else {
            if (extentEnd == extentKeys.length) {
                growExtents();
            }
            record = extentEnd++;
        }
        extentKeys[record] = key;
        extentBlocks[record] = NONE;
        extentVersions[record] = NONE;
        extentTable.put(key, record);
        return record;
    }

    private int blockRecord(int slot, int block) {
        long key = key(slot, block);
        int record = blockTable.get(key);
        if (record != NONE) {
            return record;
        }
        int extent = extentRecord(slot, block / Geometry.BLOCKS_PER_EXTENT);
        record = blockFree;
        if (record != NONE) {
            blockFree = blockNext[record];
        } else {
            if (blockEnd == blockKeys.length) {
                growBlocks();
            }
            record = blockEnd++;
        }
        blockKeys[record] = key;
        blockVersions[record] = NONE;
        blockNext[record] = extentBlocks[extent];
        extentBlocks[extent] = record;
        blockTable.put(key, record);
        return record;
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
        int whole = upTo(extentVersions[extent], upTo);
        int record = blockTable.get(key(slot, block));
        int own = record == NONE ? NONE : upTo(blockVersions[record], upTo);
        if (own == NONE || (whole != NONE && seqs[whole] > seqs[own])) {
            return whole;
        }
        return own;
    }

    /**
     * The newest version at or below {@code upTo} of each block of an extent, as far as it belongs to {@code layer}, else {@link #NONE}. Returns
     * a bit for each piece that has any.
     */
    int collect(int slot, int extent, long upTo, int layer, int[] versions) {
        int record = extentTable.get(key(slot, extent));
        int whole = record == NONE ? NONE : ofLayer(upTo(extentVersions[record], upTo), layer);
        Arrays.fill(versions, whole);
        int pieces = whole == NONE ? 0 : (1 << Geometry.PIECES_PER_EXTENT) - 1;
        for (int b = record == NONE ? NONE : extentBlocks[record]; b != NONE; b = blockNext[b]) {
            int own = ofLayer(upTo(blockVersions[b], upTo), layer);
            if (own != NONE && (whole == NONE || seqs[own] > seqs[whole])) {
                int block = (int) blockKeys[b] % Geometry.BLOCKS_PER_EXTENT;
                versions[block] = own;
                pieces |= 1 << (block / Geometry.BLOCKS_PER_PIECE);
            }
        }
        return pieces;
    }

    private int ofLayer(int head, int layer) {
        int v = head;
        while (v != NONE && layers[v] > layer) {
            v = older[v];
        }
        return v != NONE && layers[v] == layer ? v : NONE;
    }

    /** The version {@code seq} of a block now lies in the journal, at {@code location}, with the same content. */
    void relocate(int slot, int block, long seq, long location) {
        int record = blockTable.get(key(slot, block));
        int version = record == NONE ? NONE : find(blockVersions[record], seq);
        if (version != NONE) {
            if (kinds[version] == UNIT) {
                units.removed(locations[version]);
            }
            kinds[version] = JOURNAL;
            locations[version] = location;
        }
    }

    private int upTo(int head, long upTo) {
        int v = head;
        while (v != NONE && seqs[v] > upTo) {
            v = older[v];
        }
        return v;
    }

    long seq(int version) {
        return seqs[version];
    }

    byte kind(int version) {
        return kinds[version];
    }

    boolean isZero(int version) {
        return kinds[version] >= ZERO;
    }

    long location(int version) {
        return locations[version];
    }

    int crc(int version) {
        return crcs[version];
    }

    int layer(int version) {
        return layers[version];
    }

    int versions() {
        return versionCount;
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
        int whole = upTo(extentVersions[record], upTo);
        long highest = whole == NONE ? 0 : seqs[whole];
        for (int block = extentBlocks[record]; block != NONE; block = blockNext[block]) {
            int own = upTo(blockVersions[block], upTo);
            if (own != NONE) {
                highest = Math.max(highest, seqs[own]);
            }
        }
        return highest;
    }

    /** The index holds everything of this extent up to {@code seq} now. */
    void removeUpTo(int slot, int extent, long seq) {
        int record = extentTable.get(key(slot, extent));
        if (record == NONE) {
            return;
        }
        extentVersions[record] = cutOlder(extentVersions[record], seq);
        int before = NONE;
        int block = extentBlocks[record];
        while (block != NONE) {
            int next = blockNext[block];
            blockVersions[block] = cutOlder(blockVersions[block], seq);
            before = unlinkIfEmpty(record, block, before);
            block = next;
        }
        removeIfEmpty(record);
    }

    /** The log was cut: versions above {@code seq} never were. */
    void removeAbove(int slot, long seq) {
        for (long key : extentKeys()) {
            if ((int) (key >>> 32) != slot) {
                continue;
            }
            int record = extentTable.get(key);
            extentVersions[record] = cutNewer(extentVersions[record], seq);
            int before = NONE;
            int block = extentBlocks[record];
            while (block != NONE) {
                int next = blockNext[block];
                blockVersions[block] = cutNewer(blockVersions[block], seq);
                before = unlinkIfEmpty(record, block, before);
                block = next;
            }
            removeIfEmpty(record);
        }
    }

    private int unlinkIfEmpty(int extent, int block, int before) {
        if (blockVersions[block] != NONE) {
            return block;
        }
        if (before == NONE) {
            extentBlocks[extent] = blockNext[block];
        } else {
            blockNext[before] = blockNext[block];
        }
        blockTable.remove(blockKeys[block]);
        blockNext[block] = blockFree;
        blockFree = block;
        return before;
    }

    private void removeIfEmpty(int extent) {
        if (extentBlocks[extent] == NONE && extentVersions[extent] == NONE) {
            extentTable.remove(extentKeys[extent]);
            extentBlocks[extent] = extentFree;
            extentFree = extent;
        }
    }

    private int cutOlder(int head, long seq) {
        int before = NONE;
        int v = head;
        while (v != NONE && seqs[v] > seq) {
            before = v;
            v = older[v];
        }
        while (v != NONE) {
            int next = older[v];
            freeVersion(v);
            v = next;
        }
        if (before == NONE) {
            return NONE;
        }
        older[before] = NONE;
        return head;
    }

    private int cutNewer(int head, long seq) {
        int v = head;
        while (v != NONE && seqs[v] > seq) {
            int next = older[v];
            freeVersion(v);
            v = next;
        }
        return v;
    }

    /** Sees the location of every version that lies in a unit of a direct write. */
    void forEachUnit(UnitVisitor visitor) {
        blockTable.forEach((key, record) -> {
            for (int v = blockVersions[record]; v != NONE; v = older[v]) {
                if (kinds[v] == UNIT) {
                    visitor.unit((int) (key >>> 32), (int) key, locations[v]);
                }
            }
        });
    }

    /** Sees (stream's number, block) of every block that has data in the journal. */
    void forEachJournalled(BlockVisitor visitor) {
        blockTable.forEach((key, record) -> {
            for (int v = blockVersions[record]; v != NONE; v = older[v]) {
                if (kinds[v] == JOURNAL) {
                    visitor.block((int) (key >>> 32), (int) key);
                    return;
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

    /** True if some block of {@code count} from {@code block} has data above {@code aboveSeq} here. */
    boolean hasDataAbove(int slot, int block, int count, long aboveSeq) {
        for (int b = block; b < block + count; b++) {
            int record = blockTable.get(key(slot, b));
            for (int v = record == NONE ? NONE : blockVersions[record]; v != NONE && seqs[v] > aboveSeq; v = older[v]) {
                if (kinds[v] < ZERO) {
                    return true;
                }
            }
        }
        return false;
    }

    private void growVersions() {
        int capacity = seqs.length * 2;
        seqs = Arrays.copyOf(seqs, capacity);
        locations = Arrays.copyOf(locations, capacity);
        crcs = Arrays.copyOf(crcs, capacity);
        layers = Arrays.copyOf(layers, capacity);
        kinds = Arrays.copyOf(kinds, capacity);
        older = Arrays.copyOf(older, capacity);
    }

    private void growExtents() {
        int capacity = extentKeys.length * 2;
        extentKeys = Arrays.copyOf(extentKeys, capacity);
        extentBlocks = Arrays.copyOf(extentBlocks, capacity);
        extentVersions = Arrays.copyOf(extentVersions, capacity);
    }

    private void growBlocks() {
        int capacity = blockKeys.length * 2;
        blockKeys = Arrays.copyOf(blockKeys, capacity);
        blockVersions = Arrays.copyOf(blockVersions, capacity);
        blockNext = Arrays.copyOf(blockNext, capacity);
    }
}
