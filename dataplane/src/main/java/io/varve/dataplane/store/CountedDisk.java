package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.disk.Gather;

/** A member of a group, counting what is written to it: journal, direct writes, destage, checksums and repairs alike. Confined to the loop. */
final class CountedDisk implements Disk {
    private final Disk disk;
    private long writtenBytes;

    CountedDisk(Disk disk) {
        this.disk = disk;
    }

    /** Handed to the device since the group was opened, whether it succeeded or not. */
    long writtenBytes() {
        return writtenBytes;
    }

    @Override
    public String name() {
        return disk.name();
    }

    @Override
    public long sizeBytes() {
        return disk.sizeBytes();
    }

    @Override
    public int queueDepth() {
        return disk.queueDepth();
    }

    @Override
    public void read(long offset, ByteBuf destination, int destinationIndex, int length, DiskCallback callback) {
        disk.read(offset, destination, destinationIndex, length, callback);
    }

    @Override
    public void write(
            long offset, ByteBuf source, int sourceIndex, int length, boolean durable, DiskCallback callback) {
        writtenBytes += length;
        disk.write(offset, source, sourceIndex, length, durable, callback);
    }

    @Override
    public void write(long offset, Gather gather, boolean durable, DiskCallback callback) {
        writtenBytes += gather.totalBytes();
        disk.write(offset, gather, durable, callback);
    }

    @Override
    public void flush(DiskCallback callback) {
        disk.flush(callback);
    }

    @Override
    public void discard(long offset, long length, DiskCallback callback) {
        disk.discard(offset, length, callback);
    }

    @Override
    public void close(Runnable closed) {
        disk.close(closed);
    }
}
