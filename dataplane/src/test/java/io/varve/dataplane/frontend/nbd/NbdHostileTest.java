package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.BlockStatus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that break the rules: the target stays up, holds no memory for them, and serves the others. */
class NbdHostileTest {
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;
    private static final int MIB = 1 << 20;

    /** Times that a busy machine keeps, and a test can wait for. */
    private final NbdLimits limits = new NbdLimits(
            64, 16, 40L * MIB, 80L * MIB, Duration.ofSeconds(20), Duration.ofSeconds(2), Duration.ofSeconds(2));

    /** For those who never finish the handshake. */
    private final NbdLimits impatient = new NbdLimits(
            64, 16, 40L * MIB, 80L * MIB, Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(2));

    private final TargetUnderTest under = new TargetUnderTest(limits);

    @AfterEach
    void othersAreServedAndNothingIsLeft() throws Exception {
        under.onLoop(() -> {
            under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
            under.volume.releaseHeld(BlockStatus.OK);
        });
        try (NbdClient decent = under.attach(true)) {
            assertThat(decent.write(0, new byte[4096])).isZero();
            assertThat(decent.read(0, 4096)).isEqualTo(new byte[4096]);
        }
        under.close();
    }

    private void awaitNobody() {
        under.await("no connection", () -> under.target.connections() == 0);
        under.await("no memory held", () -> under.target.heldBytes() == 0);
    }

    // ---- the handshake

