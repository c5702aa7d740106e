package io.varve.cli.command;

import io.varve.api.CreateJoinTokenRequest;
import io.varve.api.DiskGroup;
import io.varve.api.GetStatusRequest;
import io.varve.api.ListNodesResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.Sight;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve node …}. */
@Command(
        name = "node",
        description = "Nodes of the cluster.",
        subcommands = {
            NodeCommand.ListNodes.class,
            NodeShowCommand.class,
            NodeRestartCheckCommand.class,
            NodeMoveVolumesCommand.class,
            NodeCommand.Token.class,
            NodeLeaveCommands.Drain.class,
            NodeLeaveCommands.Undrain.class,
            NodeLeaveCommands.Check.class,
            NodeLeaveCommands.Remove.class,
            NodeFenceCommand.class
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve node list",
            "  varve node show n1",
            "  varve node token n4",
            "  varve node drain n4 --wait",
            "  varve node restart-check n1 --wait && varve node move-volumes n1 && systemctl restart varve",
        })
final class NodeCommand extends GroupCommand {
    /** A node that was silent for longer is shown as such; it reports every few seconds. */
    private static final Duration SILENT = Duration.ofSeconds(15);

    @Command(
            name = "list",
            description = "Nodes, where they are and how much room they have.",
            footerHeading = "%nExamples:%n",
            footer = {"  varve node list", "  varve node list -o json"})
    static final class ListNodes implements Runnable {
        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var status = root.ask(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
            var nodes = ListNodesResponse.newBuilder()
                    .addAllNodes(status.getNodesList())
                    .build();
            root.print(nodes, answer -> table(answer.getNodesList(), status.getGroupsList()));
        }
    }

    @Command(
            name = "token",
            description = {
                "Prints a token that lets one node into the cluster, once. Put it into a file on that node, named as join.token in",
                "its configuration, and start it. The node that answers this command must run when the token is used."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  varve node token n2 | ssh n2 'umask 077; cat >/etc/varve/join-token'",
                "  varve node token n4 --valid 1h"
            })
    static final class Token implements Runnable {
        @Parameters(paramLabel = "NODE", description = "The node that may join, as in its configuration.")
        private String node = "";

        @Option(
                names = "--valid",
                paramLabel = "TIME",
                defaultValue = "24h",
                description = "How long it can be used. Default: 24h.")
        private Duration valid = Duration.ofHours(24);

        @Spec
        private CommandSpec spec = CommandSpec.create();

        @Override
        public void run() {
            var root = RootCommand.of(spec);
            var request = CreateJoinTokenRequest.newBuilder()
                    .setNode(node)
                    .setValidSeconds((int) Math.min(valid.toSeconds(), Integer.MAX_VALUE))
                    .build();
            root.print(root.ask(ManagementGrpcClient.CreateJoinToken, request), token -> token.getToken() + "\n");
        }
    }

    static String table(List<Node> nodes, List<DiskGroup> groups) {
        var table = Table.of("NODE", "ZONE", "STATE", "MANAGEMENT", "NBD", "METADATA", ">CAPACITY", ">FREE", "VERSION");
        for (var node : nodes) {
            var own = groups.stream()
                    .filter(group -> group.getNode().equals(node.getId()))
                    .toList();
            table.row(
                    node.getId(),
                    Text.orDash(node.getZone()),
                    state(node),
                    Text.orDash(node.getManagementAddress()),
                    Text.orDash(node.getNbdAddress()),
                    node.getMetadataMember() ? "member" : "-",
                    Text.size(
                            own.stream().mapToLong(DiskGroup::getCapacityBytes).sum()),
                    Text.size(own.stream().mapToLong(DiskGroup::getFreeBytes).sum()),
                    Text.orDash(node.getVersion()));
        }
        return RootCommand.tableOr(table, "No nodes have joined.");
    }

    static String state(Node node) {
        if (node.getLastSeenUnixMillis() == 0) {
            return "not seen";
        }
        var silent = Duration.ofMillis(Math.max(0, System.currentTimeMillis() - node.getLastSeenUnixMillis()));
        var there = silent.compareTo(SILENT) >= 0
                ? "silent " + Text.age(silent)
                : node.getSight() == Sight.SIGHT_SUSPECTED
                        ? "suspected " + Text.age(Duration.ofMillis(node.getSuspectedMillis()))
                        : "up";
        return node.getDraining() ? there + ", draining" : there;
    }
}
