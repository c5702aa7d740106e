package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.transport.Transport;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An integrity sequence in the manner of nbd-tester-client: writes, reads, zeroes, trims and flushes with many in flight over several
 * connections, replies in any order. Each 512 bytes carry a stamp of where they are and which write they come from; nothing that is in flight
 * overlaps, so what a read must return is known exactly.
 */
class NbdIntegrityTest {
    private static final int SECTOR = 512;
    private static final int SECTORS = (int) (TargetUnderTest.VOLUME_BYTES / SECTOR);
    private static final int CONNECTIONS = 4;
    private static final int DEPTH = 64;
    private static final int MAX_SECTORS = 96;

    private record Pending(int command, int sector, int sectors, long stamp) {}

    /** One client with a share of the volume of its own. */
    private static final class Share {
        private final NbdClient client;
        private final int firstSector;
        private final SplittableRandom random;
        /** Stamp of each sector's last write; 0 is zeros. */
        private final long[] model = new long[SECTORS / CONNECTIONS];

        private final boolean[] busy = new boolean[model.length];
        private final Map<Long, Pending> pending = new HashMap<>();
        private long lastStamp;

        Share(NbdClient client, int firstSector, long seed) {
            this.client = client;
            this.firstSector = firstSector;
            this.random = new SplittableRandom(seed);
        }

        void run(int operations) throws Exception {
            int begun = 0;
            while (begun < operations || !pending.isEmpty()) {
                if (begun < operations && pending.size() < DEPTH && begin()) {
                    begun++;
                } else {
                    end();
                }
            }
            verifyAll();
        }

        private boolean begin() throws Exception {
            int[] commands = {
                NbdClient.READ,
                NbdClient.WRITE,
                NbdClient.WRITE,
                NbdClient.TRIM,
                NbdClient.WRITE_ZEROES,
                NbdClient.FLUSH
            };
            int command = commands[random.nextInt(commands.length)];
            int sectors = 1 + random.nextInt(MAX_SECTORS);
            int sector = random.nextInt(model.length - sectors);
            long cookie = random.nextLong();
            if (command == NbdClient.FLUSH) {
                client.sendHeader(0, command, cookie, 0, 0);
                pending.put(cookie, new Pending(command, 0, 0, 0));
                return true;
            }
            for (int i = sector; i < sector + sectors; i++) {
                if (busy[i]) {
                    return false;
                }
            }
            Arrays.fill(busy, sector, sector + sectors, true);
            long stamp = command == NbdClient.WRITE ? ++lastStamp : 0;
            int flags = command == NbdClient.WRITE_ZEROES && random.nextBoolean() ? 1 << 1 : 0;
            client.sendHeader(flags, command, cookie, (long) (firstSector + sector) * SECTOR, sectors * SECTOR);
            if (command == NbdClient.WRITE) {
                client.out.write(data(sector, sectors, stamp));
            }
            pending.put(cookie, new Pending(command, sector, sectors, stamp));
            return true;
        }

        private byte[] data(int sector, int sectors, long stamp) {
            ByteBuffer data = ByteBuffer.allocate(sectors * SECTOR);
            for (int i = 0; i < sectors; i++) {
                fill(data, sector + i, stamp);
            }
            return data.array();
        }

        private void fill(ByteBuffer data, int sector, long stamp) {
            for (int word = 0; word < SECTOR / 16; word++) {
                data.putLong(stamp == 0 ? 0 : firstSector + sector).putLong(stamp == 0 ? 0 : stamp * 31 + word);
            }
        }

        private void end() throws Exception {
            client.out.flush();
            NbdClient.Reply reply = client.reply();
            Pending ended = Objects.requireNonNull(pending.remove(reply.cookie()), "a reply to nothing that was asked");
            assertThat(reply.error()).isZero();
            if (ended.command == NbdClient.READ) {
                byte[] got = new byte[ended.sectors * SECTOR];
                if (reply.isSimple()) {
                    client.in.readFully(got);
                } else {
                    reply.payload().get(8, got);
                }
                verify(got, ended.sector, ended.sectors);
            } else {
                Arrays.fill(model, ended.sector, ended.sector + ended.sectors, ended.stamp);
            }
            Arrays.fill(busy, ended.sector, ended.sector + ended.sectors, false);
        }

        private void verify(byte[] got, int sector, int sectors) {
            ByteBuffer expected = ByteBuffer.allocate(sectors * SECTOR);
            for (int i = 0; i < sectors; i++) {
                fill(expected, sector + i, model[sector + i]);
            }
            if (!Arrays.equals(got, expected.array())) {
                int at = Arrays.mismatch(got, expected.array()) / SECTOR;
                throw new AssertionError("sector " + (firstSector + sector + at)
                        + " is not what was written last, stamp " + model[sector + at]);
            }
        }

        private void verifyAll() throws Exception {
            for (int sector = 0; sector < model.length; sector += 4096) {
                int sectors = Math.min(4096, model.length - sector);
                verify(client.read((long) (firstSector + sector) * SECTOR, sectors * SECTOR), sector, sectors);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void returnsWhatWasWrittenLast(boolean structured) throws Exception {
        run(2_000, structured, Transport.NIO);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @Tag("long")
    void returnsWhatWasWrittenLastForLong(boolean structured) throws Exception {
        for (Transport transport : new Transport[] {Transport.NIO, Transport.EPOLL, Transport.IO_URING}) {
            if (transport.available()) {
                run(100_000, structured, transport);
            }
        }
    }

    private static void run(int operations, boolean structured, Transport transport) throws Exception {
        long seed = Long.getLong("varve.seed", new SplittableRandom().nextLong());
        try (TargetUnderTest under = new TargetUnderTest(NbdLimits.DEFAULT, TargetUnderTest.VOLUME_BYTES, transport)) {
            under.onLoop(() -> {
                under.volume.behaviour = MemoryVolume.Behaviour.SHUFFLED;
                under.volume.queueLimit = 100;
            });
            Thread[] threads = new Thread[CONNECTIONS];
            Throwable[] failures = new Throwable[CONNECTIONS];
            for (int i = 0; i < CONNECTIONS; i++) {
                int number = i;
                NbdClient client = under.attach(structured);
                Share share = new Share(client, number * (SECTORS / CONNECTIONS), seed + number);
                threads[i] = Thread.startVirtualThread(() -> {
                    try (client) {
                        share.run(operations);
                    } catch (Throwable failure) {
                        failures[number] = failure;
                    }
                });
            }
            for (int i = 0; i < CONNECTIONS; i++) {
                threads[i].join();
            }
            for (Throwable failure : failures) {
                if (failure != null) {
                    throw new AssertionError("replay with -Dvarve.seed=" + seed, failure);
                }
            }
        }
    }
}
