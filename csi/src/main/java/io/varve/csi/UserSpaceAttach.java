package io.varve.csi;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * By {@code varve attach}: NBD in user space, shown as a file by nbdfuse, made a device by a loop device. Works with every kernel. One process for each
 * volume, in a session of its own, which goes on when this one ends; it is found again by the state file in its arguments.
 */
public final class UserSpaceAttach implements Attach {
    private static final Logger LOG = LoggerFactory.getLogger(UserSpaceAttach.class);

    /** For a volume to open: longer than its copies' leases, and a restart of a node. */
    private static final Duration ATTACH_LIMIT = Duration.ofSeconds(90);

    /** For a polite end; then it is killed. More than the attach itself takes at most. */
    private static final Duration END_LIMIT = Duration.ofSeconds(25);

    private static final Duration PAUSE = Duration.ofMillis(50);

    /** What the attach tells, as it writes it. */
    private record State(@Nullable String volume, @Nullable String device, long sizeBytes, long pid) {}

    private final Path directory;
    private final AttachStarter starter;

    /**
     * @param directory of state, on this node's own disk; it survives this process, not the machine
     * @param starter of the process
     */
    public UserSpaceAttach(Path directory, AttachStarter starter) {
        this.directory = directory;
        this.starter = starter;
    }

    @Override
    public String method() {
        return "nbd-user";
    }

    @Override
    public Optional<String> unavailable() {
        for (String device : List.of("/dev/fuse", "/dev/loop-control")) {
            if (!Files.exists(Path.of(device))) {
                return Optional.of(device + " is not there");
            }
        }
        return Optional.empty();
    }

    private Path state(String volume) {
        return directory.resolve(volume + ".attach");
    }

    private Path socket(String volume) {
        return directory.resolve(volume + ".sock");
    }

    @Override
    public Optional<Device> find(String volume) {
        return !processes(volume).isEmpty() ? read(volume) : Optional.empty();
    }

