package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Not a test but a measurement, with the figures of docs/internals/disk.md; the command stands there. {@code -Dvarve.measure.dir}
 * names a directory on the disk to be measured.
 */
@Tag("long")
final class DiskMeasurement {
    private static final long FILE_BYTES = 512L << 20;
    private static final long WARM_UP_NANOS = 2_000_000_000L;
    private static final long MEASURED_NANOS = 5_000_000_000L;

    @Test
    void tellsWhatEachBackendDoes() throws Exception {
        Path directory =
                Files.createTempDirectory(Path.of(System.getProperty("varve.measure.dir", "target")), "measure-");
        try {
            System.out.println(
                    "| backend | file | operation | depth | ops/s | p50 µs | p99 µs | CPU µs/op | bytes allocated/op |");
            System.out.println("|---|---|---|---|---|---|---|---|---|");
            for (DiskBackend backend : DiskBackend.values()) {
                measure(backend, directory, "zero-filled", FILE_BYTES);
                measure(backend, directory, "reserved only", 0);
            }
        } finally {
            try (var files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(directory);
        }
    }

    private static void measure(DiskBackend backend, Path directory, String kind, long zeroFillBytes) throws Exception {
        Vertx vertx = Vertx.builder()
                .withTransport(backend == DiskBackend.IO_URING ? Transport.IO_URING : Transport.EPOLL)
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .build();
        VertxLoop loop =
                new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "measure", VertxLoop::haltProcess);
        Path path = directory.resolve("disk-" + kind.replace(' ', '-'));
        CompletableFuture<LocalDisks.Outcome> opened = new CompletableFuture<>();
        loop.execute(() ->
                new LocalDisks(backend).open(loop, DeviceSpec.file(path, FILE_BYTES, zeroFillBytes), opened::complete));
        LocalDisks.Outcome outcome = opened.get(60, TimeUnit.SECONDS);
        assertThat(outcome).isInstanceOf(LocalDisks.Outcome.Ready.class);
        Disk disk = ((LocalDisks.Outcome.Ready) outcome).disk();
        List<Load> loads = zeroFillBytes == 0
                ? List.of(new Load("durable write", 4096, 1), new Load("durable write", 4096, 16))
                : List.of(
                        new Load("durable write", 4096, 1),
                        new Load("durable write", 8192, 1),
                        new Load("durable write", 4096, 16),
                        new Load("durable write", 8192, 16),
                        new Load("read", 4096, 1),
                        new Load("read", 4096, 32));
        for (Load load : loads) {
            new Run(loop, disk, load, WARM_UP_NANOS).result();
            System.out.println(
                    "| " + backend + " | " + kind + " | " + new Run(loop, disk, load, MEASURED_NANOS).result());
        }
        CompletableFuture<Boolean> closed = new CompletableFuture<>();
        loop.execute(() -> disk.close(() -> closed.complete(true)));
        closed.get(60, TimeUnit.SECONDS);
        Files.delete(path);
        loop.close();
        vertx.close().await(10, TimeUnit.SECONDS);
    }

    private record Load(String operation, int bytes, int depth) {}

    /** Keeps {@code depth} operations in flight; everything but the constructor and {@link #result} is on the loop. */
    private static final class Run {
        private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private static final OperatingSystemMXBean PROCESS =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

        private final VertxLoop loop;
        private final Disk disk;
        private final Load load;
        private final SplittableRandom random = new SplittableRandom(1);
        private final CompletableFuture<String> result = new CompletableFuture<>();
        private final long[] latencies = new long[4_000_000];
        private long begun;
        private long end;
        private long cpuBefore;
        private long allocatedBefore;
        private int done;
        private int running;

        Run(VertxLoop loop, Disk disk, Load load, long nanos) {
            this.loop = loop;
            this.disk = disk;
            this.load = load;
            loop.execute(() -> {
                begun = loop.nanos();
                end = begun + nanos;
                cpuBefore = PROCESS.getProcessCpuTime();
                allocatedBefore = THREADS.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < load.depth; i++) {
                    running++;
                    new Slot().next();
                }
            });
        }

        String result() throws Exception {
            return result.get(60, TimeUnit.SECONDS);
        }

        private void finish() {
            long allocated = THREADS.getCurrentThreadAllocatedBytes() - allocatedBefore;
            double seconds = (loop.nanos() - begun) / 1e9;
            double cpuMicros = (PROCESS.getProcessCpuTime() - cpuBefore) / 1e3;
            Arrays.sort(latencies, 0, done);
            result.complete("%s %d KiB | %d | %.0f | %.0f | %.0f | %.1f | %.1f |"
                    .formatted(
                            load.operation,
                            load.bytes >> 10,
                            load.depth,
                            done / seconds,
                            latencies[done / 2] / 1e3,
                            latencies[(int) (done * 0.99)] / 1e3,
                            cpuMicros / done,
                            (double) allocated / done));
        }

        private final class Slot implements DiskCallback {
            private final ByteBuf buffer = Buffers.aligned(load.bytes).setZero(0, load.bytes);
            private long startedNanos;

            void next() {
                long offset = random.nextLong(FILE_BYTES / load.bytes) * load.bytes;
                startedNanos = loop.nanos();
                if (load.operation.equals("read")) {
                    disk.read(offset, buffer, 0, load.bytes, this);
                } else {
                    disk.write(offset, buffer, 0, load.bytes, true, this);
                }
            }

            @Override
            public void done(int bytes) {
                Invariant.check(bytes == load.bytes, "result", bytes);
                long now = loop.nanos();
                latencies[done++] = now - startedNanos;
                if (now < end) {
                    next();
                } else {
                    buffer.release();
                    if (--running == 0) {
                        finish();
                    }
                }
            }
        }
    }
}
