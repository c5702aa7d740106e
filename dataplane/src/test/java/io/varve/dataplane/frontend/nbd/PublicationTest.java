package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.Holder;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is let in to a volume that is published to a node, with numbers of the protocol document. */
class PublicationTest {
    private static final int EXPORT_NAME = 1;
    private static final int INFO = 6;
    private static final int GO = 7;

    private final TargetUnderTest under = new TargetUnderTest();

    @AfterEach
    void close() {
        under.close();
    }

    private void heldBy(int publication, int epoch) {
        under.onLoop(() -> under.volume.holder = new Holder(publication, epoch));
    }

    private int answerTo(int option, String export) throws IOException {
        try (NbdClient client = new NbdClient(under.port)) {
            client.handshake();
            List<NbdClient.OptionReply> replies = client.option(option, NbdClient.goData(export));
            return replies.getLast().type();
        }
    }

    @Test
    void onlyWhoShowsThePublicationIsLetIn() throws Exception {
        heldBy(7, 8);
        assertThat(answerTo(GO, "db@p7-host")).isEqualTo(NbdClient.ACK);
        assertThat(answerTo(GO, "db@p5-host")).as("the former one").isEqualTo(NbdClient.ERR_POLICY);
        assertThat(answerTo(GO, "db@p9-host"))
                .as("a newer one, of which this epoch does not know")
                .isEqualTo(NbdClient.ERR_UNKNOWN);
    }

    @ParameterizedTest
    @ValueSource(strings = {"db", "db@host-1", "db@p-7", "db@p7", "db@P7-host", "db@p99999999999-host", "db@7-host"})
    void whoShowsNoneIsRefused(String export) throws Exception {
        heldBy(7, 8);
        assertThat(answerTo(GO, export)).isEqualTo(NbdClient.ERR_POLICY);
        assertThat(answerTo(INFO, export)).as("looking is free").isEqualTo(NbdClient.ACK);
    }

    @Test
    void aWithdrawnPublicationIsOver() throws Exception {
        heldBy(0, 8);
        assertThat(answerTo(GO, "db@p7-host")).isEqualTo(NbdClient.ERR_POLICY);
        assertThat(answerTo(GO, "db@host-1")).isEqualTo(NbdClient.ACK);
        assertThat(answerTo(GO, "db")).isEqualTo(NbdClient.ACK);
    }

    /** The option that knows no errors. */
    @Test
    void theOldWayInIsClosedToo() throws Exception {
        heldBy(7, 8);
        try (NbdClient client = new NbdClient(under.port)) {
            client.handshake();
            client.sendOption(EXPORT_NAME, "db@p5-host".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }
}
