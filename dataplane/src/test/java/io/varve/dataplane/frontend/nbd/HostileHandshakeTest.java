package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Handshakes that lie about lengths, never end, or are none. */
final class HostileHandshakeTest extends HostileClients {
    /** For those who never finish the handshake. */
    private final NbdLimits impatient = new NbdLimits(
            64, 16, 40L * MIB, 80L * MIB, Duration.ofSeconds(1), Duration.ofSeconds(2), Duration.ofSeconds(2));

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
}
