package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.csi.spec.ControllerGrpcClient;
import io.varve.csi.spec.CreateVolumeRequest;
import io.varve.csi.spec.GetPluginInfoRequest;
import io.varve.csi.spec.IdentityGrpcClient;
import io.varve.csi.spec.ProbeRequest;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.core.transport.Transport;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Over a real Unix socket; the cluster is one that nobody reaches. */
class CsiServerTest {
    /** What a cluster without a server that answers looks like. */
    private static final class Unreachable implements Cluster {
        @Override
        public <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
            throw new CsiFailure(GrpcStatus.UNAVAILABLE, "n1:7400: connection refused");
        }
    }

    @TempDir
    Path directory;

    private final Vertx vertx = Vertx.builder().withTransport(Transport.EPOLL).build();
    private final GrpcClient client = GrpcClient.client(vertx);
    private CsiServer server = new CsiServer(Path.of("/nowhere"));

    @BeforeEach
    void start() throws Exception {
        server.close();
        server = new CsiServer(directory.resolve("csi.sock"));
        CsiDriver.serve(
                server,
                CsiDriver.Mode.CONTROLLER,
                "1.2.3",
                new Unreachable(),
                Machines.UNKNOWN,
                new CsiDriver.NodePart("n1", "", 0, directory),
                new UserSpaceAttach(directory, new OwnSession(List.of("false"))));
        server.start();
    }

    @AfterEach
    void end() {
        server.close();
        vertx.close();
    }

    private <Q, R> R ask(ServiceMethod<R, Q> method, Q request) {
        try {
            return client.request(
                            SocketAddress.domainSocketAddress(
                                    directory.resolve("csi.sock").toString()),
                            method)
                    .compose(call -> call.send(request)
                            .compose(response -> response.last().map(last -> {
                                assertThat(response.status()).isEqualTo(GrpcStatus.OK);
                                return last;
                            })))
                    .await(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void saysWhoItIsOnAUnixSocket() {
        var info = ask(IdentityGrpcClient.GetPluginInfo, GetPluginInfoRequest.getDefaultInstance());
        assertThat(info.getName()).isEqualTo("csi.varve.io");
        assertThat(info.getVendorVersion()).isEqualTo("1.2.3");
    }

    /** A restart would not bring the cluster back. */
    @Test
    void aClusterThatIsAwayMakesItNotReadyButLeavesItHealthy() {
        assertThat(ask(IdentityGrpcClient.Probe, ProbeRequest.getDefaultInstance())
                        .getReady()
                        .getValue())
                .isFalse();
    }

    @Test
    void aRefusalHasAStatusAndWords() throws Exception {
        GrpcStatus status = client.request(
                        SocketAddress.domainSocketAddress(
                                directory.resolve("csi.sock").toString()),
                        ControllerGrpcClient.CreateVolume)
                .compose(call -> call.send(CreateVolumeRequest.getDefaultInstance()))
                .compose(response ->
                        response.end().map(ended -> response.status()).otherwise(failed -> response.status()))
                .await(10, TimeUnit.SECONDS);
        assertThat(status).isEqualTo(GrpcStatus.INVALID_ARGUMENT);
    }
}
