package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code varve demo kill}: what a power failure does to a process. */
@Command(
        name = "kill",
        description = {
            "Kills nodes of a running demo at once, as kill -9 does. One node, whichever it is: transactions go on.",
            "If it had a copy, requests wait up to 2 s and the volume is DEGRADED; if the volume was open on it, they wait",
            "some seconds until it is open on another one. 'varve demo start NODE' brings it back: its copies are brought",
            "up to date by themselves, and are then 'in sync' again. All nodes: as a loss of power; start the demo again.",
        },
        footerHeading = "%nExamples:%n",
        footer = {"  varve demo kill n2", "  varve demo start n2", "  varve demo kill all"})
final class DemoKillCommand implements Runnable {
    @Parameters(paramLabel = "NODE", description = "A node's name, or all.")
    private String name = "";

    @ParentCommand
    private DemoCommand demo = new DemoCommand();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var out = RootCommand.of(spec).out();
        var directory = DemoStatusCommand.directory(demo);
        var chosen = directory.nodeList().stream()
                .filter(node -> name.equals("all") || name.equals(node.name()))
                .toList();
        if (chosen.isEmpty()) {
            throw new CommandFailure(
                    ExitCode.NOT_FOUND,
                    "there is no node '" + name + "' in this demo",
                    "'varve demo status' shows the nodes.");
        }
        for (var node : chosen) {
            var process = node.process();
            process.ifPresent(ProcessHandle::destroyForcibly);
            out.println(node.name()
                    + process.map(handle -> " killed (process " + handle.pid() + ")")
                            .orElse(" did not run"));
        }
        out.flush();
    }
}
