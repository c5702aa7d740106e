package io.varve.dataplane.volume;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.disk.DiskFaults;
import io.varve.dataplane.replication.AttachSpec;
import io.varve.dataplane.replication.Ports;
import io.varve.dataplane.replication.ReplicaHost;
import io.varve.dataplane.replication.ReplicaServer;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.MemoryDisk;
import io.varve.dataplane.store.MemoryStore;
import io.varve.dataplane.store.ReplicaStore;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.SimulatedNetwork;
import io.varve.dataplane.wire.Transport;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Nodes with one disk group each, the network between them, and one volume: the real code on one thread, from a seed. */
final class SimulatedCluster {
    static final long VOLUME = 7;
    static final long SECOND = 1_000_000_000L;
    private static final int SLAB_BLOCKS = (int) (Geometry.SLAB_BYTES / Geometry.BLOCK_BYTES);

    /** One node: what a crash takes is {@link Life}, what it leaves is the disk. */
    final class Node {
        final String name;
        private final SimulatedBacking backing;
        /** Where it takes itself to be from its next start on. */
        String host;

        /** Where its disk group is reached from its next start on. */
        int port = 1;

        long incarnation;

        @Nullable Life life;

        Node(String name, SimulatedBacking backing) {
            this.name = name;
            this.host = name;
            this.backing = backing;
        }

        MemoryDisk disk() {
            return ((SimulatedBacking.InMemory) backing).disk;
        }

        /** Of its disk, if it has one. */
        DiskFaults faults() {
            return ((SimulatedBacking.OnDisk) backing).disk().faults();
        }

        void resumeDisk() {
            ((SimulatedBacking.OnDisk) backing).disk().resume();
        }

        void start() {
            incarnation++;
            life = new Life(this);
        }

        void crash() {
            Life dying = life;
            life = null;
            if (dying != null) {
                dying.loop.crash();
                backing.crash(random.nextBoolean());
                network.crash(name);
            }
        }

        boolean isUp() {
            return life != null;
        }

        Life life() {
            return java.util.Objects.requireNonNull(life);
        }
    }

    /** One run of a node's process. */
    final class Life {
        final SimulatedLoop loop;
        ReplicaStore store;
        ReplicaHost host;
        final Volumes volumes;
        private final SimulatedBacking backing;
        private final ReplicaServer server;
        private final Ports ports;

        @Nullable SlabVolume volume;

        boolean isOpen;
        private int newestEpoch;
        private int seen;
        String failure = "";

        Life(Node node) {
            loop = scheduler.newLoop(node.name + "#" + node.incarnation);
            backing = node.backing;
            store = backing.start(loop);
            NodeIdentity self = new NodeIdentity("cluster", node.name, node.incarnation);
            Transport transport = network.transport(loop, node.name);
            host = new ReplicaHost(loop, store);
            server = new ReplicaServer(loop, transport, self);
            server.serve(host);
            server.listen(
                    node.name + ":" + node.port,
                    (address, failed) -> assertThat(failed).isNull());
            ports = new Ports(loop, transport, self, node.host);
            ports.addLocal(host);
            volumes = new Volumes(loop, ports, truth.on(loop));
        }

        MemoryStore memory() {
            return (MemoryStore) store;
        }

        /** The disk group, which has failed, is closed when its disk lets go of what it has, and opened anew, in the steps of the product. {@code then} when it serves. */
        void reopenFailed(Runnable then) {
            DiskGroup failed = (DiskGroup) store;
            loop.execute(() -> failed.letGo(() -> {
                server.withdraw(failed.uuid(), "opened anew");
                ports.withdrawLocal(failed.uuid(), "opened anew");
                failed.close(() -> ((SimulatedBacking.OnDisk) backing).reopen(loop, opened -> {
                    store = opened;
                    host = new ReplicaHost(loop, opened);
                    server.serve(host);
                    ports.addLocal(host);
                    then.run();
                }));
            }));
        }

        boolean isInMemory() {
            return store instanceof MemoryStore;
        }

        void attach() {
            attach(true);
        }

