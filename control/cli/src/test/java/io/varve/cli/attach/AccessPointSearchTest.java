package io.varve.cli.attach;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.GetVolumeRequest;
import io.varve.api.ListNodesRequest;
import io.varve.api.ListNodesResponse;
import io.varve.api.ManagementGrpcService;
import io.varve.api.ManagementService;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.Publication;
import io.varve.api.Volume;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.config.Endpoint;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.grpc.server.GrpcServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.Assertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class AccessPointSearchTest {
    private static final Place LOST = new Place("127.0.0.1", 10, 1, "n1");

    private final Cluster cluster = new Cluster();
    private final ManagementConnection connection =
            new ManagementConnection(List.of(cluster.endpoint()), Credentials.NONE);
    private final ClusterCalls calls = new ClusterCalls(connection, "db");
    private final CompletableFuture<String> forbidden = new CompletableFuture<>();
    private final AccessPointSearch search = searchUnder(0);

    private AccessPointSearch searchUnder(int publication) {
        return new AccessPointSearch(calls, publication, line -> {}, forbidden::complete);
    }

    /** The management API on a real socket; like the real one it holds a question until the volume is open in a newer epoch. */
    private static final class Cluster extends ManagementService implements AutoCloseable {
        private record Held(int afterEpoch, Promise<Volume> answer) {}

        private final Vertx vertx = Vertx.vertx();
        private final HttpServer http = vertx.createHttpServer()
                .requestHandler(GrpcServer.server(vertx).addService(ManagementGrpcService.of(this)))
                .listen(0, "127.0.0.1")
                .await();
        private final List<Held> held = new ArrayList<>();
        private final AtomicInteger moves = new AtomicInteger();
        private final CompletableFuture<Boolean> isHeld = new CompletableFuture<>();
        private int targetPort = 1;
        private Volume volume = Volume.getDefaultInstance();

        Endpoint endpoint() {
            return new Endpoint("127.0.0.1", http.actualPort());
        }

        /** {@code epoch} open at {@code node}, while it is wanted at {@code wanted}. */
        synchronized void open(int epoch, String node, String wanted) {
            volume = Volume.newBuilder()
                    .setName("db")
                    .setEpoch(epoch)
                    .setWantedNode(wanted)
                    .setAttachment(Attachment.newBuilder()
                            .setEpoch(epoch)
                            .setNode(node)
                            .setOpen(true)
                            .setNbdUri("nbd://127.0.0.1:" + epoch * 10 + "/db"))
                    .build();
            held.removeIf(each -> {
                var isNews = epoch > each.afterEpoch;
                if (isNews) {
                    each.answer.tryComplete(volume);
                }
                return isNews;
            });
        }

        /** As a server tells it that knows everything up to that epoch. */
        synchronized void publish(String node, int publication, int epoch) {
            volume = Volume.newBuilder()
                    .setName("db")
                    .setEpoch(epoch)
                    .setPublication(Publication.newBuilder().setNode(node).setEpoch(publication))
                    .build();
        }

        @Override
        public synchronized Future<Volume> getVolume(GetVolumeRequest request) {
            if (request.getWaitMillis() == 0 || volume.getAttachment().getEpoch() > request.getAfterEpoch()) {
                return Future.succeededFuture(volume);
            }
            var question = new Held(request.getAfterEpoch(), Promise.promise());
            held.add(question);
            vertx.setTimer(request.getWaitMillis(), over -> question.answer.tryComplete(volume));
            isHeld.complete(true);
            return question.answer.future();
        }

        @Override
        public synchronized Future<ListNodesResponse> listNodes(ListNodesRequest request) {
            var answer = ListNodesResponse.newBuilder();
            for (var node : List.of("n1", "n2")) {
                answer.addNodes(Node.newBuilder().setId(node).setNbdAddress("127.0.0.1:" + targetPort));
            }
            return Future.succeededFuture(answer.build());
        }

        @Override
        public Future<Volume> moveVolume(MoveVolumeRequest request) {
            moves.incrementAndGet();
            open(2, "n2", "n2");
            return Future.succeededFuture(volume);
        }

        @Override
        public void close() {
            vertx.close().await();
        }
    }

    @AfterEach
    void close() {
        search.close();
        connection.close();
        cluster.close();
    }

    private CompletableFuture<Place> search(@Nullable Place last, boolean ended, Duration dead) {
        var found = new CompletableFuture<Place>();
        search.search(last, ended, dead, found::complete);
        return found;
    }

    private static Place get(CompletableFuture<Place> found) throws Exception {
        return found.get(30, TimeUnit.SECONDS);
    }

    private static void assertStillSearching(CompletableFuture<Place> found, Duration time) {
        Assertions.assertThatThrownBy(() -> found.get(time.toMillis(), TimeUnit.MILLISECONDS))
                .isInstanceOf(TimeoutException.class);
    }

    @Test
    void findsWhereTheVolumeIsOpen() throws Exception {
        cluster.open(1, "n1", "n1");
        assertThat(get(search(null, false, Duration.ZERO)).epoch()).isEqualTo(1);
    }

    @Test
    void goesBackToAPlaceThatNothingSaysIsOver() throws Exception {
        cluster.open(1, "n1", "n1");
        assertThat(get(search(LOST, false, Duration.ZERO)).epoch()).isEqualTo(1);
    }

    @Test
    void isToldOfTheNextPlaceByTheServerThatItAsked() throws Exception {
        cluster.open(1, "n1", "n1");
        var found = search(LOST, true, Duration.ZERO);
        assertThat(cluster.isHeld.get(30, TimeUnit.SECONDS)).isTrue();
        assertThat(found).as("the place has said that it is over there").isNotDone();
        cluster.open(2, "n2", "n2");
        assertThat(get(found).node()).isEqualTo("n2");
    }

    @Test
    void waitsForTheNextPlaceOfAVolumeThatIsBeingMoved() throws Exception {
        cluster.open(1, "n1", "n2");
        var found = search(LOST, false, Duration.ZERO);
        assertThat(cluster.isHeld.get(30, TimeUnit.SECONDS)).isTrue();
        assertThat(found).as("the connection broke, because the volume goes").isNotDone();
        cluster.open(2, "n2", "n2");
        assertThat(get(found).node()).isEqualTo("n2");
    }

    @Test
    void triesTheOldPlaceAgainWhenTheMoveTakesLong() throws Exception {
        cluster.open(1, "n1", "n2");
        try (var target = greetingTarget()) {
            assertThat(get(search(LOST, false, Duration.ZERO)).node()).isEqualTo("n1");
            assertThat(target.isClosed()).isFalse();
        }
    }

    @Test
    void asksForAMoveWhenNobodyGreetsThere() throws Exception {
        cluster.open(1, "n1", "n1");
        calls.refresh();
        assertThat(get(search(LOST, false, Duration.ofSeconds(5))).node()).isEqualTo("n2");
        assertThat(cluster.moves).hasValue(1);
    }

    @Test
    void movesNothingAwayFromANodeThatGreets() throws Exception {
        cluster.open(1, "n1", "n1");
        try (var target = greetingTarget()) {
            assertStillSearching(search(LOST, true, Duration.ZERO), AccessPointSearch.MOVE_AFTER.multipliedBy(2));
            assertThat(cluster.moves).hasValue(0);
            assertThat(target.isClosed()).isFalse();
        }
    }

    @Test
    void hearsThatItsPublicationIsOver() throws Exception {
        cluster.publish("n1", 3, 4);
        try (var mine = searchUnder(5)) {
            mine.search(LOST, true, Duration.ZERO, found -> {});
            assertThat(cluster.isHeld.get(30, TimeUnit.SECONDS)).isTrue();
            assertThat(forbidden).as("the server does not know of it yet").isNotDone();
            cluster.publish("n1", 5, 6);
            cluster.publish("n2", 8, 8);
            assertThat(forbidden.get(30, TimeUnit.SECONDS))
                    .contains("published to node n2")
                    .contains("5");
        }
    }

    @Test
    void leavesAPublishedVolumeToItsNode() throws Exception {
        cluster.publish("n2", 8, 8);
        search.search(null, false, Duration.ZERO, found -> {});
        assertThat(forbidden.get(30, TimeUnit.SECONDS)).contains("through its CSI driver");
    }

    /** The NBD target of all nodes. */
    private ServerSocket greetingTarget() throws IOException {
        var target = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(() -> greet(target));
        cluster.targetPort = target.getLocalPort();
        calls.refresh();
        return target;
    }

    private static void greet(ServerSocket target) {
        try {
            while (true) {
                try (var client = target.accept()) {
                    client.getOutputStream().write(new byte[18]);
                }
            }
        } catch (IOException e) {
            // The test is over.
        }
    }
}
