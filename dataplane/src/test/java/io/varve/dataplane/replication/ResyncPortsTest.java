package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.store.StreamState;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.SimulatedNetwork;
import io.varve.dataplane.wire.WireRecord;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The questions of a resync through both kinds of port, against the same host. */
class ResyncPortsTest {
    private static final long STREAM = 7L << 16;
    private static final NodeIdentity AP = new NodeIdentity("c", "ap", 3);

    private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
    private final SimulatedNetwork network = new SimulatedNetwork(1);
    private final SimulatedLoop loop = scheduler.newLoop("replica");
    private final SimulatedLoop apLoop = scheduler.newLoop("ap");
    private final MemoryDisk disk = new MemoryDisk("g");
    private final MemoryStore store = new MemoryStore(loop, disk, 1);
    private final ReplicaHost host = new ReplicaHost(loop, store);
    private final List<String> told = new ArrayList<>();
    private final Listener listener = new Listener();

    ResyncPortsTest() {
        store.create(STREAM, 5, 4096 - 40, status -> {});
    }

    private GroupPort remote() {
        ReplicaServer server =
                new ReplicaServer(loop, network.transport(loop, "replica"), new NodeIdentity("c", "replica", 1));
        server.serve(host);
        server.listen("replica:1", (address, failure) -> {});
        settle();
        RemotePort port = new RemotePort(apLoop, network.transport(apLoop, "ap"), AP, "replica:1", "g");
        settle();
        assertThat(port.isUp()).isTrue();
        return joined(port);
    }

    private GroupPort joined(GroupPort port) {
        port.join(7, listener);
        return port;
    }

    private void settle() {
        scheduler.runFor(100_000_000L);
    }

    private StreamState state() {
        return java.util.Objects.requireNonNull(store.stream(STREAM));
    }

    private static BitSet extents(int... extents) {
        BitSet set = new BitSet();
        for (int extent : extents) {
            set.set(extent);
        }
        return set;
    }

    private void extents(StoreStatus status, @Nullable BitSet set) {
        told.add(status + " " + set);
    }

    private void seal(GroupPort port, int epoch) {
        port.seal(STREAM, epoch, 1, new Message.Seal(5, NodeIdentity.hash("ap"), 3, 1));
        settle();
    }

    private void replicate(GroupPort port, Op op, long seq, int epoch, long aux) {
        WireRecord record = new WireRecord();
        record.op = op.code();
        record.recordEpoch = epoch;
        record.prevEpoch = op == Op.EPOCH_START ? (int) aux : epoch;
        record.seq = seq;
        record.count = op == Op.EPOCH_START ? 0 : 8;
        record.aux = aux;
        port.replicate(STREAM, epoch, 1, 1, record, null, 0, 0);
        settle();
    }

    private void fillsACopy(GroupPort port) {
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add(status + " " + cutSeq));
        assertThat(told).as("not inside the call").isEmpty();
        settle();
        port.newer(STREAM, 1, 0, this::extents);
        settle();
        assertThat(told).as("nobody has sealed").containsExactly("NOT_MEMBER 0", "NOT_MEMBER null");
        told.clear();
        seal(port, 1);
        replicate(port, Op.EPOCH_START, 1, 1, 0);
        replicate(port, Op.ZERO, 2, 1, 0);
        port.commit(STREAM, 1, 1);
        seal(port, 2);

