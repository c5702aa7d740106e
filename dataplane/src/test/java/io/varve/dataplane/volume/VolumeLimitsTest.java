package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.volume.BlockRequest.Kind;
import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.IoLimits;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A volume with limits, on the simulated clock, under clients that ask for as much as they get. */
class VolumeLimitsTest {
    private static final int BLOCK = 4096;

    private final SimulatedCluster cluster = new SimulatedCluster(41, 2, 2, 1);
    private final SlabVolume volume = cluster.open(0);

    /** One connection, as a front end behaves: asks before each request, and waits to be told. On the loop. */
    private final class Connection {
        private final Kind kind;
        private final int bytes;
        private final int depth;
        private boolean isWaiting;
        int inFlight;
        int done;
        final List<BlockStatus> refused = new ArrayList<>();

        Connection(Kind kind, int bytes, int depth) {
            this.kind = kind;
            this.bytes = bytes;
            this.depth = depth;
            onLoop(this::pump);
        }

        private void pump() {
            while (refused.isEmpty() && inFlight < depth) {
                if (!volume.canTakeMore()) {
                    if (!isWaiting) {
                        isWaiting = true;
                        volume.onDrained(this::told);
                    }
                    return;
                }
                Request request = cluster.request(kind, 0, bytes);
                if (kind == Kind.READ || kind == Kind.WRITE) {
                    request.data = Buffers.aligned(bytes).setZero(0, bytes);
                }
                request.then = this::ended;
                inFlight++;
                volume.submit(request);
            }
        }

        private void told() {
            isWaiting = false;
            pump();
        }

        private void ended(Request request) {
            inFlight--;
            if (request.status == BlockStatus.OK) {
                done++;
            } else {
                refused.add(request.status);
            }
            pump();
        }
    }

    private void onLoop(Runnable task) {
        cluster.node(0).life().loop.execute(task);
    }

    private void limit(long iops, long bandwidth, int burstMillis) {
        onLoop(() -> volume.limit(new IoLimits(iops, bandwidth, burstMillis)));
    }

    private void run(double seconds) {
        cluster.scheduler.runFor((long) (seconds * SimulatedCluster.SECOND));
    }

    @Test
    void answersNoMoreRequestsThanTheLimitAndTheBurst() {
        limit(50, 0, 1_000);
        Connection connection = new Connection(Kind.WRITE, BLOCK, 8);
        run(20);
        assertThat(connection.done).isBetween(50 * 20 - 8, 50 * 20 + 50 + 1);
        assertThat(connection.refused).isEmpty();
        assertThat(volume.counters().get(Figure.HELD_BACK)).isGreaterThan(500);
        assertThat(volume.counters().get(Figure.HELD_BACK_NANOS))
                .isBetween(18 * SimulatedCluster.SECOND, 20 * SimulatedCluster.SECOND);
    }

    @Test
    void holdsReadsAndWritesTogetherToTheBandwidth() {
        limit(0, 4 << 20, 1_000);
        Connection reads = new Connection(Kind.READ, 64 << 10, 4);
        Connection writes = new Connection(Kind.WRITE, 64 << 10, 4);
        run(10);
        int most = (10 + 1) * 64 + 1;
        assertThat(reads.done + writes.done).isBetween(most * 9 / 10, most);
        assertThat(reads.done).isGreaterThan(200);
        assertThat(writes.done).isGreaterThan(200);
    }

