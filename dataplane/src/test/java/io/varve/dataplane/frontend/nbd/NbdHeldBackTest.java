package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.BlockStatus;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A volume whose limits hold clients back, and what those hear of it that asked to. */
class NbdHeldBackTest {
    private static final int BLOCK = 4096;
    private static final int GO = 7;
    private static final int STRUCTURED_REPLY = 8;
    private static final int SET_META_CONTEXT = 10;
    private static final int HELD_BACK = 0x5601;
    private static final int ESHUTDOWN = 108;

    private static final NbdLimits LIMITS = new NbdLimits(
            1024, 512, 64L << 20, 256L << 20, Duration.ofSeconds(2), Duration.ofSeconds(30), Duration.ofSeconds(5));

    private final TargetUnderTest under = new TargetUnderTest(LIMITS);

    @AfterEach
    void close() {
        under.onLoop(() -> under.volume.holdBack(false));
        under.close();
    }

    private NbdClient listening(String export) throws Exception {
        NbdClient client = under.connect();
        client.handshake();
        client.option(STRUCTURED_REPLY, new byte[0]);
        List<NbdClient.OptionReply> granted = client.option(
                SET_META_CONTEXT, NbdClient.metaData(export, "base:allocation", "x-varve:held-back", "x-varve:other"));
        assertThat(granted).hasSize(3);
        client.option(GO, NbdClient.goData(export));
        return client;
    }

    @Test
    void tellsWhichRequestWaitsUntilItIsTaken() throws Exception {
        try (NbdClient client = listening("db@host-1")) {
            under.onLoop(() -> under.volume.holdBack(true));
            long first = client.send(0, NbdClient.READ, 0, BLOCK);
            client.send(0, NbdClient.READ, BLOCK, BLOCK);
            for (int notice = 0; notice < 2; notice++) {
                NbdClient.Reply held = client.reply();
                assertThat(held.type()).isEqualTo(HELD_BACK);
                assertThat(held.cookie()).isEqualTo(first);
                assertThat(held.done()).isFalse();
                assertThat(held.payload().remaining()).isZero();
            }
            under.onLoop(() -> under.volume.holdBack(false));
            NbdClient.Reply answer = client.reply();
            assertThat(answer.cookie()).isEqualTo(first);
            assertThat(answer.payload().remaining()).isEqualTo(8 + BLOCK);
            assertThat(client.reply().cookie()).isEqualTo(first + 1);
        }
    }

    @Test
    void tellsOfAWriteThatIsHeldInItsMiddle() throws Exception {
        try (NbdClient client = listening("db")) {
            under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
            long cookie = client.newCookie();
            client.sendHeader(0, NbdClient.WRITE, cookie, 0, 3 << 20);
            client.out.write(new byte[1 << 20]);
            client.out.flush();
            under.await("the volume has the first part", () -> under.volume.held() == 1);
            under.onLoop(() -> under.volume.holdBack(true));
            client.out.write(new byte[2 << 20]);
            client.out.flush();
            NbdClient.Reply held = client.reply();
            assertThat(held.type()).isEqualTo(HELD_BACK);
            assertThat(held.cookie()).isEqualTo(cookie);
            under.onLoop(() -> {
                under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
                under.volume.holdBack(false);
                under.volume.releaseHeld(BlockStatus.OK);
            });
            assertThat(client.errorOf(cookie)).isZero();
        }
    }

    @Test
    void saysNothingOfItToWhoDidNotAsk() throws Exception {
        try (NbdClient listening = listening("db@host-1");
                NbdClient other = under.attach(true)) {
            under.onLoop(() -> under.volume.holdBack(true));
            long cookie = other.send(0, NbdClient.READ, 0, BLOCK);
            listening.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(listening.reply().type()).isEqualTo(HELD_BACK);
            assertThat(listening.reply().type()).isEqualTo(HELD_BACK);
            under.onLoop(() -> under.volume.holdBack(false));
            assertThat(other.reply().cookie()).isEqualTo(cookie);
        }
    }

