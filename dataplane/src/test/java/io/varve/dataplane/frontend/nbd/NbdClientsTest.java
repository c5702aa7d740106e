package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.BlockStatus;
import java.io.IOException;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that say who they are, lose a connection, come back and repeat what was not answered. */
class NbdClientsTest {
    private static final int BLOCK = 4096;
    private static final int GO = 7;

    private final TargetUnderTest under = new TargetUnderTest();

    @AfterEach
    void close() {
        under.onLoop(() -> {
            under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
            under.volume.queueLimit = Integer.MAX_VALUE;
        });
        under.close();
        assertThat(under.target.clients().size()).isZero();
        assertThat(under.volumes.listeners()).isZero();
    }

    private static byte[] block(int value) {
        byte[] block = new byte[BLOCK];
        Arrays.fill(block, (byte) value);
        return block;
    }

    private NbdClient attach(String export) throws IOException {
        NbdClient client = askToAttach(export);
        awaitEntry(client);
        return client;
    }

    /** Has asked for the export, and not read the answer. */
    private NbdClient askToAttach(String export) throws IOException {
        NbdClient client = new NbdClient(under.port);
        client.handshake();
        client.sendOption(GO, NbdClient.goData(export));
        return client;
    }

    private static void awaitEntry(NbdClient client) throws IOException {
        int type;
        do {
            type = client.optionReply().type();
        } while (type > 0 && type != NbdClient.ACK);
        assertThat(type).isEqualTo(NbdClient.ACK);
    }

    private void hold() {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
    }

    /** From now on the volume is prompt; what it held ends newest first. */
    private void release() {
        under.onLoop(() -> {
            under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
            under.volume.releaseHeld(BlockStatus.OK);
        });
    }

    private byte[] read(long offset) throws IOException {
        try (NbdClient reader = attach("db")) {
            return reader.read(offset, BLOCK);
        }
    }

    @Test
    void anOldWriteInTheVolumeEndsBeforeItsRepetitionAndANewerOne() throws Exception {
        try (NbdClient older = attach("db@host-1")) {
            hold();
            older.sendWrite(0, block(1));
            under.await("the volume has the write", () -> under.volume.held() == 1);
            try (NbdClient newer = askToAttach("db@host-1")) {
                assertThat(older.isClosedByTarget()).isTrue();
                assertThat(newer.in.available()).isZero();
                // Were the newer one let in now, all three would be held, and the oldest executed last.
                newer.sendWrite(0, block(1));
                newer.sendWrite(0, block(2));
                under.await("the older connection is closed", () -> under.target.connections() == 1);
                assertThat(under.onLoop(under.volume::held)).isEqualTo(1);
                release();
                awaitEntry(newer);
                assertThat(newer.reply().error()).isZero();
                assertThat(newer.reply().error()).isZero();
            }
        }
        assertThat(read(0)).isEqualTo(block(2));
    }

    @Test
    void anOldWriteThatTheVolumeHasNotTakenIsForgotten() throws Exception {
        under.onLoop(() -> under.volume.queueLimit = 1);
        try (NbdClient older = attach("db@host-1")) {
            hold();
            older.sendWrite(0, block(1));
            older.sendWrite(BLOCK, block(1)); // Waits in the target until the volume takes more.
            under.await("the volume has the first write", () -> under.volume.held() == 1);
            try (NbdClient newer = askToAttach("db@host-1")) {
                assertThat(older.isClosedByTarget()).isTrue();
                under.await("the older connection is closed", () -> under.target.connections() == 1);
                release();
                awaitEntry(newer);
                assertThat(newer.write(BLOCK, block(2))).isZero();
                assertThat(newer.read(BLOCK, BLOCK)).isEqualTo(block(2));
                assertThat(newer.call(0, NbdClient.FLUSH, 0, 0)).isZero();
            }
        }
        assertThat(read(BLOCK)).isEqualTo(block(2));
    }

