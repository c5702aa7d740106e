package io.varve.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.CheckDepartureRequest;
import io.varve.api.Departure;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ManagementGrpcService;
import io.varve.api.ManagementService;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.config.Endpoint;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.StatusException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A real server that answers as one does that leaves the metadata group. */
@Timeout(60)
class LooksTest {
    private static final class Server extends ManagementService implements AutoCloseable {
        private final Vertx vertx = Vertx.vertx();
        private final Deque<GrpcStatus> refusals;
        private final HttpServer http = vertx.createHttpServer()
                .requestHandler(GrpcServer.server(vertx).addService(ManagementGrpcService.of(this)))
                .listen(0, "127.0.0.1")
                .await();

        Server(GrpcStatus... refusals) {
            this.refusals = new ArrayDeque<>(List.of(refusals));
        }

        Endpoint endpoint() {
            return new Endpoint("127.0.0.1", http.actualPort());
        }

        Looks looks(Duration patience) {
            return new Looks(
                    new ManagementConnection(List.of(endpoint()), Credentials.NONE), patience, Duration.ofMillis(1));
        }

        @Override
        public Future<Departure> checkDeparture(CheckDepartureRequest request) {
            return refusals.isEmpty()
                    ? Future.succeededFuture(
                            Departure.newBuilder().setNode(request.getNode()).build())
                    : Future.failedFuture(new StatusException(refusals.remove(), "refused"));
        }

        @Override
        public void close() {
            vertx.close().await();
        }
    }

    private static Departure look(Looks looks) throws InterruptedException {
        return looks.look(
                ManagementGrpcClient.CheckDeparture,
                CheckDepartureRequest.newBuilder().setNode("n1").build(),
                System.nanoTime() + Duration.ofHours(1).toNanos());
    }

    @Test
    void goesOnWhenNobodyCanAnswerForAWhile() throws Exception {
        try (var server = new Server(GrpcStatus.UNAVAILABLE, GrpcStatus.UNAVAILABLE);
                var looks = server.looks(Duration.ofSeconds(30))) {
            assertThat(look(looks).getNode()).isEqualTo("n1");
        }
    }

    @Test
    void endsWithARefusal() {
        try (var server = new Server(GrpcStatus.NOT_FOUND);
                var looks = server.looks(Duration.ofSeconds(30))) {
            assertThatThrownBy(() -> look(looks))
                    .isInstanceOfSatisfying(
                            CommandFailure.class,
                            failure -> assertThat(failure.exitCode()).isEqualTo(ExitCode.NOT_FOUND));
        }
    }

    @Test
    void endsWhenItsPatienceDoes() {
        try (var server = new Server(GrpcStatus.UNAVAILABLE, GrpcStatus.UNAVAILABLE);
                var looks = server.looks(Duration.ZERO)) {
            assertThatThrownBy(() -> look(looks))
                    .isInstanceOfSatisfying(
                            CommandFailure.class,
                            failure -> assertThat(failure.exitCode()).isEqualTo(ExitCode.UNREACHABLE));
        }
    }

    @Test
    void asksAnotherServerWhenTheFirstCannotTell() throws Exception {
        var always = Collections.nCopies(1_000, GrpcStatus.UNAVAILABLE).toArray(GrpcStatus[]::new);
        try (var cutOff = new Server(always);
                var other = new Server();
                var connection =
                        new ManagementConnection(List.of(cutOff.endpoint(), other.endpoint()), Credentials.NONE);
                var looks = new Looks(connection, Duration.ofSeconds(30), Duration.ofMillis(1))) {
            assertThat(look(looks).getNode()).isEqualTo("n1");
            assertThat(cutOff.refusals).hasSize(999);
        }
    }

    @Test
    void endsWithItsCommand() {
        try (var server = new Server(GrpcStatus.UNAVAILABLE, GrpcStatus.UNAVAILABLE);
                var looks = server.looks(Duration.ofSeconds(30))) {
            assertThatThrownBy(() -> looks.look(
                            ManagementGrpcClient.CheckDeparture,
                            CheckDepartureRequest.getDefaultInstance(),
                            System.nanoTime()))
                    .isInstanceOf(CommandFailure.class);
            assertThat(server.refusals).hasSize(1);
        }
    }
}
