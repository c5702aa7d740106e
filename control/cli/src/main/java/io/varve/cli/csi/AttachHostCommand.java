package io.varve.cli.csi;

import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.process.Teardown;
import io.varve.csi.AttachHost;
import io.varve.csi.OwnSession;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve attach-host}: runs until it is told to end. */
@Command(
        name = "attach-host",
        description = {
            "Starts a 'varve attach' for each volume that the CSI driver beside it asks for. It is a container of its own, so that the",
            "driver may be restarted and replaced while pods use their volumes: its own end is the end of those volumes' I/O.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve attach-host --socket /var/lib/varve-csi/attach.sock --server n1:7400,n2:7400",
        })
public final class AttachHostCommand implements Callable<Integer> {
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    @Option(
            names = "--socket",
            required = true,
            paramLabel = "PATH",
            description = "The Unix socket on which it is asked; 'varve csi --attach-host' names the same.")
    private Path socket = Path.of("attach.sock");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        var root = RootCommand.of(spec);
        var host = new AttachHost(socket.toAbsolutePath(), new OwnSession(CsiCommand.attachProgram(root)));
        var teardown = new Teardown(root.out());
        Runtime.getRuntime().addShutdownHook(new Thread(teardown::run, "teardown"));
        teardown.add("close " + socket, CLOSE_LIMIT, limit -> {
            host.close();
            return "";
        });
        root.out().println("Starting attaches for who asks on " + socket);
        root.out().flush();
        host.serve();
        return ExitCode.OK;
    }
}
