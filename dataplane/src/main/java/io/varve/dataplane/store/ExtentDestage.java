package io.varve.dataplane.store;

import io.varve.dataplane.store.index.EntryCache;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * Decides, for one extent and one layer, where its newest committed versions go: in place, to a fresh unit, or nowhere because a direct write
 * has put them where they may stay. Changes the extent's cached entry and fills the batch of copies. No I/O; confined to the group's loop.
 */
final class ExtentDestage {
    private static final int ALL_BLOCKS = 0xffff;
    private static final int BLOCKS = Geometry.BLOCKS_PER_PIECE;

    private final GroupState group;
    private final CopyBatch batch;
    private final int[] versions = new int[Geometry.BLOCKS_PER_EXTENT];
    /** First block of the piece at hand, within the extent. */
    private int first;

    /** {@code device << 32 | unit} that no entry names any more: free after the commit. */
    private final List<Long> dropped = new ArrayList<>();

    ExtentDestage(GroupState group, CopyBatch batch) {
        this.group = group;
        this.batch = batch;
    }

    List<Long> dropped() {
        return dropped;
    }

    /** {@code row}: the extent's entry at or below the layer, which must be in the cache. False: the group has no unit left. */
    boolean destage(StreamLog stream, int extent, int layer, int foundRow) {
        int row = foundRow;
        if (group.entries.exists(row) && group.entries.layer(row) != layer) {
            row = group.entries.add(EntryCache.key(stream.slot, extent, layer));
        }
        int touched = group.overlay.collect(stream.slot, extent, stream.cut, layer, versions);
        int near = -1;
        int nearDevice = -1;
        for (int piece = 0; piece < Geometry.PIECES_PER_EXTENT; piece++) {
            first = piece * BLOCKS;
            int block = extent * Geometry.BLOCKS_PER_EXTENT + first;
            int data = 0;
            int zero = 0;
            boolean unmap = false;
            for (int i = 0; i < BLOCKS && (touched & 1 << piece) != 0; i++) {
                int version = versions[first + i];
                if (version == Overlay.NONE) {
                    continue;
                }
                if (group.overlay.isZero(version)) {
                    zero |= 1 << i;
                    unmap |= group.overlay.kind(version) == Overlay.UNMAP;
                } else {
                    data |= 1 << i;
                }
            }
            if (data != 0 && (data | zero) == ALL_BLOCKS && isOneUnit(data)) {
                adopt(stream, row, piece, layer, block, data, zero);
            } else if (data != 0) {
                int device = hasUnit(row, piece) ? group.entries.device(row, piece) : group.space.chooseDevice();
                if (!place(stream, row, piece, block, device, device == nearDevice ? near : -1)) {
                    return false;
                }
                copy(stream, row, piece, layer, block, data, zero);
            } else if (zero != 0) {
                clear(stream, row, piece, block, zero, unmap);
            }
            if (hasUnit(row, piece)) {
                near = group.entries.unit(row, piece);
                nearDevice = group.entries.device(row, piece);
            }
        }
        return true;
    }

    private boolean hasUnit(int row, int piece) {
        return group.entries.isMapped(row, piece) && group.entries.unit(row, piece) != EntryCache.NO_UNIT;
    }

    /** True if all that is data lies in one unit of a direct write, each block in its place. */
    private boolean isOneUnit(int data) {
        int lowest = Integer.numberOfTrailingZeros(data);
        if (group.overlay.kind(versions[first + lowest]) != Overlay.UNIT) {
            return false;
        }
        long start = group.overlay.location(versions[first + lowest]) - lowest;
        GroupDevice device = group.devices.get(Overlay.locationDevice(start));
        long block = Overlay.locationBlock(start);
        if (device.deviceBlock(device.unitOf(block), 0) != block) {
            return false;
        }
        for (int i = lowest + 1; i < BLOCKS; i++) {
            if ((data & 1 << i) != 0
                    && (group.overlay.kind(versions[first + i]) != Overlay.UNIT
                            || group.overlay.location(versions[first + i]) != start + i)) {
                return false;
            }
        }
        return true;
    }

