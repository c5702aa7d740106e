package io.varve.control.api;

import io.varve.api.GetMembersRequest;
import io.varve.api.GroupMember;
import io.varve.api.KnownMembers;
import io.varve.api.MetadataGroup;
import io.varve.control.membership.Membership;
import io.varve.control.meta.MetaState;
import io.varve.control.raft.MetaMember;
import io.varve.control.truth.ManagementTls;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerOptions;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One gRPC server with the services of this node. */
public final class ApiServer {
    /** A person, a few scripts, and two connections from each of a few hundred nodes. */
    private static final int ACCEPT_BACKLOG = 1_024;

    /**
     * How often a member asks the others whom they heard from. A node asks its own member first, so the others would not know when a node that
     * is lost together with its member was last there; several times within the silence that counts as gone (15 s).
     */
    private static final long SIGHTINGS_MILLIS = 4_000;

    private static final Logger LOG = LoggerFactory.getLogger(ApiServer.class);

    private final Vertx vertx;
    private final NodeCalls calls;
    private final MetadataMembers members;
    private final NodeLocal local;
    private final Optional<LiveIdentity> identity;
    private final Optional<CertificateCalls> certificates;
    private final Membership membership;
    private final LoadCalls loads;
    private final Door door;
    private final GrpcServer grpc;
    private volatile Function<String, Future<Optional<Principal>>> tokens;
    private volatile Optional<AuditLog> audit = Optional.empty();
    private volatile Runnable often = () -> {};
    private volatile Runnable plan = () -> {};
    private volatile String running = "";
    private volatile BooleanSupplier hasCluster = () -> false;
    private @Nullable HttpServer http;
    private long timer;
    private long planning;

    private ApiServer(
            Vertx vertx,
            MetadataMembers members,
            NodeLocal local,
            Optional<LiveIdentity> identity,
            Optional<Issuing> issuing,
            Membership membership) {
        this.vertx = vertx;
        this.calls = new NodeCalls(vertx, identity);
        this.members = members;
        this.local = local;
        this.identity = identity;
        this.certificates =
                issuing.map(issues -> new CertificateCalls(vertx, issues, node -> isMember(issues, members, node)));
        this.membership = membership;
        this.loads = new LoadCalls(vertx, membership, local);
        this.tokens = ForwardingManagement.whoHas(calls, members);
        this.grpc = GrpcServer.server(vertx, new GrpcServerOptions().setMaxMessageSize(NodeCalls.MAX_MESSAGE_BYTES));
        this.door = new Door(
                grpc,
                identity.isEmpty()
                        ? Gate.open()
                        : Gate.asking(secret -> tokens.apply(secret), identity.get()::revocations));
    }

    /**
     * Starts serving.
     *
     * @param members of the metadata group, as they are known
     * @param member the local metadata member; empty: what people ask goes to the others
     * @param identity what this node shows; empty: plaintext, and everybody may do everything
     * @param issuing how this node gives certificates to others; empty: it does not
     * @param audited the file that keeps who changed what, at a metadata member; empty: not kept
     * @param membership who is there, and what is told of them
     * @return fails when the address cannot be listened on
     */
    public static Future<ApiServer> start(
            Vertx vertx,
            SocketAddress listen,
            MetadataMembers members,
            Optional<MetaMember> member,
            NodeLocal local,
            Optional<LiveIdentity> identity,
            Optional<Issuing> issuing,
            Optional<Path> audited,
            Membership membership) {
        ApiServer api = new ApiServer(vertx, members, local, identity, issuing, membership);
        Services.nodeControl(api.door, local, api::knownMembers);
        api.forward();
        member.ifPresentOrElse(
                own -> {
                    api.takesPart(own.peer());
                    api.serve(own, audited);
                },
                () -> api.letInFirst(audited));
        return api.listen(listen).map(listening -> api).onFailure(refused -> api.calls.close());
    }

    private Future<Void> listen(SocketAddress address) {
        HttpServerOptions options = new HttpServerOptions().setTcpNoDelay(true).setAcceptBacklog(ACCEPT_BACKLOG);
        identity.ifPresent(shown -> ManagementTls.server(options, shown));
        HttpServer server = vertx.createHttpServer(options);
        return server.requestHandler(grpc)
                .exceptionHandler(ApiServer::refused)
                .listen(address)
                .map(listening -> {
                    http = listening;
                    timer = vertx.setPeriodic(SIGHTINGS_MILLIS, fired -> often.run());
                    planning = vertx.setPeriodic(RebuildLoop.ROUND_MILLIS, fired -> plan.run());
                    return null;
                });
    }