        void attach(boolean isExported) {
            AttachSpec spec = truth.attach(template);
            isOpen = false;
            failure = "";
            newestEpoch = spec.epoch();
            loop.execute(() -> volume = volumes.attach(spec, isExported, new Volumes.AttachCallback() {
                @Override
                public void opened(SlabVolume opened) {
                    isOpen |= spec.epoch() == newestEpoch;
                }

                @Override
                public void failed(boolean fenced, String why) {
                    if (spec.epoch() == newestEpoch) {
                        failure = (fenced ? "fenced: " : "failed: ") + why;
                    }
                }
            }));
        }

        /** What the node's agent does about what it sees: makes and deletes its replicas, and tells its access point. */
        void saw(SimulatedTruth.View view, String group) {
            if (view.version() <= seen) {
                return;
            }
            seen = view.version();
            for (int s = 0; s < view.slabs().size(); s++) {
                int slab = s;
                long stream = StreamId.of(VOLUME, slab);
                for (SimulatedTruth.Placed each : view.slabs().get(slab)) {
                    AttachSpec.Copy copy = each.copy();
                    boolean isHere = copy.group().equals(group);
                    boolean isInSet = view.isrs().get(slab).contains(group);
                    if (isHere && each.phase() == SimulatedTruth.Phase.NEW) {
                        store.create(stream, copy.creationId(), blocks(slab), status -> {
                            if (status == StoreStatus.OK) {
                                truth.created(slab, copy);
                            }
                        });
                    } else if (isHere && each.phase() == SimulatedTruth.Phase.LEAVING && !isInSet) {
                        store.delete(stream, copy.creationId(), status -> {
                            if (status == StoreStatus.OK) {
                                truth.deleted(slab, copy);
                            }
                        });
                    }
                }
            }
            volumes.follow(view.wanted(VOLUME));
        }

        SlabVolume volume() {
            return java.util.Objects.requireNonNull(volume);
        }
    }

    /** A request that remembers how it ended. */
    static final class Request extends BlockRequest {
        @Nullable BlockStatus status;

        @Nullable Consumer<Request> then;

        private byte[] read = new byte[0];

        @Override
        protected void completed(BlockStatus how) {
            assertThat(status).isNull();
            status = how;
            if (data != null) {
                read = new byte[(int) lengthBytes];
                data.getBytes(dataIndex, read);
                data.release();
                data = null;
            }
            if (then != null) {
                then.accept(this);
            }
        }

        byte[] bytes() {
            return read;
        }
    }

    final SimulatedScheduler scheduler;
    final SplittableRandom random;
    final SimulatedNetwork network;
    final SimulatedTruth truth;
    final List<Node> nodes = new ArrayList<>();
    /** Of each node, its disk group. */
    final List<String> groups = new ArrayList<>();

    private final AttachSpec template;
    private int slabs;
    private long sizeBytes;
    private final int copies;

    /** The volume's slabs have copies on the first {@code copies} nodes. */
    SimulatedCluster(long seed, int nodeCount, int copies, int slabs) {
        this(seed, nodeCount, copies, slabs, slabs * Geometry.SLAB_BYTES, false);
    }

