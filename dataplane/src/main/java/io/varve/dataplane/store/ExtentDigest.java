package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.model.Geometry;

/** Hash of one extent for comparing replicas: CRC-32C over the checksums of its blocks, each verified against the data. One run per object. */
final class ExtentDigest extends StoreRead {
    private final DiskGroup store;
    private final GroupState group;
    private final StreamLog log;
    private final ReplicaStore.DigestCallback told;
    private final ByteBuf data;

    ExtentDigest(DiskGroup store, GroupState group, StreamLog log, int extent, ReplicaStore.DigestCallback told) {
        this.store = store;
        this.group = group;
        this.log = log;
        this.told = told;
        stream = log.state.stream();
        block = extent * Geometry.BLOCKS_PER_EXTENT;
        count = Math.min(Geometry.BLOCKS_PER_EXTENT, log.state.blocks() - block);
        data = Buffers.aligned(count * Geometry.BLOCK_BYTES);
        destination = data;
    }

    void start() {
        store.read(this);
    }

    @Override
    protected void completed(StoreStatus status) {
        for (int i = 0; i < count; i++) {
            data.setIntLE(i * Integer.BYTES, crcs[i]);
        }
        int crc = new Crc32c().of(data, 0, count * Integer.BYTES);
        data.release();
        int extent = block / Geometry.BLOCKS_PER_EXTENT;
        long written = group.overlay.highestSeq(log.slot, extent, Long.MAX_VALUE);
        long version = Math.max(log.extentVersion(extent), Math.max(written, log.copied.highestSeq(extent)));
        told.done(status, crc, version);
    }
}
