package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.SimulatedDisk;
import io.varve.dataplane.disk.SimulatedMedium;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.DiskGroupFormat;
import io.varve.dataplane.store.DiskGroupOptions;
import io.varve.dataplane.store.GroupDisk;
import io.varve.dataplane.store.GroupIdentity;
import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.store.ReplicaStore;
import io.varve.dataplane.store.index.MemoryIndex;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What holds a simulated node's replicas over its crashes. */
interface SimulatedBacking {
    /** Opens it for the node's next life. */
    ReplicaStore start(SimulatedLoop loop);

    /** The process is gone, or the power. */
    void crash(boolean powerCut);

    /** Records in memory. */
    final class InMemory implements SimulatedBacking {
        final MemoryDisk disk;
        private final SplittableRandom random;
        private @Nullable MemoryStore store;

        InMemory(String uuid, SplittableRandom random) {
            this.disk = new MemoryDisk(uuid);
            this.random = random;
        }

        @Override
        public ReplicaStore start(SimulatedLoop loop) {
            MemoryStore started = new MemoryStore(loop, disk, random.nextLong());
            store = started;
            return started;
        }

        @Override
        public void crash(boolean powerCut) {
            if (store != null) {
                store.crash();
            }
        }
    }

    /** The product's store on a simulated disk. */
    final class OnDisk implements SimulatedBacking {
        private static final long MIB = 1 << 20;
        private static final DiskGroupOptions OPTIONS = new DiskGroupOptions(32 * MIB, 64, 8, 1_000_000_000L, true);

        private final SimulatedScheduler scheduler;
        private final GroupIdentity identity;
        private final MemoryIndex index = new MemoryIndex();
        private SimulatedMedium medium = new SimulatedMedium(256 * MIB);
        private @Nullable SimulatedDisk disk;

        OnDisk(SimulatedScheduler scheduler, UUID group, String node) {
            this.scheduler = scheduler;
            this.identity = new GroupIdentity(new UUID(1, 1), node, group);
            SimulatedLoop loop = scheduler.newLoop("format");
            List<String> ended = new ArrayList<>();
            DiskGroupFormat.format(
                    loop,
                    disks(loop),
                    identity,
                    OPTIONS,
                    index,
                    false,
                    new UUID(3, 3),
                    failure -> ended.add("" + failure));
            while (ended.isEmpty()) {
                assertThat(scheduler.step()).isTrue();
            }
            assertThat(ended).containsExactly("null");
            loop.crash();
            medium = java.util.Objects.requireNonNull(disk).processKilled();
        }

        SimulatedDisk disk() {
            return java.util.Objects.requireNonNull(disk);
        }

        private List<GroupDisk> disks(SimulatedLoop loop) {
            SimulatedDisk made = new SimulatedDisk(loop, "disk", medium, scheduler.newRandom(), 16);
            disk = made;
            return List.of(new GroupDisk(made, DeviceClass.NVME));
        }

        @Override
        public ReplicaStore start(SimulatedLoop loop) {
            List<OpenResult> ended = new ArrayList<>();
            DiskGroup.open(loop, disks(loop), identity, OPTIONS, index, ended::add);
            while (ended.isEmpty()) {
                assertThat(scheduler.step()).isTrue();
            }
            assertThat(ended.getFirst()).isInstanceOf(OpenResult.Opened.class);
            return ((OpenResult.Opened) ended.getFirst()).group();
        }

        /** In the life that it has, after it was closed. */
        void reopen(SimulatedLoop loop, Consumer<DiskGroup> then) {
            DiskGroup.open(loop, disks(loop), identity, OPTIONS, index, result -> {
                assertThat(result).isInstanceOf(OpenResult.Opened.class);
                then.accept(((OpenResult.Opened) result).group());
            });
        }

        @Override
        public void crash(boolean powerCut) {
            SimulatedDisk dying = java.util.Objects.requireNonNull(disk);
            medium = powerCut ? dying.powerCut() : dying.processKilled();
        }
    }
}
