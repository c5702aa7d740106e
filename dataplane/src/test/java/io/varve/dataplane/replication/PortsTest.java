package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.SimulatedNetwork;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A disk group that opens late, while volumes of its own loop are attached. */
class PortsTest {
    private static final String ADDRESS = "n1:1";

    private final SimulatedScheduler scheduler = new SimulatedScheduler(1);
    private final SimulatedNetwork network = new SimulatedNetwork(1);
    private final SimulatedLoop loop = scheduler.newLoop("n1");
    private final NodeIdentity self = new NodeIdentity("c", "n1", 1);
    private final Ports ports = new Ports(loop, network.transport(loop, "n1"), self, "n1");
    private final ReplicaHost host = new ReplicaHost(loop, new MemoryStore(loop, new MemoryDisk("g"), 1));
    private final PortListener listener = new ResyncPortsTest.Listener();
    private final ReplicaServer server = new ReplicaServer(loop, network.transport(loop, "n1"), self);

    @BeforeEach
    void listen() {
        server.listen(ADDRESS, (address, failure) -> {});
    }

    private GroupPort early() {
        GroupPort port = ports.port("g", ADDRESS);
        assertThat(port.isLocal()).isFalse();
        return port;
    }

    private void open() {
        server.serve(host);
        ports.addLocal(host);
        scheduler.runFor(2_000_000_000L);
        assertThat(ports.port("g", ADDRESS).isLocal()).isTrue();
    }

    @Test
    void keepsTheFormerWayForAVolumeThatWasAttachedBefore() {
        GroupPort former = early();
        former.join(7, listener);
        open();
        assertThat(former.isUp()).isTrue();
        former.leave(7, listener);
        ports.left(former);
        scheduler.runFor(2_000_000_000L);
        assertThat(former.isUp()).isFalse();
    }

    @Test
    void closesTheFormerWayThatNobodyUses() {
        GroupPort former = early();
        open();
        assertThat(former.isUp()).isFalse();
    }

    @Test
    void closesTheFormerWayAtTheEnd() {
        GroupPort former = early();
        former.join(7, listener);
        open();
        ports.close();
        scheduler.runFor(2_000_000_000L);
        assertThat(former.isUp()).isFalse();
    }
}
