package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract on the simulated disk, and its bad sides. */
final class SimulatedDiskTest extends DiskContractTest {
    /** Another one with each run; {@code -Dvarve.seed=…} replays. */
    private static final long SEED = Long.getLong("varve.seed", new SplittableRandom().nextLong());

    private final SimulatedScheduler scheduler = new SimulatedScheduler(SEED);
    private SimulatedMedium medium = new SimulatedMedium(DISK_BYTES);
    private SimulatedLoop loop = scheduler.newLoop("disk");

    @BeforeAll
    static void tellSeed() {
        System.out.println("SimulatedDiskTest -Dvarve.seed=" + SEED);
    }

    @Override
    Disk open() {
        return new SimulatedDisk(loop, "simulated", medium, scheduler.newRandom(), 16);
    }

    @Override
    Loop loop() {
        return loop;
    }

    @Override
    <T> T await(CompletableFuture<T> future) {
        scheduler.runUntilIdle();
        return future.getNow(null);
    }

    private SimulatedDisk simulated() {
        return (SimulatedDisk) disk();
    }

    /** Crashes, and starts again with what the power cut left. */
    private void cutPower() throws Exception {
        loop.crash();
        medium = simulated().powerCut();
        loop = scheduler.newLoop("disk");
        openDisk();
    }

    @Test
    void losesSomeSectorsOfWhatWasNotStableAndNeverWhatWas() throws Exception {
        ByteBuf old = random(64 * BLOCK, 1);
        ByteBuf unstable = random(64 * BLOCK, 2);
        ByteBuf stable = random(64 * BLOCK, 3);
        write(0, old, 0, 64 * BLOCK, true);
        write(0, unstable, 0, 64 * BLOCK, false);
        write(64 * BLOCK, stable, 0, 64 * BLOCK, true);
        cutPower();
        assertThat(read(64 * BLOCK, 64 * BLOCK)).isEqualTo(stable);
        ByteBuf after = read(0, 64 * BLOCK);
        int kept = 0;
        int lost = 0;
        for (int sector = 0; sector < 64 * BLOCK; sector += 512) {
            if (after.slice(sector, 512).equals(unstable.slice(sector, 512))) {
                kept++;
            } else {
                assertThat(after.slice(sector, 512)).isEqualTo(old.slice(sector, 512));
                lost++;
            }
        }
        // 512 sectors: neither side is empty, but for a chance of 2^-511.
        assertThat(kept).isPositive();
        assertThat(lost).isPositive();
    }

    @Test
    void aDurableWriteMakesOnlyItsOwnRangeStable() throws Exception {
        write(0, random(8 * BLOCK, 1), 0, 8 * BLOCK, false);
        write(8 * BLOCK, random(BLOCK, 2), 0, BLOCK, true);
        assertThat(new CrashChoices(medium).size()).isEqualTo(64);
        flush();
        assertThat(medium.isStable()).isTrue();
    }

    @Test
    void aFlushCoversWhatHadCompletedWhenItBegan() throws Exception {
        write(0, random(BLOCK, 1), 0, BLOCK, false);
        ByteBuf later = random(BLOCK, 2);
        CompletableFuture<Integer> flushed = new CompletableFuture<>();
        loop.execute(() -> {
            disk().flush(flushed::complete);
            disk().write(BLOCK, later, 0, BLOCK, false, result -> {});
        });
        assertThat(await(flushed)).isZero();
        // The later write is not covered, whether it ended before or after the flush did.
        assertThat(new CrashChoices(medium).size()).isEqualTo(8);
    }

    @Test
    void tearsWritesThatAreUnderWay() throws Exception {
        ByteBuf block = random(4 * BLOCK, 1);
        loop.execute(() -> disk().write(0, block, 0, 4 * BLOCK, true, result -> {}));
        scheduler.step();
        Set<String> images = new HashSet<>();
        CrashChoices choices = new CrashChoices(medium);
        assertThat(choices.size()).isEqualTo(32);
        for (SimulatedMedium image : choices.images(200, SEED)) {
            images.add(Arrays.toString(image.read(0, 4 * BLOCK)));
        }
        assertThat(images).hasSize(200);
    }

