package io.varve.dataplane.store;

import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.store.index.Allocator;
import io.varve.dataplane.store.index.ChecksumTable;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;

/** One member of the group: the disk, what its superblock says, which units are taken, and the checksums of its blocks. */
final class GroupDevice {
    private final WatchedDisk disk;
    private final Superblock superblock;
    private final Allocator allocator;
    private final ChecksumTable checksums;

    GroupDevice(Loop loop, Disk disk, Superblock superblock, int checksumPages) {
        this.disk = new WatchedDisk(loop, disk);
        this.superblock = superblock;
        allocator = new Allocator(superblock.units());
        checksums = new ChecksumTable(this.disk, superblock.checksumOffset(), checksumPages);
    }

    Disk disk() {
        return disk;
    }

    /** The same, as who looks after it sees it. */
    WatchedDisk watched() {
        return disk;
    }

    /** Written to the device since the group was opened; superblocks are not counted. */
    long writtenBytes() {
        return disk.writtenBytes();
    }

    Superblock superblock() {
        return superblock;
    }

    boolean isFlash() {
        return superblock.deviceClass().isFlash();
    }

    Allocator allocator() {
        return allocator;
    }

    ChecksumTable checksums() {
        return checksums;
    }

    /** Place on the device, in blocks, of a block of a unit. */
    long deviceBlock(int unit, int blockInUnit) {
        return superblock.dataOffset() / Geometry.BLOCK_BYTES + (long) unit * Geometry.BLOCKS_PER_PIECE + blockInUnit;
    }

    /** The unit that a device block lies in. */
    int unitOf(long deviceBlock) {
        return (int) ((deviceBlock - superblock.dataOffset() / Geometry.BLOCK_BYTES) / Geometry.BLOCKS_PER_PIECE);
    }

    /** Which entry of the checksum table a device block has. */
    long dataBlock(long deviceBlock) {
        return deviceBlock - superblock.dataOffset() / Geometry.BLOCK_BYTES;
    }
}
