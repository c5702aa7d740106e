package io.varve.control.raft;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.NodeView;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.Volume;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.NodeViews;
import io.varve.control.rebuild.RebuildMemory;
import io.varve.control.rebuild.RebuildPlan;
import io.varve.control.rebuild.RebuildTruth;
import io.varve.control.rebuild.Sighted;
import io.varve.dataplane.agent.HeldView;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Supplier;

/**
 * What the truth and the planner cost for a hundred nodes and 130 000 slabs (1 PB): the real rules on the real store, without Raft and without nodes.
 * Run by {@code tests/bench/planner}; prints a table.
 */
public final class LargeCluster {
    private static final int NODES = 100;
    private static final int VOLUMES = 1_000;
    private static final int SLABS = 130;
    private static final int COPIES = 2;
    private static final long GIB = 1L << 30;
    private static final long SLAB_BYTES = 8 * GIB;
    private static final int ROUNDS = 15;

    private final Random random = new Random(1);
    private final MetaStore store;
    private final Path directory;
    private long index;

    private LargeCluster(Path directory) throws IOException {
        this.directory = directory;
        this.store = new MetaStore(directory.resolve("state"));
    }

    public static void main(String[] arguments) throws IOException {
        LargeCluster cluster = new LargeCluster(Path.of(arguments[0]));
        cluster.make();
        cluster.measure();
        cluster.store.close();
    }

    private MetaResult must(MetaState state, MetaCommand command) {
        CommandCodec.Proposed read = CommandCodec.decode(CommandCodec.encode(new CommandCodec.Proposed(1, command)));
        MetaResult result = MetaRules.apply(state, ++index, read.unixMillis(), read.command())
                .result();
        if (!result.isOk()) {
            throw new IllegalStateException(command + ": " + result.message());
        }
        state.putApplied(new MetaState.Applied(1, index));
        return result;
    }

    private MetaResult decide(MetaCommand command) {
        return store.write(state -> must(state, command));
    }

    private static String node(int n) {
        return "node-%03d".formatted(n);
    }

    private static String group(int n) {
        return "00000000-0000-0000-0000-%012d".formatted(n);
    }

    private void make() {
        store.write(state -> {
            must(state, new InitCluster("c", "large"));
            must(state, new ChangeSettings(Map.of("rebuild.grace", "15s")));
            for (int n = 0; n < NODES; n++) {
                must(
                        state,
                        new RegisterNode(
                                Node.newBuilder()
                                        .setId(node(n))
                                        .setZone("zone-" + n % 3)
                                        .setIncarnation(1)
                                        .setManagementAddress(node(n) + ":7700")
                                        .build(),
                                ""));
                must(
                        state,
                        new RegisterGroup(
                                DiskGroup.newBuilder()
                                        .setUuid(group(n))
                                        .setNode(node(n))
                                        .setName("main")
                                        .setPeerAddress(node(n) + ":7710")
                                        .setCapacityBytes(30_000 * GIB)
                                        .setFreeBytes(9_000 * GIB)
                                        .addDevices(Device.newBuilder()
                                                .setPath("/dev/nvme0n1")
                                                .setState("OK"))
                                        .build(),
                                1));
            }
            return 0;
        });
        for (int v = 0; v < VOLUMES; v++) {
            makeVolume(v);
        }
    }

    private void makeVolume(int v) {
        List<List<String>> places = new ArrayList<>();
        Map<String, List<Integer>> onGroup = new HashMap<>();
        for (int slab = 0; slab < SLABS; slab++) {
            int first = random.nextInt(NODES);
            int second =
                    (first + 1 + 3 * random.nextInt(NODES / 3)) % NODES; // another zone, but for the last of the circle
            List<String> place = List.of(group(first), group(second));
            places.add(place);
            for (String each : place) {
                onGroup.computeIfAbsent(each, none -> new ArrayList<>()).add(slab);
            }
        }
        store.write(state -> {
            long id = must(
                            state,
                            new CreateVolume(
                                    "pvc-%08d-0000-0000-0000-000000000000".formatted(v),
                                    SLABS * SLAB_BYTES,
                                    COPIES,
                                    SLAB_BYTES,
                                    1,
                                    places,
                                    "r" + v))
                    .requireVolume()
                    .getId();
            onGroup.forEach((group, slabs) -> must(state, new ReplicasCreated(id, group, slabs)));
            String where = node(random.nextInt(NODES));
            must(state, new WantNode(id, where));
            must(state, new Attach(id, 0, where, 1, where + "/1/1"));
            List<SlabOpen> opens = new ArrayList<>();
            for (Slab slab : state.slabs(id)) {
                opens.add(SlabOpen.newBuilder()
                        .setIndex(slab.getIndex())
                        .setGen(slab.getGen())
                        .addAllIsr(slab.getIsrList())
                        .setStartSeq(1)
                        .build());
            }
            must(state, new Open(id, 1, opens));
            must(state, new Opened(id, 1, "nbd://" + where + ":10809/v", SLABS * SLAB_BYTES));
            return 0;
        });
    }

    // ------------------------------------------------------------------ measuring

