package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that no decent client sends. */
final class HostileRequestTest extends HostileClients {
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;

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
}
