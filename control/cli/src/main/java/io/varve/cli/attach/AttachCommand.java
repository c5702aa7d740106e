package io.varve.cli.attach;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.process.Teardown;
import io.varve.model.VolumeName;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve attach}: runs until it is told to end. */
@Command(
        name = "attach",
        description = {
            "Makes a volume usable on this machine: as a block device, and on a Unix socket for NBD clients. Runs until",
            "Ctrl-C. When the node that serves the volume dies or the volume is moved, requests wait until it is open",
            "elsewhere, and go on there: a file system sees a pause, no error. A node that stays silent for a second is",
            "reported to the cluster, which then opens the volume on another one.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve attach db                           as root, with nbdfuse: prints /dev/loopN",
            "  varve attach db --no-device               only the socket; nbdinfo \"nbd+unix:///db?socket=…\"",
            "  varve attach db --server n1:7400,n2:7400  more servers: any of them may be down at the start",
        })
public final class AttachCommand implements Callable<Integer> {
    private static final Path RUNTIME = Path.of("/run");
    /** sockaddr_un, less the final zero. */
    private static final int MAX_SOCKET_PATH = 107;
    /** Ctrl-C twice, or a supervisor's patience: losetup, nbdfuse and the socket, each within seconds. */
    private static final Duration STOP_LIMIT = Duration.ofSeconds(20);

    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(8);
    /** In which the kernel counts. */
    private static final long SECTOR_BYTES = 512;