    @Test
    void enumeratesAllSubsetsWhenTheyAreFew() throws Exception {
        write(0, random(BLOCK, 1), 0, BLOCK, false);
        CrashChoices choices = new CrashChoices(medium);
        assertThat(choices.total()).isEqualTo(256);
        Set<String> images = new HashSet<>();
        for (SimulatedMedium image : choices.images(256, SEED)) {
            images.add(Arrays.toString(image.read(0, BLOCK)));
        }
        assertThat(images).hasSize(256);
        int count = 0;
        for (SimulatedMedium image : choices.images(10, SEED)) {
            assertThat(image.isStable()).isTrue();
            count++;
        }
        assertThat(count).isEqualTo(10);
    }

    @Test
    void keepsEveryVersionOfASectorPossible() throws Exception {
        for (int version = 1; version <= 3; version++) {
            write(0, random(BLOCK, version), 0, BLOCK, false);
        }
        CrashChoices choices = new CrashChoices(medium);
        assertThat(choices.size()).isEqualTo(8);
        assertThat(choices.alternatives(0)).isEqualTo(4);
    }

    @Test
    void replaysCutsFromItsTrace() throws Exception {
        DiskTrace trace = simulated().record();
        SplittableRandom random = new SplittableRandom(SEED);
        byte[] acknowledged = new byte[64];
        for (int i = 1; i <= 40; i++) {
            int block = random.nextInt(64);
            boolean durable = random.nextInt(3) == 0;
            ByteBuf source = buffer(BLOCK);
            source.writeBytes(filled((byte) i));
            write((long) block * BLOCK, source, 0, BLOCK, durable);
            if (durable) {
                acknowledged[block] = (byte) i;
                trace.note(acknowledged.clone());
            } else if (random.nextInt(4) == 0) {
                flush();
            }
        }
        int cuts = 0;
        int images = 0;
        for (DiskTrace.Cut cut : trace.cuts()) {
            assertThat(cut.steps()).isEqualTo(cuts++);
            byte[] promised =
                    cut.notes().isEmpty() ? new byte[64] : (byte[]) cut.notes().getLast();
            for (SimulatedMedium image : cut.choices().images(20, SEED + cuts)) {
                images++;
                for (int block = 0; block < 64; block++) {
                    byte[] content = image.read(block);
                    for (int sector = 0; sector < BLOCK; sector += 512) {
                        // Versions only grow, so a sector older than its last acknowledged durable write is a loss.
                        assertThat(content[sector]).as("seed %d", SEED).isGreaterThanOrEqualTo(promised[block]);
                    }
                }
            }
        }
        assertThat(cuts).isEqualTo(trace.length() + 1);
        assertThat(images).isGreaterThan(cuts);
    }

    @Test
    void replaysItselfFromItsSeed() {
        assertThat(history(42)).isEqualTo(history(42));
        assertThat(history(42)).isNotEqualTo(history(43));
    }

    private List<String> history(long runSeed) {
        SimulatedScheduler run = new SimulatedScheduler(runSeed);
        SimulatedLoop runLoop = run.newLoop("disk");
        SimulatedMedium runMedium = new SimulatedMedium(DISK_BYTES);
        SimulatedDisk runDisk = new SimulatedDisk(runLoop, "run", runMedium, run.newRandom(), 4);
        List<String> events = new ArrayList<>();
        ByteBuf source = random(32 * BLOCK, 1);
        runLoop.execute(() -> {
            for (int i = 0; i < 32; i++) {
                String event = "write " + i;
                runDisk.write(
                        (long) i * BLOCK,
                        source,
                        i * BLOCK,
                        BLOCK,
                        i % 3 == 0,
                        result -> events.add(event + "@" + runLoop.nanos()));
            }
        });
        run.runFor(1_000_000);
        events.add(Arrays.hashCode(runDisk.powerCut().read(0, 32 * BLOCK)) + "");
        return events;
    }

    @Test
    void failsWhereItIsTold() throws Exception {
        ByteBuf block = random(BLOCK, 1);
        simulated().faults().fail(DiskFaults.Target.READ, 8 * BLOCK, BLOCK, Errno.EIO);
        simulated().faults().fail(DiskFaults.Target.WRITE, Errno.ENOSPC);
        simulated().faults().fail(DiskFaults.Target.FLUSH, Errno.EIO);
        assertThat(call(callback -> disk().read(7 * BLOCK, block, 0, BLOCK, callback)))
                .isEqualTo(BLOCK);
        assertThat(call(callback -> disk().read(8 * BLOCK, block, 0, BLOCK, callback)))
                .isEqualTo(-Errno.EIO);
        assertThat(write(0, random(BLOCK, 1), 0, BLOCK, true)).isEqualTo(-Errno.ENOSPC);
        assertThat(flush()).isEqualTo(-Errno.EIO);
        simulated().faults().heal();
        assertThat(write(0, random(BLOCK, 1), 0, BLOCK, true)).isEqualTo(BLOCK);
        assertThat(flush()).isZero();
    }

