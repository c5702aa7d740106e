package io.varve.cli.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.ClusterStatus;
import io.varve.api.GetStatusRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ManagementGrpcService;
import io.varve.api.ManagementService;
import io.varve.cli.config.Endpoint;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.grpc.server.GrpcServer;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ManagementConnectionTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** A real server on a real socket that counts what reaches it. */
    private static final class Server extends ManagementService implements AutoCloseable {
        private final Vertx vertx = Vertx.vertx();
        private final AtomicInteger asked = new AtomicInteger();
        private final HttpServer http = vertx.createHttpServer()
                .requestHandler(GrpcServer.server(vertx).addService(ManagementGrpcService.of(this)))
                .listen(0, "127.0.0.1")
                .await();

        Endpoint endpoint() {
            return new Endpoint("127.0.0.1", http.actualPort());
        }

        @Override
        public Future<ClusterStatus> getStatus(GetStatusRequest request) {
            asked.incrementAndGet();
            return Future.succeededFuture(
                    ClusterStatus.newBuilder().setName("lab").build());
        }

        @Override
        public void close() {
            vertx.close().await();
        }
    }

    /** What a process that was stopped looks like: the kernel takes connections for it, and nobody says anything. */
    private static ServerSocket frozen() throws Exception {
        return new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    }

    private static CallResult<ClusterStatus> status(ManagementConnection connection) {
        return connection.call(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance(), LIMIT);
    }

    @Test
    void goesOnToTheNextServerWhenTheFirstIsFrozen() throws Exception {
        try (var frozen = frozen();
                var server = new Server();
                var connection = new ManagementConnection(
                        List.of(new Endpoint("127.0.0.1", frozen.getLocalPort()), server.endpoint()),
                        Credentials.NONE)) {
            var begun = System.nanoTime();
            assertThat(status(connection)).isInstanceOf(CallResult.Answered.class);
            assertThat(Duration.ofNanos(System.nanoTime() - begun))
                    .as("long before the patience for a lonely server ends")
                    .isLessThan(Duration.ofSeconds(12));
            assertThat(server.asked).hasValue(1);
        }
    }

    @Test
    void sendsAFrozenServerNothingThatItCouldDoLater() throws Exception {
        try (var frozen = frozen()) {
            var address = new Endpoint("127.0.0.1", frozen.getLocalPort());
            try (var connection =
                    new ManagementConnection(List.of(address), Credentials.NONE, Duration.ofMillis(200))) {
                assertThat(status(connection))
                        .isInstanceOfSatisfying(
                                CallResult.Unreachable.class,
                                unreachable -> assertThat(unreachable.reason()).contains("says nothing"));
            }
            // It wakes up: the connection is over, and all that it ever brought is how HTTP/2 begins.
            try (var accepted = frozen.accept()) {
                accepted.setSoTimeout(10_000);
                assertThat(new String(accepted.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                        .startsWith("PRI * HTTP/2.0")
                        .doesNotContain("GetStatus");
            }
        }
    }

    /** Threads that ask on while another one closes are answered as when nobody is there. */
    @Test
    void answersWhoAsksOnAfterItWasClosed() {
        try (var server = new Server()) {
            var connection = new ManagementConnection(List.of(server.endpoint()), Credentials.NONE);
            connection.close();
            assertThat(status(connection)).isInstanceOf(CallResult.Unreachable.class);
            assertThat(server.asked).hasValue(0);
        }
    }
}