    @Test
    void whoseTurnItIsGoesOnFirst() {
        limit(20, 0, 100);
        List<Connection> all = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            all.add(new Connection(Kind.READ, BLOCK, 64));
        }
        run(20);
        all.forEach(each -> assertThat(each.done).isBetween(70, 90));
    }

    @Test
    void countsALargeRequestForEachMebibyte() {
        limit(10, 0, 1_000);
        Connection large = new Connection(Kind.READ, 4 << 20, 1);
        run(20);
        assertThat(large.done).isBetween(48, 53);
    }

    @Test
    void countsZeroesAndTrimsOnceWithoutTheirBytes() {
        limit(10, 1 << 20, 1_000);
        Connection trims = new Connection(Kind.UNMAP, 1 << 20, 1);
        Connection zeroes = new Connection(Kind.ZERO, 1 << 20, 1);
        run(10);
        assertThat(trims.done + zeroes.done).isBetween(100, 10 * 10 + 10 + 1);
    }

    @Test
    void aFlushCostsNothing() {
        limit(10, 1 << 20, 100);
        int[] done = new int[1];
        for (int i = 0; i < 1_000; i++) {
            Request flush = cluster.request(Kind.FLUSH, 0, 0);
            flush.then = ended -> done[0] += ended.status == BlockStatus.OK ? 1 : 0;
            onLoop(() -> volume.submit(flush));
        }
        run(0.01);
        assertThat(done[0]).isEqualTo(1_000);
        assertThat(volume.canTakeMore()).isTrue();
    }

    @Test
    void raisedWhileClientsWaitItLetsThemGoOnAtOnce() {
        limit(10, 1 << 20, 100);
        Connection connection = new Connection(Kind.READ, 32 << 20, 1);
        run(0.1);
        assertThat(connection.done).isEqualTo(1);
        run(10);
        assertThat(connection.done).isEqualTo(1);
        limit(0, 1 << 30, 100);
        run(1);
        assertThat(connection.done).isBetween(1 + 32, 1 + 32 + 4 + 1);
        assertThat(connection.refused).isEmpty();
    }

    @Test
    void loweredItHoldsFromThenOn() {
        Connection connection = new Connection(Kind.READ, BLOCK, 16);
        run(0.2);
        assertThat(connection.done).isGreaterThan(200);
        limit(100, 0, 1_000);
        int before = connection.done;
        run(10);
        assertThat(connection.done - before).isBetween(1_000, 100 * 10 + 100 + 1 + 16);
        limit(10, 0, 1_000);
        before = connection.done;
        run(10);
        assertThat(connection.done - before).isBetween(95, 10 * 10 + 10 + 1 + 16);
    }

    @Test
    void sayingTheSameLimitsAgainGivesNoNewBurst() {
        limit(10, 0, 1_000);
        Connection connection = new Connection(Kind.READ, BLOCK, 16);
        for (int second = 0; second < 10; second++) {
            run(1);
            limit(10, 0, 1_000);
        }
        assertThat(connection.done).isBetween(100, 10 * 10 + 10 + 1);
    }

    @Test
    void noRequestWaitsInTheVolumeSoNoneComesToTheEndOfItsTime() {
        limit(10, 0, 100);
        Connection connection = new Connection(Kind.WRITE, BLOCK, 2_000);
        run(150);
        assertThat(connection.done).isBetween(1_490, 1_502);
        assertThat(connection.refused).isEmpty();
        assertThat(volume.counters().get(Figure.TIMEOUTS)).isZero();
        assertThat(connection.inFlight).isLessThan(3);
    }

    @Test
    void aDetachWaitsForNobodyWhoIsHeldBack() {
        limit(10, 1 << 20, 100);
        Connection connection = new Connection(Kind.READ, 32 << 20, 2);
        run(1);
        assertThat(volume.isHoldingBack()).isTrue();
        boolean[] detached = new boolean[1];
        onLoop(() -> cluster.node(0)
                .life()
                .volumes
                .detach(SimulatedCluster.VOLUME, Duration.ofSeconds(5), () -> detached[0] = true));
        run(0.5);
        assertThat(detached[0]).isTrue();
        assertThat(connection.refused).isNotEmpty().containsOnly(BlockStatus.SHUTTING_DOWN);
    }

    @Test
    void whoIsHeldBackHearsOfTheNewAccessPointAtOnce() {
        limit(10, 1 << 20, 100);
        Connection connection = new Connection(Kind.READ, 32 << 20, 2);
        run(1);
        assertThat(connection.refused).isEmpty();
        cluster.open(1);
        run(2);
        assertThat(connection.refused).isNotEmpty().containsOnly(BlockStatus.FENCED);
    }
}
