package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.model.Geometry;
import java.util.Arrays;
import org.jspecify.annotations.NullUnmarked;

/** A read that says what each block is stamped with. */
@NullUnmarked
final class TestRead extends StoreRead {
    StoreStatus status;
    Runnable then;

    private final ByteBuf data;
    private final long[] stamps;

    TestRead(long stream, int block, int count) {
        this.stream = stream;
        this.block = block;
        this.count = count;
        data = Buffers.aligned(count * Geometry.BLOCK_BYTES);
        destination = data;
        stamps = new long[count];
    }

    @Override
    protected void completed(StoreStatus how) {
        if (status != null) {
            throw new IllegalStateException("completed twice: " + status + ", " + how);
        }
        status = how;
        if (how == StoreStatus.OK) {
            for (int i = 0; i < count; i++) {
                stamps[i] = stampOf(i);
            }
        } else {
            Arrays.fill(stamps, -1);
        }
        data.release();
        if (then != null) {
            then.run();
        }
    }

    private long stampOf(int i) {
        int at = i * Geometry.BLOCK_BYTES;
        long stamp = data.getLongLE(at);
        for (int j = 0; j < Geometry.BLOCK_BYTES; j += 16) {
            assertThat(data.getLongLE(at + j))
                    .as("stamp within block %d", block + i)
                    .isEqualTo(stamp);
            long expected = stamp == 0 ? 0 : ((long) (block + i) << 32) + j;
            assertThat(data.getLongLE(at + j + 8))
                    .as("place of block %d", block + i)
                    .isEqualTo(expected);
        }
        return stamp;
    }

    long[] stamps() {
        return stamps;
    }
}
