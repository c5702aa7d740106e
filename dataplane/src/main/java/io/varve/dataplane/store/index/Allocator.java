package io.varve.dataplane.store.index;

import io.varve.dataplane.check.Invariant;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;

/**
 * Which units of one device are taken. Two bitmaps: <em>busy</em> is what allocation looks at, <em>persistent</em> is what the next index
 * commit writes. A freed unit leaves the second at once and the first only when that commit is durable: until then a crash brings
 * its old owner back. No I/O; confined to the group's loop.
 */
public final class Allocator {
    /** Units per page of the persistent bitmap: 1 KiB, so that LMDB keeps it inside a leaf. */
    public static final int UNITS_PER_PAGE = 8192;

    private static final int PAGE_WORDS = UNITS_PER_PAGE / Long.SIZE;

    private final int units;
    private final long[] busy;
    private final long[] persistent;
    private final BitSet dirtyPages = new BitSet();
    private int free;
    private int next;

    public Allocator(int units) {
        this.units = units;
        int words = (units + Long.SIZE - 1) / Long.SIZE;
        busy = new long[words];
        persistent = new long[words];
        free = units;
    }

    public int units() {
        return units;
    }

    public int free() {
        return free;
    }

    /** Takes the next free unit behind the last one taken, so that what is written together lies together; -1 if none is free. */
    public int allocate() {
        if (free == 0) {
            return -1;
        }
        int unit = firstFree(next, units);
        if (unit < 0) {
            unit = firstFree(0, next);
        }
        take(unit);
        return unit;
    }

    /** Takes the first of an aligned run of {@code run} free units (a power of two); any unit if there is no such run; -1 if none is free. */
    public int allocateAligned(int run) {
        for (int pass = 0; pass < 2; pass++) {
            int from = pass == 0 ? (next + run - 1) & -run : 0;
            int to = pass == 0 ? units : Math.min(units, next + run);
            for (int unit = from; unit + run <= to; unit += run) {
                if (isFreeRun(unit, run)) {
                    take(unit);
                    return unit;
                }
            }
        }
        return allocate();
    }

    /** Takes exactly this unit if it is free. */
    public boolean allocateAt(int unit) {
        if (unit < 0 || unit >= units || isBusy(unit)) {
            return false;
        }
        take(unit);
        return true;
    }

    private boolean isFreeRun(int unit, int run) {
        long mask = run == Long.SIZE ? -1L : (1L << run) - 1;
        return (busy[unit / Long.SIZE] >>> (unit % Long.SIZE) & mask) == 0;
    }

    private int firstFree(int from, int to) {
        int unit = from;
        while (unit < to) {
            long word = ~busy[unit / Long.SIZE] & (-1L << (unit % Long.SIZE));
            if (word != 0) {
                int found = unit / Long.SIZE * Long.SIZE + Long.numberOfTrailingZeros(word);
                return found < to ? found : -1;
            }
            unit = (unit / Long.SIZE + 1) * Long.SIZE;
        }
        return -1;
    }

    private void take(int unit) {
        Invariant.check(!isBusy(unit), "a unit is given out twice", unit);
        busy[unit / Long.SIZE] |= 1L << (unit % Long.SIZE);
        free--;
        next = unit + 1 == units ? 0 : unit + 1;
    }

    public boolean isBusy(int unit) {
        return (busy[unit / Long.SIZE] & 1L << (unit % Long.SIZE)) != 0;
    }

    /** The index entry of a running checkpoint names the unit: the next commit keeps it. */
    public void keep(int unit) {
        persistent[unit / Long.SIZE] |= 1L << (unit % Long.SIZE);
        dirtyPages.set(unit / UNITS_PER_PAGE);
    }

    /** No index entry names the unit any more; {@link #reuse} follows after the commit. */
    public void drop(int unit) {
        persistent[unit / Long.SIZE] &= ~(1L << (unit % Long.SIZE));
        dirtyPages.set(unit / UNITS_PER_PAGE);
    }

    /** Nothing durable names the unit: it may be given out again. */
    public void reuse(int unit) {
        Invariant.check(isBusy(unit), "a free unit is freed", unit);
        busy[unit / Long.SIZE] &= ~(1L << (unit % Long.SIZE));
        free++;
    }

    /** Recovery: a record that is still in the journal names the unit. */
    public void markBusy(int unit) {
        if (!isBusy(unit)) {
            take(unit);
        }
    }

    /** Adds the changed pages to {@code batch} and forgets that they changed. */
    public void save(int device, IndexBatch batch) {
        for (int page = dirtyPages.nextSetBit(0); page >= 0; page = dirtyPages.nextSetBit(page + 1)) {
            int first = page * PAGE_WORDS;
            int count = Math.min(PAGE_WORDS, persistent.length - first);
            ByteBuffer bytes = ByteBuffer.allocate(count * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asLongBuffer().put(persistent, first, count);
            batch.put(ExtentIndex.Table.ALLOC, key(device, page), bytes.array());
        }
        dirtyPages.clear();
    }

    /** Takes over one page as it was saved. */
    public void load(int page, byte[] value) {
        int first = page * PAGE_WORDS;
        int count = Math.min(value.length / Long.BYTES, persistent.length - first);
        ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(persistent, first, count);
        for (int i = first; i < first + count; i++) {
            free -= Long.bitCount(persistent[i]) - Long.bitCount(busy[i]);
            busy[i] = persistent[i];
        }
    }

    public static byte[] key(int device, int page) {
        return ByteBuffer.allocate(5).put((byte) device).putInt(page).array();
    }

    public static int keyDevice(byte[] key) {
        return key[0] & 0xff;
    }

    public static int keyPage(byte[] key) {
        return ByteBuffer.wrap(key, 1, 4).getInt();
    }
}