    @Parameters(paramLabel = "VOLUME", description = "The volume's name.")
    private String name = "";

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description = "Where NBD clients connect. Default: varve-attach/VOLUME.sock below the runtime directory.")
    private @Nullable Path socket;

    @Option(
            names = "--device",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Whether to make a block device, which needs root and nbdfuse. Default: yes.")
    private boolean device;

    @Option(
            names = "--state",
            paramLabel = "FILE",
            description = {
                "Written when the device is there, and again when it has grown: one line of JSON with volume, device, sizeBytes",
                "and pid, for programs. Removed at the end."
            })
    private @Nullable Path state;

    @Option(
            names = "--give-up-after",
            paramLabel = "TIME",
            description = "End, and fail all requests, when the volume was open nowhere for so long. Default: never.")
    private Duration giveUpAfter = Duration.ZERO;

    @Option(
            names = "--publication",
            paramLabel = "EPOCH",
            description = {
                "For a CSI driver: the publication under which it attaches, by the epoch that it took. When that is over, because the",
                "volume was withdrawn from this node, all requests fail and the command ends."
            },
            converter = Epoch.class)
    private int publication;

    /** Unsigned. */
    static final class Epoch implements CommandLine.ITypeConverter<Integer> {
        @Override
        public Integer convert(String text) {
            try {
                return Integer.parseUnsignedInt(text);
            } catch (NumberFormatException e) {
                throw new CommandLine.TypeConversionException("'" + text
                        + "' is no epoch: a number from 0 to 4294967295, as 'varve volume show -o json' tells it");
            }
        }
    }

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        if (!VolumeName.isValid(name)) {
            throw new CommandLine.ParameterException(spec.commandLine(), "'" + name + "' is not a volume's name.");
        }
        var root = RootCommand.of(spec);
        var teardown = new Teardown(root.out(), STOP_LIMIT);
        // Ctrl-C and SIGTERM: the JVM runs this thread and ends when it is done.
        Runtime.getRuntime().addShutdownHook(new Thread(teardown::run, "teardown"));
        try {
            return serve(root, socketPath(), teardown);
        } catch (CommandFailure e) {
            if (teardown.isRunning()) {
                return ExitCode.OK; // a consequence of the end, which the hook finishes before the JVM ends
            }
            throw e;
        } finally {
            teardown.run();
        }
    }

    private Path socketPath() throws IOException {
        var given = socket;
        var path = given != null ? given.toAbsolutePath() : defaultDirectory().resolve(name + ".sock");
        if (path.toString().length() > MAX_SOCKET_PATH) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "the socket's path is longer than " + MAX_SOCKET_PATH + " characters: " + path);
        }
        return path;
    }

    private static Path defaultDirectory() throws IOException {
        var ofUser = System.getenv("XDG_RUNTIME_DIR");
        var base = Files.isWritable(RUNTIME)
                ? RUNTIME
                : ofUser != null ? Path.of(ofUser) : Path.of(System.getProperty("java.io.tmpdir", "/tmp"));
        return Files.createDirectories(base.resolve("varve-attach"));
    }

    private int serve(RootCommand root, Path path, Teardown teardown) throws IOException, InterruptedException {
        var out = root.out();
        var volume = new AttachedVolume(
                name, publication, root.servers(), root.credentials(), path, giveUpAfter, line -> say(out, line));
        teardown.add("close " + path, CLOSE_LIMIT, limit -> {
            volume.close();
            return "";
        });
        volume.open();
        out.println("Serving " + name + " on " + volume.uri());
        out.flush();
        var block = new BlockDevice(Path.of(path + ".device"), teardown);
        if (device) {
            teardown.add("remove " + path + ".device", CLOSE_LIMIT, limit -> {
                Files.deleteIfExists(Path.of(path + ".log"));
                Files.deleteIfExists(Path.of(path + ".device"));
                return "";
            });
            var size = volume.sizeBytes();
            var made = block.open(volume.roomyUri(), Path.of(path + ".log"), size);
            follow(volume, made, out, teardown);
            out.println("Device " + made);
            out.flush();
        }
        return awaitEnd(volume, block, teardown);
    }

    /** The device grows with the volume, from what it was made with on. */
    private void follow(AttachedVolume volume, String made, PrintWriter out, Teardown teardown) throws IOException {
        var file = state;
        if (file != null) {
            teardown.add("remove " + file, CLOSE_LIMIT, limit -> {
                Files.deleteIfExists(file);
                return "";
            });
        }
        volume.onResized(bytes -> Thread.ofVirtual().start(() -> grow(volume, made, out)));
        grow(volume, made, out);
    }

    /** One at a time: each brings the device to what the volume has then. */
    private synchronized void grow(AttachedVolume volume, String made, PrintWriter out) {
        var size = volume.sizeBytes();
        var wrong = BlockDevice.grow(made, size);
        if (!wrong.isEmpty()) {
            say(out, wrong);
            size = deviceBytes(made);
        }
        var file = state;
        try {
            if (file != null) {
                new AttachState(name, made, size, ProcessHandle.current().pid()).write(file);
            }
        } catch (IOException e) {
            say(out, "cannot write " + file + ": " + e.getMessage());
        }
    }

    private static long deviceBytes(String made) {
        try {
            var sectors =
                    Files.readString(Path.of("/sys/class/block", Path.of(made).getFileName() + "", "size"));
            return Long.parseLong(sectors.strip()) * SECTOR_BYTES;
        } catch (IOException e) {
            return 0;
        }
    }

    private static int awaitEnd(AttachedVolume volume, BlockDevice block, Teardown teardown)
            throws InterruptedException {
        var ended = new CountDownLatch(1);
        var isFailed = new AtomicBoolean();
        volume.failure().onComplete(why -> {
            isFailed.set(true);
            ended.countDown();
        });
        while (!teardown.awaitBegin(Duration.ofMillis(200)) && ended.getCount() > 0) {
            // Both ends are waited for: that of the process, and that of the volume.
        }
        if (isFailed.get()) {
            block.cutOff();
        }
        return isFailed.get() ? ExitCode.FAILED : ExitCode.OK;
    }

    private static void say(PrintWriter out, String line) {
        out.println(LocalTime.now(ZoneId.systemDefault()).truncatedTo(ChronoUnit.MILLIS) + " " + line);
        out.flush();
    }
}
