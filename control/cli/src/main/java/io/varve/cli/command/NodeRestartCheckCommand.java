package io.varve.cli.command;

import io.varve.api.CheckNodeRestartRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeRestartCheck;
import io.varve.cli.output.OutputFormat;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code varve node restart-check}: may this node be stopped? */
@Command(
        name = "restart-check",
        description = {
            "May this node be stopped for a while? Yes when every volume keeps enough in-sync copies on other nodes that are there, the",
            "metadata group keeps a majority, and nothing that is being filled depends on it. Else no, with the reasons, and exit code 5.",
            "Volumes that the node serves are named: varve node move-volumes has other nodes serve them."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve node restart-check n1",
            "  varve node restart-check n1 --wait --timeout 30m && varve node move-volumes n1",
        })
final class NodeRestartCheckCommand implements Callable<Integer> {
    /** Between two questions: copies come back within seconds to hours. */
    private static final Duration ASK_AGAIN = Duration.ofSeconds(1);

    @Parameters(paramLabel = "NODE", description = "The node's id.")
    private String name = "";

    @Option(names = "--wait", description = "Wait until it may be stopped.")
    private boolean wait;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            defaultValue = "10m",
            description = "How long --wait waits; then the answer is no. Default: 10m.")
    private Duration timeout = Duration.ZERO;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws InterruptedException {
        var root = RootCommand.of(spec);
        var check = wait ? waited(root) : root.ask(ManagementGrpcClient.CheckNodeRestart, question());
        root.print(check, NodeRestartCheckCommand::describe);
        return check.getOk() ? ExitCode.OK : ExitCode.NOT_SAFE;
    }

    private CheckNodeRestartRequest question() {
        return CheckNodeRestartRequest.newBuilder().setNode(name).build();
    }

    /** The first yes, or the last no. What it waits for is told when it changes. */
    private NodeRestartCheck waited(RootCommand root) throws InterruptedException {
        var end = System.nanoTime() + timeout.toNanos();
        var told = "";
        try (var looks = new Looks(root.connect())) {
            while (true) {
                var check = looks.look(ManagementGrpcClient.CheckNodeRestart, question(), end);
                if (check.getOk() || System.nanoTime() - end >= 0) {
                    return check;
                }
                var reason = check.getReasons(0);
                if (!reason.equals(told) && root.format() == OutputFormat.TABLE) {
                    told = reason;
                    root.out().println("Waiting: " + reason);
                    root.out().flush();
                }
                Thread.sleep(ASK_AGAIN);
            }
        }
    }

    static String describe(NodeRestartCheck check) {
        var text = new StringBuilder();
        text.append(check.getOk() ? "Yes: " : "No: ");
        text.append("node ").append(check.getNode());
        text.append(
                check.getOk()
                        ? " may be stopped. Every volume keeps enough copies, and the metadata group its majority.\n"
                        : " must not be stopped now.\n");
        check.getReasonsList()
                .forEach(reason -> text.append("  ! ").append(reason).append('\n'));
        if (check.getAttachedCount() > 0) {
            text.append("\nIt serves:\n");
            check.getAttachedList()
                    .forEach(each -> text.append("  ")
                            .append(each.getVolume())
                            .append(": ")
                            .append(each.getWhatHappens())
                            .append('\n'));
            text.append("varve node move-volumes ").append(check.getNode()).append(" moves all of them.\n");
        }
        return text.toString();
    }
}
