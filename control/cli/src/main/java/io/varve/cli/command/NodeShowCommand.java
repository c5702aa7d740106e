package io.varve.cli.command;

import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Membership;
import io.varve.api.Node;
import io.varve.api.NodeStats;
import io.varve.cli.config.Endpoint;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve node show}: asks the node itself, because only it knows its live figures. */
@Command(
        name = "show",
        description = "One node: how it does its disk I/O, and its live figures.",
        footerHeading = "%nExamples:%n",
        footer = {"  varve node show n1", "  varve node show n1 -o json | jq .ioBackend"})
final class NodeShowCommand implements Runnable {
    @Parameters(paramLabel = "NODE", description = "The node's id.")
    private String name = "";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        var root = RootCommand.of(spec);
        try (var connection = root.connect()) {
            var status = CommandFailure.orThrow(connection.call(
                    ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance(), RootCommand.CALL_LIMIT));
            var node = status.getNodesList().stream()
                    .filter(candidate -> candidate.getId().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new CommandFailure(
                            ExitCode.NOT_FOUND, "there is no node '" + name + "'", "'varve node list' shows them."));
            var stats = CommandFailure.orThrow(connection
                    .callAt(
                            Endpoint.parse(node.getManagementAddress()),
                            ManagementGrpcClient.GetNodeStats,
                            GetNodeStatsRequest.getDefaultInstance(),
                            RootCommand.CALL_LIMIT)
                    .await());
            root.print(stats, answer -> describe(node, answer));
        }
    }

    static String describe(Node node, NodeStats stats) {
        var text = new StringBuilder();
        text.append("Node         ")
                .append(node.getId())
                .append(", ")
                .append(NodeCommand.state(node))
                .append('\n');
        text.append("Zone         ").append(Text.orDash(node.getZone())).append('\n');
        text.append("Management   ").append(node.getManagementAddress()).append('\n');
        text.append("NBD          ").append(Text.orDash(node.getNbdAddress())).append('\n');
        text.append("Disk I/O     ").append(Text.orDash(stats.getIoBackend())).append('\n');
        text.append("Loop lag p99 ")
                .append(Text.latency(stats.getEventLoopLagP99Micros()))
                .append('\n');
        text.append("Memory       ").append(Text.size(stats.getResidentBytes())).append(" resident\n");
        text.append("CPU used     ")
                .append(String.format(Locale.ROOT, "%.1f s", stats.getCpuSeconds()))
                .append('\n');
        text.append("Starts       ").append(node.getIncarnation()).append('\n');
        text.append("Membership   ").append(membership(stats.getMembership())).append('\n');
        section(text, "Disk groups", groups(stats));
        section(text, "Volumes attached here", volumes(stats));
        section(text, "Replicas", replicas(stats));
        return text.toString();
    }

    static String membership(Membership membership) {
        return switch (membership.getState()) {
            case "" -> "not told";
            case "RUNNING" ->
                membership.getTogether()
                        + (membership.getTogether() == 1 ? " node" : " nodes together")
                        + (membership.getViewIndex() == 0
                                ? ", no placement view yet"
                                : ", placement view at " + membership.getViewIndex() + " by "
                                        + membership.getViewWriter());
            default -> membership.getState().toLowerCase(Locale.ROOT) + ": " + membership.getDetail();
        };
    }

    private static void section(StringBuilder text, String title, Table table) {
        text.append('\n').append(title).append('\n').append(RootCommand.tableOr(table, "none"));
    }

    private static Table groups(NodeStats stats) {
        var table = Table.of(
                "GROUP",
                ">CAPACITY",
                ">ALLOCATED",
                ">RESERVED",
                ">THICK",
                ">JOURNAL",
                ">USED",
                ">WRITTEN",
                ">CHECKPOINTS",
                ">LAST",
                ">BAD CRC",
                ">REPAIRED");
        for (var group : stats.getGroupsList()) {
            table.row(
                    group.getName(),
                    Text.size(group.getCapacityBytes()),
                    Text.size(group.getAllocatedBytes()),
                    Text.size(group.getReservedBytes()),
                    Text.size(group.getGuaranteedBytes()),
                    Text.size(group.getJournalBytes()),
                    Text.percent(group.getJournalUsedBytes(), group.getJournalBytes()),
                    Text.size(group.getWrittenBytes()),
                    group.getCheckpoints(),
                    Text.latency(group.getLastCheckpointNanos() / 1e3),
                    group.getChecksumErrors(),
                    group.getRepairedBlocks());
        }
        return table;
    }

    private static Table volumes(NodeStats stats) {
        var table = Table.of(
                "VOLUME",
                "STATE",
                ">READS",
                ">WRITES",
                ">READ",
                ">WRITTEN",
                ">R P50",
                ">R P99",
                ">W P50",
                ">W P99",
                ">IN FLIGHT",
                "DETAIL");
        for (var volume : stats.getVolumesList()) {
            table.row(
                    volume.getName(),
                    volume.getState().toLowerCase(Locale.ROOT),
                    volume.getReads(),
                    volume.getWrites(),
                    Text.size(volume.getReadBytes()),
                    Text.size(volume.getWrittenBytes()),
                    Text.latency(volume.getReadP50Micros()),
                    Text.latency(volume.getReadP99Micros()),
                    Text.latency(volume.getWriteP50Micros()),
                    Text.latency(volume.getWriteP99Micros()),
                    volume.getInFlight(),
                    volume.getDetail());
        }
        return table;
    }

    private static Table replicas(NodeStats stats) {
        var table = Table.of(
                ">VOLUME ID", ">SLAB", "STATE", ">EPOCH", ">LAST SEQ", ">DURABLE", ">COMMIT", ">APPLIED", ">ALLOCATED");
        for (var replica : stats.getReplicasList()) {
            table.row(
                    replica.getStream() >>> 16,
                    replica.getStream() & 0xFFFF,
                    replica.getState().toLowerCase(Locale.ROOT),
                    replica.getPromisedEpoch(),
                    replica.getLastSeq(),
                    replica.getDurableSeq(),
                    replica.getCommitSeq(),
                    replica.getAppliedSeq(),
                    Text.size(replica.getAllocatedBytes()));
        }
        return table;
    }
}
