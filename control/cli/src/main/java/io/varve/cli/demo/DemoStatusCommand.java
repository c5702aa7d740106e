package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.output.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code varve demo status}: the processes of a demo and where they listen. */
@Command(
        name = "status",
        description = "Shows the nodes of a demo: process, addresses, log.",
        footerHeading = "%nExamples:%n",
        footer = {"  varve demo status", "  varve demo status --dir /var/tmp/five"})
final class DemoStatusCommand implements Runnable {
    @ParentCommand
    private DemoCommand demo = new DemoCommand();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var out = RootCommand.of(spec).out();
        var table = Table.of("NODE", "PROCESS", "MANAGEMENT", "METRICS", "LOG");
        for (var node : directory(demo).nodeList()) {
            table.row(
                    node.name(),
                    node.process().map(process -> "up, pid " + process.pid()).orElse("down"),
                    node.management(),
                    "http://" + node.metrics() + "/metrics",
                    node.log());
        }
        out.print(table.render());
        out.flush();
    }

    static DemoDirectory directory(DemoCommand demo) {
        return DemoDirectory.look(demo.directory())
                .orElseThrow(() -> new CommandFailure(
                        ExitCode.NOT_FOUND,
                        "there is no demo in " + demo.directory(),
                        "Start one with 'varve demo', or name its directory with --dir."));
    }
}
