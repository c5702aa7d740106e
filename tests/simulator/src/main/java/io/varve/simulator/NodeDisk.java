package io.varve.simulator;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a node leaves behind when it dies: its device and its index. */
final class NodeDisk {
    static final UUID CLUSTER = new UUID(1, 1);
    static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32L << 20, 64, 8, 1_000_000_000L, true);

    private static final long MEDIUM_BYTES = 128L << 20;

    /** About 90 units of data: less than the volume, more than what is always in use. */
    private static final long TIGHT_BYTES = 40L << 20;

    private static final int QUEUE_DEPTH = 16;

    private static final long JOURNAL_BYTES = 1L << 20;

    /** Behind the superblock, the journal and the checksum table. */
    private static final long FIRST_DATA_BYTES = 34L << 20;

    private static final byte[] ZEROS = new byte[Geometry.BLOCK_BYTES];

    final GroupIdentity identity;
    final MemoryIndex index;
    private final DeviceClass deviceClass;
    private final SplittableRandom random;
    private SimulatedMedium medium;
    private @Nullable SimulatedDisk disk;

    private NodeDisk(
            GroupIdentity identity,
            MemoryIndex index,
            SimulatedMedium medium,
            DeviceClass deviceClass,
            SplittableRandom random) {
        this.identity = identity;
        this.index = index;
        this.medium = medium;
        this.deviceClass = deviceClass;
        this.random = random;
    }

    /** Formatted devices, kept from run to run: formatting writes a whole journal, and would take most of a run's time. */
    static final class Blank {
        private final Map<String, NodeDisk> formatted = new HashMap<>();

        /** {@code serial}: of the disk, among all of a run. */
        NodeDisk of(int node, int serial, Scenario scenario, SplittableRandom random) {
            DeviceClass deviceClass = scenario.deviceClass();
            long bytes = scenario.isTight() ? TIGHT_BYTES : MEDIUM_BYTES;
            NodeDisk blank = formatted.computeIfAbsent(
                    serial + " " + deviceClass + " " + bytes, none -> format(node, serial, deviceClass, bytes));
            return new NodeDisk(blank.identity, blank.index.copy(), blank.medium.copy(), deviceClass, random);
        }

        private static NodeDisk format(int node, int serial, DeviceClass deviceClass, long bytes) {
            SimulatedScheduler scheduler = new SimulatedScheduler(1);
            GroupIdentity identity = new GroupIdentity(CLUSTER, "n" + node, new UUID(9, serial));
            NodeDisk made = new NodeDisk(
                    identity, new MemoryIndex(), new SimulatedMedium(bytes), deviceClass, scheduler.newRandom());
            SimulatedLoop loop = scheduler.newLoop("format");
            List<String> ended = new ArrayList<>();
            DiskGroupFormat.format(
                    loop,
                    made.open(loop),
                    identity,
                    OPTIONS,
                    made.index,
                    false,
                    new UUID(3, serial),
                    failure -> ended.add("" + failure));
            while (ended.isEmpty()) {
                scheduler.step();
            }
            Invariant.check(ended.getFirst().equals("null"), "a blank disk can be formatted");
            made.crash(false);
            return made;
        }
    }

    /** For the node's next life. */
    List<GroupDisk> open(SimulatedLoop loop) {
        SimulatedDisk made = new SimulatedDisk(loop, "disk", medium, random.split(), QUEUE_DEPTH);
        disk = made;
        return List.of(new GroupDisk(made, deviceClass));
    }

    /** The disk of this life. */
    SimulatedDisk disk() {
        return java.util.Objects.requireNonNull(disk);
    }

    DeviceClass deviceClass() {
        return deviceClass;
    }

    /** Bits flip in so many blocks that hold something, below the journal: what a read may meet. */
    void rot(int count, SplittableRandom random) {
        rot(FIRST_DATA_BYTES, disk().sizeBytes(), count, random);
    }

    /** The same in the journal: what a start may meet. */
    void rotJournal(int count, SplittableRandom random) {
        rot(JOURNAL_BYTES, JOURNAL_BYTES + OPTIONS.journalBytes(), count, random);
    }

    private void rot(long fromBytes, long toBytes, int count, SplittableRandom random) {
        SimulatedMedium now = disk().medium();
        List<Long> used = new ArrayList<>();
        for (long block = fromBytes / Geometry.BLOCK_BYTES; block < toBytes / Geometry.BLOCK_BYTES; block++) {
            byte[] content = now.read(block);
            if (Arrays.mismatch(content, ZEROS) >= 0) {
                used.add(block);
            }
        }
        for (int i = 0; i < count && !used.isEmpty(); i++) {
            now.rot(used.get(random.nextInt(used.size())) * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES, 1, random);
        }
    }

    /** The process is gone, or the power. */
    void crash(boolean powerCut) {
        SimulatedDisk dying = disk();
        medium = powerCut ? dying.powerCut() : dying.processKilled();
        disk = null;
    }
}