    /** What was zeroed since is left out; the unit itself does not change, so this needs no other one ({@link Space#cover} counts on it). */
    private void adopt(StreamLog stream, int row, int piece, int layer, int block, int data, int zero) {
        int lowest = Integer.numberOfTrailingZeros(data);
        long start = group.overlay.location(versions[first + lowest]) - lowest;
        int device = Overlay.locationDevice(start);
        int unit = group.devices.get(device).unitOf(Overlay.locationBlock(start));
        int marks = keepsZeroMarks(row) ? zero : 0;
        drop(row, piece);
        group.entries.map(row, piece, device, unit, data, marks);
        group.devices.get(device).allocator().keep(unit);
        group.directUnits.adopted(device, unit);
        mapped(stream, block);
        for (int i = 0; i < BLOCKS; i++) {
            if ((data & 1 << i) != 0) {
                batch.sealInPlace(stream, layer, block + i, versions[first + i]);
            }
        }
    }

    /** Sees to it that the piece has a unit. */
    private boolean place(StreamLog stream, int row, int piece, int block, int device, int near) {
        if (hasUnit(row, piece)) {
            return true;
        }
        int unit = device < 0 ? -1 : group.space.allocate(device, near);
        if (unit < 0) {
            return false;
        }
        group.devices.get(device).allocator().keep(unit);
        group.entries.map(row, piece, device, unit, 0, group.entries.zero(row, piece));
        mapped(stream, block);
        return true;
    }

    private void mapped(StreamLog stream, int block) {
        group.space.mapped(stream, block / BLOCKS);
    }

    private void copy(StreamLog stream, int row, int piece, int layer, int block, int data, int zero) {
        int device = group.entries.device(row, piece);
        int unit = group.entries.unit(row, piece);
        for (int i = 0; i < BLOCKS; i++) {
            if ((data & 1 << i) != 0) {
                batch.copy(
                        stream,
                        layer,
                        block + i,
                        versions[first + i],
                        device,
                        group.devices.get(device).deviceBlock(unit, i));
            }
        }
        int present = (group.entries.present(row, piece) & ~zero) | data;
        int marks = keepsZeroMarks(row) ? (group.entries.zero(row, piece) & ~data) | zero : 0;
        group.entries.setMasks(row, piece, present, marks);
    }

    /** Below the oldest layer absent means zero; but in a lost entry it means unknown. */
    private boolean keepsZeroMarks(int row) {
        return group.entries.layer(row) > 0 || group.entries.isLost(row);
    }

    private void clear(StreamLog stream, int row, int piece, int block, int zero, boolean unmap) {
        boolean marked = keepsZeroMarks(row);
        if (!group.entries.isMapped(row, piece)) {
            if (marked) {
                group.entries.map(row, piece, 0, EntryCache.NO_UNIT, 0, zero);
            }
            return;
        }
        int present = group.entries.present(row, piece) & ~zero;
        int marks = marked ? group.entries.zero(row, piece) | zero : 0;
        boolean isUnknown = group.entries.isLost(row) && marks != ALL_BLOCKS;
        if (present != 0 || !unmap || !hasUnit(row, piece) || isUnknown) {
            group.entries.setMasks(row, piece, present, marks);
            return;
        }
        drop(row, piece);
        if (marked) {
            group.entries.map(row, piece, 0, EntryCache.NO_UNIT, 0, marks);
        } else {
            group.entries.unmap(row, piece);
        }
        unmapped(stream, block);
    }

    private void drop(int row, int piece) {
        if (hasUnit(row, piece)) {
            int device = group.entries.device(row, piece);
            int unit = group.entries.unit(row, piece);
            group.devices.get(device).allocator().drop(unit);
            dropped.add((long) device << 32 | unit);
        }
    }

    /** The piece's unit goes; newer data that counted on it needs one of its own. */
    private void unmapped(StreamLog stream, int block) {
        group.space.unmapped(stream, block / BLOCKS);
        boolean queued = stream.state.lastSeq > stream.state.durableSeq;
        if (queued || group.overlay.hasDataAbove(stream.slot, block, BLOCKS, stream.cut)) {
            group.space.reserveAnyway(stream, block, BLOCKS);
        }
    }
}
