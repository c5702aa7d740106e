package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;

/** A reusable list of memory ranges that are written one behind the other. Confined to one loop; holds no reference counts. */
public final class Gather {
    /** Most ranges in one write: IOV_MAX of Linux (limits.h). */
    public static final int MAX_RANGES = 1024;

    private final ByteBuf[] buffers = new ByteBuf[MAX_RANGES];
    private final int[] indices = new int[MAX_RANGES];
    private final int[] lengths = new int[MAX_RANGES];
    private int size;
    private int totalBytes;

    public void clear() {
        java.util.Arrays.fill(buffers, 0, size, null);
        size = 0;
        totalBytes = 0;
    }

    /** False if the list is full and nothing was added. */
    public boolean add(ByteBuf buffer, int index, int length) {
        if (size == MAX_RANGES) {
            return false;
        }
        buffers[size] = buffer;
        indices[size] = index;
        lengths[size] = length;
        size++;
        totalBytes += length;
        return true;
    }

    public int size() {
        return size;
    }

    public int totalBytes() {
        return totalBytes;
    }

    public ByteBuf buffer(int i) {
        return buffers[i];
    }

    public int index(int i) {
        return indices[i];
    }

    public int length(int i) {
        return lengths[i];
    }
}
