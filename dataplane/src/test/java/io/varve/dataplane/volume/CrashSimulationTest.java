package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.SimulatedCluster.Life;
import io.varve.dataplane.volume.SimulatedCluster.Node;
import io.varve.dataplane.volume.SimulatedCluster.Request;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Any set of processes dies, pauses or is cut off at any moment, the volume moves from node to node while its old access points still run: no
 * acknowledged write is lost, no read is stale, and in the end all copies are equal. Every run follows from its seed.
 */
class CrashSimulationTest {
    private static final int BLOCKS = 12;
    private static final long STRIDE_BYTES = 640 << 10;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void losesNothingAndReadsNothingStale(int part) {
        int shrinks = 0;
        int grows = 0;
        for (long seed = part * 25L + 1; seed <= part * 25L + 25; seed++) {
            Run run = new Run(seed, 300, false);
            run.run();
            shrinks += run.cluster.truth.shrinks;
            grows += run.cluster.truth.grows;
        }
        assertThat(shrinks).as("copies lost").isGreaterThan(25);
        assertThat(grows).as("copies back").isGreaterThan(25);
    }

    @Test
    @Tag("long")
    void losesNothingAndReadsNothingStaleForLong() {
        long first = Long.getLong("varve.seed", 1_000);
        for (long seed = first; seed < first + Integer.getInteger("varve.runs", 3_000); seed++) {
            new Run(seed, 300, false).run();
        }
    }

    /** The same on the product's own store, with disks that lose what was not flushed. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void losesNothingOnRealStores(int part) {
        int grows = 0;
        for (long seed = part * 8L + 1; seed <= part * 8L + 8; seed++) {
            Run run = new Run(seed, 200, true);
            run.run();
            grows += run.cluster.truth.grows;
        }
        assertThat(grows).as("copies back").isGreaterThan(4);
    }

    @Test
    @Tag("long")
    void losesNothingOnRealStoresForLong() {
        long first = Long.getLong("varve.seed", 10_000);
        for (long seed = first; seed < first + Integer.getInteger("varve.runs", 500); seed++) {
            new Run(seed, 400, true).run();
        }
    }

    /** Copies are placed on other nodes and retired meanwhile, as a planner that does not think might do. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void losesNothingWhileCopiesMove(int part) {
        int gone = 0;
        for (long seed = part * 20L + 1; seed <= part * 20L + 20; seed++) {
            Run run = new Run(seed, 300, false, true);
            run.run();
            gone += run.cluster.truth.gone;
        }
        assertThat(gone).as("copies retired and deleted").isGreaterThan(20);
    }

    @Test
    void losesNothingWhileCopiesMoveOnRealStores() {
        int gone = 0;
        for (long seed = 1; seed <= 8; seed++) {
            Run run = new Run(seed, 200, true, true);
            run.run();
            gone += run.cluster.truth.gone;
        }
        assertThat(gone).as("copies retired and deleted").isGreaterThan(4);
    }

    @Test
    @Tag("long")
    void losesNothingWhileCopiesMoveForLong() {
        long first = Long.getLong("varve.seed", 20_000);
        for (long seed = first; seed < first + Integer.getInteger("varve.runs", 1_000); seed++) {
            new Run(seed, 300, seed % 4 == 0, true).run();
        }
    }

    private record Cut(String node, String other) {}

    private static final class Run {
        private final long seed;
        private final int steps;
        private final boolean onDisk;
        private final int slabs;
        private final int blocksPerSlab;
        private final SplittableRandom random;
        private final SimulatedCluster cluster;
        private final int copies;
        private final List<BlockHistory> blocks = new ArrayList<>();
        private final List<Cut> cuts = new ArrayList<>();
        private final boolean moves;
        private int answered;

        Run(long seed, int steps, boolean onDisk) {
            this(seed, steps, onDisk, false);
        }

        Run(long seed, int steps, boolean onDisk, boolean moves) {
            this.moves = moves;
            this.seed = seed;
            this.onDisk = onDisk;
            this.steps = steps;
            this.random = new SplittableRandom(seed * 31);
            this.copies = 1 + random.nextInt(3);
            this.slabs = onDisk ? 1 : 2;
            this.blocksPerSlab = BLOCKS / slabs;
            this.cluster = new SimulatedCluster(
                    seed,
                    moves ? 4 + random.nextInt(2) : 3,
                    copies,
                    slabs,
                    onDisk ? 16 << 20 : slabs * Geometry.SLAB_BYTES,
                    onDisk);
            cluster.truth.losesOneIn = random.nextBoolean() ? 4 : 0;
            for (int i = 0; i < BLOCKS; i++) {
                blocks.add(new BlockHistory("seed " + seed + " block " + i, seed * 1000 + i + 1));
            }
        }

        void run() {
            try {
                for (int i = 0; i < steps; i++) {
                    disturb();
                    for (int n = random.nextInt(8); n > 0; n--) {
                        request();
                    }
                    long pause =
                            random.nextInt(8) == 0 ? 4_000_000_000L : random.nextInt(3) == 0 ? 50_000_000L : 2_000_000L;
                    cluster.scheduler.runFor(1 + random.nextLong(pause));
                }
                settle();
            } catch (Throwable failure) {
                throw new AssertionError("seed " + seed, failure);
            }
        }

        private void disturb() {
            for (Node node : cluster.nodes) {
                if (!node.isUp() && random.nextInt(10) == 0) {
                    node.start();
                }
            }
            if (!cuts.isEmpty() && random.nextInt(8) == 0) {
                heal();
            }
            if (moves) {
                moveCopies();
            }
            Node node = cluster.node(random.nextInt(cluster.nodes.size()));
            if (node.isUp() && random.nextInt(isServed() ? 60 : 5) == 0) {
                node.life().attach();
            }
            if (random.nextInt(12) == 0) {
                damage(node, cluster.node(random.nextInt(cluster.nodes.size())));
            }
        }

        private void moveCopies() {
            if (random.nextInt(8) == 0) {
                int slab = random.nextInt(slabs);
                List<SimulatedTruth.Placed> placed = cluster.truth.replicas(slab);
                if (random.nextBoolean()) {
                    place(slab, random.nextInt(cluster.nodes.size()));
                } else {
                    cluster.truth.retire(
                            slab,
                            placed.get(random.nextInt(placed.size())).copy().group());
                }
            }
            if (random.nextInt(3) == 0) {
                cluster.spread();
            }
        }

        private void place(int slab, int node) {
            cluster.truth.place(slab, cluster.groups.get(node), "n" + node + ":1");
        }

        private void wantAllCopies() {
            for (int slab = 0; slab < slabs; slab++) {
                for (int node = 0; node < cluster.nodes.size(); node++) {
                    long staying = cluster.truth.replicas(slab).stream()
                            .filter(each -> each.phase() != SimulatedTruth.Phase.LEAVING)
                            .count();
                    if (staying < copies) {
                        place(slab, node);
                    }
                }
            }
        }

        /** Some blocks share an extent, others do not. */
        private long offset(int block) {
            return block / blocksPerSlab * Geometry.SLAB_BYTES + block % blocksPerSlab * STRIDE_BYTES;
        }

