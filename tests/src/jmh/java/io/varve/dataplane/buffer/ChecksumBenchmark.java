package io.varve.dataplane.buffer;

import io.netty.buffer.ByteBuf;
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

/** CRC-32C of aligned memory: once for each block of a write at the access point, once for each block read. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ChecksumBenchmark {
    @Param({"4096", "65536", "1048576"})
    public int bytes;

    private final Crc32c crc = new Crc32c();
    private ByteBuf data;

    @Setup
    public void fill() {
        data = Buffers.aligned(bytes);
        for (int i = 0; i < bytes; i += Long.BYTES) {
            data.setLong(i, i * 0x9E3779B97F4A7C15L);
        }
    }

    @TearDown
    public void release() {
        data.release();
    }

    @Benchmark
    public int crc32c() {
        return crc.of(data, 0, bytes);
    }
}
