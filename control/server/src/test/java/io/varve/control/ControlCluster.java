package io.varve.control;

import io.varve.api.AddDiskRequest;
import io.varve.api.DiskGroup;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeStats;
import io.varve.api.NodeView;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterGroupResponse;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.WatchNodeRequest;
import io.varve.control.api.NodeLocal;
import io.varve.control.api.RefusedException;
import io.varve.control.membership.MembershipConfig;
import io.varve.control.membership.MembershipConfig.Address;
import io.varve.control.membership.MembershipEnd;
import io.varve.control.membership.MembershipTimes;
import io.varve.control.raft.MetaConfig;
import io.varve.control.raft.MetaConfig.Member;
import io.varve.control.truth.NodeCalls;
import io.varve.control.truth.TruthClient;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Three control servers in this JVM, and what is needed to play the data nodes n0, n1, n2 beside them. */
final class ControlCluster {
    /** Hazelcast counts in seconds. */
    private static final MembershipTimes SHORT = new MembershipTimes(
            Duration.ofSeconds(1),
            Duration.ofSeconds(4),
            Duration.ofSeconds(3),
            Duration.ofMillis(300),
            Duration.ofSeconds(1),
            Duration.ofSeconds(1));

    private final Path dir;
    private final Vertx vertx = Vertx.vertx();
    private final NodeCalls calls = new NodeCalls(vertx);
    private final List<Member> members = new ArrayList<>();
    private final List<SocketAddress> management = new ArrayList<>();
    private final @Nullable ControlServer[] servers = new ControlServer[3];
    private final List<FollowingNode> following = new ArrayList<>();
    private final Map<String, NodeStats> told = new ConcurrentHashMap<>();
    private final TruthClient truth;

    /** Where each server's membership listens, and one more; empty when they have none. */
    private List<Address> memberships = List.of();

