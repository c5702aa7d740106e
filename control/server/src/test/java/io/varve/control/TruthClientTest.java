package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.ChangeIsrRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeView;
import io.varve.api.OpenResponse;
import io.varve.api.TruthCode;
import io.varve.api.WatchNodeRequest;
import io.varve.control.truth.TruthClient;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How long an access point waits for the truth when a metadata member has just been lost. The members and their sockets are real. */
@Tag("slow")
@Timeout(120)
class TruthClientTest {
    private static final Logger LOG = LoggerFactory.getLogger(TruthClientTest.class);

    /** A question that has to be decided by the group, and changes nothing. */
    private static final ChangeIsrRequest QUESTION =
            ChangeIsrRequest.newBuilder().setVolume(99).build();

    /** On a machine that does other things besides. */
    private static final Duration SLACK = Duration.ofMillis(1_500);

    /** The silence is noticed after 1.5 to 3 s, and a split vote waits once more. */
    private static final Duration ELECTION = Duration.ofSeconds(6);

    @TempDir
    Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();
    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        get(cluster.ask(
                0,
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build()));
        cluster.joinAll();
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable each : open) {
            each.close();
        }
        cluster.close();
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    private TruthClient client(List<SocketAddress> members) {
        TruthClient client = new TruthClient(cluster.vertx(), members);
        open.add(() -> get(client.close()));
        return client;
    }

    private TruthClient clientThatAsksFirst(int member) {
        List<SocketAddress> members = new ArrayList<>(cluster.management());
        members.addFirst(members.remove(member));
        return client(members);
    }

    private static Duration answered(String what, TruthClient client) throws Exception {
        long began = System.nanoTime();
        OpenResponse response = get(client.changeIsr(QUESTION));
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        assertThat(response.getResult().getCode()).isEqualTo(TruthCode.TRUTH_UNKNOWN);
        LOG.info("answered after={}ms case=\"{}\"", took.toMillis(), what);
        return took;
    }

    private int leader() throws Exception {
        String leader = get(cluster.ask(0, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance()))
                .getMetadataLeader();
        return Integer.parseInt(leader.substring(1));
    }

    @Test
    void aMemberThatHangsCostsAMomentAndIsNotAskedFirstAgain() throws Exception {
        DeafMember deaf = new DeafMember(0);
        open.add(deaf);
        List<SocketAddress> members = new ArrayList<>(cluster.management());
        members.addFirst(ControlCluster.loopback(deaf.port()));
        TruthClient client = client(members);
        assertThat(answered("first asked hangs", client)).isLessThan(SLACK);
        assertThat(answered("asked again", client)).isLessThan(Duration.ofMillis(400));
    }

    @Test
    void whoWaitsForNewsLeavesAMemberThatHangs() throws Exception {
        DeafMember deaf = new DeafMember(0);
        open.add(deaf);
        List<SocketAddress> members = new ArrayList<>(cluster.management());
        members.addFirst(ControlCluster.loopback(deaf.port()));
        TruthClient client = client(members);
        long began = System.nanoTime();
        Future<NodeView> news = client.watchNode(WatchNodeRequest.newBuilder()
                .setNode("n1")
                .setWaitMillis(20_000)
                .build());
        assertThat(answered("first asked hangs", client)).isLessThan(SLACK);
        assertThat(get(news).getChanged()).isTrue();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(SLACK.multipliedBy(2));
    }

    @Test
    void newsThatWasHeardOfIsFetchedFromAnotherMemberThanTheOneThatHangs() throws Exception {
        DeafMember deaf = new DeafMember(0);
        open.add(deaf);
        List<SocketAddress> members = new ArrayList<>(cluster.management());
        members.addFirst(ControlCluster.loopback(deaf.port()));
        TruthClient client = client(members);
        Future<NodeView> news = client.watchNode(WatchNodeRequest.newBuilder()
                .setNode("n1")
                .setAfterIndex(1)
                .setWaitMillis(20_000)
                .build());
        long began = System.nanoTime();
        client.heardOfNews(1); // Known.
        client.heardOfNews(2);
        assertThat(get(news).getChanged()).isTrue();
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(SLACK);
    }

    @Test
    void aMemberThatWasKilledCostsNothing() throws Exception {
        int lost = (leader() + 1) % 3;
        TruthClient client = clientThatAsksFirst(lost);
        answered("warm", client);
        cluster.stop(lost);
        assertThat(answered("a follower was killed", client)).isLessThan(SLACK);
    }

    @Test
    void anAnswerComesSoonAfterTheKilledLeaderWasReplaced() throws Exception {
        int lost = leader();
        TruthClient client = clientThatAsksFirst(lost);
        answered("warm", client);
        cluster.stop(lost);
        assertThat(answered("the leader was killed", client)).isLessThan(ELECTION.plus(SLACK));
    }

    @Test
    void anAnswerComesSoonAfterTheLeaderThatHungWasReplaced() throws Exception {
        int lost = leader();
        TruthClient client = clientThatAsksFirst((lost + 1) % 3);
        answered("warm", client);
        open.addAll(cluster.deafen(lost));
        assertThat(answered("the leader hangs", client)).isLessThan(ELECTION.plus(SLACK));
    }
}
