package io.varve.cli.csi;

import io.varve.cli.client.CallResult;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.kubernetes.KubernetesApi;
import io.varve.cli.kubernetes.KubernetesMachines;
import io.varve.cli.log.NodeLog;
import io.varve.cli.process.Teardown;
import io.varve.csi.AttachHost;
import io.varve.csi.AttachStarter;
import io.varve.csi.Cluster;
import io.varve.csi.CsiDriver;
import io.varve.csi.CsiFailure;
import io.varve.csi.CsiServer;
import io.varve.csi.Machines;
import io.varve.csi.OwnSession;
import io.varve.csi.UserSpaceAttach;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code varve csi}: runs until it is told to end. What it attached stays. */
@Command(
        name = "csi",
        description = {
            "The driver csi.varve.io of the Container Storage Interface 1.13, for Kubernetes and other orchestrators. The",
            "controller asks the cluster; a node's part attaches, formats and mounts volumes on this machine, and needs root.",
            "It may be ended and started at any time: mounts and running I/O are not touched.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  varve csi --mode controller --endpoint unix:///run/csi/csi.sock --server n1:7400,n2:7400",
            "  varve csi --mode node --node-id n1 --endpoint unix:///var/lib/kubelet/plugins/csi.varve.io/csi.sock",
        })
public final class CsiCommand implements Callable<Integer> {
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
    private static final String SCHEME = "unix";

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "ALL",
            description = "controller, node or all. Default: all.")
    private CsiDriver.Mode mode = CsiDriver.Mode.ALL;

    @Option(
            names = "--endpoint",
            paramLabel = "unix:///PATH",
            defaultValue = "${env:CSI_ENDPOINT:-}",
            description = "The Unix socket on which it is called. Default: CSI_ENDPOINT.")
    private String endpoint = "";

    @Option(
            names = "--node-id",
            paramLabel = "NODE",
            defaultValue = "${env:VARVE_NODE:-}",
            description = "This machine's node, as 'varve node list' calls it; for a node's part. Default: VARVE_NODE.")
    private String node = "";

    @Option(
            names = "--zone",
            paramLabel = "ZONE",
            defaultValue = "${env:VARVE_ZONE:-}",
            description = "The zone of that node, as in its configuration. Default: VARVE_ZONE, else none.")
    private String zone = "";

    @Option(
            names = "--max-volumes",
            paramLabel = "N",
            defaultValue = "0",
            description = "How many volumes this node takes, as the scheduler is told. Default: 64.")
    private int maxVolumes;

    @Option(
            names = "--state-dir",
            paramLabel = "DIR",
            defaultValue = "/var/lib/varve-csi",
            description = "What is attached here, on a disk of this machine. Default: /var/lib/varve-csi.")
    private Path directory = Path.of("/var/lib/varve-csi");

    @Option(
            names = "--attach-host",
            paramLabel = "SOCKET",
            description = {
                "Where 'varve attach-host' starts what keeps volumes attached, when this process is in a container: what a container",
                "started ends with it. Needs its process namespace. Default: this process starts it."
            })
    private @Nullable Path attachHost;

    @Option(
            names = "--kubernetes",
            description = {
                "The controller asks Kubernetes which machines are given up, as the service account of its pod: volumes are taken from a",
                "node whose Node has the taint node.kubernetes.io/out-of-service, or is gone. Nodes are called alike in both. Default: no;",
                "'varve node fence' does it."
            })
    private boolean kubernetes;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        NodeLog.toStandardOutput("info");
        var root = RootCommand.of(spec);
        var socket = socket();
        if (mode != CsiDriver.Mode.CONTROLLER && node.isEmpty()) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--node-id is missing: which node of the cluster is this machine?");
        }
        if (maxVolumes < 0) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--max-volumes is " + maxVolumes);
        }
        var teardown = new Teardown(root.out());
        Runtime.getRuntime().addShutdownHook(new Thread(teardown::run, "teardown"));
        try {
            var connection = new ManagementConnection(root.servers(), root.credentials());
            teardown.add("close the connection to the cluster", CLOSE_LIMIT, limit -> {
                connection.close();
                return "";
            });
            var server = new CsiServer(socket);
            teardown.add("close " + socket, CLOSE_LIMIT, limit -> {
                server.close();
                return "";
            });
            CsiDriver.serve(
                    server,
                    mode,
                    version(),
                    new OverManagement(connection),
                    kubernetes ? new KubernetesMachines(KubernetesApi.ofThisPod()) : Machines.UNKNOWN,
                    new CsiDriver.NodePart(node, zone, maxVolumes, directory.toAbsolutePath()),
                    new UserSpaceAttach(directory.toAbsolutePath(), starter(root)));
            server.start();
            root.out().println("Serving csi.varve.io on " + socket);
            root.out().flush();
            while (!teardown.awaitBegin(Duration.ofHours(1))) {
                // Only the end ends it.
            }
            return ExitCode.OK;
        } finally {
            teardown.run();
        }
    }

    private Path socket() {
        var text = endpoint.startsWith("/") ? SCHEME + "://" + endpoint : endpoint;
        try {
            var uri = URI.create(text);
            if (SCHEME.equals(uri.getScheme())
                    && uri.getPath() != null
                    && uri.getPath().startsWith("/")) {
                return Path.of(uri.getPath());
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw new CommandLine.ParameterException(
                spec.commandLine(), "--endpoint is '" + endpoint + "'; it has the form unix:///PATH.");
    }

    private static String version() {
        var version = CsiCommand.class.getPackage().getImplementationVersion();
        return version == null ? "unreleased" : version;
    }

    private AttachStarter starter(RootCommand root) {
        var host = attachHost;
        return host == null ? new OwnSession(attachProgram(root)) : new AttachHost.Client(host);
    }

    /** {@code varve attach} with this class path, and the servers and credentials that this command was given. */
    static List<String> attachProgram(RootCommand root) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        var home = System.getProperty("varve.home", "");
        if (!home.isEmpty()) {
            for (var flags : List.of("jvm.flags", "jvm-server.flags")) {
                var file = Path.of(home, "control", "cli", "src", "main", "dist", flags);
                if (Files.exists(file)) {
                    command.add("@" + file);
                }
            }
            command.add("-Dvarve.home=" + home);
        }
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                "io.varve.cli.Main",
                "attach",
                "--server",
                root.servers().stream().map(Object::toString).collect(Collectors.joining(","))));
        var credentials = root.credentialsArgument();
        if (!credentials.isEmpty()) {
            command.addAll(List.of("--credentials", credentials));
        }
        return command;
    }

    /** The cluster's answers and refusals, in the words of CSI. */
    private record OverManagement(ManagementConnection connection) implements Cluster {
        @Override
        public <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
            return switch (connection.call(method, request, limit)) {
                case CallResult.Answered<R>(var value) -> value;
                case CallResult.Refused<R>(var status, var message) -> throw new CsiFailure(status, message);
                case CallResult.Unreachable<R>(var reason) -> throw new CsiFailure(GrpcStatus.UNAVAILABLE, reason);
                case CallResult.Unknown<R>(var reason) -> throw new CsiFailure(GrpcStatus.UNAVAILABLE, reason);
            };
        }
    }
}