    @Override
    public Optional<Device> await(String volume, long bytes, Duration limit) {
        long end = System.nanoTime() + limit.toNanos();
        List<ProcessHandle> processes = processes(volume);
        if (processes.isEmpty()) {
            return Optional.empty();
        }
        try (WatchService news = directory.getFileSystem().newWatchService()) {
            directory.register(news, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
            CompletableFuture<Void> ending = processes.getFirst().onExit().thenRun(() -> close(news));
            try {
                return await(volume, bytes, end, news);
            } finally {
                ending.cancel(false);
            }
        } catch (ClosedWatchServiceException e) {
            return Optional.empty(); // The process has ended.
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CsiFailure(GrpcStatus.CANCELLED, "interrupted");
        }
    }

    private Optional<Device> await(String volume, long bytes, long endNanos, WatchService news)
            throws InterruptedException {
        while (true) {
            Optional<Device> device = read(volume);
            boolean isThere = device.isPresent() && device.get().sizeBytes() >= bytes;
            WatchKey changed = isThere ? null : news.poll(endNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (changed == null) {
                return device;
            }
            changed.pollEvents();
            changed.reset();
        }
    }

    private static void close(WatchService news) {
        try {
            news.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Optional<Device> read(String volume) {
        Path file = state(volume);
        try {
            State told = Files.exists(file) ? new Gson().fromJson(Files.readString(file), State.class) : null;
            return told == null || told.device == null
                    ? Optional.empty()
                    : Optional.of(new Device(told.device, told.sizeBytes));
        } catch (IOException | JsonParseException e) {
            return Optional.empty(); // It went between the two looks.
        }
    }

    /**
     * Those of this process's user, root, that attach the volume, also when they have not come so far yet as to say so, and whoever has started them. Of
     * their arguments alone any user could make one.
     */
    private List<ProcessHandle> processes(String volume) {
        String mark = state(volume).toString();
        Optional<String> own = effectiveUser("self");
        return ProcessHandle.allProcesses()
                .filter(each -> arguments(each.pid()).contains(mark))
                .filter(each -> effectiveUser(String.valueOf(each.pid())).equals(own))
                .toList();
    }

    /** As proc(5) has it; empty: the process has ended. */
    private static Optional<String> effectiveUser(String pid) {
        try (Stream<String> lines = Files.lines(Path.of("/proc", pid, "status"))) {
            return lines.filter(line -> line.startsWith("Uid:"))
                    .map(line -> line.split("\t", -1)[2])
                    .findFirst();
        } catch (IOException | UncheckedIOException e) {
            return Optional.empty();
        }
    }

    private static List<String> arguments(long pid) {
        try {
            return Arrays.asList(Files.readString(Path.of("/proc", String.valueOf(pid), "cmdline"))
                    .split("\0", -1));
        } catch (IOException e) {
            return List.of(); // It has ended.
        }
    }

    @Override
    public Device attach(String volume, int publication) {
        Optional<String> reason = unavailable();
        if (reason.isPresent()) {
            throw CsiFailure.precondition("attach method " + method() + " does not work on this node: " + reason.get());
        }
        try {
            if (processes(volume).isEmpty()) {
                clear(volume);
                start(volume, publication);
            }
            return await(volume);
        } catch (IOException e) {
            throw new CsiFailure(GrpcStatus.INTERNAL, "volume '" + volume + "' cannot be attached: " + e.getMessage());
        }
    }

    private void start(String volume, int publication) throws IOException {
        Files.createDirectories(directory);
        Path log = log(volume);
        List<String> arguments = new ArrayList<>(List.of(
                volume,
                "--socket",
                socket(volume).toString(),
                "--state",
                state(volume).toString()));
        if (publication != 0) {
            arguments.addAll(List.of("--publication", Integer.toUnsignedString(publication)));
        }
        starter.start(arguments, log);
        LOG.info("attach started volume={} log={}", volume, log);
    }

    private Path log(String volume) {
        return directory.resolve(volume + ".log");
    }

    private Device await(String volume) throws IOException {
        long end = System.nanoTime() + ATTACH_LIMIT.toNanos();
        boolean seen = false;
        while (true) {
            Optional<Device> device = read(volume);
            boolean runs = !processes(volume).isEmpty();
            seen |= runs;
            if (runs && device.isPresent()) {
                return device.get();
            }
            boolean over = System.nanoTime() > end;
            // Between the start and the first sight of the program there is setsid.
            if (over || (seen && !runs)) {
                throw new CsiFailure(
                        over ? GrpcStatus.DEADLINE_EXCEEDED : GrpcStatus.INTERNAL,
                        "volume '" + volume + "' cannot be attached"
                                + (over ? " within " + ATTACH_LIMIT.toSeconds() + " s: " : ": ") + lastLine(volume));
            }
            pause();
        }
    }

    private String lastLine(String volume) throws IOException {
        Path log = log(volume);
        return Files.exists(log)
                ? Files.readAllLines(log).stream().reduce((first, last) -> last).orElse("no explanation")
                : "no explanation";
    }

    @Override
    public void detach(String volume) {
        try {
            List<ProcessHandle> processes = processes(volume);
            processes.forEach(ProcessHandle::destroy);
            processes.forEach(UserSpaceAttach::awaitEnd);
            clear(volume);
            Files.deleteIfExists(log(volume));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void awaitEnd(ProcessHandle process) {
        try {
            process.onExit().get(END_LIMIT.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            process.destroyForcibly();
        }
    }

    /** What an attach that was killed, or a former life of the machine, has left: a loop device, a FUSE mount, files. */
    private void clear(String volume) throws IOException {
        Path socket = socket(volume);
        Path point = Path.of(socket + ".device");
        for (String loop : remains(volume)) {
            Command.of("losetup", "-d", loop).must();
        }
        if (MountTable.now().at(point).isPresent()) {
            Command.of("fusermount3", "-u", "-z", point.toString()).must();
        }
        Files.deleteIfExists(point);
        Files.deleteIfExists(Path.of(socket + ".log"));
        Files.deleteIfExists(socket);
        Files.deleteIfExists(state(volume));
    }

    @Override
    public List<String> remains(String volume) {
        try {
            return loopsOn(Path.of(socket(volume) + ".device", "nbd"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> loopsOn(Path file) throws IOException {
        List<String> found = new ArrayList<>();
        try (DirectoryStream<Path> loops = Files.newDirectoryStream(Path.of("/sys/class/block"), "loop*")) {
            for (Path loop : loops) {
                Path backing = loop.resolve("loop/backing_file");
                if (Files.exists(backing) && Files.readString(backing).strip().startsWith(file.toString())) {
                    found.add("/dev/" + loop.getFileName());
                }
            }
        }
        return found;
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CsiFailure(GrpcStatus.CANCELLED, "interrupted");
        }
    }
}
