package io.varve.dataplane.disk;

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
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Not a test but a measurement, with the figures of docs/internals/disk.md; the command stands there. Both backends, and fio on the same
 * file as the raw disk, take turns in short rounds, because other work on the machine would else fall on one of them; medians are told.
 */
@Tag("long")
final class DiskMeasurement {
    private static final long FILE_BYTES = 256L << 20;
    private static final int ROUNDS = Integer.getInteger("varve.measure.rounds", 5);
    private static final long WARM_UP_NANOS = 1_500_000_000L;
    private static final long MEASURED_NANOS = 1_500_000_000L;
    private static final List<Load> LOADS = List.of(
            new Load("durable write", 4096, 1, true),
            new Load("durable write", 8192, 1, true),
            new Load("durable write", 4096, 16, true),
            new Load("durable write", 8192, 16, true),
            new Load("durable write", 4096, 1, false),
            new Load("read", 4096, 1, true),
            new Load("read", 4096, 32, true));

    private final Map<String, List<Figures>> figures = new LinkedHashMap<>();

    @Test
    void tellsWhatEachBackendDoes() throws Exception {
        Path directory =
                Files.createTempDirectory(Path.of(System.getProperty("varve.measure.dir", "target")), "measure-");
        try {
            for (DiskBackend backend : DiskBackend.values()) {
                try (Rig rig = new Rig(backend, directory, true)) {
                    for (Load load : LOADS) {
                        rig.run(load, WARM_UP_NANOS);
                    }
                }
            }
            for (int round = 0; round < ROUNDS; round++) {
                for (Load load : LOADS) {
                    for (DiskBackend backend : DiskBackend.values()) {
                        try (Rig rig = new Rig(backend, directory, load.zeroFilled)) {
                            add(backend.toString(), load, rig.run(load, MEASURED_NANOS));
                        }
                    }
                    if (load.zeroFilled) {
                        fio(directory, load);
                    }
                }
            }
            print();
        } finally {
            try (var files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(directory);
        }
    }

    private void add(String who, Load load, Figures measured) {
        figures.computeIfAbsent(load + " | " + who, none -> new ArrayList<>()).add(measured);
    }

    private void print() {
        System.out.println("| operation | depth | file | by | ops/s | p50 µs | p99 µs | CPU µs | bytes allocated |");
        System.out.println("|---|---|---|---|---|---|---|---|---|");
        figures.forEach((what, measured) -> System.out.printf(
                "| %s | %.0f | %.0f | %.0f | %.0f | %.1f |%n",
                what,
                median(measured, Figures::perSecond),
                median(measured, Figures::p50Micros),
                median(measured, Figures::p99Micros),
                median(measured, Figures::cpuMicros),
                median(measured, Figures::allocatedBytes)));
    }

    private static double median(List<Figures> measured, ToDoubleFunction<Figures> figure) {
        double[] sorted = measured.stream().mapToDouble(figure).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    /** The raw disk: the same load by fio's io_uring engine, on a file filled like ours. Left out where fio is not installed. */
    private void fio(Path directory, Load load) throws IOException, InterruptedException {
        Path file = directory.resolve("fio");
        if (!Files.isExecutable(Path.of("/usr/bin/fio"))) {
            return;
        }
        if (!Files.exists(file)) {
            DeviceFile.Outcome made = DeviceFile.open(DeviceSpec.file(file, FILE_BYTES));
            ((DeviceFile.Outcome.Ready) made).file().close();
        }
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/fio",
                "--name=raw",
                "--filename=" + file,
                "--size=" + FILE_BYTES,
                "--ioengine=io_uring",
                "--direct=1",
                "--rw=" + (load.operation.equals("read") ? "randread" : "randwrite"),
                "--bs=" + load.bytes,
                "--iodepth=" + load.depth,
                "--time_based",
                "--runtime=" + MEASURED_NANOS / 1e9,
                "--lat_percentiles=1",
                "--clat_percentiles=0",
                "--percentile_list=50:99",
                "--output-format=json"));
        if (!load.operation.equals("read")) {
            command.add("--sync=dsync");
        }
        Process process = new ProcessBuilder(command).start();
        String json = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        String part = json.substring(json.indexOf(load.operation.equals("read") ? "\"read\"" : "\"write\""));
        double perSecond = number(part, "\"iops\" : ([\\d.]+)");
        double cpuPercent = number(json, "\"usr_cpu\" : ([\\d.]+)") + number(json, "\"sys_cpu\" : ([\\d.]+)");
        add(
                "fio",
                load,
                new Figures(
                        perSecond,
                        number(part, "\"50.000000\" : (\\d+)") / 1e3,
                        number(part, "\"99.000000\" : (\\d+)") / 1e3,
                        cpuPercent * 1e4 / perSecond,
                        0));
    }