        port.newer(STREAM, 2, 1, this::extents);
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add("old " + status));
        port.prepare(STREAM, 2, (status, cutSeq) -> told.add(status + " " + cutSeq));
        settle();
        assertThat(told).containsExactlyInAnyOrder("OK {0}", "old NOT_MEMBER", "OK 1");
        assertThat(state().lastSeq()).isEqualTo(1);
        told.clear();

        port.join(STREAM, 2, 77, 10, extents(0, 15), this::extents);
        settle();
        port.newer(STREAM, 2, 1, this::extents);
        settle();
        assertThat(told).containsExactly("OK {0, 15}", "NOT_READY null");
        assertThat(state().session()).isEqualTo(77);
        told.clear();

        replicate(port, Op.COPIED, 10, 2, 77);
        assertThat(state().lastSeq()).isEqualTo(10);
        port.finish(STREAM, 2, 77, 10, status -> told.add("" + status));
        settle();
        port.finish(STREAM, 2, 78, 10, status -> told.add("" + status));
        settle();
        port.finish(STREAM, 2, 77, 11, status -> told.add("" + status));
        settle();
        assertThat(told).containsExactly("NOT_READY", "NOT_MEMBER", "NOT_READY");
        told.clear();

        port.prepare(STREAM, 2, (status, cutSeq) -> told.add(status + " " + cutSeq));
        settle();
        port.join(STREAM, 2, 78, 20, extents(), this::extents);
        settle();
        assertThat(told).as("what was missing is missing").containsExactly("OK 10", "OK {15}");
    }

    @Test
    void fillsACopyOnItsOwnLoop() {
        fillsACopy(joined(new LocalPort(loop, host)));
    }

    @Test
    void fillsACopyElsewhere() {
        fillsACopy(remote());
    }

    @Test
    void isToldWhenTheConnectionIsLost() {
        GroupPort port = remote();
        seal(port, 1);
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add(status + " " + cutSeq));
        port.newer(STREAM, 1, 0, this::extents);
        port.join(STREAM, 1, 77, 10, extents(1), this::extents);
        port.finish(STREAM, 1, 77, 10, status -> told.add("" + status));
        network.cut("ap", "replica");
        scheduler.runFor(1_000_000_000L);
        assertThat(told).containsExactlyInAnyOrder("IO_ERROR 0", "IO_ERROR null", "IO_ERROR null", "IO_ERROR");
        port.join(STREAM, 1, 77, 10, extents(1), this::extents);
        settle();
        assertThat(told).hasSize(5).endsWith("IO_ERROR null");
    }

    /** The question arrives, the connection goes, the step ends all the same. */
    @Test
    void endsAStepThatNobodyWaitsForAnyMore() {
        GroupPort port = remote();
        seal(port, 1);
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add(status + " " + cutSeq));
        scheduler.runFor(1_000_000L);
        network.cut("ap", "replica");
        scheduler.runFor(1_000_000_000L);
        assertThat(told).containsExactly("IO_ERROR 0");
        network.heal("ap", "replica");
        scheduler.runFor(2_000_000_000L);
        seal(port, 1);
        told.clear();
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add(status + " " + cutSeq));
        settle();
        assertThat(told).containsExactly("OK 0");
        replicate(port, Op.EPOCH_START, 1, 1, 0);
        assertThat(state().lastSeq()).as("the stream takes records again").isEqualTo(1);
    }

    /** Who asks again while the log is being cut is answered when it is. */
    @Test
    void answersASealThatComesWhileTheLogIsBeingCut() {
        GroupPort port = joined(new LocalPort(loop, host));
        seal(port, 1);
        replicate(port, Op.EPOCH_START, 1, 1, 0);
        replicate(port, Op.ZERO, 2, 1, 0);
        port.commit(STREAM, 1, 1);
        assertThat(listener.sealed).containsExactly(0L);
        port.prepare(STREAM, 1, (status, cutSeq) -> told.add(status + " " + cutSeq));
        seal(port, 1);
        assertThat(told).containsExactly("OK 1");
        assertThat(listener.sealed).containsExactly(0L, 1L);
    }

    /** Takes what a port tells beside the answers. */
    static final class Listener implements PortListener {
        /** Last seqs, as told. */
        final List<Long> sealed = new ArrayList<>();

        @Override
        public long volume() {
            return 7;
        }

        @Override
        public int epoch() {
            return 0;
        }

        @Override
        public void portUp(GroupPort port) {}

        @Override
        public void portDown(GroupPort port, String reason) {}

        @Override
        public void portEased(GroupPort port) {}

        @Override
        public void sealed(GroupPort port, long stream, int epoch, Message.Sealed told) {
            sealed.add(told.lastSeq());
        }

        @Override
        public void leaseHeld(GroupPort port, long stream, int epoch, long remainingNanos, int holderEpoch) {}

        @Override
        public void sealRefused(GroupPort port, long stream, int epoch, Refusal refusal, int promisedEpoch) {}

        @Override
        public void acked(GroupPort port, long stream, int epoch, long durableSeq) {}

        @Override
        public void refused(
                GroupPort port,
                long stream,
                int epoch,
                int round,
                Refusal refusal,
                int promisedEpoch,
                long seq,
                long lastSeq) {}

        @Override
        public void leased(GroupPort port, int epoch, long sentNanos, long termNanos) {}

        @Override
        public void readAnswered(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock) {}
    }
}
