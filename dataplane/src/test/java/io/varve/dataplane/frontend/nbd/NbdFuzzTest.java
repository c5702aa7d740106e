package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The parsers of options and of requests against bytes from a generator. {@link FuzzTest} methods replay their corpus in a normal run, and
 * fuzz for a minute with {@code JAZZER_FUZZ=1} and {@code -Dtest=NbdFuzzTest#options}, as {@code tests/run --long} does. The others draw
 * nearly valid conversations from a seed, which a failure names.
 */
class NbdFuzzTest {
    private static final int SHORT_ROUNDS = 300;
    private static final int LONG_ROUNDS = 20_000;
    private static final int GREETING_BYTES = 18;

    @FuzzTest(maxDuration = "1m")
    @Tag("slow") // The fuzzer's agent takes seconds to load.
    void options(byte[] data) {
        SimulatedTarget simulated = new SimulatedTarget(data.length);
        byte[] flagsFirst = NbdClient.bytes(out -> {
            out.writeInt(3);
            out.write(data);
        });
        simulated.converse(flagsFirst, pieceBytes(data)).release();
    }

    @FuzzTest(maxDuration = "1m")
    @Tag("slow") // The fuzzer's agent takes seconds to load.
    void requests(byte[] data) {
        checkReplies(new SimulatedTarget(data.length), data, pieceBytes(data));
    }

    private static int pieceBytes(byte[] data) {
        return data.length == 0 || data[data.length - 1] >= 0 ? 1 << 16 : -data[data.length - 1];
    }

    /** Talks structured replies, in which each reply tells its own length, so that every byte that comes back can be judged. */
    private static void checkReplies(SimulatedTarget simulated, byte[] requests, int pieceBytes) {
        byte[] conversation = NbdClient.bytes(out -> {
            out.writeInt(3);
            option(out, 8, new byte[0]);
            option(out, 10, NbdClient.metaData("db", "base:allocation"));
            option(out, 7, NbdClient.goData("db"));
            out.write(requests);
        });
        ByteBuf said = simulated.converse(conversation, pieceBytes);
        said.skipBytes(GREETING_BYTES);
        int acknowledged = 0;
        while (acknowledged < 3) {
            assertThat(said.readLong()).isEqualTo(0x3e889045565a9L);
            said.skipBytes(4);
            acknowledged += said.readInt() == NbdClient.ACK ? 1 : 0;
            said.skipBytes(said.readInt());
        }
        while (said.isReadable()) {
            int magic = said.readInt();
            if (magic == 0x67446698) {
                said.skipBytes(12);
            } else {
                assertThat(magic).isEqualTo(0x668e33ef);
                said.skipBytes(12);
                said.skipBytes(said.readInt());
            }
        }
        said.release();
    }

    private static void option(DataOutputStream out, int option, byte[] data) throws IOException {
        out.writeLong(0x49484156454F5054L);
        out.writeInt(option);
        out.writeInt(data.length);
        out.write(data);
    }

    @Test
    void bearsNearlyValidConversations() {
        converse(SHORT_ROUNDS);
    }

    @Test
    @Tag("long")
    void bearsManyNearlyValidConversations() {
        converse(LONG_ROUNDS);
    }

    private static void converse(int rounds) {
        long firstSeed = Long.getLong("varve.seed", new SplittableRandom().nextLong());
        for (int round = 0; round < rounds; round++) {
            long seed = firstSeed + round;
            try {
                SplittableRandom random = new SplittableRandom(seed);
                int pieceBytes = random.nextBoolean() ? 1 << 16 : 1 + random.nextInt(100);
                checkReplies(new SimulatedTarget(seed), requests(random), pieceBytes);
                byte[] options = NbdClient.bytes(out -> options(out, random));
                new SimulatedTarget(seed).converse(options, pieceBytes).release();
            } catch (Throwable failure) {
                throw new AssertionError("replay with -Dvarve.seed=" + seed, failure);
            }
        }
    }

    private static byte[] requests(SplittableRandom random) {
        int count = random.nextInt(40);
        return NbdClient.bytes(out -> {
            for (int i = 0; i < count; i++) {
                boolean odd = random.nextInt(20) == 0;
                int length = odd ? odd(random) : random.nextInt(20_000);
                int command = odd ? random.nextInt(10) : random.nextInt(8);
                out.writeInt(odd && random.nextInt(4) == 0 ? random.nextInt() : 0x25609513);
                out.writeShort(random.nextInt(3) == 0 ? random.nextInt(64) : 0);
                out.writeShort(command == NbdClient.DISC && random.nextInt(5) > 0 ? NbdClient.FLUSH : command);
                out.writeLong(random.nextLong());
                out.writeLong(odd ? random.nextLong() : random.nextInt(4 << 20));
                out.writeInt(length);
                if (command == NbdClient.WRITE) {
                    byte[] data = new byte[Math.clamp(length, 0, 100_000)];
                    random.nextBytes(data);
                    out.write(data);
                }
            }
        });
    }

    private static int odd(SplittableRandom random) {
        int[] odds = {0, -1, 1 << 31, Integer.MAX_VALUE, 32 << 20, (32 << 20) + 1, 1, 27, 28, 29};
        return odds[random.nextInt(odds.length)];
    }

    private static void options(DataOutputStream out, SplittableRandom random) throws IOException {
        out.writeInt(random.nextInt(10) == 0 ? random.nextInt() : random.nextInt(4) | 1);
        int count = random.nextInt(20);
        for (int i = 0; i < count; i++) {
            int option = random.nextInt(12);
            byte[] data = switch (option) {
                case 6, 7 ->
                    NbdClient.goData(List.of("db", "db@host-1", "other").get(random.nextInt(3)), 1, 3);
                case 9, 10 -> NbdClient.metaData("db", "base:allocation", "base:", "x");
                default -> new byte[random.nextInt(5)];
            };
            int damaged = random.nextInt(3) == 0 && data.length > 0 ? random.nextInt(data.length) : -1;
            if (damaged >= 0) {
                data[damaged] = (byte) random.nextInt();
            }
            out.writeLong(random.nextInt(50) == 0 ? random.nextLong() : 0x49484156454F5054L);
            out.writeInt(option);
            out.writeInt(random.nextInt(20) == 0 ? odd(random) : data.length);
            out.write(data);
        }
    }
}
