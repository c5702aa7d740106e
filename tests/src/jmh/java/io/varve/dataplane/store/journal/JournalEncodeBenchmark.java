package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.Geometry;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The head of one frame: descriptors of writes of one block each, and the checksum over them. Payload is not copied, so not measured. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class JournalEncodeBenchmark {
    @Param({"1", "8", "32"})
    public int records;

    private final FrameChecksum checksum = new FrameChecksum(new UUID(1, 2));
    private JournalRecord[] frame;
    private ByteBuf head;

    private static final class Write extends JournalRecord {
        @Override
        protected void appended(StoreStatus status) {
            throw new IllegalStateException("nothing is appended here");
        }
    }

    @Setup
    public void fill() {
        head = Buffers.aligned(FrameLayout.MAX_HEAD_BYTES);
        head.setZero(0, FrameLayout.MAX_HEAD_BYTES);
        frame = new JournalRecord[records];
        for (int i = 0; i < records; i++) {
            Write write = new Write();
            write.stream = 7;
            write.seq = i + 1;
            write.block = i * 1000;
            write.count = 1;
            write.crcs[0] = i * 31;
            frame[i] = write;
        }
    }

    @TearDown
    public void release() {
        head.release();
    }

    @Benchmark
    public int frameHead() {
        int at = FrameLayout.HEADER_BYTES;
        int payload = 0;
        for (JournalRecord record : frame) {
            at = FrameLayout.writeDescriptor(head, at, record, payload);
            payload += Geometry.BLOCK_BYTES;
        }
        return checksum.of(head, 0, at, FrameLayout.AT_CRC);
    }
}