    private static double number(String text, String pattern) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        return matcher.find() ? Double.parseDouble(matcher.group(1)) : Double.NaN;
    }

    /** {@code zeroFilled}: else the file is only reserved. */
    private record Load(String operation, int bytes, int depth, boolean zeroFilled) {
        @Override
        public String toString() {
            return operation + " " + (bytes >> 10) + " KiB | " + depth + " | "
                    + (zeroFilled ? "zero-filled" : "reserved only");
        }
    }

    private record Figures(
            double perSecond, double p50Micros, double p99Micros, double cpuMicros, double allocatedBytes) {}

    /** A loop and a disk of one backend. A file that is only reserved is made anew each time. */
    private static final class Rig implements AutoCloseable {
        private final Vertx vertx;
        private final VertxLoop loop;
        private final Disk disk;

        Rig(DiskBackend backend, Path directory, boolean zeroFilled) throws Exception {
            vertx = Vertx.builder()
                    .withTransport(backend == DiskBackend.IO_URING ? Transport.IO_URING : Transport.EPOLL)
                    .with(new VertxOptions().setEventLoopPoolSize(1))
                    .build();
            loop = new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "measure", VertxLoop::haltProcess);
            Path path = directory.resolve(zeroFilled ? "filled" : "reserved");
            if (!zeroFilled) {
                Files.deleteIfExists(path);
            }
            CompletableFuture<LocalDisks.Outcome> opened = new CompletableFuture<>();
            DeviceSpec spec = DeviceSpec.file(path, FILE_BYTES, zeroFilled ? FILE_BYTES : 0);
            loop.execute(() -> new LocalDisks(backend).open(loop, spec, opened::complete));
            disk = ((LocalDisks.Outcome.Ready) opened.get(60, TimeUnit.SECONDS)).disk();
        }

        Figures run(Load load, long nanos) throws Exception {
            return new Run(loop, disk, load, nanos).result();
        }

        @Override
        public void close() {
            CompletableFuture<Boolean> closed = new CompletableFuture<>();
            loop.execute(() -> disk.close(() -> closed.complete(true)));
            closed.orTimeout(60, TimeUnit.SECONDS).join();
            loop.close();
            vertx.close().await();
        }
    }

    /** Keeps {@code depth} operations in flight; everything but the constructor and {@link #result} is on the loop. */
    private static final class Run {
        private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private static final OperatingSystemMXBean PROCESS =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

        private final VertxLoop loop;
        private final Disk disk;
        private final Load load;
        private final SplittableRandom random = new SplittableRandom(1);
        private final CompletableFuture<Figures> result = new CompletableFuture<>();
        private final long[] latencies = new long[2_000_000];
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
            loop.execute(() -> begin(nanos));
        }

        Figures result() throws Exception {
            return result.get(60, TimeUnit.SECONDS);
        }

        private void begin(long nanos) {
            begun = loop.nanos();
            end = begun + nanos;
            cpuBefore = PROCESS.getProcessCpuTime();
            allocatedBefore = THREADS.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < load.depth; i++) {
                running++;
                new Slot().next();
            }
        }

        private void finish() {
            double allocated = THREADS.getCurrentThreadAllocatedBytes() - allocatedBefore;
            double seconds = (loop.nanos() - begun) / 1e9;
            double cpuMicros = (PROCESS.getProcessCpuTime() - cpuBefore) / 1e3;
            Arrays.sort(latencies, 0, done);
            result.complete(new Figures(
                    done / seconds,
                    latencies[done / 2] / 1e3,
                    latencies[(int) (done * 0.99)] / 1e3,
                    cpuMicros / done,
                    allocated / done));
        }

        private final class Slot implements DiskCallback {
            private final ByteBuf buffer = Buffers.aligned(load.bytes).setZero(0, load.bytes);
            private final boolean isRead = load.operation.equals("read");
            private long startedNanos;

            void next() {
                long offset = random.nextLong(FILE_BYTES / load.bytes) * load.bytes;
                startedNanos = loop.nanos();
                if (isRead) {
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
