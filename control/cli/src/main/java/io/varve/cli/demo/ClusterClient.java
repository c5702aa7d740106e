package io.varve.cli.demo;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeStats;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.cli.client.CallResult;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** What the demo asks of its cluster: the same calls as the commands make. */
final class ClusterClient implements AutoCloseable {
    /** A metadata group of three fresh processes elects its first leader within a few seconds. */
    private static final Duration READY_LIMIT = Duration.ofSeconds(60);

    private static final Duration CALL_LIMIT = Duration.ofSeconds(15);
    private static final int ATTACH_SECONDS = 60;
    /** Figures that come later than this belong to the next picture. */
    private static final Duration FIGURES_LIMIT = Duration.ofMillis(900);
    /** Between two tries while the cluster gets ready. */
    private static final Duration RETRY_PAUSE = Duration.ofMillis(150);

    private final List<DemoNode> nodes;
    private final ManagementConnection connection;
    private final Teardown teardown;
    private final Runnable nodesLive;

    /**
     * @param teardown its begin ends every wait
     * @param nodesLive throws when a node has ended: waiting longer is in vain
     */
    ClusterClient(List<DemoNode> nodes, Credentials credentials, Teardown teardown, Runnable nodesLive) {
        this.nodesLive = nodesLive;
        this.nodes = List.copyOf(nodes);
        this.teardown = teardown;
        this.connection = new ManagementConnection(
                nodes.stream().map(DemoNode::management).toList(), credentials);
    }

    /** Makes the cluster; the same again at a later run changes nothing. */
    void init() throws InterruptedException {
        var request =
                InitClusterRequest.newBuilder().setName(DemoDirectory.CLUSTER).build();
        retried(() -> connection.call(ManagementGrpcClient.InitCluster, request, CALL_LIMIT), "the cluster to form");
    }

    /** Waits until so many nodes have registered: a volume placed earlier would find too few. */
    void awaitNodes() throws InterruptedException {
        awaitGroups(nodes.size());
    }

    /** Waits until so many disk groups have registered. */
    void awaitGroups(int groups) throws InterruptedException {
        retried(
                () -> {
                    var result = connection.call(
                            ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance(), CALL_LIMIT);
                    if (result instanceof CallResult.Answered(var status) && status.getGroupsCount() < groups) {
                        return new CallResult.Refused<>(
                                GrpcStatus.UNAVAILABLE,
                                status.getGroupsCount() + " of " + groups + " disk groups have registered");
                    }
                    return result;
                },
                "all nodes to register");
    }

    /** Makes the volume, or finds it from an earlier run. Answers whether it is new. */
    boolean create(DemoDirectory directory) throws InterruptedException {
        var request = CreateVolumeRequest.newBuilder()
                .setName(DemoDirectory.VOLUME)
                .setSizeBytes(directory.size().bytes())
                .setReplicas(directory.replicas())
                .build();
        var result = connection.call(ManagementGrpcClient.CreateVolume, request, CALL_LIMIT);
        if (result instanceof CallResult.Refused<Volume>(var status, var message)
                && status == GrpcStatus.ALREADY_EXISTS) {
            return false;
        }
        CommandFailure.orThrow(result);
        return true;
    }

    /** Attaches the volume; returns when it is open. */
    Volume attach() throws InterruptedException {
        var request = AttachVolumeRequest.newBuilder()
                .setName(DemoDirectory.VOLUME)
                .setTimeoutSeconds(ATTACH_SECONDS)
                .build();
        return retried(
                () -> connection.call(
                        ManagementGrpcClient.AttachVolume,
                        request,
                        Duration.ofSeconds(ATTACH_SECONDS).plus(CALL_LIMIT)),
                "the volume to open");
    }

    /** Repeats a call that may be repeated, as long as the cluster is not ready for it. */
    private <T> T retried(Supplier<CallResult<T>> call, String waitingFor) throws InterruptedException {
        var end = System.nanoTime() + READY_LIMIT.toNanos();
        while (true) {
            var result = call.get();
            if (!isEarly(result)) {
                return CommandFailure.orThrow(result);
            }
            nodesLive.run();
            if (System.nanoTime() > end) {
                throw new CommandFailure(
                        ExitCode.FAILED,
                        "waited " + READY_LIMIT.toSeconds() + " s for " + waitingFor + "; last answer: " + result,
                        "The nodes' logs tell more: they lie beside their configurations in the demo's directory.");
            }
            if (teardown.awaitBegin(RETRY_PAUSE)) {
                throw new CommandFailure(ExitCode.FAILED, "stopped while waiting for " + waitingFor, "");
            }
        }
    }

    private static boolean isEarly(CallResult<?> result) {
        return switch (result) {
            case CallResult.Answered<?> answered -> false;
            case CallResult.Refused<?>(var status, var message) ->
                status == GrpcStatus.UNAVAILABLE || status == GrpcStatus.ABORTED;
            case CallResult.Unreachable<?> unreachable -> true;
            case CallResult.Unknown<?> unknown -> true;
        };
    }

    /** Asks every node at once; who does not answer in time is left out. */
    LiveFigures figures() {
        var calls = nodes.stream()
                .map(node -> connection.callAt(
                        node.management(),
                        ManagementGrpcClient.GetNodeStats,
                        GetNodeStatsRequest.getDefaultInstance(),
                        FIGURES_LIMIT))
                .toList();
        Future.join(calls).await();
        var answers = new LinkedHashMap<String, NodeStats>();
        for (var index = 0; index < nodes.size(); index++) {
            if (calls.get(index).result() instanceof CallResult.Answered<NodeStats>(var stats)) {
                answers.put(nodes.get(index).name(), stats);
            }
        }
        return new LiveFigures(System.nanoTime(), answers);
    }

    /** The volume as the node that knows most about it sees it; empty when none answers in time. */
    Optional<Volume> volume() {
        var request =
                GetVolumeRequest.newBuilder().setName(DemoDirectory.VOLUME).build();
        var calls = nodes.stream()
                .map(node ->
                        connection.callAt(node.management(), ManagementGrpcClient.GetVolume, request, FIGURES_LIMIT))
                .toList();
        Future.join(calls).await();
        return calls.stream()
                .flatMap(call -> call.result() instanceof CallResult.Answered<Volume>(var found)
                        ? Stream.of(found)
                        : Stream.<Volume>empty())
                .max(Comparator.comparingInt(Volume::getEpoch).thenComparingInt(ClusterClient::changes));
    }

    private static int changes(Volume volume) {
        return volume.getSlabsList().stream().mapToInt(Slab::getGen).sum();
    }

    @Override
    public void close() {
        connection.close();
    }
}
