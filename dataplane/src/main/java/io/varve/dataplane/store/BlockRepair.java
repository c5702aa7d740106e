package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.store.index.ChecksumTable;
import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryLoads;
import io.varve.model.Geometry;

/**
 * Puts good data in place of one block that rotted: over the bad copy, in the journal or in its unit, durably, and its checksum with it
 * (decision 0022). The block was bad before, so a torn repair leaves nothing worse behind. Runs while no checkpoint does; one object per run,
 * on the loop.
 */
final class BlockRepair {
    private final GroupState group;
    private final Checkpoints checkpoints;
    private final StreamLog stream;
    private final int block;
    private final ByteBuf data;
    private final int crc;
    private final long version;
    private final ReplicaStore.StatusCallback repaired;
    private final EntryLoads.Waiter entryWaiter = new EntryLoads.Waiter() {
        @Override
        protected void entryReady() {
            run();
        }
    };
    private final ChecksumTable.Waiter pageWaiter = new ChecksumTable.Waiter() {
        @Override
        protected void pageReady(int error) {
            if (error != 0) {
                end(StoreStatus.IO_ERROR);
            } else {
                run();
            }
        }
    };

    /** {@code version}: seq up to which the data is the block's newest content. The data is copied: the caller's buffer is free at once. */
    BlockRepair(
            GroupState group,
            Checkpoints checkpoints,
            StreamLog stream,
            int block,
            ByteBuf data,
            int dataIndex,
            int crc,
            long version,
            ReplicaStore.StatusCallback repaired) {
        this.group = group;
        this.checkpoints = checkpoints;
        this.stream = stream;
        this.block = block;
        this.crc = crc;
        this.version = version;
        this.repaired = repaired;
        this.data = Buffers.aligned(Geometry.BLOCK_BYTES);
        this.data.setBytes(0, data, dataIndex, Geometry.BLOCK_BYTES);
    }

    /** Within {@link Checkpoints#exclusively}. */
    void run() {
        if (!group.isServing()) {
            end(StoreStatus.IO_ERROR);
            return;
        }
        if (stream.deleting) {
            // It waited behind the deletion; a replica made anew since has the same keys.
            end(StoreStatus.NOT_MEMBER);
            return;
        }
        int version = group.overlay.newest(stream.slot, block, Long.MAX_VALUE);
        if (version != Overlay.NONE) {
            repairJournalled(version);
        } else if (!stream.mapped.get(block / Geometry.BLOCKS_PER_PIECE)) {
            end(StoreStatus.OK);
        } else {
            repairInUnit(stream.state.layer);
        }
    }

    /** Only the very content that the record had may go there: another one would be another write. */
    private void repairJournalled(int version) {
        if (group.overlay.isZero(version)) {
            end(StoreStatus.OK);
        } else if (group.overlay.crc(version) != crc) {
            end(StoreStatus.BAD_BLOCK);
        } else {
            long location = group.overlay.location(version);
            write(group.devices.get(Overlay.locationDevice(location)), Overlay.locationBlock(location), false);
        }
    }

    private void repairInUnit(int topLayer) {
        int layer = topLayer;
        int piece = block / Geometry.BLOCKS_PER_PIECE % Geometry.PIECES_PER_EXTENT;
        int bit = 1 << (block % Geometry.BLOCKS_PER_PIECE);
        while (true) {
            long key = EntryCache.key(stream.slot, block / Geometry.BLOCKS_PER_EXTENT, layer);
            int row = group.entries.find(key);
            if (row < 0) {
                group.loads.load(key, stream.state.stream(), entryWaiter);
                return;
            }
            if (!group.entries.exists(row)) {
                end(StoreStatus.OK);
                return;
            }
            int known = group.entries.present(row, piece) | group.entries.zero(row, piece);
            if ((known & bit) == 0 && group.entries.isLost(row) && !adoptLost(row, piece, bit)) {
                end(StoreStatus.NO_SPACE);
                return;
            }
            if ((group.entries.present(row, piece) & bit) != 0) {
                writeInUnit(row, piece);
                return;
            }
            if (group.entries.layer(row) == 0 || (group.entries.zero(row, piece) & bit) != 0) {
                end(StoreStatus.OK);
                return;
            }
            layer = group.entries.layer(row) - 1;
        }
    }

    /** Of an entry that rotted nothing is known: the block gets a place again. The next checkpoint saves it. */
    private boolean adoptLost(int row, int piece, int bit) {
        if (!group.entries.isMapped(row, piece) || group.entries.unit(row, piece) == EntryCache.NO_UNIT) {
            // Nobody put one aside for it: what others were promised is not given away.
            int device = group.space.isAnyUnclaimed() ? group.space.chooseDevice() : -1;
            int unit = device < 0 ? -1 : group.space.allocate(device, -1);
            if (unit < 0) {
                return false;
            }
            group.devices.get(device).allocator().keep(unit);
            group.entries.map(row, piece, device, unit, 0, group.entries.zero(row, piece));
        }
        group.entries.setMasks(row, piece, group.entries.present(row, piece) | bit, group.entries.zero(row, piece));
        stream.rowChanged = true;
        return true;
    }

    private void writeInUnit(int row, int piece) {
        GroupDevice device = group.devices.get(group.entries.device(row, piece));
        long at = device.deviceBlock(group.entries.unit(row, piece), block % Geometry.BLOCKS_PER_PIECE);
        ChecksumTable checksums = device.checksums();
        if (!checksums.isLoaded(device.dataBlock(at))) {
            checksums.loadForChange(device.dataBlock(at), pageWaiter);
            return;
        }
        int sealed = ChecksumTable.sealed(crc, stream.state.stream(), group.entries.layer(row), block);
        if (checksums.get(device.dataBlock(at)) != sealed
                && stream.extentVersion(block / Geometry.BLOCKS_PER_EXTENT) > version) {
            // A checkpoint came first and may have put newer content here: the repair would take it back. Whoever reads
            // the block asks again.
            end(StoreStatus.BAD_BLOCK);
            return;
        }
        checksums.set(device.dataBlock(at), sealed);
        write(device, at, true);
    }

    private void write(GroupDevice device, long at, boolean withChecksum) {
        device.disk().write(at * Geometry.BLOCK_BYTES, data, 0, Geometry.BLOCK_BYTES, true, result -> {
            if (result < 0) {
                end(StoreStatus.IO_ERROR);
            } else if (withChecksum && device.checksums().dirtyPages() > 0) {
                device.checksums().writeDirty(CopyBatch.CALM_TRANSFERS, written -> flush(device, written));
            } else {
                end(StoreStatus.OK);
            }
        });
    }

    private void flush(GroupDevice device, int written) {
        if (written < 0) {
            end(StoreStatus.IO_ERROR);
            return;
        }
        device.disk().flush(result -> end(result < 0 ? StoreStatus.IO_ERROR : StoreStatus.OK));
    }

    private void end(StoreStatus status) {
        data.release();
        if (status == StoreStatus.OK) {
            group.repairedBlocks++;
        }
        checkpoints.ended();
        repaired.done(status);
    }
}