    SimulatedCluster(long seed, int nodeCount, int copies, int slabs, long sizeBytes, boolean onDisk) {
        this.scheduler = new SimulatedScheduler(seed);
        this.random = scheduler.newRandom();
        this.network = new SimulatedNetwork(random.nextLong());
        this.slabs = slabs;
        this.copies = copies;
        List<AttachSpec.Copy> places = new ArrayList<>();
        List<String> isr = new ArrayList<>();
        for (int i = 0; i < nodeCount; i++) {
            UUID uuid = new UUID(9, i);
            SimulatedBacking backing = onDisk
                    ? new SimulatedBacking.OnDisk(scheduler, uuid, "n" + i)
                    : new SimulatedBacking.InMemory("group-n" + i, random.split());
            String group = onDisk ? uuid.toString() : "group-n" + i;
            nodes.add(new Node("n" + i, backing));
            groups.add(group);
            if (i < copies) {
                places.add(new AttachSpec.Copy(group, 100 + i, "n" + i + ":1"));
                isr.add(group);
            }
        }
        List<AttachSpec.Slab> layout = new ArrayList<>();
        for (int i = 0; i < slabs; i++) {
            layout.add(new AttachSpec.Slab(i, 1, places, isr));
        }
        this.sizeBytes = sizeBytes;
        template = new AttachSpec(VOLUME, "pg", sizeBytes, 0, "", layout);
        truth = new SimulatedTruth(random.nextLong(), template);
        int[] created = new int[1];
        for (int i = 0; i < nodeCount; i++) {
            Node node = nodes.get(i);
            node.start();
            for (int s = 0; s < slabs && i < copies; s++) {
                long stream = StreamId.of(VOLUME, s);
                long creation = 100L + i;
                int blocks = blocks(s);
                Life life = node.life();
                life.loop.execute(() -> life.store.create(stream, creation, blocks, status -> {
                    assertThat(status).isEqualTo(StoreStatus.OK);
                    created[0]++;
                }));
            }
        }
        while (created[0] < slabs * copies) {
            scheduler.runFor(SECOND / 10);
        }
    }

    /** The truth is told that the volume is larger, when every copy of what it grows by has been made; the nodes see it with the next views. */
    void grow(long newSizeBytes) {
        int before = slabs;
        slabs = (int) Math.ceilDiv(newSizeBytes, Geometry.SLAB_BYTES);
        sizeBytes = newSizeBytes;
        List<AttachSpec.Slab> added = new ArrayList<>();
        int[] created = new int[1];
        for (int s = before; s < slabs; s++) {
            List<AttachSpec.Copy> places = new ArrayList<>();
            for (int i = 0; i < copies; i++) {
                // From the other end: a group that had no copy of the volume gets one.
                int at = nodes.size() - 1 - i;
                Life life = node(at).life();
                long creation = 500L + 10L * s + i;
                long stream = StreamId.of(VOLUME, s);
                places.add(new AttachSpec.Copy(groups.get(at), creation, "n" + at + ":1"));
                life.loop.execute(() -> life.store.create(stream, creation, SLAB_BLOCKS, status -> {
                    assertThat(status).isEqualTo(StoreStatus.OK);
                    created[0]++;
                }));
            }
            added.add(new AttachSpec.Slab(
                    s, 1, places, places.stream().map(AttachSpec.Copy::group).toList()));
        }
        while (created[0] < added.size() * copies) {
            scheduler.runFor(SECOND / 10);
        }
        truth.grow(newSizeBytes, added);
    }

    private int blocks(int slab) {
        return (int) (Math.min(Geometry.SLAB_BYTES, sizeBytes - slab * Geometry.SLAB_BYTES) / 4096);
    }

    /** Tells every node that is there what the truth is now, each after a while. */
    void spread() {
        SimulatedTruth.View view = truth.view();
        for (Node node : nodes) {
            Life life = node.life;
            if (life != null) {
                life.loop.schedule(random.nextLong(SECOND), () -> life.saw(view, life.store.uuid()));
            }
        }
    }

    /** Tells the nodes of changes until nothing is on its way any more. */
    void settleCopies() {
        for (int i = 0; i < 400; i++) {
            boolean isSettled = true;
            for (int s = 0; s < slabs; s++) {
                for (SimulatedTruth.Placed each : truth.replicas(s)) {
                    isSettled &= each.phase() == SimulatedTruth.Phase.CREATED
                            && truth.isr(s).contains(each.copy().group());
                }
            }
            if (isSettled) {
                return;
            }
            spread();
            scheduler.runFor(SECOND);
        }
        List<String> left = new ArrayList<>();
        for (int s = 0; s < slabs; s++) {
            left.add("slab " + s + " " + truth.replicas(s) + " set " + truth.isr(s));
        }
        throw new AssertionError("copies do not come to rest: " + left);
    }

    /** The place of the node whose disk group that is. */
    int nodeOf(String group) {
        for (int i = 0; i < nodes.size(); i++) {
            if (nodes.get(i).life().store.uuid().equals(group)) {
                return i;
            }
        }
        throw new AssertionError(group);
    }

