package io.varve.simulator;

import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * Which parts of the volume the clients use: a few areas, each at an edge of something (piece, extent, slab, the end), cut into cells. A cell is a
 * register of its own; requests cover neighbouring cells of one area.
 */
final class Layout {
    private static final int PIECE = Geometry.BLOCKS_PER_PIECE;
    private static final int EXTENT = Geometry.BLOCKS_PER_EXTENT;

    /** Cells {@code first} to {@code first + count - 1}, one after the other from a byte of the volume on. */
    record Area(int first, int count, long offsetBytes) {}

    final int cellBytes;
    final List<Area> areas = new ArrayList<>();
    private int cells;

    Layout(Scenario scenario, long sizeBytes) {
        cellBytes = scenario.cellBytes();
        boolean isCoarse = cellBytes == Geometry.BLOCK_BYTES;
        addBlocks(PIECE - 1, isCoarse ? 4 : 2);
        addBlocks(EXTENT - 2, isCoarse ? 6 : 3);
        if (isCoarse) {
            // A whole piece, aligned: large writes go straight to fresh units.
            addBlocks(4L * EXTENT + PIECE, PIECE);
        }
        addBlocks(sizeBytes / Geometry.BLOCK_BYTES - 2, 2);
        if (scenario.slabs() > 1) {
            addBlocks(Geometry.BLOCKS_PER_SLAB - 2L, 4);
        }
    }

    private void addBlocks(long block, int blocks) {
        int count = blocks * Geometry.BLOCK_BYTES / cellBytes;
        areas.add(new Area(cells, count, block * Geometry.BLOCK_BYTES));
        cells += count;
    }

    int cells() {
        return cells;
    }

    long offsetBytes(int cell) {
        for (Area area : areas) {
            if (cell < area.first + area.count) {
                return area.offsetBytes + (long) (cell - area.first) * cellBytes;
            }
        }
        throw new IllegalArgumentException("no cell " + cell);
    }

    int slab(int cell) {
        return (int) (offsetBytes(cell) / Geometry.SLAB_BYTES);
    }
}
