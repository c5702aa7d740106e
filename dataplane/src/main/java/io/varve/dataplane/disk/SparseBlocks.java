package io.varve.dataplane.disk;

import io.varve.model.Geometry;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of a simulated device, those that were never written taking no memory. The arrays put in are shared by copies and must
 * never change. Confined to one thread.
 */
final class SparseBlocks {
    private static final int PAGE_BLOCKS = 4096;

    private final byte[][][] pages;
    /** Which pages are this object's alone: a copy shares them all until it writes. */
    private final boolean[] owned;

    SparseBlocks(long sizeBytes) {
        int count = (int) ((sizeBytes / Geometry.BLOCK_BYTES + PAGE_BLOCKS - 1) / PAGE_BLOCKS);
        pages = new byte[count][][];
        owned = new boolean[count];
    }

    private SparseBlocks(SparseBlocks original) {
        pages = original.pages.clone();
        owned = new boolean[pages.length];
    }

    /** A copy that costs one reference for each 16 MiB. */
    SparseBlocks copy() {
        Arrays.fill(owned, false);
        return new SparseBlocks(this);
    }

    /** Null stands for zeros. */
    byte @Nullable [] get(long block) {
        byte[][] page = pages[(int) (block / PAGE_BLOCKS)];
        return page == null ? null : page[(int) (block % PAGE_BLOCKS)];
    }

    void put(long block, byte[] content) {
        int number = (int) (block / PAGE_BLOCKS);
        if (!owned[number]) {
            byte[][] page = pages[number];
            pages[number] = page == null ? new byte[PAGE_BLOCKS][] : page.clone();
            owned[number] = true;
        }
        pages[number][(int) (block % PAGE_BLOCKS)] = content;
    }
}