    /** Heard before it is answered: whoever begins after the answer is known to have had nothing. */
    private KnownMembers knownMembers(GetMembersRequest request) {
        members.founding().ifPresent(begins -> begins.waits(request.getWaiting()));
        return KnownMembers.newBuilder()
                .setGroup(members.group())
                .setRunning(running)
                .setHasCluster(hasCluster.getAsBoolean())
                .setLost(members.lost())
                .setTellsCluster(true)
                .build();
    }

    /** As which peer the node takes part in the metadata group, whether it is a member yet or not; empty: it does not. */
    public void takesPart(String peer) {
        running = peer;
    }

    /** From now on this node answers as a metadata member. */
    public void serve(MetaMember member, Optional<Path> audited) {
        MetaGroup group = new MetaGroup(vertx, member);
        hasCluster = () -> member.read(state -> state.cluster().isPresent());
        TokenCalls own = new TokenCalls(group, identity);
        audit(audited.map(AuditLog::new));
        Sightings sightings = new Sightings(System::nanoTime);
        StatusReport report = new StatusReport(group, sightings, calls, members, membership);
        MembersLoop changing = new MembersLoop(group, member, sightings, calls, members);
        Services.truth(door, new TruthEndpoint(group, sightings));
        ManagementEndpoint management = new ManagementEndpoint(group, report, calls, local, loads);
        Services.management(door, management, management::verifyVolume);
        Services.metadata(door, new MetadataCalls(group, calls, members, changing));
        SilenceWatch silence = new SilenceWatch(group, System::nanoTime);
        Services.tokens(door, own);
        tokens = own::whoHas;
        certificates.ifPresent(issues -> Services.certificates(
                door,
                issues,
                node -> member.read(
                        state -> state.cluster().isEmpty() || state.node(node).isPresent()),
                () -> group.lookUpToDate(ApiServer::listed)));
        RebuildLoop planner = new RebuildLoop(group, sightings, calls, report::heard);
        plan = () -> {
            var _ = planner.round();
            changing.round();
        };
        often = () -> {
            var _ = report.heard().compose(silence::look);
        };
    }

    /** From now on this node passes on what people ask. */
    public void forward() {
        often = () -> {};
        plan = () -> {};
        hasCluster = () -> false;
        tokens = ForwardingManagement.whoHas(calls, members);
        Services.nobody(door);
        ForwardingManagement.serve(door, calls, members, local, loads, new ViewCalls(vertx, membership, members));
        audit(Optional.empty());
    }

    /** There is no group before all first members are there, and by TLS they come with certificates of the one that has the authority's key. */
    private void letInFirst(Optional<Path> audited) {
        certificates
                .filter(issues -> issues.hasAuthority() && members.founding().isPresent())
                .ifPresent(issues -> {
                    Services.firstCertificates(door, issues, members);
                    audit(audited.map(AuditLog::new));
                });
    }

    private void audit(Optional<AuditLog> next) {
        Optional<AuditLog> former = audit;
        audit = next;
        door.auditBy(next);
        former.ifPresent(AuditLog::close);
    }

    private static boolean isMember(Issuing issues, MetadataMembers members, String node) {
        return members.group().getVersion() == 0
                ? issues.members().contains(node)
                : members.nodes().contains(node);
    }

    /** The nodes that are members, or become such. */
    private static Set<String> listed(MetaState state) {
        MetadataGroup now = state.metadata().orElse(MetadataGroup.getDefaultInstance());
        return Stream.concat(now.getMembersList().stream(), now.getJoiningList().stream())
                .map(GroupMember::getNode)
                .collect(Collectors.toSet());
    }

    /** Before it is a connection: mostly a handshake that failed, because of the certificate that was shown. */
    private static void refused(Throwable failure) {
        Throwable deepest = failure;
        while (deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        String reason = deepest.getMessage() == null ? deepest.getClass().getSimpleName() : deepest.getMessage();
        LOG.warn("management connection refused reason=\"{}\"", words(reason));
    }

    /** Without the bytes that the other side sent. */
    private static String words(String message) {
        if (message.startsWith("not an SSL/TLS record")) {
            return "the other side speaks plaintext";
        }
        return message.contains("SSLEngine closed already") ? "it ended during the handshake" : message;
    }

    /** The port listened on. */
    public int port() {
        return java.util.Objects.requireNonNull(http).actualPort();
    }

    /** Stops listening and ends what is under way. */
    public Future<Void> close() {
        vertx.cancelTimer(timer);
        vertx.cancelTimer(planning);
        return java.util.Objects.requireNonNull(http)
                .close()
                .eventually(calls::close)
                .eventually(() -> vertx.executeBlocking(
                        () -> {
                            audit.ifPresent(AuditLog::close);
                            return true;
                        },
                        false));
    }
}
