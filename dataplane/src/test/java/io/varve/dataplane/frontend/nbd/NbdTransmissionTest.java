package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NbdTransmissionTest {
    private final TargetUnderTest under = new TargetUnderTest();
    private final Random random = new Random(11);

    @AfterEach
    void close() {
        under.close();
    }

    private byte[] data(int bytes) {
        byte[] data = new byte[bytes];
        random.nextBytes(data);
        return data;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void readsWhatWasWritten(boolean structured) throws Exception {
        try (NbdClient client = under.attach(structured)) {
            byte[] written = data(8192);
            assertThat(client.write(4096, written)).isZero();
            assertThat(client.read(4096, 8192)).isEqualTo(written);
            assertThat(client.read(0, 4096)).isEqualTo(new byte[4096]);
        }
    }

    @Test
    void servesTheOldWayIn() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake(0);
            client.sendOption(1, "db".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            assertThat(client.in.readLong()).isEqualTo(TargetUnderTest.VOLUME_BYTES);
            client.in.readUnsignedShort();
            assertThat(client.in.readNBytes(124)).isEqualTo(new byte[124]);
            byte[] written = data(4096);
            assertThat(client.write(0, written)).isZero();
            assertThat(client.read(0, 4096)).isEqualTo(written);
        }
    }

    @Test
    void answersEverythingBeforeItDisconnects() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED);
        try (NbdClient client = under.attach(false)) {
            java.util.Set<Long> open = new java.util.HashSet<>();
            for (int i = 0; i < 20; i++) {
                open.add(client.sendWrite(i * 4096L, data(4096)));
            }
            open.add(client.send(0, NbdClient.FLUSH, 0, 0));
            client.send(0, NbdClient.DISC, 0, 0);
            while (!open.isEmpty()) {
                NbdClient.Reply reply = client.reply();
                assertThat(open.remove(reply.cookie())).isTrue();
                assertThat(reply.error()).isZero();
            }
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }
}
