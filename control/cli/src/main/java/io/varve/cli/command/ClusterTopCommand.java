package io.varve.cli.command;

import io.varve.api.ClusterLoad;
import io.varve.api.GetClusterLoadRequest;
import io.varve.api.GroupLoad;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeLoad;
import io.varve.cli.output.OutputFormat;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve cluster top}: what every node has to do, as nodes tell one another every few seconds. */
@Command(
        name = "top",
        description = {
            "What every node has to do: requests, bytes, the slowest percent, CPU, journals, room.",
            "Drawn again every two seconds on a terminal until Ctrl-C; elsewhere, and with -o json, once.",
            "Any node answers from memory, also when the metadata group cannot. Figures are some seconds old.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve cluster top",
            "  varve cluster top --once",
            "  varve cluster top -o json | jq '.nodes[] | {node, writesPerSecond}'",
        })
final class ClusterTopCommand implements Callable<Integer> {
    /** Nodes tell their load every five seconds. */
    private static final Duration EVERY = Duration.ofSeconds(2);

    private static final Duration LIMIT = Duration.ofSeconds(10);

    @Option(names = "--once", description = "Print one table and end.")
    private boolean once;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws InterruptedException {
        var root = RootCommand.of(spec);
        if (once || root.format() != OutputFormat.TABLE || !RootCommand.isInteractive()) {
            root.print(ask(root), ClusterTopCommand::describe);
            return ExitCode.OK;
        }
        var lines = 0L;
        while (true) {
            var picture = describe(ask(root));
            root.out().print((lines > 0 ? "\u001b[" + lines + "A\u001b[J" : "") + picture);
            root.out().flush();
            lines = picture.lines().count();
            Thread.sleep(EVERY); // The figures are drawn at a pace that a person can follow.
        }
    }

    private static ClusterLoad ask(RootCommand root) {
        return root.ask(ManagementGrpcClient.GetClusterLoad, GetClusterLoadRequest.getDefaultInstance(), LIMIT);
    }

    static String describe(ClusterLoad load) {
        var text = new StringBuilder();
        if (load.getNodesCount() == 0) {
            text.append("No node tells its load. Membership here: ")
                    .append(NodeShowCommand.membership(load.getMembership()))
                    .append('\n');
        } else {
            text.append(nodes(load).render());
        }
        if (load.getSilentCount() > 0) {
            text.append("Told nothing lately: ")
                    .append(String.join(", ", load.getSilentList()))
                    .append('\n');
        }
        return text.toString();
    }

    private static Table nodes(ClusterLoad load) {
        var table = Table.of(
                "NODE",
                ">VOLUMES",
                ">READ/S",
                ">WRITE/S",
                ">READ B/S",
                ">WRITE B/S",
                ">R P99",
                ">W P99",
                ">IN FLIGHT",
                ">CPU",
                ">JOURNAL",
                ">USED",
                ">CAPACITY",
                ">AGE");
        for (var node : load.getNodesList()) {
            table.row(
                    node.getNode(),
                    node.getVolumes(),
                    Text.rate(node.getReadsPerSecond()),
                    Text.rate(node.getWritesPerSecond()),
                    Text.size((long) node.getReadBytesPerSecond()),
                    Text.size((long) node.getWrittenBytesPerSecond()),
                    Text.latency(node.getReadP99Micros()),
                    Text.latency(node.getWriteP99Micros()),
                    node.getInFlight(),
                    String.format(Locale.ROOT, "%.0f%%", node.getCpuCores() * 100),
                    fullestJournal(node),
                    Text.percent(
                            node.getGroupsList().stream()
                                    .mapToLong(GroupLoad::getAllocatedBytes)
                                    .sum(),
                            capacity(node)),
                    Text.size(capacity(node)),
                    Text.age(Duration.ofMillis(Math.max(0, System.currentTimeMillis() - node.getToldUnixMillis()))));
        }
        return table;
    }

    private static long capacity(NodeLoad node) {
        return node.getGroupsList().stream()
                .mapToLong(GroupLoad::getCapacityBytes)
                .sum();
    }

    /** One full journal holds its volumes up, however empty the others are. */
    private static String fullestJournal(NodeLoad node) {
        var share = node.getGroupsList().stream()
                .filter(group -> group.getJournalBytes() > 0)
                .mapToDouble(group -> (double) group.getJournalUsedBytes() / group.getJournalBytes())
                .max();
        return share.isEmpty() ? "-" : String.format(Locale.ROOT, "%.0f%%", share.getAsDouble() * 100);
    }
}