    @Test
    void waitsForTheRequestsOfAConnectionThatHasGoneByItself() throws Exception {
        try (NbdClient older = attach("db@host-1")) {
            hold();
            older.sendWrite(0, block(1));
            under.await("the volume has the write", () -> under.volume.held() == 1);
        }
        under.await("the older one has gone", () -> under.target.connections() == 0);
        try (NbdClient newer = askToAttach("db@host-1")) {
            under.await("the newer one has come", () -> under.target.connections() == 1);
            newer.sendWrite(0, block(2));
            assertThat(under.onLoop(under.volume::held)).isEqualTo(1);
            release();
            awaitEntry(newer);
            assertThat(newer.reply().error()).isZero();
        }
        assertThat(read(0)).isEqualTo(block(2));
    }

    @Test
    void theLastOfManyThatWaitIsLetIn() throws Exception {
        try (NbdClient first = attach("db@host-1")) {
            hold();
            first.sendWrite(0, block(1));
            under.await("the volume has the write", () -> under.volume.held() == 1);
            try (NbdClient second = askToAttach("db@host-1")) {
                under.await("the first is closed, the second waits", () -> under.target.connections() == 1);
                try (NbdClient third = askToAttach("db@host-1")) {
                    assertThat(second.isClosedByTarget()).isTrue();
                    release();
                    awaitEntry(third);
                    assertThat(third.read(0, BLOCK)).isEqualTo(block(1));
                }
            }
        }
    }

    @Test
    void otherClientsAndThoseWithoutANameAreLeftAlone() throws Exception {
        try (NbdClient one = attach("db@host-1");
                NbdClient two = attach("db@host-2");
                NbdClient nobody = attach("db");
                NbdClient again = attach("db@host-1")) {
            assertThat(one.isClosedByTarget()).isTrue();
            assertThat(two.write(0, block(3))).isZero();
            assertThat(nobody.read(0, BLOCK)).isEqualTo(block(3));
            assertThat(again.read(0, BLOCK)).isEqualTo(block(3));
        }
    }

    @Test
    void theOldWayInAndTheDefaultExportKnowClientsToo() throws Exception {
        try (NbdClient one = attach("@host-1");
                NbdClient other = new NbdClient(under.port)) {
            other.handshake();
            other.sendOption(1, "db@host-1".getBytes(java.nio.charset.StandardCharsets.UTF_8));
            assertThat(one.isClosedByTarget()).isTrue();
            assertThat(other.in.readLong()).isEqualTo(TargetUnderTest.VOLUME_BYTES);
            other.in.readUnsignedShort();
            assertThat(other.write(0, block(4))).isZero();
        }
    }

    @Test
    void aVolumeThatGoesEndsTheWait() throws Exception {
        try (NbdClient older = attach("db@host-1")) {
            hold();
            older.sendWrite(0, block(1));
            under.await("the volume has the write", () -> under.volume.held() == 1);
            try (NbdClient newer = askToAttach("db@host-1")) {
                under.await("the first is closed, the second waits", () -> under.target.connections() == 1);
                under.onLoop(() -> {
                    under.volumes.remove(under.volume);
                    under.volume.releaseHeld(BlockStatus.FENCED);
                });
                awaitEntry(newer);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "db@",
                "db@@",
                "db@a@b",
                "db@a b",
                "db@a/b",
                "db@../db",
                "db@a.b",
                "db@a_b",
                "db@\u00e4",
                "db@\0",
                "db@a\n",
                "db @a",
                "DB@a",
                "other@a",
                "db@0123456789012345678901234567890123456789012345678901234567890123x"
            })
    void knowsNoVolumeUnderAnExportNameOutOfShape(String export) throws Exception {
        try (NbdClient client = attach("db@a");
                NbdClient hostile = new NbdClient(under.port)) {
            hostile.handshake();
            assertThat(hostile.go(export).getLast().type()).isEqualTo(NbdClient.ERR_UNKNOWN);
            assertThat(hostile.option(6, NbdClient.goData(export)).getLast().type())
                    .isEqualTo(NbdClient.ERR_UNKNOWN);
            assertThat(hostile.option(6, NbdClient.goData("db@a")).getLast().type())
                    .isEqualTo(NbdClient.ACK);
            assertThat(client.read(0, BLOCK)).hasSize(BLOCK); // To ask about an export is no claim.
        }
    }

    @Test
    void takesAsLongANameAsItSays() throws Exception {
        try (NbdClient client = attach("db@" + "x".repeat(ExportName.MAX_CLIENT_CHARS))) {
            assertThat(client.read(0, BLOCK)).isEqualTo(block(0));
        }
    }
}