        /** Somebody has an access point of the newest epoch, open or on its way. */
        private boolean isServed() {
            for (Node node : cluster.nodes) {
                SlabVolume volume = node.life == null ? null : node.life.volume;
                if (volume != null && volume.accessPoints().epoch() == cluster.truth.epoch()) {
                    return !volume.accessPoints().state().equals("REFUSED");
                }
            }
            return false;
        }

        private void damage(Node node, Node other) {
            switch (random.nextInt(8)) {
                case 0, 1 -> crash(node);
                case 2 -> cluster.nodes.forEach(this::crash);
                case 3 -> cluster.network.reset(node.name, other.name);
                case 4 -> {
                    if (node != other) {
                        cluster.network.cut(node.name, other.name);
                        cuts.add(new Cut(node.name, other.name));
                    }
                }
                case 5, 6 -> {
                    if (node.isUp()) {
                        node.life().loop.pause(random.nextLong(8_000_000_000L));
                    }
                }
                case 7 -> {
                    if (node.isUp() && node.life().isInMemory()) {
                        node.life().memory().refusesOneIn = random.nextInt(2) * 5;
                    }
                }
                default -> throw new IllegalStateException();
            }
        }

        private void heal() {
            for (Cut pair : cuts) {
                cluster.network.heal(pair.node, pair.other);
            }
            cuts.clear();
        }

        private void crash(Node node) {
            node.crash();
            for (BlockHistory block : blocks) {
                block.isWriting &= writesBy(block) != node;
            }
        }

        private final java.util.Map<BlockHistory, Node> writers = new java.util.HashMap<>();

        private @Nullable Node writesBy(BlockHistory block) {
            return writers.get(block);
        }

        /** To any node that has an access point, open or fenced: the old one does not know that it is old. */
        private void request() {
            Node node = cluster.node(random.nextInt(cluster.nodes.size()));
            Life life = node.life;
            if (life == null || !life.isOpen) {
                return;
            }
            int index = random.nextInt(blocks.size());
            BlockHistory block = blocks.get(index);
            long offset = offset(index);
            if (random.nextBoolean()) {
                Request read = cluster.readOf(offset, 4096);
                long floor = block.floor();
                read.then = done -> {
                    if (done.status == BlockStatus.OK) {
                        answered++;
                        block.wasRead(done.bytes(), floor);
                    }
                };
                cluster.submit(cluster.nodes.indexOf(node), read);
            } else if (!block.isWriting) {
                boolean isZero = random.nextInt(5) == 0;
                long number = block.next(isZero);
                writers.put(block, node);
                Request write = isZero
                        ? cluster.request(
                                random.nextBoolean() ? BlockRequest.Kind.ZERO : BlockRequest.Kind.UNMAP, offset, 4096)
                        : cluster.writeOf(offset, block.content(number));
                write.then = done -> {
                    if (writers.get(block) == node && node.life == life) {
                        block.isWriting = false;
                    }
                    if (done.status == BlockStatus.OK) {
                        answered++;
                        block.answered(number);
                    }
                };
                cluster.submit(cluster.nodes.indexOf(node), write);
            }
        }

        private void settle() {
            heal();
            for (Node node : cluster.nodes) {
                if (!node.isUp()) {
                    node.start();
                }
                if (node.life().isInMemory()) {
                    node.life().memory().refusesOneIn = 0;
                }
            }
            cluster.truth.losesOneIn = 0;
            cluster.scheduler.runFor(10 * SimulatedCluster.SECOND);
            int on = random.nextInt(cluster.nodes.size());
            cluster.open(on);
            if (moves) {
                wantAllCopies();
                cluster.settleCopies();
            }
            for (int i = 0; i < blocks.size(); i++) {
                long offset = offset(i);
                blocks.get(i)
                        .wasRead(cluster.read(on, offset, 4096), blocks.get(i).floor());
            }
            cluster.scheduler.runFor(SimulatedCluster.SECOND);
            if (onDisk) {
                assertThat(cluster.differences(on)).isEmpty();
            } else {
                cluster.assertCopiesEqual();
            }
            assertThat(cluster.node(on).life().volume().accessPoints().state()).isEqualTo("HEALTHY");
            assertThat(answered).as("requests answered").isGreaterThanOrEqualTo(0);
        }
    }
}
