package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.volume.BlockStatus;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NbdTransmissionTest {
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;
    private static final int ESHUTDOWN = 108;
    private static final int LAST = (int) TargetUnderTest.VOLUME_BYTES;

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
            client.sendOption(1, "db".getBytes(StandardCharsets.UTF_8));
            assertThat(client.in.readLong()).isEqualTo(TargetUnderTest.VOLUME_BYTES);
            assertThat(client.in.readUnsignedShort()).isPositive();
            assertThat(client.in.readNBytes(124)).isEqualTo(new byte[124]);
            byte[] written = data(4096);
            assertThat(client.write(0, written)).isZero();
            assertThat(client.read(0, 4096)).isEqualTo(written);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "511,2", "4095,4098", "0,1048577", "1048575,2", "1000001,3000003"})
    void takesRequestsThatAreNotAligned(int offset, int bytes) throws Exception {
        try (NbdClient client = under.attach(true)) {
            byte[] written = data(bytes);
            assertThat(client.write(offset, written)).isZero();
            assertThat(client.read(offset, bytes)).isEqualTo(written);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void takesRequestsOf32MiBOutOfOrderToo(boolean structured) throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED);
        try (NbdClient client = under.attach(structured)) {
            byte[] written = data(32 << 20);
            assertThat(client.write(12345, written)).isZero();
            assertThat(client.read(12345, written.length)).isEqualTo(written);
            assertThat(under.onLoop(() -> under.volume.mostHeld)).isLessThanOrEqualTo(33);
        }
    }

    @Test
    void repliesInTheOrderInWhichRequestsEnd() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
        try (NbdClient client = under.attach(false)) {
            byte[] first = data(4096);
            byte[] second = data(4096);
            long one = client.sendWrite(0, first);
            long two = client.sendWrite(4096, second);
            long three = client.send(0, NbdClient.READ, 8192, 512);
            under.await("three requests in flight", () -> under.volume.held() == 3);
            under.onLoop(() -> under.volume.releaseHeld(BlockStatus.OK));
            // MemoryVolume ends the newest first. Replies without data are gathered, so only the set of the last two is
            // fixed.
            Set<Long> open = new HashSet<>(Set.of(one, two, three));
            for (int i = 0; i < 3; i++) {
                NbdClient.Reply reply = client.reply();
                assertThat(open.remove(reply.cookie())).isTrue();
                if (reply.cookie() == three) {
                    assertThat(client.in.readNBytes(512)).isEqualTo(new byte[512]);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keepsCookiesApartWithManyInFlightOutOfOrder(boolean structured) throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED);
        try (NbdClient client = under.attach(structured)) {
            byte[] all = data(400 * 512);
            assertThat(client.write(0, all)).isZero();
            Map<Long, Integer> open = new HashMap<>();
            for (int i = 0; i < 400; i++) {
                open.put(client.send(0, NbdClient.READ, i * 512L, 512), i);
            }
            List<Integer> order = new ArrayList<>();
            while (!open.isEmpty()) {
                NbdClient.Reply reply = client.reply();
                int block = Objects.requireNonNull(open.remove(reply.cookie()));
                order.add(block);
                byte[] got = reply.isSimple() ? client.in.readNBytes(512) : new byte[512];
                if (!reply.isSimple()) {
                    assertThat(reply.payload().getLong(0)).isEqualTo(block * 512L);
                    reply.payload().get(8, got);
                }
                assertThat(got).isEqualTo(Arrays.copyOfRange(all, block * 512, block * 512 + 512));
            }
            assertThat(order).isNotEqualTo(order.stream().sorted().toList());
        }
    }

    @Test
    void answersEverythingBeforeItDisconnects() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED);
        try (NbdClient client = under.attach(false)) {
            Set<Long> open = new HashSet<>();
            for (int i = 0; i < 20; i++) {
                open.add(client.sendWrite(i * 4096L, data(4096)));
            }
            open.add(client.send(0, NbdClient.FLUSH, 0, 0));
            var _ = client.send(0, NbdClient.DISC, 0, 0);
            while (!open.isEmpty()) {
                NbdClient.Reply reply = client.reply();
                assertThat(open.remove(reply.cookie())).isTrue();
                assertThat(reply.error()).isZero();
            }
            assertThat(client.in.read()).isEqualTo(-1);
        }
    }

    @Test
    void flushAsksTheVolumeAndForceUnitAccessIsTaken() throws Exception {
        try (NbdClient client = under.attach(false)) {
            assertThat(client.call(1, NbdClient.FLUSH, 0, 0)).isZero();
            assertThat(under.onLoop(() -> under.volume.flushes)).isEqualTo(1);
            assertThat(client.call(0, NbdClient.FLUSH, 512, 0)).isEqualTo(EINVAL);
            client.sendHeader(1, NbdClient.WRITE, 5, 0, 512);
            client.out.write(data(512));
            client.out.flush();
            assertThat(client.errorOf(5)).isZero();
            assertThat(client.call(1, NbdClient.READ, 0, 0)).isZero();
        }
    }

    @Test
    void givesSpaceBackByTrimAndByWriteZeroesUnlessNoHoleIsSaid() throws Exception {
        try (NbdClient client = under.attach(true)) {
            assertThat(client.write(0, data(4 << 20))).isZero();
            assertThat(client.call(0, NbdClient.TRIM, 0, 1 << 20)).isZero();
            assertThat(under.onLoop(under.volume::allocatedBytes)).isEqualTo(3 << 20);
            assertThat(client.call(0, NbdClient.WRITE_ZEROES, 1 << 20, 1 << 20)).isZero();
            assertThat(under.onLoop(under.volume::allocatedBytes)).isEqualTo(2 << 20);
            assertThat(client.call(1 << 1, NbdClient.WRITE_ZEROES, 2 << 20, 1 << 20))
                    .isZero();
            assertThat(under.onLoop(under.volume::allocatedBytes)).isEqualTo(2 << 20);
            assertThat(client.call(1 | 1 << 4, NbdClient.WRITE_ZEROES, 3 << 20, 1 << 20))
                    .isZero();
            assertThat(client.read(0, 4 << 20)).isEqualTo(new byte[4 << 20]);
        }
    }

    @Test
    void trimsAndZeroesBeyond32MiBAtOnce() throws Exception {
        try (NbdClient client = under.attach(false)) {
            assertThat(client.write(0, data(4096))).isZero();
            assertThat(client.call(0, NbdClient.WRITE_ZEROES, 0, LAST)).isZero();
            assertThat(client.call(0, NbdClient.TRIM, 0, LAST)).isZero();
            assertThat(client.read(0, 4096)).isEqualTo(new byte[4096]);
        }
    }

    private NbdClient attachWithContext() throws Exception {
        NbdClient client = under.connect();
        client.handshake();
        client.option(8, new byte[0]);
        client.option(10, NbdClient.metaData("db", "base:allocation"));
        client.go("db");
        return client;
    }

    private static List<String> runs(NbdClient.Reply reply) {
        List<String> runs = new ArrayList<>();
        ByteBuffer payload = reply.payload();
        for (int at = 4; at < payload.limit(); at += 8) {
            runs.add(payload.getInt(at) + (payload.getInt(at + 4) == 3 ? " hole" : " data"));
        }
        return runs;
    }

    @Test
    void tellsHolesFromData() throws Exception {
        try (NbdClient client = attachWithContext()) {
            assertThat(client.write(1 << 20, data(64 << 10))).isZero();
            long cookie = client.send(0, NbdClient.BLOCK_STATUS, 0, LAST);
            NbdClient.Reply reply = client.reply();
            assertThat(reply.cookie()).isEqualTo(cookie);
            assertThat(reply.type()).isEqualTo(5);
            assertThat(runs(reply)).containsExactly("1048576 hole", "65536 data", (LAST - (1 << 20) - 65536) + " hole");
            client.send(1 << 3, NbdClient.BLOCK_STATUS, 1000, 2 << 20);
            assertThat(runs(client.reply())).containsExactly((1 << 20) - 1000 + " hole");
            client.send(0, NbdClient.BLOCK_STATUS, (1 << 20) + 10, 20);
            assertThat(runs(client.reply())).containsExactly("20 data");
        }
    }

    @Test
    void tellsNoMoreRunsAtOnceThanItsLimit() throws Exception {
        NbdReplies replies = new NbdReplies(true);
        ByteBuf out = Unpooled.buffer();
        MemoryVolume chequered = new MemoryVolume("c", 1L << 40, under.loop()) {
            @Override
            public void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told) {
                for (long at = offsetBytes; told.run(at, 4096, at % 8192 == 0); ) {
                    at += 4096;
                }
            }
        };
        replies.blockStatus(out, 1, chequered, 0, 1L << 31, NbdReplies.MAX_DESCRIPTORS);
        assertThat(out.readableBytes()).isEqualTo(20 + 4 + 8 * NbdReplies.MAX_DESCRIPTORS);
        assertThat(out.getInt(16)).isEqualTo(4 + 8 * NbdReplies.MAX_DESCRIPTORS);
    }

    @Test
    void refusesBlockStatusThatWasNotAgreedOn() throws Exception {
        try (NbdClient client = under.attach(true)) {
            assertThat(client.call(0, NbdClient.BLOCK_STATUS, 0, 4096)).isEqualTo(EINVAL);
        }
    }

    @Test
    void takesCacheAsAHint() throws Exception {
        try (NbdClient client = under.attach(true)) {
            assertThat(client.call(0, NbdClient.CACHE, 0, LAST)).isZero();
            assertThat(client.call(0, NbdClient.CACHE, 1, LAST)).isEqualTo(EINVAL);
        }
    }

    @Test
    void readsUnfragmentedWhenAsked() throws Exception {
        try (NbdClient client = under.attach(true)) {
            long cookie = client.send(1 << 2, NbdClient.READ, 0, 32 << 20);
            NbdClient.Reply reply = client.reply();
            assertThat(reply.cookie()).isEqualTo(cookie);
            assertThat(reply.type()).isEqualTo(1);
            assertThat(reply.done()).isTrue();
            assertThat(reply.payload().limit()).isEqualTo(8 + (32 << 20));
        }
    }

    @ParameterizedTest
    @CsvSource({"OK,0", "NO_SPACE,28", "IO_ERROR,5", "FENCED,108", "SHUTTING_DOWN,108"})
    void tellsHowAVolumesRequestEnded(BlockStatus status, int error) throws Exception {
        under.onLoop(() -> under.volume.outcome = status);
        for (boolean structured : new boolean[] {false, true}) {
            try (NbdClient client = under.attach(structured)) {
                assertThat(client.write(0, data(4096))).isEqualTo(error);
                assertThat(client.call(0, NbdClient.FLUSH, 0, 0)).isEqualTo(error);
                assertThat(client.call(0, NbdClient.TRIM, 0, 4096)).isEqualTo(error);
                if (error != 0) {
                    assertThat(client.call(0, NbdClient.READ, 0, 4096)).isEqualTo(error);
                }
            }
        }
    }

    @Test
    void explainsErrorsToPeopleInStructuredReplies() throws Exception {
        under.onLoop(() -> under.volume.outcome = BlockStatus.NO_SPACE);
        try (NbdClient client = under.attach(true)) {
            client.sendWrite(0, data(512));
            NbdClient.Reply reply = client.reply();
            assertThat(reply.type()).isEqualTo(0x8001);
            assertThat(reply.done()).isTrue();
            byte[] text = new byte[reply.payload().getShort(4)];
            reply.payload().get(6, text);
            assertThat(new String(text, StandardCharsets.UTF_8)).contains("no space left");
        }
    }

    @Test
    void failsALongWriteAsAWholeWhenOnePartFails() throws Exception {
        under.onLoop(() -> under.volume.maxPages = 40);
        try (NbdClient client = under.attach(false)) {
            assertThat(client.write(0, data(8 << 20))).isEqualTo(ENOSPC);
            under.onLoop(() -> under.volume.maxPages = Long.MAX_VALUE);
            byte[] again = data(8 << 20);
            assertThat(client.write(0, again)).isZero();
            assertThat(client.read(0, 8 << 20)).isEqualTo(again);
        }
    }

    @Test
    void showsWritesToEveryConnection() throws Exception {
        try (NbdClient one = under.attach(false);
                NbdClient two = under.attach(true)) {
            byte[] written = data(4096);
            assertThat(one.write(0, written)).isZero();
            assertThat(two.call(0, NbdClient.FLUSH, 0, 0)).isZero();
            assertThat(two.read(0, 4096)).isEqualTo(written);
        }
    }

    @Test
    void answersWhatIsInFlightAndClosesWhenTheVolumeGoes() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
        try (NbdClient busy = under.attach(false);
                NbdClient idle = under.attach(false)) {
            long cookie = busy.sendWrite(0, data(4096));
            under.await("the write in flight", () -> under.volume.held() == 1);
            under.onLoop(() -> under.volumes.remove(under.volume));
            assertThat(idle.in.read()).isEqualTo(-1);
            assertThat(busy.call(0, NbdClient.READ, 0, 512)).isEqualTo(ESHUTDOWN);
            under.onLoop(() -> under.volume.releaseHeld(BlockStatus.SHUTTING_DOWN));
            assertThat(busy.errorOf(cookie)).isEqualTo(ESHUTDOWN);
            assertThat(busy.in.read()).isEqualTo(-1);
            under.await("no listeners", () -> under.volumes.listeners() == 0);
        }
    }

    @Test
    void letsRequestsInFlightEndWhenItStops() throws Exception {
        under.onLoop(() -> under.volume.behaviour = MemoryVolume.Behaviour.HOLDING);
        try (NbdClient client = under.attach(false)) {
            long cookie = client.sendWrite(0, data(4096));
            under.await("the write in flight", () -> under.volume.held() == 1);
            var stopped = under.target.stop();
            assertThat(stopped.isComplete()).isFalse();
            under.onLoop(() -> under.volume.releaseHeld(BlockStatus.OK));
            assertThat(client.errorOf(cookie)).isZero();
            assertThat(client.in.read()).isEqualTo(-1);
            stopped.await();
        }
    }

    @Test
    void mapsRangesBeyondTheEndAsTheDocumentSays() throws Exception {
        try (NbdClient client = under.attach(false)) {
            assertThat(client.call(0, NbdClient.READ, LAST, 1)).isEqualTo(EINVAL);
            assertThat(client.call(0, NbdClient.TRIM, LAST - 1, 2)).isEqualTo(EINVAL);
            assertThat(client.call(0, NbdClient.WRITE_ZEROES, LAST - 1, 2)).isEqualTo(ENOSPC);
            assertThat(client.write(LAST - 1, data(2))).isEqualTo(ENOSPC);
            assertThat(client.write(LAST - 1, data(1))).isZero();
        }
    }
}
