package io.varve.cli.command;

import com.google.protobuf.Message;
import io.varve.api.ClusterStatus;
import io.varve.api.CollectDiagnosticsRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.ListEventsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeDiagnostics;
import io.varve.cli.client.CallResult;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.config.Endpoint;
import io.varve.cli.output.MessageTree;
import io.varve.cli.output.ProgressBar;
import io.varve.cli.output.Text;
import io.varve.cli.support.BundleFile;
import io.varve.cli.support.Redaction;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve support-bundle}: everything that whoever looks for the cause of a trouble would ask for, in one file. */
@Command(
        name = "support-bundle",
        description = {
            "Gathers logs, state, metrics, configuration, versions and thread dumps of every node that answers into one .tar.gz.",
            "Secrets and data of volumes are left out; docs/operating/support-bundle.md tells the rules. Look into it before you give it away.",
            "Nodes that do not answer are named inside."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve support-bundle",
            "  varve support-bundle --out /tmp/varve.tar.gz --server 10.0.0.1:7400,10.0.0.2:7400"
        })
final class SupportBundleCommand implements Callable<Integer> {
    /** A node that needs longer is told to be silent: its thread dump would have been of interest, but not at any price. */
    private static final Duration NODE_LIMIT = Duration.ofSeconds(30);

    /** The status tells by itself when the metadata group cannot decide. */
    private static final Duration STATUS_LIMIT = Duration.ofSeconds(20);

    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Where to. Default: varve-support-CLUSTER-TIME.tar.gz in this directory.")
    private @Nullable Path out;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        var root = RootCommand.of(spec);
        var now = Instant.now();
        try (var connection = root.connect()) {
            var status = connection.call(
                    ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance(), STATUS_LIMIT);
            var cluster = status instanceof CallResult.Answered<ClusterStatus>(var answer) ? answer.getName() : "";
            var name = "varve-support-" + (cluster.isEmpty() ? "unknown" : cluster) + "-" + STAMP.format(now);
            var target = out == null ? Path.of(name + ".tar.gz") : out;
            try (var bundle = BundleFile.create(target, name, now, redaction())) {
                int answered = gather(root, connection, status, bundle);
                bundle.finish();
                root.out()
                        .println("Wrote " + target + ", " + Text.size(bundle.writtenBytes()) + ": " + answered
                                + (answered == 1 ? " node" : " nodes")
                                + (bundle.missing().isEmpty()
                                        ? ""
                                        : ". Missing: " + String.join("; ", bundle.missing())));
                root.out().flush();
                return answered == 0 ? ExitCode.UNREACHABLE : ExitCode.OK;
            } catch (IOException e) {
                throw new CommandFailure(
                        ExitCode.FAILED, "cannot write " + target + ": " + e, "Name another file with --out.");
            }
        }
    }

    /** Nodes did their own; here it is for what the cluster tells, and for what this command was told. */
    private static Redaction redaction() {
        return Redaction.knowing(System.getenv(), List.of());
    }

    private static int gather(
            RootCommand root, ManagementConnection connection, CallResult<ClusterStatus> status, BundleFile bundle)
            throws IOException {
        bundle.add(
                "client/version.txt",
                "what wrote this bundle",
                "varve " + VersionCommand.version() + "\njava " + Runtime.version() + "\nservers asked: "
                        + root.servers() + "\n");
        tell(bundle, "cluster/status.json", "status, nodes, disk groups and volumes with their copies", status);
        tell(
                bundle,
                "cluster/events.json",
                "the newest 1000 events",
                connection.call(ManagementGrpcClient.ListEvents, ListEventsRequest.getDefaultInstance(), STATUS_LIMIT));
        var nodes = nodes(root, status);
        var bar = new ProgressBar(root.out(), RootCommand.isInteractive(), "Gathering");
        int done = 0;
        int answered = 0;
        try {
            for (var node : nodes.entrySet()) {
                bar.show(done++, nodes.size(), "nodes");
                answered += node(connection, node.getKey(), node.getValue(), bundle) ? 1 : 0;
            }
        } finally {
            bar.clear();
        }
        return answered;
    }

    /** By name, or by address when no server tells the names. */
    private static Map<String, Endpoint> nodes(RootCommand root, CallResult<ClusterStatus> status) {
        var nodes = new LinkedHashMap<String, Endpoint>();
        if (status instanceof CallResult.Answered<ClusterStatus>(var answer)) {
            answer.getNodesList().stream()
                    .filter(node -> !node.getManagementAddress().isEmpty())
                    .forEach(node -> nodes.put(node.getId(), Endpoint.parse(node.getManagementAddress())));
        }
        if (nodes.isEmpty()) {
            root.servers().forEach(server -> nodes.put(server.toString().replace(':', '-'), server));
        }
        return nodes;
    }

    private static boolean node(ManagementConnection connection, String name, Endpoint at, BundleFile bundle)
            throws IOException {
        var result = ask(
                connection,
                at,
                ManagementGrpcClient.CollectDiagnostics,
                CollectDiagnosticsRequest.getDefaultInstance());
        if (!(result instanceof CallResult.Answered<NodeDiagnostics>(var diagnostics))) {
            bundle.missing("node " + name + " at " + at + ": " + why(result));
            return false;
        }
        for (var file : diagnostics.getFilesList()) {
            var leftOut =
                    file.getLeftOutBytes() == 0 ? "" : "; " + file.getLeftOutBytes() + " bytes before it are left out";
            bundle.add(
                    "nodes/" + name + "/" + plain(file.getName()),
                    file.getAbout() + leftOut,
                    file.getContent().toStringUtf8());
        }
        tell(
                bundle,
                "nodes/" + name + "/stats.json",
                "live figures of volumes, copies and disk groups",
                ask(connection, at, ManagementGrpcClient.GetNodeStats, GetNodeStatsRequest.getDefaultInstance()));
        return true;
    }

    private static <Q, R> CallResult<R> ask(
            ManagementConnection connection, Endpoint at, ServiceMethod<R, Q> method, Q request) {
        return connection.callAt(at, method, request, NODE_LIMIT).await();
    }

    /** A name that a node gives must not lead out of its directory. */
    private static String plain(String name) {
        return name.replaceAll("[^A-Za-z0-9._-]", "_");
    }

    private static <M extends Message> void tell(BundleFile bundle, String name, String about, CallResult<M> result)
            throws IOException {
        if (result instanceof CallResult.Answered<M>(var message)) {
            bundle.add(name, about, MessageTree.json(message));
        } else {
            bundle.missing(name + ": " + why(result));
        }
    }

    private static String why(CallResult<?> result) {
        return switch (result) {
            case CallResult.Answered<?> answered -> "answered";
            case CallResult.Refused<?>(var status, var message) -> message.isEmpty() ? status.name() : message;
            case CallResult.Unreachable<?>(var reason) -> reason;
            case CallResult.Unknown<?>(var reason) -> reason;
        };
    }
}
