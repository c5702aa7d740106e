package io.varve.cli.command;

import io.varve.api.CheckDepartureRequest;
import io.varve.api.DrainNodeRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.RemoveNodeRequest;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** How a node leaves: {@code varve node drain, undrain, check, remove}. */
final class NodeLeaveCommands {
    private NodeLeaveCommands() {}

    @Command(
            name = "drain",
            description = {
                "Moves the copies and the access points of a node to other nodes, while they are in use; none come to it any more.",
                "No copy leaves before its replacement is in sync. 'varve node undrain' takes it back."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve node drain n4 --wait && varve node remove n4",
                "  varve node drain n4; varve rebuild list"
            })
    static final class Drain implements Runnable {
        @Parameters(paramLabel = "NODE", description = "The node's id.")
        private String node = "";

        @Mixin
        private DepartureWait wait = new DepartureWait();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var drained = root.ask(
                    ManagementGrpcClient.DrainNode,
                    DrainNodeRequest.newBuilder().setNode(node).build());
            if (wait.isAsked()) {
                var what = CheckDepartureRequest.newBuilder().setNode(node).build();
                root.print(
                        wait.until(root, what, node), empty -> node + " is empty.\n" + DepartureWait.describe(empty));
            } else {
                root.print(
                        drained,
                        answer -> "Draining " + node + ": its copies and volumes move away. 'varve node check " + node
                                + "' tells when it may go, 'varve rebuild list' how far it is.\n");
            }
        }
    }

    @Command(
            name = "undrain",
            description = "Copies and access points may be on the node again; what was moved away stays where it is.",
            footerHeading = "%nExamples:%n",
            footer = "  varve node undrain n4")
    static final class Undrain implements Runnable {
        @Parameters(paramLabel = "NODE", description = "The node's id.")
        private String node = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(
                            ManagementGrpcClient.DrainNode,
                            DrainNodeRequest.newBuilder()
                                    .setNode(node)
                                    .setUndo(true)
                                    .build()),
                    answer -> node + " is drained no longer.\n");
        }
    }

    @Command(
            name = "check",
            description = {
                "May this node go for good? Says yes or no, and why. Changes nothing.",
                "Exits with 0 when it may, with 5 when it must stay."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve node check n4", "  varve node check n4 >/dev/null && varve node remove n4"})
    static final class Check implements Callable<Integer> {
        @Parameters(paramLabel = "NODE", description = "The node's id.")
        private String node = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() {
            var root = RootCommand.of(spec);
            var departure = root.ask(
                    ManagementGrpcClient.CheckDeparture,
                    CheckDepartureRequest.newBuilder().setNode(node).build());
            root.print(departure, DepartureWait::describe);
            return departure.getSafe() ? ExitCode.OK : ExitCode.NOT_SAFE;
        }
    }

    @Command(
            name = "remove",
            description = {
                "Strikes a node off, for good: one that was drained, or one that is lost and whose copies are elsewhere by now.",
                "Refused, with the reason, while anything depends on it. A removed node that comes back is not let in."
            },
            footerHeading = "%nExamples:%n",
            footer = {"  varve node remove n4"})
    static final class Remove implements Runnable {
        @Parameters(paramLabel = "NODE", description = "The node's id.")
        private String node = "";

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            root.print(
                    root.ask(
                            ManagementGrpcClient.RemoveNode,
                            RemoveNodeRequest.newBuilder().setNode(node).build()),
                    removed -> "Removed " + node + "."
                            + (removed.getHeard() ? " Its process still runs: stop it." : "")
                            + " To use the machine again, give it an empty data directory and wiped disks.\n");
        }
    }
}
