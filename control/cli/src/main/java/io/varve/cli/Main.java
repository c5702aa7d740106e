package io.varve.cli;

import io.varve.cli.attach.AttachCommand;
import io.varve.cli.command.RootCommand;
import io.varve.cli.csi.AttachHostCommand;
import io.varve.cli.csi.CsiCommand;
import io.varve.cli.demo.DemoCommand;
import io.varve.cli.discovery.DiskDiscoverCommand;
import io.varve.cli.kubernetes.KubernetesInitCommand;
import io.varve.cli.server.ServerCommand;
import java.util.Map;
import picocli.CommandLine;

/** The program {@code varve}. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /** All commands, ready to execute. */
    static CommandLine commandLine() {
        return RootCommand.commandLine(
                Map.of("disk", new DiskDiscoverCommand()),
                new ServerCommand(),
                new AttachCommand(),
                new CsiCommand(),
                new AttachHostCommand(),
                new KubernetesInitCommand(),
                new DemoCommand());
    }
}
