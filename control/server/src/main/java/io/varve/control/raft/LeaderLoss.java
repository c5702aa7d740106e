package io.varve.control.raft;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.thirdparty.io.grpc.Attributes;
import org.apache.ratis.thirdparty.io.grpc.ServerTransportFilter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a leader replaced at once when its process has ended, where Raft by itself would wait for its silence ({@link ElectionTimes#SILENCE_MIN} and
 * more). A connection of another member ended; if nobody listens any more where the leader did, the kernel of its machine says so. Of the members that
 * see it, the first in order stands for election, the next ones later if nobody leads then: two at once would share the votes. It is never
 * wrong to stand: who is elected, the votes decide.
 *
 * <p>Told on threads of gRPC; looks on its executor's.
 */
final class LeaderLoss extends ServerTransportFilter {
    private static final Logger LOG = LoggerFactory.getLogger(LeaderLoss.class);

    /** An election among members that are there takes some ten milliseconds. */
    static final Duration TURN = Duration.ofMillis(300);

    /** A kernel answers in less than a millisecond. If none does, the silence tells. */
    private static final int CONNECT_MILLIS = 300;

    private final Executor threads;
    private volatile Election election = Election.NONE;

    /** The member's part of it; any thread. */
    interface Election {
        Election NONE = new Election() {
            @Override
            public Optional<Leader> followed() {
                return Optional.empty();
            }

            @Override
            public void stand(Leader lost) {}
        };

        /** The other member that this one follows, or followed last; empty while it leads, or stands itself. */
        Optional<Leader> followed();

        /** Stands for election, if nobody was elected since. */
        void stand(Leader lost) throws IOException;
    }

    /**
     * A leader that is followed.
     *
     * @param turn how many others may stand before this member does
     */
    record Leader(String id, InetSocketAddress address, long term, int turn) {}

    /** @param threads may be blocked */
    LeaderLoss(Executor threads) {
        this.threads = threads;
    }

    /** From now on it is looked for. */
    void watch(Election of) {
        election = of;
    }

    /** This member ends: its own connections do too. */
    void stop() {
        election = Election.NONE;
    }

    @Override
    public void transportTerminated(Attributes connection) {
        election.followed().ifPresent(leader -> threads.execute(() -> look(leader)));
    }

    private void look(Leader leader) {
        if (!isRefused(leader.address())) {
            return;
        }
        if (leader.turn() == 0) {
            stand(leader);
        } else {
            CompletableFuture.delayedExecutor(TURN.toMillis() * leader.turn(), TimeUnit.MILLISECONDS, threads)
                    .execute(() -> stand(leader));
        }
    }

    /** One at a time: a leader that ends takes several connections with it. */
    private synchronized void stand(Leader lost) {
        Optional<Leader> now = election.followed();
        if (now.isEmpty() || now.get().term() != lost.term() || !now.get().id().equals(lost.id())) {
            return;
        }
        LOG.info("metadata leader is gone leader={} term={} now=\"stands for election\"", lost.id(), lost.term());
        try {
            election.stand(lost);
        } catch (IOException | IllegalStateException e) { // also while this member itself is being closed
            LOG.info("metadata leader is replaced when its silence is noticed reason=\"{}\"", e.getMessage());
        }
    }

    /** True if there is a machine of that address on which nobody listens there. Blocks. */
    private static boolean isRefused(InetSocketAddress address) {
        try (Socket socket = new Socket()) {
            socket.connect(address, CONNECT_MILLIS);
            return false;
        } catch (ConnectException refused) {
            return true;
        } catch (IOException other) {
            return false;
        }
    }
}