    @ParameterizedTest
    @ValueSource(ints = {-1, 1 << 31, Integer.MAX_VALUE, (1 << 20) + 1})
    void closesOnAnOptionOfGiantLength(int length) throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.sendOptionHeader(7, length);
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 6, 7, 9, 10, 99})
    void readsOverALongOptionAndGoesOnUnlessItCannotSaySo(int option) throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.sendOption(option, new byte[MIB]);
            if (option == 1) {
                assertThat(client.isClosedByTarget()).isTrue();
            } else {
                assertThat(client.optionReply().type()).isEqualTo(NbdClient.ERR_TOO_BIG);
                assertThat(client.go("db").getLast().type()).isEqualTo(NbdClient.ACK);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4096, 4097, 16000})
    void refusesExportNamesOf4096BytesAndMore(int bytes) throws Exception {
        String name = "x".repeat(bytes);
        try (NbdClient client = under.connect()) {
            client.handshake();
            assertThat(client.go(name).getLast().type()).isIn(NbdClient.ERR_UNKNOWN, NbdClient.ERR_TOO_BIG);
            client.sendOption(1, name.getBytes(StandardCharsets.UTF_8));
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }

    @Test
    void refusesLengthsInsideOptionsThatLie() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.option(8, new byte[0]);
            for (int option : new int[] {6, 7, 9, 10}) {
                for (int length : new int[] {-1, 1 << 31, 3, 100}) {
                    byte[] lie = NbdClient.bytes(data -> {
                        data.writeInt(length);
                        data.writeShort(0x6462);
                    });
                    assertThat(client.option(option, lie).getLast().type()).isEqualTo(NbdClient.ERR_INVALID);
                }
                for (int bytes = 0; bytes < 4; bytes++) {
                    assertThat(client.option(option, new byte[bytes]).getLast().type())
                            .isEqualTo(NbdClient.ERR_INVALID);
                }
            }
            byte[] manyKinds = NbdClient.goData("db", 1, 3);
            manyKinds[6] = (byte) 0xff;
            assertThat(client.option(7, manyKinds).getLast().type()).isEqualTo(NbdClient.ERR_INVALID);
            byte[] manyQueries = NbdClient.metaData("db", "base:allocation");
            manyQueries[6] = (byte) 0xff;
            assertThat(client.option(10, manyQueries).getLast().type()).isEqualTo(NbdClient.ERR_INVALID);
            assertThat(client.option(3, new byte[1]).getLast().type()).isEqualTo(NbdClient.ERR_INVALID);
            assertThat(client.option(8, new byte[1]).getLast().type()).isEqualTo(NbdClient.ERR_INVALID);
        }
    }

    @Test
    void takesDuplicateOptionsAsOne() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            for (int i = 0; i < 3; i++) {
                assertThat(client.option(8, new byte[0]).getLast().type()).isEqualTo(NbdClient.ACK);
                assertThat(client.option(10, NbdClient.metaData("db", "base:allocation", "base:allocation")))
                        .hasSize(2);
            }
            client.go("db");
            assertThat(client.call(0, NbdClient.BLOCK_STATUS, 0, 4096)).isZero();
        }
    }

    @Test
    void closesAnEndlessHandshake() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            boolean closed = false;
            for (int i = 0; i < NbdHandshake.MAX_OPTIONS + 1 && !closed; i++) {
                try {
                    client.option(99, new byte[0]);
                } catch (IOException end) {
                    closed = true;
                }
            }
            assertThat(closed).isTrue();
        }
    }

    @Test
    void closesOnCommandsBeforeGo() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.send(0, NbdClient.READ, 0, 4096);
            assertThat(client.isClosedByTarget()).isTrue();
        }
        try (NbdClient client = under.connect()) {
            client.send(0, NbdClient.WRITE, 0, 4096);
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    @Test
    void closesOnAnotherGoAfterGo() throws Exception {
        try (NbdClient client = under.attach(false)) {
            client.sendOption(7, NbdClient.goData("db", 1, 3)); // as long as a request
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    @Test
    void closesAHandshakeThatIsNeverFinished() throws Exception {
        try (TargetUnderTest strict = new TargetUnderTest(impatient);
                NbdClient silent = strict.connect();
                NbdClient half = strict.connect();
                NbdClient inOption = strict.connect()) {
            half.handshake();
            inOption.handshake();
            inOption.sendOptionHeader(7, 100);
            assertThat(silent.isClosedByTarget()).isTrue();
            assertThat(half.isClosedByTarget()).isTrue();
            assertThat(inOption.isClosedByTarget()).isTrue();
        }
    }

    @Test
    void closesAHandshakeThatDripsByteByByte() throws Exception {
        try (TargetUnderTest strict = new TargetUnderTest(impatient);
                NbdClient client = strict.connect()) {
            client.greeting();
            client.socket.setSoTimeout(20);
            byte[] endless = NbdClient.bytes(data -> {
                data.writeInt(3);
                data.writeLong(0x49484156454F5054L);
                data.writeInt(99);
                data.writeInt(10_000);
            });
            boolean closed = false;
            for (int i = 0; i < 500 && !closed; i++) {
                try {
                    client.out.write(i < endless.length ? endless[i] : 0);
                    client.out.flush();
                    closed = client.isClosedByTarget(); // waits 20 ms
                } catch (IOException reset) {
                    closed = true;
                }
            }
            assertThat(closed).isTrue();
        }
    }

    @Test
    void closesOnNonsense() throws Exception {
        try (NbdClient client = under.connect()) {
            client.out.writeBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client.out.flush();
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    // ---- requests

    @Test
    void answersLengthsOfZero() throws Exception {
        for (boolean structured : new boolean[] {false, true}) {
            try (NbdClient client = under.attach(structured)) {
                assertThat(client.call(0, NbdClient.READ, 0, 0)).isZero();
                assertThat(client.write(0, new byte[0])).isZero();
                assertThat(client.call(0, NbdClient.TRIM, 0, 0)).isZero();
                assertThat(client.call(0, NbdClient.WRITE_ZEROES, TargetUnderTest.VOLUME_BYTES, 0))
                        .isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 1 << 31, (32 << 20) + 1})
    void refusesLengthsThatAreTooLong(int length) throws Exception {
        try (NbdClient client = under.attach(true)) {
            assertThat(client.call(0, NbdClient.READ, 0, length)).isEqualTo(EINVAL);
            assertThat(client.call(0, NbdClient.TRIM, 1, length | 1 << 30)).isEqualTo(EINVAL);
            client.send(0, NbdClient.WRITE, 0, length);
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    @Test
    void refusesOffsetsThatOverflow() throws Exception {
        try (NbdClient client = under.attach(false)) {
            for (long offset :
                    new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, -4096, TargetUnderTest.VOLUME_BYTES + 1}) {
                assertThat(client.call(0, NbdClient.READ, offset, 4096)).isEqualTo(EINVAL);
                assertThat(client.call(0, NbdClient.TRIM, offset, 4096)).isEqualTo(EINVAL);
                assertThat(client.call(0, NbdClient.WRITE_ZEROES, offset, 4096)).isEqualTo(ENOSPC);
                assertThat(client.write(offset, new byte[8192])).isEqualTo(ENOSPC);
            }
        }
    }

    @Test
    void refusesUnknownCommandsAndFlags() throws Exception {
        try (NbdClient client = under.attach(true)) {
            for (int command : new int[] {8, 9, 0xffff}) {
                assertThat(client.call(0, command, 0, 4096)).isEqualTo(EINVAL);
            }
            for (int command : new int[] {0, 3, 4, 5, 6, 7}) {
                assertThat(client.call(1 << 15, command, 0, 0)).isEqualTo(EINVAL);
            }
            client.sendHeader(1 << 5, NbdClient.WRITE, 1, 0, 512);
            client.out.write(new byte[512]);
            client.out.flush();
            assertThat(client.errorOf(1)).isEqualTo(EINVAL);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {27, 29})
    void doesNotMistakeAHeaderThatIsOneByteShortOrLong(int bytes) throws Exception {
        try (NbdClient client = under.attach(false)) {
            byte[] header = NbdClient.bytes(data -> {
                data.writeInt(0x25609513);
                data.writeInt(NbdClient.READ);
                data.writeLong(9);
                data.writeLong(0);
                data.writeInt(512);
                data.writeByte(0);
            });
            client.out.write(header, 0, bytes);
            client.out.write(header, 0, 28);
            client.out.flush();
            client.socket.shutdownOutput();
            assertThat(client.isClosedByTarget()).isTrue();
        }
        awaitNobody();
    }

    @Test
    void answersDuplicateCookiesEachByItself() throws Exception {
        try (NbdClient client = under.attach(false)) {
            for (int i = 0; i < 10; i++) {
                client.sendHeader(0, NbdClient.FLUSH, 77, 0, 0);
            }
            client.out.flush();
            for (int i = 0; i < 10; i++) {
                assertThat(client.errorOf(77)).isZero();
            }
        }
    }

    @Test
    void ignoresWhatComesAfterDisconnect() throws Exception {
        try (NbdClient client = under.attach(false)) {
            client.sendHeader(0, NbdClient.DISC, 1, 0, 0);
            client.sendHeader(0, NbdClient.WRITE, 2, 0, 4);
            client.out.writeInt(-1);
            client.out.flush();
            assertThat(client.isClosedByTarget()).isTrue();
        }
        assertThat(under.onLoop(under.volume::allocatedBytes)).isZero();
    }

    // ---- clients that stop

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
