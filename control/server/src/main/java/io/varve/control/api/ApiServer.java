package io.varve.control.api;

import io.varve.control.raft.MetaMember;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerOptions;
import java.util.List;
import java.util.Optional;

/** One gRPC server with the services of this node. */
public final class ApiServer {
    /** A person, a few scripts, and two connections from each of a few hundred nodes. */
    private static final int ACCEPT_BACKLOG = 1_024;

    /**
     * How often a member asks the others whom they heard from. A node asks its own member first, so the others would not know when a node that
     * is lost together with its member was last there; several times within the silence that counts as gone (15 s).
     */
    private static final long SIGHTINGS_MILLIS = 4_000;

    private final Vertx vertx;
    private final HttpServer http;
    private final NodeCalls calls;
    private final long timer;

    private ApiServer(Vertx vertx, HttpServer http, NodeCalls calls, Runnable every) {
        this.vertx = vertx;
        this.http = http;
        this.calls = calls;
        this.timer = vertx.setPeriodic(SIGHTINGS_MILLIS, fired -> every.run());
    }

    /**
     * Starts serving.
     *
     * @param members management addresses of the metadata members
     * @param member the local metadata member; empty: what people ask goes to the others
     * @return fails when the address cannot be listened on
     */
    public static Future<ApiServer> start(
            Vertx vertx,
            SocketAddress listen,
            List<SocketAddress> members,
            Optional<MetaMember> member,
            NodeLocal local) {
        NodeCalls calls = new NodeCalls(vertx);
        GrpcServer grpc =
                GrpcServer.server(vertx, new GrpcServerOptions().setMaxMessageSize(NodeCalls.MAX_MESSAGE_BYTES));
        Services.nodeControl(grpc, local);
        Runnable every = () -> {};
        if (member.isPresent()) {
            MetaGroup group = new MetaGroup(vertx, member.get());
            Sightings sightings = new Sightings(System::nanoTime);
            StatusReport report = new StatusReport(group, sightings, calls, members);
            Services.truth(grpc, new TruthEndpoint(group, sightings));
            ManagementEndpoint management = new ManagementEndpoint(group, report, calls, local);
            Services.management(grpc, management, management::verifyVolume);
            SilenceWatch silence = new SilenceWatch(group, System::nanoTime);
            every = () -> {
                var _ = report.heard().compose(silence::look);
            };
        } else {
            ForwardingManagement.serve(grpc, calls, members, local);
        }
        Runnable often = every;
        HttpServer http = vertx.createHttpServer(
                new HttpServerOptions().setTcpNoDelay(true).setAcceptBacklog(ACCEPT_BACKLOG));
        return http.requestHandler(grpc)
                .listen(listen)
                .map(listening -> new ApiServer(vertx, listening, calls, often))
                .onFailure(refused -> calls.close());
    }

    /** The port listened on. */
    public int port() {
        return http.actualPort();
    }

    /** Stops listening and ends what is under way. */
    public Future<Void> close() {
        vertx.cancelTimer(timer);
        return http.close().eventually(calls::close);
    }
}