    @Test
    void aFlushThatFailedIsNotMadeGoodByTheNext() throws Exception {
        write(0, random(BLOCK, 1), 0, BLOCK, false);
        simulated().faults().fail(DiskFaults.Target.FLUSH, Errno.EIO);
        assertThat(flush()).isEqualTo(-Errno.EIO);
        simulated().faults().heal();
        assertThat(flush()).isZero();
        assertThat(new CrashChoices(medium).size()).isEqualTo(8);
    }

    @Test
    void liesWhenToldTo() throws Exception {
        simulated().faults().lie(true);
        write(0, random(BLOCK, 1), 0, BLOCK, true);
        flush();
        assertThat(new CrashChoices(medium).size()).isEqualTo(8);
    }

    @Test
    void misdirectsAndDropsWritesSilently() throws Exception {
        ByteBuf block = random(BLOCK, 1);
        simulated().faults().misdirectNextWrite(3 * BLOCK);
        assertThat(write(0, block, 0, BLOCK, true)).isEqualTo(BLOCK);
        assertThat(read(0, BLOCK).getLong(0)).isZero();
        assertThat(read(3 * BLOCK, BLOCK)).isEqualTo(block);
        simulated().faults().dropWrites(1);
        assertThat(write(5 * BLOCK, block, 0, BLOCK, true)).isEqualTo(BLOCK);
        assertThat(read(5 * BLOCK, BLOCK).getLong(0)).isZero();
        assertThat(write(5 * BLOCK, block, 0, BLOCK, true)).isEqualTo(BLOCK);
        assertThat(read(5 * BLOCK, BLOCK)).isEqualTo(block);
    }

    @Test
    void rots() throws Exception {
        write(0, random(BLOCK, 1), 0, BLOCK, true);
        byte[] before = medium.read(0, BLOCK);
        medium.rot(0, BLOCK, 1, new SplittableRandom(SEED));
        byte[] after = medium.read(0, BLOCK);
        int bits = 0;
        for (int i = 0; i < BLOCK; i++) {
            bits += Integer.bitCount((before[i] ^ after[i]) & 0xff);
        }
        assertThat(bits).isEqualTo(1);
    }

    @Test
    void hangsUntilResumed() throws Exception {
        ByteBuf block = random(BLOCK, 1);
        CompletableFuture<Integer> written = new CompletableFuture<>();
        simulated().faults().hang();
        loop.execute(() -> disk().write(0, block, 0, BLOCK, true, written::complete));
        scheduler.runUntilIdle();
        assertThat(written).isNotDone();
        simulated().resume();
        assertThat(await(written)).isEqualTo(BLOCK);
    }

    @Test
    void keepsWhatHadArrivedWhenOnlyTheProcessIsKilled() throws Exception {
        ByteBuf written = random(BLOCK, 1);
        write(0, written, 0, BLOCK, false);
        loop.crash();
        medium = simulated().processKilled();
        loop = scheduler.newLoop("disk");
        openDisk();
        assertThat(read(0, BLOCK)).isEqualTo(written);
    }

    @Test
    void findsMemoryThatChangesUnderAWrite() throws Exception {
        ByteBuf block = random(BLOCK, 1);
        loop.execute(() -> {
            disk().write(0, block, 0, BLOCK, true, result -> {});
            block.setByte(17, block.getByte(17) + 1);
        });
        assertThatThrownBy(scheduler::runUntilIdle)
                .isInstanceOf(Invariant.Violation.class)
                .hasMessageContaining("memory changed");
        loop.crash();
        medium = new SimulatedMedium(DISK_BYTES);
        loop = scheduler.newLoop("disk");
        openDisk();
    }

    private static byte[] filled(byte value) {
        byte[] block = new byte[BLOCK];
        Arrays.fill(block, value);
        return block;
    }
}
