package io.varve.control.api;

import io.varve.control.membership.Membership;
import io.varve.control.raft.MetaMember;
import io.varve.control.truth.ManagementTls;
import io.varve.control.truth.NodeCalls;
import io.varve.identity.LiveIdentity;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
    private final HttpServer http;
    private final NodeCalls calls;
    private final Optional<AuditLog> audit;
    private final long timer;
    private final long planning;

    private ApiServer(
            Vertx vertx, HttpServer http, NodeCalls calls, Runnable every, Runnable plan, Optional<AuditLog> audit) {
        this.audit = audit;
        this.vertx = vertx;
        this.http = http;
        this.calls = calls;
        this.timer = vertx.setPeriodic(SIGHTINGS_MILLIS, fired -> every.run());
        this.planning = vertx.setPeriodic(RebuildLoop.ROUND_MILLIS, fired -> plan.run());
    }

    /**
     * Starts serving.
     *
     * @param members management addresses of the metadata members
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
            List<SocketAddress> members,
            Optional<MetaMember> member,
            NodeLocal local,
            Optional<LiveIdentity> identity,
            Optional<Issuing> issuing,
            Optional<Path> audited,
            Membership membership) {
        NodeCalls calls = new NodeCalls(vertx, identity);
        GrpcServer server =
                GrpcServer.server(vertx, new GrpcServerOptions().setMaxMessageSize(NodeCalls.MAX_MESSAGE_BYTES));
        Optional<MetaGroup> ownGroup = member.map(own -> new MetaGroup(vertx, own));
        Optional<TokenCalls> tokens = ownGroup.map(own -> new TokenCalls(own, identity));
        Gate gate = identity.isEmpty()
                ? Gate.open()
                : Gate.asking(
                        tokens.isPresent() ? tokens.get()::whoHas : ForwardingManagement.whoHas(calls, members),
                        identity.get()::revocations);
        Optional<AuditLog> audit = member.flatMap(own -> audited).map(AuditLog::new);
        Door grpc = new Door(server, gate, audit);
        Services.nodeControl(grpc, local);
        LoadCalls loads = new LoadCalls(vertx, membership, local);
        Runnable every = () -> {};
        Runnable plan = () -> {};
        if (member.isPresent()) {
            MetaGroup group = ownGroup.orElseThrow();
            Sightings sightings = new Sightings(System::nanoTime);
            StatusReport report = new StatusReport(group, sightings, calls, members, membership);
            Services.truth(grpc, new TruthEndpoint(group, sightings));
            ManagementEndpoint management = new ManagementEndpoint(group, report, calls, local, loads);
            Services.management(grpc, management, management::verifyVolume);
            Services.metadata(grpc, new MetadataCalls(group, calls, members));
            SilenceWatch silence = new SilenceWatch(group, System::nanoTime);
            Services.tokens(grpc, tokens.orElseThrow());
            issuing.ifPresent(own -> Services.certificates(
                    grpc,
                    new CertificateCalls(vertx, own),
                    node -> member.get()
                            .read(state -> state.cluster().isEmpty()
                                    || state.node(node).isPresent())));
            RebuildLoop planner = new RebuildLoop(group, sightings, calls);
            plan = planner::round;
            every = () -> {
                var _ = report.heard().compose(silence::look);
            };
        } else {
            ForwardingManagement.serve(
                    grpc, calls, members, local, loads, new ViewCalls(vertx, membership, members.size()));
        }
        Runnable often = every;
        Runnable planned = plan;
        HttpServerOptions options = new HttpServerOptions().setTcpNoDelay(true).setAcceptBacklog(ACCEPT_BACKLOG);
        identity.ifPresent(shown -> ManagementTls.server(options, shown));
        HttpServer http = vertx.createHttpServer(options);
        return http.requestHandler(server)
                .exceptionHandler(ApiServer::refused)
                .listen(listen)
                .map(listening -> new ApiServer(vertx, listening, calls, often, planned, audit))
                .onFailure(refused -> calls.close());
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
        return http.actualPort();
    }

    /** Stops listening and ends what is under way. */
    public Future<Void> close() {
        vertx.cancelTimer(timer);
        vertx.cancelTimer(planning);
        return http.close()
                .eventually(calls::close)
                .eventually(() -> vertx.executeBlocking(
                        () -> {
                            audit.ifPresent(AuditLog::close);
                            return true;
                        },
                        false));
    }
}
