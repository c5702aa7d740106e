package io.varve.csi;

import io.varve.csi.spec.ControllerGrpcService;
import io.varve.csi.spec.IdentityGrpcService;
import io.varve.csi.spec.NodeGrpcService;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.transport.Transport;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.StatusException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the calls on a Unix socket. Owns its Vert.x instance, whose transport is epoll: gRPC over a Unix socket does not work on that of io_uring. Each
 * call is answered on a virtual thread.
 */
public final class CsiServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CsiServer.class);
    private static final int START_SECONDS = 10;

    private final Path socket;
    private final Vertx vertx;
    private final GrpcServer grpc;

    public CsiServer(Path socket) {
        this.socket = socket;
        this.vertx = Vertx.builder()
                .withTransport(Transport.EPOLL)
                .with(new VertxOptions()
                        .setEventLoopPoolSize(1)
                        .setWorkerPoolSize(1)
                        .setInternalBlockingPoolSize(1))
                .build();
        this.grpc = GrpcServer.server(vertx);
    }

    void identity(IdentityCalls calls) {
        bind(IdentityGrpcService.GetPluginInfo, request -> calls.info());
        bind(IdentityGrpcService.GetPluginCapabilities, request -> calls.capabilities());
        bind(IdentityGrpcService.Probe, request -> calls.probe());
    }

    void controller(ControllerCalls calls) {
        bind(ControllerGrpcService.CreateVolume, calls::create);
        bind(ControllerGrpcService.DeleteVolume, calls::delete);
        bind(ControllerGrpcService.ControllerPublishVolume, calls::publish);
        bind(ControllerGrpcService.ControllerUnpublishVolume, calls::unpublish);
        bind(ControllerGrpcService.ValidateVolumeCapabilities, calls::validate);
        bind(ControllerGrpcService.ListVolumes, calls::list);
        bind(ControllerGrpcService.GetCapacity, calls::capacity);
        bind(ControllerGrpcService.ControllerGetCapabilities, request -> ControllerCalls.capabilities());
        bind(ControllerGrpcService.ControllerExpandVolume, calls::expand);
        bind(ControllerGrpcService.ControllerGetVolume, calls::get);
        bind(ControllerGrpcService.ControllerModifyVolume, calls::modify);
    }

    void node(NodeCalls calls) {
        bind(NodeGrpcService.NodeStageVolume, calls::stage);
        bind(NodeGrpcService.NodeUnstageVolume, calls::unstage);
        bind(NodeGrpcService.NodePublishVolume, calls::publish);
        bind(NodeGrpcService.NodeUnpublishVolume, calls::unpublish);
        bind(NodeGrpcService.NodeGetVolumeStats, calls::stats);
        bind(NodeGrpcService.NodeExpandVolume, calls::expand);
        bind(NodeGrpcService.NodeGetCapabilities, request -> NodeCalls.capabilities());
        bind(NodeGrpcService.NodeGetInfo, request -> calls.info());
    }

    private <Q, R> void bind(ServiceMethod<Q, R> method, Function<Q, R> answer) {
        grpc.callHandler(method, call -> {
            Context context = Objects.requireNonNull(Vertx.currentContext());
            call.handler(question -> Thread.ofVirtual()
                    .name(method.methodName())
                    .start(() -> {
                        try {
                            R value = answer.apply(question);
                            context.runOnContext(on -> call.response().end(value));
                        } catch (RuntimeException e) {
                            StatusException told = status(method.methodName(), e);
                            context.runOnContext(on -> call.response().fail(told));
                        }
                    }));
        });
    }

    /** Requests are not logged: they may carry secrets. */
    private static StatusException status(String call, RuntimeException failure) {
        if (failure instanceof CsiFailure refused) {
            LOG.info("refused call={} status={} reason=\"{}\"", call, refused.status(), refused.getMessage());
            return new StatusException(refused.status(), refused.getMessage());
        }
        LOG.error("call failed call={}", call, failure);
        return new StatusException(GrpcStatus.INTERNAL, "internal error: " + failure);
    }

    /** Listens; whoever may open the socket may call. */
    public void start() throws Exception {
        if (socket.getParent() != null) {
            Files.createDirectories(socket.getParent());
        }
        Files.deleteIfExists(socket);
        HttpServer server = vertx.createHttpServer(new HttpServerOptions().setHttp2ClearTextEnabled(true));
        server.requestHandler(grpc)
                .listen(SocketAddress.domainSocketAddress(socket.toString()))
                .await(START_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        vertx.close();
        try {
            Files.deleteIfExists(socket);
        } catch (IOException e) {
            LOG.warn("socket stays path={} reason=\"{}\"", socket, e.getMessage());
        }
    }
}
