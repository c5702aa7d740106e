package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.demo.DemoOptions.Load;
import io.varve.cli.process.Teardown;
import io.varve.model.ByteSize;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code varve demo}. */
@Command(
        name = "demo",
        description = {
            "Tries Varve on this machine: starts nodes on files and loopback ports, makes a volume that is kept on two of",
            "them, puts ext4 and PostgreSQL on it, loads it with pgbench and shows what happens. Ctrl-C stops and",
            "unmounts everything; the data stays in the directory, and the next start finds it.",
        },
        subcommands = {DemoKillCommand.class, DemoStartCommand.class, DemoStatusCommand.class},
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve demo                               until Ctrl-C",
            "  varve demo --yes --for 60s               ends by itself with a summary",
            "  varve demo --no-database                 only export the volume; use it with any NBD client",
            "  varve demo --nodes 5 --replicas 3 --dir /var/tmp/five",
            "",
            "  Kill any node, in another shell, and see that transactions go on:",
            "  varve demo kill n1 ; sleep 20 ; varve demo start n1",
            "",
            "  An experiment: pull the power on everything, and start again. No committed transaction is missing.",
            "  varve demo kill all                      in another shell: kill -9 of every node",
            "  varve demo                               the same directory: recovers, and counts what is there",
        })
public final class DemoCommand implements Callable<Integer> {
    @Option(
            names = "--dir",
            scope = ScopeType.INHERIT,
            paramLabel = "DIR",
            defaultValue = ".varve/demo",
            description = "Where everything is kept. Default: .varve/demo below the current directory.")
    private Path dir = Path.of(".varve/demo");

    @Option(names = "--nodes", paramLabel = "N", defaultValue = "3", description = "Nodes, 1 to 5. Default: 3.")
    private int nodes;

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            defaultValue = "10GiB",
            description = "Size of the volume; space is taken as it is written. Default: 10GiB.")
    private ByteSize size = new ByteSize(0);

    @Option(
            names = "--disk",
            paramLabel = "SIZE",
            defaultValue = "4GiB",
            description = "Size of the file that is each node's disk. Default: 4GiB.")
    private ByteSize disk = new ByteSize(0);

    @Option(names = "--replicas", paramLabel = "N", defaultValue = "2", description = "Copies, 1 to 3. Default: 2.")
    private int replicas;

    @Option(
            names = "--for",
            paramLabel = "TIME",
            description = "Load the volume so long, then print a summary and stop everything.")
    private @Nullable Duration runFor;

    @Option(names = "--no-database", description = "Only export the volume.")
    private boolean noDatabase;

    @Option(names = "--nbd-load", description = "No database: drive the volume with NBD clients in user space.")
    private boolean nbdLoad;

    @Option(names = "--yes", description = "Install missing Debian packages without asking.")
    private boolean yes;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        require(nodes >= 1 && nodes <= 5, "--nodes is " + nodes + "; it can be 1 to 5.");
        require(replicas >= 1 && replicas <= 3, "--replicas is " + replicas + "; it can be 1, 2 or 3.");
        require(replicas <= nodes, "--replicas is " + replicas + ", but there are only " + nodes + " nodes.");
        require(disk.bytes() >= 1L << 30, "--disk is " + disk + "; the least is 1GiB.");
        var options =
                new DemoOptions(directory(), nodes, size, disk, replicas, Optional.ofNullable(runFor), load(), yes);
        return run(options);
    }

    private Load load() {
        require(
                !noDatabase || !nbdLoad,
                "--no-database drives the volume with nothing, --nbd-load with NBD clients: say one.");
        return noDatabase ? Load.NONE : nbdLoad ? Load.NBD : Load.DATABASE;
    }

    private void require(boolean right, String otherwise) {
        if (!right) {
            throw new CommandLine.ParameterException(spec.commandLine(), otherwise);
        }
    }

    /** Absolute, for the subcommands too. */
    Path directory() {
        return dir.toAbsolutePath().normalize();
    }

    private int run(DemoOptions options) throws Exception {
        var out = RootCommand.of(spec).out();
        var teardown = new Teardown(out, NodeProcesses.teardownLimit());
        // Ctrl-C and SIGTERM: the JVM runs this thread and ends when it is done.
        var hook = new Thread(teardown::run, "teardown");
        Runtime.getRuntime().addShutdownHook(hook);
        try (var directory = DemoDirectory.open(options)) {
            return runAndTearDown(new Demo(options, directory, out, teardown), teardown);
        }
    }

    private static int runAndTearDown(Demo demo, Teardown teardown) throws Exception {
        try {
            var worked = demo.run();
            return teardown.run() && worked ? ExitCode.OK : ExitCode.FAILED;
        } catch (CommandFailure e) {
            if (teardown.isRunning()) {
                return ExitCode.FAILED; // a consequence of the end, which the hook finishes before the JVM ends
            }
            throw e;
        } finally {
            teardown.run();
        }
    }
}
