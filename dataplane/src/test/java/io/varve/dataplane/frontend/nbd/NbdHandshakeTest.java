package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.frontend.nbd.NbdClient.OptionReply;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NbdHandshakeTest {
    private final TargetUnderTest under = new TargetUnderTest();

    @AfterEach
    void close() {
        under.close();
    }

    private static int last(List<OptionReply> replies) {
        return replies.getLast().type();
    }

    @Test
    void greetsWithFixedNewstyleAndNoZeroes() throws Exception {
        try (NbdClient client = under.connect()) {
            assertThat(client.greeting()).isEqualTo(3);
        }
    }

    @Test
    void closesOnClientFlagsThatItDoesNotKnow() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake(1 | 1 << 7);
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }

    @Test
    void listsVolumesInOrder() throws Exception {
        under.onLoop(() -> under.volumes.add(new MemoryVolume("a", 4096, under.loop())));
        try (NbdClient client = under.connect()) {
            client.handshake();
            List<OptionReply> replies = client.option(3, new byte[0]);
            assertThat(replies).extracting(OptionReply::type).containsExactly(2, 2, NbdClient.ACK);
            assertThat(replies.get(0).text()).endsWith("a");
            assertThat(replies.get(1).text()).endsWith("db");
        }
    }

    @Test
    void refusesWhatItDoesNotKnowAndGoesOn() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            assertThat(last(client.option(0x4d2, new byte[100]))).isEqualTo(NbdClient.ERR_UNSUP);
            assertThat(last(client.option(4, new byte[0]))).isEqualTo(NbdClient.ERR_UNSUP);
            assertThat(last(client.go("db"))).isEqualTo(NbdClient.ACK);
            assertThat(client.read(0, 512)).hasSize(512);
        }
    }

    @Test
    void refusesTlsByPolicy() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            assertThat(last(client.option(5, new byte[0]))).isEqualTo(NbdClient.ERR_POLICY);
            assertThat(last(client.go("db"))).isEqualTo(NbdClient.ACK);
        }
    }

    @Test
    void tellsSizeFlagsAndBlockSizes() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.option(8, new byte[0]);
            List<OptionReply> info = client.option(6, NbdClient.goData("db", 1, 3));
            assertThat(info).extracting(OptionReply::type).containsExactly(3, 3, 3, NbdClient.ACK);
            assertThat(info.get(1).data().getShort()).isEqualTo((short) 3);
            assertThat(info.get(1).data().getInt(2)).isEqualTo(1);
            assertThat(info.get(1).data().getInt(6)).isEqualTo(4096);
            assertThat(info.get(1).data().getInt(10)).isEqualTo(32 << 20);
            assertThat(info.get(2).text()).endsWith("db");
            client.go("db");
            assertThat(client.exportBytes).isEqualTo(TargetUnderTest.VOLUME_BYTES);
            // HAS_FLAGS, FLUSH, FUA, TRIM, WRITE_ZEROES, DF, MULTI_CONN, CACHE, FAST_ZERO
            assertThat(client.transmissionFlags).isEqualTo(1 | 4 | 8 | 32 | 64 | 128 | 256 | 1 << 10 | 1 << 11);
        }
    }

    @Test
    void offersDontFragmentOnlyWithStructuredReplies() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.go("db");
            assertThat(client.transmissionFlags & 128).isZero();
            assertThat(client.call(4, NbdClient.READ, 0, 512)).isEqualTo(22);
        }
    }

    @Test
    void refusesAnUnknownVolumeByNameAndGoesOn() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            assertThat(last(client.option(7, NbdClient.goData("nothing")))).isEqualTo(NbdClient.ERR_UNKNOWN);
            assertThat(last(client.option(6, NbdClient.goData("nothing")))).isEqualTo(NbdClient.ERR_UNKNOWN);
            assertThat(last(client.go("db"))).isEqualTo(NbdClient.ACK);
        }
    }

    @Test
    void closesWhenTheOldOptionNamesAnUnknownVolume() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.sendOption(1, "nothing".getBytes(StandardCharsets.UTF_8));
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }

    @Test
    void takesTheEmptyNameForTheOnlyVolume() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            MemoryVolume other = new MemoryVolume("a", 4096, under.loop());
            under.onLoop(() -> under.volumes.add(other));
            assertThat(last(client.option(6, NbdClient.goData("")))).isEqualTo(NbdClient.ERR_UNKNOWN);
            under.onLoop(() -> under.volumes.remove(other));
            assertThat(last(client.go(""))).isEqualTo(NbdClient.ACK);
        }
    }

    @Test
    void acknowledgesAbortAndCloses() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            assertThat(last(client.option(2, new byte[0]))).isEqualTo(NbdClient.ACK);
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }

    @Test
    void listsAndSelectsTheAllocationContext() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.option(8, new byte[0]);
            assertThat(client.option(9, NbdClient.metaData("db"))).hasSize(2);
            assertThat(client.option(9, NbdClient.metaData("db", "base:"))).hasSize(2);
            assertThat(client.option(9, NbdClient.metaData("db", "qemu:"))).hasSize(1);
            assertThat(client.option(10, NbdClient.metaData("db", "base:"))).hasSize(1);
            List<OptionReply> set = client.option(10, NbdClient.metaData("db", "x-other:y", "base:allocation"));
            assertThat(set).extracting(OptionReply::type).containsExactly(4, NbdClient.ACK);
            assertThat(set.getFirst().text()).endsWith("base:allocation");
            client.go("db");
            assertThat(client.call(0, NbdClient.BLOCK_STATUS, 0, 4096)).isZero();
        }
    }

    @Test
    void wantsStructuredRepliesBeforeContexts() throws Exception {
        try (NbdClient client = under.connect()) {
            client.handshake();
            byte[] query = NbdClient.metaData("db", "base:allocation");
            assertThat(last(client.option(10, query))).isEqualTo(NbdClient.ERR_INVALID);
            client.option(8, new byte[0]);
            assertThat(last(client.option(10, query))).isEqualTo(NbdClient.ACK);
        }
    }

    @Test
    void forgetsAContextThatWasSelectedForAnotherVolumeOrTakenBack() throws Exception {
        under.onLoop(() -> under.volumes.add(new MemoryVolume("a", 4096, under.loop())));
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.option(8, new byte[0]);
            client.option(10, NbdClient.metaData("a", "base:allocation"));
            client.go("db");
            assertThat(client.call(0, NbdClient.BLOCK_STATUS, 0, 4096)).isEqualTo(22);
        }
        try (NbdClient client = under.connect()) {
            client.handshake();
            client.option(8, new byte[0]);
            client.option(10, NbdClient.metaData("db", "base:allocation"));
            client.option(10, NbdClient.metaData("db"));
            client.go("db");
            assertThat(client.call(0, NbdClient.BLOCK_STATUS, 0, 4096)).isEqualTo(22);
        }
    }

    @Test
    void understandsAClientThatSendsByteByByte() throws Exception {
        try (NbdClient client = under.connect()) {
            client.greeting();
            byte[] all = NbdClient.bytes(data -> {
                data.writeInt(3);
                byte[] go = NbdClient.goData("db", 3);
                data.writeLong(0x49484156454F5054L);
                data.writeInt(7);
                data.writeInt(go.length);
                data.write(go);
                data.writeInt(0x25609513);
                data.writeShort(0);
                data.writeShort(NbdClient.WRITE);
                data.writeLong(42);
                data.writeLong(100);
                data.writeInt(3);
                data.writeBytes("abc");
            });
            for (byte one : all) {
                client.out.write(one);
                client.out.flush();
            }
            while (client.optionReply().type() != NbdClient.ACK) {}
            assertThat(client.errorOf(42)).isZero();
            assertThat(client.read(100, 3)).isEqualTo("abc".getBytes(StandardCharsets.UTF_8));
        }
    }

    @Test
    void understandsAClientThatSendsEverythingAtOnce() throws Exception {
        try (NbdClient client = under.connect()) {
            byte[] go = NbdClient.goData("db");
            client.out.writeInt(3);
            client.out.writeLong(0x49484156454F5054L);
            client.out.writeInt(7);
            client.out.writeInt(go.length);
            client.out.write(go);
            client.sendHeader(0, NbdClient.FLUSH, 7, 0, 0);
            client.sendHeader(0, NbdClient.DISC, 8, 0, 0);
            client.out.flush();
            client.greeting();
            while (client.optionReply().type() != NbdClient.ACK) {}
            assertThat(client.errorOf(7)).isZero();
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }
}
