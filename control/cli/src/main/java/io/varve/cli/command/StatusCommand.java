package io.varve.cli.command;

import io.varve.api.ClusterStatus;
import io.varve.api.GetStatusRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.cli.output.Text;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve status}: the first line answers "is my data safe?". */
@Command(
        name = "status",
        description = "Is my data safe? One line says it; then what is wrong and what to do, nodes and volumes.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve status",
            "  varve status --check >/dev/null || echo 'call somebody'",
            "  varve status -o json | jq .problems",
        })
final class StatusCommand implements Callable<Integer> {
    @Option(names = "--check", description = "Exit with 5 when data is not safe.")
    private boolean check;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        var root = RootCommand.of(spec);
        var status = root.ask(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        root.print(status, StatusCommand::describe);
        return check && !status.getSafe() ? ExitCode.NOT_SAFE : ExitCode.OK;
    }

    /** As the nodes say; they must say the same to understand each other. */
    private static String network(ClusterStatus status) {
        var said = status.getNodesList().stream()
                .map(node -> Text.orDash(node.getNetwork()))
                .distinct()
                .sorted()
                .toList();
        return said.isEmpty() ? "-" : String.join(" and ", said);
    }

    static String describe(ClusterStatus status) {
        var text = new StringBuilder(status.getHeadline()).append('\n');
        status.getProblemsList()
                .forEach(problem -> text.append("  ! ").append(problem).append('\n'));
        if (!status.getInitialized()) {
            return text.toString();
        }
        text.append("\nCluster ").append(status.getName());
        text.append("  metadata ").append(status.getMetadataMembersUp());
        text.append(" of ").append(status.getMetadataMembers()).append(" up");
        if (!status.getMetadataLeader().isEmpty()) {
            text.append(", leader ").append(status.getMetadataLeader());
        }
        text.append(", network ").append(network(status));
        if (!status.getMembership().getState().isEmpty()) {
            text.append("  membership ").append(NodeShowCommand.membership(status.getMembership()));
        }
        text.append("\n\n").append(NodeCommand.table(status.getNodesList(), status.getGroupsList()));
        text.append('\n').append(VolumeTable.of(status.getVolumesList()));
        return text.toString();
    }
}