    private void measure() throws IOException {
        row(
                "nodes, volumes, slabs, copies",
                NODES + ", " + VOLUMES + ", " + VOLUMES * SLABS + ", " + VOLUMES * SLABS * COPIES);
        row("the truth on disk (LMDB)", mib(Files.size(directory.resolve("state"))));
        Path snapshot = directory.resolve("snapshot");
        row("snapshot, written durably", millis(once(() -> copy(snapshot))) + ", " + mib(Files.size(snapshot)));

        long before = heap();
        RebuildTruth truth = store.read(RebuildTruth::of);
        row("what the planner keeps of it, in the heap", mib(heap() - before));
        row("read anew, after any change", spread(() -> store.read(RebuildTruth::of)));
        RebuildTruth known = truth;
        row("read of the disk groups alone, each second", spread(() -> store.read(known::withGroupsOf)));

        RebuildMemory memory = RebuildMemory.begun(0);
        row("plan, nothing to do", spread(() -> RebuildPlan.of(known, heard(100_000, -1), memory)));
        lose(7);
        RebuildTruth lost = store.read(RebuildTruth::of);
        RebuildMemory silent = RebuildPlan.of(lost, heard(100_000, 7), memory).next();
        row(
                "plan, a node is lost for longer than the grace time",
                spread(() -> RebuildPlan.of(lost, heard(200_000, 7), silent)));
        RebuildPlan plan = RebuildPlan.of(lost, heard(200_000, 7), silent);
        long began = System.nanoTime();
        plan.steps().forEach(step -> decide(step.command()));
        row("its " + plan.steps().size() + " steps decided, each durable", millis(System.nanoTime() - began));
        decide(new DrainNode(node(8), true));
        RebuildTruth drained = store.read(RebuildTruth::of);
        row("plan, another is drained as well", spread(() -> RebuildPlan.of(drained, heard(200_000, 7), silent)));

        NodeView view = parts().view();
        row(
                "one node's view",
                spread(this::parts) + ", " + mib(view.getSerializedSize()) + ", " + view.getVolumesCount()
                        + " volumes");
        Set<Long> one = Set.of(view.getVolumes(0).getId());
        NodeView news = store.read(state -> since(state, one));
        row(
                "what is sent to a node that holds it when one of them changed",
                spread(() -> store.read(state -> since(state, one))) + ", "
                        + "%.1f KiB".formatted(news.getSerializedSize() / 1024.0));
        HeldView held = parts();
        row("put together there", spread(() -> held.take(news)));
    }

    private NodeView since(MetaState state, Set<Long> changed) {
        return NodeViews.since(state, node(9), 0, index, changed, NodeViews.PART_BYTES)
                .orElseThrow();
    }

    /** As a node asks for it. */
    private HeldView parts() {
        HeldView held = new HeldView();
        HeldView.Taken taken;
        do {
            long after = held.question().getAfterVolume();
            taken = held.take(store.read(state -> NodeViews.of(state, node(9), 0, after, NodeViews.PART_BYTES)));
        } while (taken == HeldView.Taken.PART);
        return held;
    }

    private long copy(Path target) {
        try {
            store.copyTo(target);
            return Files.size(target);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** All access points take the node's copies out of their sets: one command for each volume, each durable by itself. */
    private void lose(int lost) {
        List<ChangeIsr> changes = new ArrayList<>();
        long slabs = store.read(state -> {
            long count = 0;
            for (Volume volume : state.volumes()) {
                List<SlabIsr> without = new ArrayList<>();
                for (Slab slab : state.slabs(volume.getId())) {
                    if (slab.getIsrList().contains(group(lost))) {
                        Set<String> others = new HashSet<>(slab.getIsrList());
                        others.remove(group(lost));
                        without.add(SlabIsr.newBuilder()
                                .setIndex(slab.getIndex())
                                .setGen(slab.getGen())
                                .addAllIsr(others)
                                .build());
                    }
                }
                if (!without.isEmpty()) {
                    changes.add(new ChangeIsr(volume.getId(), volume.getEpoch(), without));
                    count += without.size();
                }
            }
            return count;
        });
        long[] nanos = new long[changes.size()];
        long began = System.nanoTime();
        for (int i = 0; i < nanos.length; i++) {
            long from = System.nanoTime();
            decide(changes.get(i));
            nanos[i] = System.nanoTime() - from;
        }
        row(
                "a node is lost: " + slabs + " sets in " + changes.size() + " commands, one after the other",
                millis(System.nanoTime() - began) + " together; each " + quantiles(nanos));
    }

    /** Everybody is heard, but for {@code silent}. */
    private static Sighted heard(long nowMillis, int silent) {
        Map<String, Long> ago = new HashMap<>();
        for (int n = 0; n < NODES; n++) {
            ago.put(node(n), n == silent ? nowMillis - 50_000 : 100L);
        }
        return new Sighted(nowMillis, ago, Map.of());
    }

    private static long once(Supplier<?> work) {
        long began = System.nanoTime();
        work.get();
        return System.nanoTime() - began;
    }

    private static String spread(Supplier<?> work) {
        long[] nanos = new long[ROUNDS];
        for (int i = -3; i < ROUNDS; i++) {
            long took = once(work);
            if (i >= 0) {
                nanos[i] = took;
            }
        }
        return quantiles(nanos);
    }

    private static String quantiles(long[] nanos) {
        long[] sorted = nanos.clone();
        java.util.Arrays.sort(sorted);
        return millis(sorted[sorted.length / 2]) + ", at most " + millis(sorted[sorted.length - 1]);
    }

    private static long heap() {
        for (int i = 0; i < 4; i++) {
            System.gc();
        }
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static String millis(long nanos) {
        return nanos < 10_000_000 ? "%.2f ms".formatted(nanos / 1e6) : "%.0f ms".formatted(nanos / 1e6);
    }

    private static String mib(long bytes) {
        return "%.1f MiB".formatted(bytes / 1048576.0);
    }

    private static void row(String what, String figure) {
        System.out.println("| " + what + " | " + figure + " |");
    }
}
