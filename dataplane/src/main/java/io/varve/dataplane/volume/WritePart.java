package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.replication.WriteRecord;
import io.varve.dataplane.store.Op;
import io.varve.model.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The part of a request that becomes one record: whole blocks of one slab, with payload also of one extent. Pooled by its volume. */
final class WritePart extends WriteRecord {
    private final SlabVolume volume;
    private @Nullable RequestRun run;

    WritePart(SlabVolume volume) {
        this.volume = volume;
    }

    /** Takes a reference of the data if it can be written from where it lies, else a copy. */
    void fillData(RequestRun of, int firstBlock, int blocks, ByteBuf data, int index, Crc32c crc) {
        run = of;
        op = Op.WRITE.code();
        block = firstBlock;
        count = blocks;
        crcCount = blocks;
        aux = 0;
        if (Buffers.isAligned(data, index)) {
            payload = data.retain();
            payloadIndex = index;
        } else {
            ByteBuf copy = Buffers.aligned(blocks * Geometry.BLOCK_BYTES);
            copy.writeBytes(data, index, blocks * Geometry.BLOCK_BYTES);
            payload = copy;
            payloadIndex = 0;
        }
        sum(crc);
    }

    /** A block that was read and changed; takes the buffer over. */
    void fillEdge(RequestRun of, int theBlock, ByteBuf whole, Crc32c crc) {
        run = of;
        op = Op.WRITE.code();
        block = theBlock;
        count = 1;
        crcCount = 1;
        aux = 0;
        payload = whole;
        payloadIndex = 0;
        sum(crc);
    }

    void fillZeros(RequestRun of, int firstBlock, int blocks, Op zeroOrUnmap) {
        run = of;
        op = zeroOrUnmap.code();
        block = firstBlock;
        count = blocks;
        crcCount = 0;
        aux = 0;
        payload = null;
    }

    private void sum(Crc32c crc) {
        ByteBuf data = Objects.requireNonNull(payload);
        for (int i = 0; i < count; i++) {
            crcs[i] = crc.of(data, payloadIndex + i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES);
        }
    }

    @Override
    protected void committed(boolean fenced) {
        RequestRun of = Objects.requireNonNull(run);
        run = null;
        if (payload != null) {
            payload.release();
            payload = null;
        }
        volume.written(this, of, fenced);
    }
}
