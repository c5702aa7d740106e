package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What may be read of one block that one client writes, one write after the other, each with the next number. A write that was answered is
 * there from then on; one that was not may be there or not; what was read once is not unread.
 */
final class BlockHistory {
    static final int BYTES = 4096;

    private final String name;
    private final long salt;
    /** By number: true if that write was zeros. Number 0 is the fresh volume. */
    private final List<Boolean> zeros = new ArrayList<>(List.of(true));

    private long floor;
    boolean isWriting;

    BlockHistory(String name, long salt) {
        this.name = name;
        this.salt = salt;
    }

    long floor() {
        return floor;
    }

    /** Begins the next write. */
    long next(boolean isZero) {
        zeros.add(isZero);
        isWriting = true;
        return zeros.size() - 1L;
    }

    void answered(long number) {
        floor = Math.max(floor, number);
    }

    byte[] content(long number) {
        ByteBuffer data = ByteBuffer.allocate(BYTES);
        for (int i = 0; i < BYTES / 16; i++) {
            data.putLong(salt).putLong(number);
        }
        return data.array();
    }

    /** {@code floorAtBegin}: what was certain when the read began. */
    void wasRead(byte[] data, long floorAtBegin) {
        ByteBuffer buffer = ByteBuffer.wrap(data);
        long first = buffer.getLong();
        long number = buffer.getLong();
        for (int i = 1; i < BYTES / 16; i++) {
            assertThat(buffer.getLong()).as("%s: torn block", name).isEqualTo(first);
            assertThat(buffer.getLong()).as("%s: torn block", name).isEqualTo(number);
        }
        if (first == 0 && number == 0) {
            long zero = floorAtBegin;
            while (zero < zeros.size() && !zeros.get((int) zero)) {
                zero++;
            }
            assertThat(zero)
                    .as("%s: zeros, but write %d was certain and none since was of zeros", name, floorAtBegin)
                    .isLessThan(zeros.size());
            floor = Math.max(floor, Math.min(zero, floor));
            return;
        }
        assertThat(first).as("%s: holds another block", name).isEqualTo(salt);
        assertThat(number)
                .as("%s: stale, write %d was certain when the read began", name, floorAtBegin)
                .isGreaterThanOrEqualTo(floorAtBegin);
        assertThat(number).as("%s: from the future", name).isLessThan(zeros.size());
        floor = Math.max(floor, number);
    }
}
