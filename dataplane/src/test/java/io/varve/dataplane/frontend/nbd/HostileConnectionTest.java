package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.BlockStatus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Clients that stop in the middle, read nothing, come in crowds or do not go. */
final class HostileConnectionTest extends HostileClients {
    @Test
    void forgetsAWriteWhoseClientLeavesInTheMiddle() throws Exception {
        try (NbdClient client = under.attach(false)) {
            client.sendHeader(0, NbdClient.WRITE, 1, 0, MIB);
            client.out.write(new byte[MIB / 2]);
            client.out.flush();
            under.await("the data", () -> under.target.heldBytes() == MIB);
        }
        awaitNobody();
        assertThat(under.onLoop(under.volume::allocatedBytes)).isZero();
    }

    @Test
    void keepsItsMemoryInOrderWhenAClientLeavesWithRequestsInFlight() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
        try (NbdClient client = under.attach(true)) {
            for (int i = 0; i < 5; i++) {
                client.sendWrite(i * 4096L, new byte[4096]);
                client.send(0, NbdClient.READ, i * 4096L, 4096);
            }
            client.sendWrite(0, new byte[3 * MIB]);
            under.await("all in flight", () -> under.volume.held() == 13);
        }
        under.await("no connection", () -> under.target.connections() == 0);
        assertThat(under.onLoop(under.target::heldBytes)).isPositive();
        under.onLoop(() -> under.volume.releaseHeld(BlockStatus.OK));
        awaitNobody();
    }

    @Test
    void closesAWriteThatDripsByteByByte() throws Exception {
        try (NbdClient client = under.attach(false)) {
            client.sendHeader(0, NbdClient.WRITE, 1, 0, MIB);
            client.socket.setSoTimeout(20);
            boolean closed = false;
            for (int i = 0; i < 500 && !closed; i++) {
                try {
                    client.out.write(0);
                    client.out.flush();
                    closed = client.isClosedByTarget();
                } catch (IOException reset) {
                    closed = true;
                }
            }
            assertThat(closed).isTrue();
        }
        awaitNobody();
    }

    @Test
    void stopsReadingFromAClientThatDoesNotReadItsReplies() throws Exception {
        try (NbdClient greedy = new NbdClient(under.port, 4096)) {
            greedy.handshake();
            greedy.go("db");
            Thread asking = Thread.startVirtualThread(() -> {
                try {
                    for (int i = 0; i < 20_000; i++) {
                        greedy.sendHeader(0, NbdClient.READ, i, 0, MIB);
                    }
                    greedy.out.flush();
                } catch (IOException closed) {
                    // That the target stops reading, and closes in the end, is what the test is about.
                }
            });
            under.await("a backlog", () -> under.target.heldBytes() > 8 * MIB);
            try (NbdClient decent = under.attach(false)) {
                for (int i = 0; i < 200; i++) {
                    assertThat(decent.write(0, new byte[64 << 10])).isZero();
                }
            }
            assertThat(under.onLoop(under.target::heldBytes)).isLessThanOrEqualTo(limits.connectionBytes());
            greedy.socket.close();
            asking.join();
        }
        awaitNobody();
    }

    @Test
    void givesTheMemoryOfClientsThatReadNothingToThoseWhoNeedIt() throws Exception {
        List<NbdClient> greedy = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            NbdClient client = new NbdClient(under.port, 4096);
            greedy.add(client);
            client.handshake();
            client.go("db");
            client.send(0, NbdClient.READ, 0, 32 * MIB);
        }
        under.await("the memory used up", () -> under.target.heldBytes() > 60L * MIB);
        try (NbdClient decent = under.attach(false)) {
            assertThat(decent.read(0, 32 * MIB)).hasSize(32 * MIB);
        }
        for (NbdClient client : greedy) {
            client.close();
        }
        awaitNobody();
    }

    @Test
    void closesConnectionsBeyondItsLimitAndTakesNewOnesLater() throws Exception {
        List<NbdClient> clients = new ArrayList<>();
        for (int i = 0; i < limits.connections(); i++) {
            clients.add(under.attach(false));
        }
        try (NbdClient tooMany = under.connect()) {
            assertThat(tooMany.isClosedByTarget()).isTrue();
        }
        assertThat(under.onLoop(under.target::refusedConnections)).isEqualTo(1);
        for (NbdClient client : clients) {
            assertThat(client.read(0, 1)).hasSize(1);
            client.close();
        }
        awaitNobody();
    }

    @Test
    @Tag("slow")
    void survivesTenThousandConnectionsInABurst() throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), under.port);
        List<SocketChannel> burst = new ArrayList<>();
        int made = 0;
        try {
            while (made < 10_000) {
                burst.add(SocketChannel.open(address));
                made++;
                if (burst.size() == 2_000) { // as many at once as the usual limit of file descriptors bears
                    closeAll(burst);
                }
            }
        } finally {
            closeAll(burst);
        }
        // The kernel may still hold some that are closed already, and they count until the target has seen that.
        boolean served = false;
        while (!served) {
            try (NbdClient client = under.attach(false)) {
                served = client.read(0, 1).length == 1;
            } catch (IOException refused) {
                awaitNobody();
            }
        }
        awaitNobody();
    }

    private static void closeAll(List<SocketChannel> channels) throws Exception {
        for (SocketChannel channel : channels) {
            channel.close();
        }
        channels.clear();
    }

    @Test
    void takesNoMoreRequestsThanItsLimitAndThanTheVolumeWants() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED);
        try (NbdClient client = under.attach(false)) {
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 1000; i++) {
                    client.sendHeader(0, NbdClient.WRITE, i, 0, 512);
                    client.out.write(new byte[512]);
                }
                client.out.flush();
                for (int i = 0; i < 1000; i++) {
                    assertThat(client.reply().error()).isZero();
                }
                int most = round == 0 ? limits.requestsInFlight() : 3;
                assertThat(under.onLoop(() -> under.volume.mostHeld)).isLessThanOrEqualTo(most);
                under.onLoop(() -> {
                    under.volume.mostHeld = 0;
                    under.volume.queueLimit = 3;
                });
            }
        }
    }

    @Test
    void endsClientsThatDoNotGoWhenItStops() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
        NbdClient client = new NbdClient(under.port, 4096);
        client.handshake();
        client.go("db");
        client.send(0, NbdClient.READ, 0, 32 * MIB);
        under.await("the read", () -> under.volume.held() == 1);
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.PROMPT);
        under.onLoop(() -> under.volumes.remove(under.volume));
        awaitConnections(0);
        under.onLoop(() -> under.volume.releaseHeld(BlockStatus.OK));
        awaitNobody();
        client.close();
        under.onLoop(() -> under.volumes.add(under.volume));
    }

    private void awaitConnections(int count) {
        under.await(count + " connections", () -> under.target.connections() == count);
    }
}
