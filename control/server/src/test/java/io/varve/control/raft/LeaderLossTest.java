package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.control.raft.LeaderLoss.Leader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.thirdparty.io.grpc.Attributes;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeaderLossTest {
    private final LeaderLoss loss = new LeaderLoss(Runnable::run);
    private final Follower follower = new Follower();
    private ServerSocket leader;

    private static final class Follower implements LeaderLoss.Election {
        Optional<Leader> followed = Optional.empty();
        final CompletableFuture<Leader> stood = new CompletableFuture<>();

        @Override
        public Optional<Leader> followed() {
            return followed;
        }

        @Override
        public void stand(Leader lost) {
            stood.complete(lost);
        }
    }

    @BeforeEach
    void listen() throws Exception {
        leader = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        follow(0, 7);
        loss.watch(follower);
    }

    @AfterEach
    void close() throws Exception {
        leader.close();
    }

    private void follow(int turn, long term) {
        var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), leader.getLocalPort());
        follower.followed = Optional.of(new Leader("n1", address, term, turn));
    }

    private void connectionEnds() {
        loss.transportTerminated(Attributes.EMPTY);
    }

    @Test
    void standsWhenNobodyListensWhereTheLeaderDid() throws Exception {
        leader.close();
        connectionEnds();
        assertThat(follower.stood)
                .isCompletedWithValueMatching(lost -> lost.id().equals("n1"));
    }

    @Test
    void doesNothingWhileTheLeaderListens() {
        connectionEnds();
        assertThat(follower.stood).isNotDone();
    }

    @Test
    void doesNothingWhenItFollowsNobody() throws Exception {
        leader.close();
        follower.followed = Optional.empty();
        connectionEnds();
        assertThat(follower.stood).isNotDone();
    }

    @Test
    void standsLaterWhenAnotherIsFirst() throws Exception {
        follow(1, 7);
        leader.close();
        connectionEnds();
        assertThat(follower.stood).as("not its turn yet").isNotDone();
        assertThat(follower.stood.get(20, TimeUnit.SECONDS).turn()).isEqualTo(1);
    }

    @Test
    void doesNotStandAgainstWhoWasElectedMeanwhile() throws Exception {
        var looked = new CompletableFuture<Runnable>();
        var queued = new LeaderLoss(task -> looked.complete(task));
        queued.watch(follower);
        leader.close();
        queued.transportTerminated(Attributes.EMPTY);
        follow(0, 8);
        looked.get(20, TimeUnit.SECONDS).run();
        assertThat(follower.stood).isNotDone();
    }
}