    /** The copies that the truth knows hold the same; only in memory. */
    void assertCopiesEqual() {
        for (int s = 0; s < slabs; s++) {
            long stream = StreamId.of(VOLUME, s);
            int first = nodeOf(truth.isr(s).getFirst());
            for (String group : truth.isr(s)) {
                assertThat(node(nodeOf(group)).disk().content(stream))
                        .as("slab %d on %s against node %d", s, group, first)
                        .isEqualTo(node(first).disk().content(stream));
            }
        }
    }

    Node node(int i) {
        return nodes.get(i);
    }

    /** Attaches on the node and waits until it is open. */
    SlabVolume open(int on) {
        Life life = node(on).life();
        life.attach();
        for (int i = 0; i < 200 && !life.isOpen && life.failure.isEmpty(); i++) {
            scheduler.runFor(SECOND / 10);
        }
        assertThat(life.failure).isEmpty();
        assertThat(life.isOpen)
                .as("open; %s", life.volume().accessPoints().detail())
                .isTrue();
        return life.volume();
    }

    Request request(BlockRequest.Kind kind, long offset, long length) {
        Request request = new Request();
        request.kind = kind;
        request.offsetBytes = offset;
        request.lengthBytes = length;
        return request;
    }

    Request writeOf(long offset, byte[] data) {
        Request request = request(BlockRequest.Kind.WRITE, offset, data.length);
        ByteBuf buffer = Buffers.aligned(data.length);
        buffer.writeBytes(data);
        request.data = buffer;
        return request;
    }

    Request readOf(long offset, int length) {
        Request request = request(BlockRequest.Kind.READ, offset, length);
        ByteBuf buffer = Buffers.aligned(length);
        buffer.writerIndex(length);
        request.data = buffer;
        return request;
    }

    Request submit(int on, Request request) {
        Life life = node(on).life();
        life.loop.execute(() -> life.volume().submit(request));
        return request;
    }

    BlockStatus await(Request request) {
        for (int i = 0; i < 1000 && request.status == null; i++) {
            scheduler.runFor(SECOND / 10);
        }
        return java.util.Objects.requireNonNull(request.status, "no answer");
    }

    BlockStatus write(int on, long offset, byte[] data) {
        return await(submit(on, writeOf(offset, data)));
    }

    byte[] read(int on, long offset, int length) {
        Request request = submit(on, readOf(offset, length));
        assertThat(await(request)).isEqualTo(BlockStatus.OK);
        return request.bytes();
    }

    void assertCopiesEqual(int copies) {
        for (int s = 0; s < slabs; s++) {
            long stream = StreamId.of(VOLUME, s);
            for (int i = 1; i < copies; i++) {
                assertThat(node(i).disk().content(stream))
                        .as("slab %d on node %d against node 0", s, i)
                        .isEqualTo(node(0).disk().content(stream));
            }
        }
    }

    /** What {@code verify} finds, asked of the access point on the node. */
    List<String> differences(int on) {
        return verify(on).stream().flatMap(each -> each.places().stream()).toList();
    }

    /** Every finding of {@code verify} that is not "equal and sound". */
    List<Verification.Finding> verify(int on) {
        List<Verification.Finding> found = new ArrayList<>();
        boolean[] finished = new boolean[1];
        Life life = node(on).life();
        life.loop.execute(() -> life.volume().verify(new Verification.Listener() {
            @Override
            public void compared(long done, long total, Verification.Finding finding) {
                if (!finding.isEqual() || finding.damaged() > 0) {
                    found.add(finding);
                }
            }

            @Override
            public void finished(String failure) {
                assertThat(failure).isEmpty();
                finished[0] = true;
            }
        }));
        for (int i = 0; i < 1000 && !finished[0]; i++) {
            scheduler.runFor(SECOND / 10);
        }
        assertThat(finished[0]).isTrue();
        return found;
    }

    static byte[] stamp(int bytes, long number) {
        byte[] data = new byte[bytes];
        new java.util.Random(number).nextBytes(data);
        return data;
    }
}
