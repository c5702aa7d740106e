package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.replication.SlabRead;
import io.varve.model.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The part of a READ that lies in one extent. Pooled by its volume. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class ReadPart extends SlabRead {
    private final SlabVolume volume;
    private @Nullable RequestRun run;

    /** Where the part's bytes begin in the request's data. */
    private int dataIndex;

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
        dataIndex = index;
        boolean isWhole = skipBytes == 0 && length % Geometry.BLOCK_BYTES == 0;
        if (isWhole && Buffers.isAligned(data, index)) {
            destination = data.retain();
            destinationIndex = index;
        } else {
            ByteBuf bounce = Buffers.aligned(count * Geometry.BLOCK_BYTES);
            bounce.writerIndex(count * Geometry.BLOCK_BYTES);
            destination = bounce;
            destinationIndex = 0;
        }
    }

    /** If the old one was the request's own data, the request gets other data: its reply must not lie where a late disk may write. */
    @Override
    protected void moveDestination() {
        ByteBuf old = Objects.requireNonNull(destination);
        Objects.requireNonNull(run).moveData(old);
        super.moveDestination();
    }

    @Override
    protected void completed(Outcome outcome) {
        RequestRun of = Objects.requireNonNull(run);
        ByteBuf from = Objects.requireNonNull(destination);
        if (outcome == Outcome.OK && !of.isAnswered()) {
            ByteBuf data = Objects.requireNonNull(of.request().data);
            if (data != from) {
                data.setBytes(dataIndex, from, destinationIndex + skipBytes, bytes);
            }
        }
        from.release();
        destination = null;
        run = null;
        volume.readBack(this, of, outcome);
    }
}