    @Test
    void saysNothingOfAVolumeThatIsOnlySlow() throws Exception {
        try (NbdClient slow = listening("db@host-1");
                NbdClient other = listening("db@host-2")) {
            under.onLoop(() -> under.volume.holdBack(true));
            long held = other.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(other.reply().type()).isEqualTo(HELD_BACK);
            under.onLoop(() -> {
                under.volume.behaviour = MemoryVolume.Behaviour.HOLDING;
                under.volume.holdBack(false);
                under.volume.queueLimit = 1;
            });
            long waiting = slow.send(0, NbdClient.READ, 0, BLOCK);
            try (NbdClient clock =
                    under.connect()) { // Who says nothing is cut off at a later look at the times than the next one.
                assertThat(clock.greeting()).isEqualTo(3);
                assertThat(clock.isClosedByTarget()).isTrue();
            }
            assertThat(under.onLoop(under.volume::held)).isEqualTo(1);
            under.onLoop(() -> {
                under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
                under.volume.queueLimit = Integer.MAX_VALUE;
                under.volume.releaseHeld(BlockStatus.OK);
            });
            assertThat(other.reply().cookie()).isEqualTo(held);
            assertThat(slow.reply().cookie()).isEqualTo(waiting);
        }
    }

    @Test
    void saysNothingOfARequestThatWasTakenBeforeItsTurnToBeTold() throws Exception {
        try (NbdClient client = listening("db@host-1");
                NbdClient clock = listening("db@host-2")) {
            under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
            long first = client.send(0, NbdClient.READ, 0, BLOCK);
            under.await("the volume has the first request", () -> under.volume.held() == 1);
            under.onLoop(() -> under.volume.holdBack(true));
            long second = client.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(client.reply().type()).isEqualTo(HELD_BACK);
            under.onLoop(() -> {
                under.volume.releaseHeld(BlockStatus.OK); // Its end makes the connection look again, before it is told.
                under.volume.isHoldingBack = false;
            });
            assertThat(client.reply().cookie()).isEqualTo(first);
            under.await("the volume has the second request", () -> under.volume.held() == 1);
            under.onLoop(() -> {
                under.volume.isHoldingBack = true;
                under.volume.releaseHeld(BlockStatus.OK);
            });
            assertThat(client.reply().cookie()).isEqualTo(second);
            clock.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(clock.reply().type()).isEqualTo(HELD_BACK);
            assertThat(clock.reply().type()).isEqualTo(HELD_BACK);
            assertThat(client.in.available()).isZero();
            under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.PROMPT);
        }
    }

    @Test
    void whoComesBackIsLetInWhileItsOlderConnectionIsHeldBack() throws Exception {
        try (NbdClient older = listening("db@host-1")) {
            under.onLoop(() -> under.volume.holdBack(true));
            older.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(older.reply().type()).isEqualTo(HELD_BACK);
            try (NbdClient newer = listening("db@host-1")) {
                long cookie = newer.send(0, NbdClient.READ, 0, BLOCK);
                assertThat(newer.reply().cookie()).isEqualTo(cookie);
            }
        }
    }

    @Test
    void aVolumeThatGoesClosesWhoIsHeldBack() throws Exception {
        try (NbdClient client = listening("db@host-1")) {
            under.onLoop(() -> under.volume.holdBack(true));
            client.send(0, NbdClient.READ, 0, BLOCK);
            assertThat(client.reply().type()).isEqualTo(HELD_BACK);
            under.onLoop(() -> {
                under.volumes.remove(under.volume);
                under.volume.holdBack(false);
            });
            NbdClient.Reply last = client.reply();
            assertThat(last.error()).isIn(0, ESHUTDOWN);
            assertThat(client.isClosedByTarget()).isTrue();
        }
    }
}
