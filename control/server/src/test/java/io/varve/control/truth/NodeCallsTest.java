package io.varve.control.truth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.AddDiskRequest;
import io.varve.api.DiskGroup;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeControlGrpcClient;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeStats;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.control.ControlConfig;
import io.varve.control.ControlServer;
import io.varve.control.api.NodeLocal;
import io.varve.control.api.RefusedException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Tag("slow")
@Timeout(120)
class NodeCallsTest {
    private static final Duration DEADLINE = Duration.ofSeconds(10);

    private final Vertx vertx = Vertx.vertx();
    private final NodeCalls calls = new NodeCalls(vertx);
    private final AtomicInteger reports = new AtomicInteger();
    private final Promise<Void> verificationEnded = Promise.promise();
    private ControlServer server;
    private SocketAddress address;

    @BeforeEach
    void start() {
        SocketAddress nobody = SocketAddress.inetSocketAddress(1, "127.0.0.1");
        server = ControlServer.start(
                        new ControlConfig("n", "127.0.0.1", 0, List.of(nobody), Optional.empty()), vertx, new OneNode())
                .await();
        address = SocketAddress.inetSocketAddress(server.managementPort(), "127.0.0.1");
    }

    @AfterEach
    void stop() {
        calls.close().eventually(server::close).eventually(vertx::close).await();
    }

    private final class OneNode implements NodeLocal {
        @Override
        public Future<NodeDiagnostics> diagnostics() {
            return Future.succeededFuture(NodeDiagnostics.getDefaultInstance());
        }

        @Override
        public Future<NodeStats> stats() {
            return Future.succeededFuture(NodeStats.newBuilder().setNode("n").build());
        }

        @Override
        public Future<RetryDiskResponse> retryDevice(RetryDiskRequest request) {
            return Future.succeededFuture(RetryDiskResponse.newBuilder()
                    .addGroups(DiskGroup.newBuilder().setNode(request.getNode()).setName(request.getGroup()))
                    .build());
        }

        @Override
        public Future<DiskGroup> addDevice(AddDiskRequest request) {
            return Future.failedFuture(new RefusedException("kein Platz für " + request.getPath()));
        }

        @Override
        public Future<Void> verify(VerifyVolumeRequest request, Progress progress) {
            Future<Void> endless = next(progress);
            endless.onComplete(ended -> verificationEnded.tryComplete());
            return endless;
        }

        private Future<Void> next(Progress progress) {
            reports.incrementAndGet();
            return progress.report(VerifyProgress.newBuilder()
                            .addDifferences("x".repeat(10_000))
                            .build())
                    .compose(ready -> next(progress));
        }
    }

    /** One in a thousand answers was lost on a busy machine while the handlers were set a turn late. */
    @Test
    void losesNoAnswerWhenTheCallerIsSlow() {
        for (int i = 0; i < 1_000; i++) {
            assertThat(calls.ask(
                                    address,
                                    ManagementGrpcClient.GetNodeStats,
                                    GetNodeStatsRequest.getDefaultInstance(),
                                    DEADLINE)
                            .await()
                            .getNode())
                    .isEqualTo("n");
            assertThatThrownBy(() -> calls.ask(
                                    address,
                                    NodeControlGrpcClient.AddDevice,
                                    AddDiskRequest.newBuilder().setPath("/ä").build(),
                                    DEADLINE)
                            .await())
                    .isInstanceOf(CallFailedException.class)
                    .hasMessage("kein Platz für /ä");
        }
    }

    @Test
    void aNodeThatIsNotThereIsUnavailable() {
        assertThatThrownBy(() -> calls.ask(
                                SocketAddress.inetSocketAddress(1, "127.0.0.1"),
                                ManagementGrpcClient.GetNodeStats,
                                GetNodeStatsRequest.getDefaultInstance(),
                                DEADLINE)
                        .await())
                .isInstanceOfSatisfying(
                        CallFailedException.class,
                        failure -> assertThat(failure.status()).isEqualTo(GrpcStatus.UNAVAILABLE))
                .hasMessageContaining("127.0.0.1:1 cannot be reached");
    }

    @Test
    void aStreamIsNotMadeFasterThanItIsReadAndEndsWhenTheReaderLeaves() {
        Promise<Void> firstTaken = Promise.promise();
        Promise<Void> readerLeaves = Promise.promise();
        Future<Void> following = calls.follow(
                address, NodeControlGrpcClient.VerifyAttached, VerifyVolumeRequest.getDefaultInstance(), report -> {
                    firstTaken.tryComplete();
                    return readerLeaves.future();
                });
        firstTaken.future().await();
        readerLeaves.fail("enough");
        assertThatThrownBy(following::await).isInstanceOf(CallFailedException.class);
        verificationEnded.future().await();
        assertThat(reports)
                .as("bounded by the windows, not by how fast they are made")
                .hasValueLessThan(10_000);
    }
}
