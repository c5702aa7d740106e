package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code varve demo start}: a node that was killed comes back. */
@Command(
        name = "start",
        description = {
            "Starts a node of a running demo again after 'varve demo kill'. Its copies take what they missed, and are then",
            "in sync again. The demo stops it at its end, as the others.",
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve demo start n2"})
final class DemoStartCommand implements Callable<Integer> {
    @Parameters(paramLabel = "NODE", description = "A node's name.")
    private String name = "";

    @ParentCommand
    private DemoCommand demo = new DemoCommand();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        var out = RootCommand.of(spec).out();
        var directory = DemoStatusCommand.directory(demo);
        var node = directory.nodeList().stream()
                .filter(each -> name.equals(each.name()))
                .findFirst()
                .orElseThrow(() -> new CommandFailure(
                        ExitCode.NOT_FOUND,
                        "there is no node '" + name + "' in this demo",
                        "'varve demo status' shows the nodes."));
        if (!directory.isHeld()) {
            throw new CommandFailure(
                    ExitCode.NOT_FOUND, "no demo runs in " + demo.directory(), "'varve demo' starts all of it.");
        }
        if (node.process().isPresent()) {
            out.println(name + " runs already");
        } else {
            out.println(name + " starts (process " + new NodeProcesses(List.of(node)).launch(node) + ")");
        }
        out.flush();
        return ExitCode.OK;
    }
}
