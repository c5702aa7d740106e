package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The native {@code struct iovec} array of one operation: the ranges of memory that are left to transfer. Grows to what its operation
 * once needed (at most {@link Gather#MAX_RANGES}, 16 KiB) and is then reused for ever. Confined to the disk's loop, except that a
 * pool thread advances it while the operation is with that thread.
 */
final class Iovecs {
    /** struct iovec of a 64-bit kernel: address, length. */
    private static final int ENTRY_BYTES = 16;

    /** One range, the common case, plus a few: most operations never grow. */
    private static final int FIRST_ENTRIES = 4;

    private MemorySegment entries = allocate(FIRST_ENTRIES);
    private int capacity = FIRST_ENTRIES;
    private int first;
    private int end;

    void clear() {
        first = 0;
        end = 0;
    }

    void add(long address, int length) {
        if (end == capacity) {
            grow();
        }
        entries.set(ValueLayout.JAVA_LONG, (long) end * ENTRY_BYTES, address);
        entries.set(ValueLayout.JAVA_LONG, (long) end * ENTRY_BYTES + 8, length);
        end++;
    }

    /** Address of the first range left. */
    long address() {
        return entries.address() + (long) first * ENTRY_BYTES;
    }

    int count() {
        return end - first;
    }

    long firstRangeAddress() {
        return entries.get(ValueLayout.JAVA_LONG, (long) first * ENTRY_BYTES);
    }

    /** Leaves out the first {@code bytes}, which have been transferred. */
    void advance(long bytes) {
        long left = bytes;
        while (left > 0) {
            Invariant.check(first < end, "more transferred than asked for", bytes);
            long at = (long) first * ENTRY_BYTES;
            long length = entries.get(ValueLayout.JAVA_LONG, at + 8);
            if (left < length) {
                entries.set(ValueLayout.JAVA_LONG, at, entries.get(ValueLayout.JAVA_LONG, at) + left);
                entries.set(ValueLayout.JAVA_LONG, at + 8, length - left);
                return;
            }
            left -= length;
            first++;
        }
    }

    private void grow() {
        Invariant.check(capacity < Gather.MAX_RANGES, "too many ranges in one transfer", capacity);
        int larger = Math.min(Gather.MAX_RANGES, capacity * 4);
        MemorySegment copy = allocate(larger);
        copy.copyFrom(entries);
        entries = copy;
        capacity = larger;
    }

    private static MemorySegment allocate(int entries) {
        return Arena.ofAuto().allocate((long) entries * ENTRY_BYTES, Long.BYTES);
    }
}