    ControlCluster(Path dir) throws IOException {
        this.dir = dir;
        List<ServerSocket> held = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            held.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
        }
        for (int i = 0; i < 3; i++) {
            members.add(new Member("n" + i, "127.0.0.1", held.get(i).getLocalPort()));
            management.add(loopback(held.get(3 + i).getLocalPort()));
        }
        for (ServerSocket socket : held) {
            socket.close();
        }
        truth = new TruthClient(vertx, management);
    }

    /** The same with a membership of all servers, and of an outsider. */
    static ControlCluster withMembership(Path dir) throws IOException {
        ControlCluster cluster = new ControlCluster(dir);
        List<ServerSocket> held = new ArrayList<>();
        List<Address> addresses = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            held.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
            addresses.add(new Address("127.0.0.1", held.get(i).getLocalPort()));
        }
        for (ServerSocket socket : held) {
            socket.close();
        }
        cluster.memberships = List.copyOf(addresses);
        return cluster;
    }

    private Optional<MembershipConfig> membership(int i, String node) {
        return memberships.isEmpty()
                ? Optional.empty()
                : Optional.of(new MembershipConfig(
                        node, 1, memberships.get(i), memberships.get(i), memberships.subList(0, 3), Map.of(), SHORT));
    }

    static SocketAddress loopback(int port) {
        return SocketAddress.inetSocketAddress(port, "127.0.0.1");
    }

    void startAll() throws Exception {
        for (int i = 0; i < 3; i++) {
            start(i);
        }
    }

    void start(int i) throws Exception {
        MetaConfig meta = new MetaConfig("n" + i, members, dir.resolve("n" + i));
        servers[i] = await(ControlServer.start(
                new ControlConfig(
                        "n" + i,
                        "127.0.0.1",
                        management.get(i).port(),
                        management,
                        Optional.of(meta),
                        Optional.empty(),
                        Optional.empty(),
                        membership(i, "n" + i)),
                vertx,
                new PlayedNode("n" + i, told)));
    }

    ControlServer server(int i) {
        return Objects.requireNonNull(servers[i]);
    }

    /** As each node does with what it is told when it registers. */
    void beginMemberships(ControlServer... others) throws Exception {
        byte[] key = await(register(0)).getMembershipKey().toByteArray();
        for (int i = 0; i < 3; i++) {
            server(i).membership().begin(key);
        }
        for (ControlServer other : others) {
            other.membership().begin(key);
        }
    }

    /** That node's membership ends without a word; everything else of it goes on. */
    void leaveMembership(int i) {
        MembershipEnd.of(server(i).membership());
    }

    ControlServer startOutsider() throws Exception {
        return startOutsider(management);
    }

    /** One that knows of these metadata members. */
    ControlServer startOutsider(List<SocketAddress> members) throws Exception {
        return await(ControlServer.start(
                new ControlConfig(
                        "outsider",
                        "127.0.0.1",
                        0,
                        members,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        membership(3, "outsider")),
                vertx,
                new PlayedNode("outsider", told)));
    }

    void stop(int i) throws Exception {
        ControlServer server = servers[i];
        if (server != null) {
            servers[i] = null;
            await(server.close());
        }
    }

    /** From now on whoever calls that member, or has called it, waits for ever. */
    List<DeafMember> deafen(int i) throws Exception {
        stop(i);
        return List.of(
                new DeafMember(members.get(i).port()),
                new DeafMember(management.get(i).port()));
    }

    Vertx vertx() {
        return vertx;
    }

    List<SocketAddress> management() {
        return management;
    }

    NodeCalls calls() {
        return calls;
    }

    TruthClient truth() {
        return truth;
    }

    <Q, R> Future<R> ask(int server, ServiceMethod<R, Q> method, Q request) {
        return calls.ask(management.get(server), method, request, Duration.ofSeconds(40));
    }

    Future<Void> follow(int server, VerifyVolumeRequest request, List<VerifyProgress> reports) {
        return calls.follow(management.get(server), ManagementGrpcClient.VerifyVolume, request, report -> {
            reports.add(report);
            return Future.succeededFuture();
        });
    }

    Future<RegisterNodeResponse> register(int node) {
        return truth.registerNode(RegisterNodeRequest.newBuilder()
                .setNode(Node.newBuilder()
                        .setId("n" + node)
                        .setIncarnation(1)
                        .setManagementAddress(
                                "127.0.0.1:" + management.get(node).port())
                        .setMetadataMember(true))
                .build());
    }

    Future<RegisterGroupResponse> registerGroup(int node, long capacityBytes) {
        return truth.registerGroup(RegisterGroupRequest.newBuilder()
                .setGroup(DiskGroup.newBuilder()
                        .setUuid("g" + node)
                        .setNode("n" + node)
                        .setName("disks")
                        .setPeerAddress("127.0.0.1:" + (7500 + node))
                        .setCapacityBytes(capacityBytes)
                        .setFreeBytes(capacityBytes))
                .setIncarnation(1)
                .build());
    }

    void joinAll() throws Exception {
        for (int node = 0; node < 3; node++) {
            await(register(node));
            await(registerGroup(node, 100L << 30));
        }
    }

    Future<NodeView> watch(int node, long after, int waitMillis) {
        return truth.watchNode(WatchNodeRequest.newBuilder()
                .setNode("n" + node)
                .setAfterIndex(after)
                .setWaitMillis(waitMillis)
                .build());
    }

    /** Has every node do at once what the truth wants of it. */
    void followAll() {
        for (int node = 0; node < 3; node++) {
            FollowingNode follower = new FollowingNode(truth, "n" + node, "g" + node);
            following.add(follower);
            follower.start();
        }
    }

    /** From now on their access points fill copies too. */
    void fillAll() {
        following.forEach(FollowingNode::filling);
    }

    /** That node dies, or is cut off: it hears and says nothing any more. */
    void stopFollowing(int node) {
        following.get(node).stop();
    }

    /** What that node's data plane tells of itself from now on. */
    void tells(int node, NodeStats stats) {
        told.put("n" + node, stats);
    }

    /** All members stop, lose everything, and start. */
    void loseMetadata() throws Exception {
        for (int i = 0; i < 3; i++) {
            stop(i);
        }
        for (int i = 0; i < 3; i++) {
            try (Stream<Path> files = Files.walk(dir.resolve("n" + i))) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        startAll();
    }

    /** Nobody was heard from: what members heard is not kept over a restart. */
    void restartMembers() throws Exception {
        for (int i = 0; i < 3; i++) {
            stop(i);
        }
        startAll();
    }

    void stopFollowing() {
        following.forEach(FollowingNode::stop);
        following.clear();
    }

    void close() throws Exception {
        stopFollowing();
        await(truth.close());
        for (int i = 0; i < 3; i++) {
            stop(i);
        }
        await(calls.close());
        await(vertx.close());
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    /** A data plane's answers, without a data plane. */
    private record PlayedNode(String name, Map<String, NodeStats> told) implements NodeLocal {
        @Override
        public Future<NodeStats> stats() {
            return Future.succeededFuture(
                    told.getOrDefault(name, NodeStats.newBuilder().setNode(name).build()));
        }

        @Override
        public Future<NodeDiagnostics> diagnostics() {
            return Future.succeededFuture(
                    NodeDiagnostics.newBuilder().setNode(name).build());
        }

        @Override
        public Future<RetryDiskResponse> retryDevice(RetryDiskRequest request) {
            return Future.succeededFuture(RetryDiskResponse.newBuilder()
                    .addGroups(DiskGroup.newBuilder().setNode(request.getNode()).setName(request.getGroup()))
                    .build());
        }

        @Override
        public Future<DiskGroup> addDevice(AddDiskRequest request) {
            return request.getPath().equals("/foreign")
                    ? Future.failedFuture(
                            new RefusedException("/foreign holds an ext4 file system: say wipe to lose it"))
                    : Future.succeededFuture(
                            DiskGroup.newBuilder().setNode(name).build());
        }

        @Override
        public Future<Void> verify(VerifyVolumeRequest request, Progress progress) {
            return report(progress, 1);
        }

        private static Future<Void> report(Progress progress, int number) {
            Future<Void> told = progress.report(VerifyProgress.newBuilder()
                    .setExtentsTotal(100)
                    .setExtentsDone(number)
                    .setFinished(number == 100)
                    .build());
            return number == 100 ? told : told.compose(next -> report(progress, number + 1));
        }
    }
}
