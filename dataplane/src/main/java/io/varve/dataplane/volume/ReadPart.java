package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.replication.SlabRead;
import io.varve.model.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The part of a READ that lies in one extent. Pooled by its volume. */
final class ReadPart extends SlabRead {
    private final SlabVolume volume;
    private @Nullable RequestRun run;

    /** Where the bytes go if they cannot be read straight to their place; null if they can. */
    private @Nullable ByteBuf target;

    private int targetIndex;
    private int skipBytes;
    private int bytes;

    ReadPart(SlabVolume volume) {
        this.volume = volume;
    }

    /** {@code slabOffset}, {@code length}: bytes within the slab, inside of one extent. */
    void fill(RequestRun of, long slabOffset, int length, ByteBuf data, int index) {
        run = of;
        block = (int) (slabOffset / Geometry.BLOCK_BYTES);
        skipBytes = (int) (slabOffset % Geometry.BLOCK_BYTES);
        bytes = length;
        count = (skipBytes + length + Geometry.BLOCK_BYTES - 1) / Geometry.BLOCK_BYTES;
        boolean isWhole = skipBytes == 0 && length % Geometry.BLOCK_BYTES == 0;
        if (isWhole && Buffers.isAligned(data, index)) {
            destination = data.retain();
            destinationIndex = index;
            target = null;
        } else {
            ByteBuf bounce = Buffers.aligned(count * Geometry.BLOCK_BYTES);
            bounce.writerIndex(count * Geometry.BLOCK_BYTES);
            destination = bounce;
            destinationIndex = 0;
            target = data.retain();
            targetIndex = index;
        }
    }

    @Override
    protected void completed(Outcome outcome) {
        RequestRun of = Objects.requireNonNull(run);
        ByteBuf from = Objects.requireNonNull(destination);
        if (target != null) {
            if (outcome == Outcome.OK && !of.isAnswered()) {
                target.setBytes(targetIndex, from, skipBytes, bytes);
            }
            target.release();
            target = null;
        }
        from.release();
        destination = null;
        run = null;
        volume.readBack(this, of, outcome);
    }
}
