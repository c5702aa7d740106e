package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.NullUnmarked;

/** One disk group on simulated disks, with its crashes and restarts. Everything follows from the seed. */
@NullUnmarked
final class StoreRig {
    static final UUID CLUSTER = new UUID(1, 1);
    static final UUID GROUP = new UUID(2, 2);
    static final GroupIdentity IDENTITY = new GroupIdentity(CLUSTER, "node-1", GROUP);
    static final long STREAM = 7L << 16;
    static final long MIB = 1 << 20;
    /** The smallest journal, small caches: everything happens soon. */
    static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32 * MIB, 64, 8, 5_000_000_000L, true);

    final SimulatedScheduler scheduler;
    final List<SimulatedMedium> media = new ArrayList<>();
    final List<DeviceClass> classes = new ArrayList<>();
    MemoryIndex index = new MemoryIndex();
    ExtentIndex noted;
    DiskGroupOptions options = OPTIONS;
    /** Whose disks they are taken for. */
    GroupIdentity identity = IDENTITY;

    SimulatedLoop loop;
    List<SimulatedDisk> disks = new ArrayList<>();

    DiskGroup group;

    StoreRig(long seed, long... sizes) {
        scheduler = new SimulatedScheduler(seed);
        loop = scheduler.newLoop("store");
        for (long size : sizes) {
            media.add(new SimulatedMedium(size));
            classes.add(DeviceClass.NVME);
        }
    }

    /** A formatted, open group on one disk of 256 MiB with one stream of 1024 blocks × 64 (256 MiB). */
    static StoreRig opened(long seed) {
        StoreRig rig = new StoreRig(seed, 256 * MIB);
        rig.format();
        rig.open();
        rig.create(STREAM, 65_536);
        return rig;
    }

    void run(Runnable onLoop) {
        loop.execute(onLoop);
    }

    void openDisks() {
        disks = new ArrayList<>();
        for (int i = 0; i < media.size(); i++) {
            disks.add(new SimulatedDisk(loop, "disk-" + i, media.get(i), scheduler.newRandom(), 16));
        }
    }

    List<GroupDisk> offered() {
        List<GroupDisk> offered = new ArrayList<>();
        for (int i = 0; i < disks.size(); i++) {
            offered.add(new GroupDisk(disks.get(i), classes.get(i)));
        }
        return offered;
    }

    void format() {
        assertThat(tryFormat(false)).isNull();
    }

    String tryFormat(boolean wipe) {
        openDisks();
        return tryFormatWithDisks(wipe);
    }

    String tryFormatWithDisks(boolean wipe) {
        List<String> result = new ArrayList<>();
        DiskGroupFormat.format(
                loop, offered(), identity, options, usedIndex(), wipe, new UUID(3, scheduler.nanos()), result::add);
        await(() -> !result.isEmpty());
        return result.getFirst();
    }

    /** Runs the simulation until the condition holds; fails if it comes to rest without. */
    void await(java.util.function.BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            assertThat(scheduler.step())
                    .as("the simulation came to rest, seed %d", scheduler.seed())
                    .isTrue();
        }
    }

    private ExtentIndex usedIndex() {
        return noted == null ? index : noted;
    }

    /** Starts to open and does not wait. */
    void beginOpening() {
        openDisks();
        DiskGroup.open(loop, offered(), identity, options, usedIndex(), result -> {});
    }

    OpenResult tryOpen() {
        openDisks();
        return tryOpenWithDisks();
    }

    void openWithDisks() {
        group = ((OpenResult.Opened) tryOpenWithDisks()).group();
    }

    private OpenResult tryOpenWithDisks() {
        List<OpenResult> result = new ArrayList<>();
        DiskGroup.open(loop, offered(), identity, options, usedIndex(), result::add);
        await(() -> !result.isEmpty());
        return result.getFirst();
    }

    DiskGroup open() {
        OpenResult result = tryOpen();
        assertThat(result).as("seed %d", scheduler.seed()).isInstanceOf(OpenResult.Opened.class);
        group = ((OpenResult.Opened) result).group();
        return group;
    }

    DiskGroup group() {
        assertThat(group).isNotNull();
        return group;
    }

    void create(long stream, int blocks) {
        StoreStatus[] status = new StoreStatus[1];
        run(() -> group().create(stream, 1, blocks, done -> status[0] = done));
        await(() -> status[0] != null);
        assertThat(status[0]).isEqualTo(StoreStatus.OK);
    }

    /** The process dies or the power goes; the disks keep what they have to. */
    void crash(boolean powerCut) {
        loop.crash();
        for (int i = 0; i < media.size(); i++) {
            media.set(i, powerCut ? disks.get(i).powerCut() : disks.get(i).processKilled());
        }
        loop = scheduler.newLoop("store");
        group = null;
    }

    DiskGroup restart() {
        crash(true);
        return open();
    }

    void close() {
        boolean[] closed = new boolean[1];
        run(() -> group().close(() -> closed[0] = true));
        await(() -> closed[0]);
        loop.crash();
        loop = scheduler.newLoop("store");
        group = null;
    }

    /** A record with a payload whose every block says what it is. */
    static TestRecord write(long stream, long seq, int block, int count, long stamp) {
        TestRecord record = new TestRecord(stream, Op.WRITE, seq, block, count);
        record.payload = payload(block, count, stamp);
        Crc32c crc = new Crc32c();
        for (int i = 0; i < count; i++) {
            record.crcs[i] = crc.of(record.payload, i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES);
        }
        return record;
    }

    static ByteBuf payload(int block, int count, long stamp) {
        ByteBuf payload = Buffers.aligned(count * Geometry.BLOCK_BYTES);
        for (int i = 0; i < count; i++) {
            fill(payload, i * Geometry.BLOCK_BYTES, block + i, stamp);
        }
        return payload;
    }

    static void fill(ByteBuf to, int at, int block, long stamp) {
        for (int j = 0; j < Geometry.BLOCK_BYTES; j += 16) {
            to.setLongLE(at + j, stamp);
            to.setLongLE(at + j + 8, ((long) block << 32) + j);
        }
    }

    /** Appends and waits. */
    StoreStatus append(TestRecord record) {
        run(() -> group().append(record));
        await(() -> record.status != null);
        return record.status;
    }

    /** Stamp of a block as it reads: 0 for zeros, -1 if it is bad. Checks that the whole block carries the stamp. */
    long stamp(long stream, int block) {
        return stamps(stream, block, 1)[0];
    }

    long[] stamps(long stream, int block, int count) {
        TestRead read = new TestRead(stream, block, count);
        run(() -> group().read(read));
        await(() -> read.status != null);
        return read.stamps();
    }

    void commit(long stream, long seq) {
        run(() -> group().commit(stream, seq));
        scheduler.runFor(10_000);
    }
}
