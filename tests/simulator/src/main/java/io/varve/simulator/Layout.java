package io.varve.simulator;

import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which parts of the volume the clients use: a few areas, each at an edge of something (piece, extent, slab, the end), cut into cells. A cell is a
 * register of its own; requests cover neighbouring cells of one area.
 */
final class Layout {
    private static final int PIECE = Geometry.BLOCKS_PER_PIECE;
    private static final int EXTENT = Geometry.BLOCKS_PER_EXTENT;

    /** Behind all that clients use, but the end of the volume. */
    private static final int FIRST_BALLAST = 6;

    private static final int BALLAST_EXTENTS = 8;

    /** Cells {@code first} to {@code first + count - 1}, one after the other from a byte of the volume on. */
    record Area(int first, int count, long offsetBytes) {}

    final int cellBytes;
    final List<Area> areas = new ArrayList<>();
    /** A whole piece, aligned: what is written there at once goes straight to fresh units. Null: cells are too small for it. */
    @Nullable Area piece;

    /** What fills small disks, an extent each, and is used for nothing else. */
    final List<Area> ballast = new ArrayList<>();

    /** Areas of both sorts, in the order of their cells. */
    final List<Area> all = new ArrayList<>();

    private int cells;

    Layout(Scenario scenario, long sizeBytes) {
        cellBytes = scenario.cellBytes();
        boolean isCoarse = cellBytes == Geometry.BLOCK_BYTES;
        areas.add(blocks(PIECE - 1, isCoarse ? 4 : 2));
        areas.add(blocks(EXTENT - 2, isCoarse ? 6 : 3));
        if (isCoarse) {
            piece = blocks(4L * EXTENT + PIECE, PIECE);
            areas.add(piece);
        }
        areas.add(blocks(sizeBytes / Geometry.BLOCK_BYTES - 2, 2));
        if (scenario.slabs() > 1) {
            areas.add(blocks(Geometry.BLOCKS_PER_SLAB - 2L, 4));
        }
        if (scenario.isTight()) {
            for (int extent = FIRST_BALLAST; extent < FIRST_BALLAST + BALLAST_EXTENTS; extent++) {
                ballast.add(blocks((long) extent * EXTENT, EXTENT));
            }
        }
    }

    private Area blocks(long block, int blocks) {
        int count = blocks * Geometry.BLOCK_BYTES / cellBytes;
        Area area = new Area(cells, count, block * Geometry.BLOCK_BYTES);
        cells += count;
        all.add(area);
        return area;
    }

    int cells() {
        return cells;
    }

    long offsetBytes(int cell) {
        for (Area area : all) {
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
