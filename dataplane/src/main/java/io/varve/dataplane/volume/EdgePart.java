package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.replication.SlabRead;
import io.varve.model.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A block that a request covers in part: read, changed, written. From the reading until the write is numbered, nothing else may be numbered on
 * the block, or it would be undone. Not pooled: clients that care for speed are aligned.
 */
final class EdgePart extends SlabRead {
    private final SlabVolume volume;
    private final RequestRun run;
    private final int slab;
    private final int fromByte;
    private final int bytes;

    /** What to put in; null for zeros. */
    private final @Nullable ByteBuf data;

    private final int dataIndex;

    EdgePart(
            SlabVolume volume,
            RequestRun run,
            int slab,
            int block,
            int fromByte,
            int bytes,
            @Nullable ByteBuf data,
            int dataIndex) {
        this.volume = volume;
        this.run = run;
        this.slab = slab;
        this.block = block;
        this.count = 1;
        this.fromByte = fromByte;
        this.bytes = bytes;
        this.data = data == null ? null : data.retain();
        this.dataIndex = dataIndex;
        ByteBuf whole = Buffers.aligned(Geometry.BLOCK_BYTES);
        whole.writerIndex(Geometry.BLOCK_BYTES);
        this.destination = whole;
    }

    int slab() {
        return slab;
    }

    RequestRun run() {
        return run;
    }

    boolean touches(int ofSlab, int firstBlock, int blocks) {
        return slab == ofSlab && block >= firstBlock && block < firstBlock + blocks;
    }

    /** The whole block as it is to be written; the caller's from now on. */
    ByteBuf takeChanged() {
        ByteBuf whole = Objects.requireNonNull(destination);
        destination = null;
        if (data != null) {
            whole.setBytes(fromByte, data, dataIndex, bytes);
        } else {
            whole.setZero(fromByte, bytes);
        }
        return whole;
    }

    void release() {
        if (data != null) {
            data.release();
        }
        if (destination != null) {
            destination.release();
            destination = null;
        }
    }

    @Override
    protected void completed(Outcome outcome) {
        volume.edgeRead(this, outcome);
    }
}
