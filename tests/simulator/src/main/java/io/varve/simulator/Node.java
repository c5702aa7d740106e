package io.varve.simulator;

import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.agent.LocalVolumes;
import io.varve.dataplane.agent.NodeAgent;
import io.varve.dataplane.agent.Registration;
import io.varve.dataplane.agent.TruthCalls;
import io.varve.dataplane.agent.VolumeLoop;
import io.varve.dataplane.replication.Ports;
import io.varve.dataplane.replication.ReplicaHost;
import io.varve.dataplane.replication.ReplicaServer;
import io.varve.dataplane.store.DiskGroup;
import io.varve.dataplane.store.OpenResult;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.dataplane.volume.Volumes;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Transport;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One machine: a crash takes its {@link Life} and leaves its {@link NodeDisk}. */
final class Node {
    /** Clocks differ by up to an hour, and their rates by up to 500 parts of a million from true time. */
    private static final long MOST_OFFSET_NANOS = 3_600_000_000_000L;

    private static final long MOST_DRIFT = 500;

    private final Cluster cluster;
    final String name;
    /** Another one when it was replaced. */
    NodeDisk disk;

    private long incarnation;
    private @Nullable Life life;
    /** Until when the process does not run. */
    long pausedUntilNanos;

    /** Until when what is wrong with the node, or was until a moment ago, may make others take it for lost. */
    long troubledUntilNanos;

    /** What its disk holds may be damaged: the copy there need not keep what it promised, but no other may suffer. */
    boolean isDoubtful;

    Node(Cluster cluster, String name, NodeDisk disk) {
        this.cluster = cluster;
        this.name = name;
        this.disk = disk;
    }

    String address() {
        return name + ":1";
    }

    /** Starts the process, if it does not run. */
    void start() {
        if (life == null) {
            incarnation++;
            cluster.trace.note(incarnation, () -> "start " + name + " incarnation " + incarnation);
            life = new Life();
        }
    }

    void crash(boolean powerCut) {
        Life dying = life;
        if (dying != null) {
            cluster.trace.note(powerCut ? 2 : 3, () -> (powerCut ? "power cut of " : "kill ") + name);
            life = null;
            pausedUntilNanos = 0;
            dying.loop.crash();
            disk.crash(powerCut);
            cluster.network.crash(name);
            cluster.died.accept(dying);
        }
    }

    /** The disk is gone for good; an empty one is in its place at the next start. */
    void replaceDisk(NodeDisk empty) {
        crash(true);
        disk = empty;
    }

    void pause(long nanos) {
        if (life != null) {
            life.loop.pause(nanos);
            pausedUntilNanos = Math.max(pausedUntilNanos, cluster.scheduler.nanos() + nanos);
        }
    }

    /** Null while the process does not run. */
    @Nullable Life life() {
        return life;
    }

    /** True if the process runs just now. */
    boolean runs() {
        return life != null && cluster.scheduler.nanos() >= pausedUntilNanos;
    }

    /** One run of the node's process: wired as the product wires it. */
    final class Life {
        final SimulatedLoop loop;
        final long incarnationHere = incarnation;
        private final NodeTruth truth;
        private @Nullable DiskGroup store;
        private @Nullable Volumes volumes;
        /** Why the disk group was not opened; null if it was, or is being. */
        @Nullable String refused;

        Life() {
            loop = cluster.scheduler.newLoop(name + "#" + incarnation);
            loop.drift(cluster.random.nextLong(-MOST_DRIFT, MOST_DRIFT + 1));
            loop.advanceClock(cluster.random.nextLong(MOST_OFFSET_NANOS));
            truth = new NodeTruth(cluster.metadata, name, loop);
            DiskGroup.open(loop, disk.open(loop), disk.identity, NodeDisk.OPTIONS, disk.index, result -> {
                switch (result) {
                    case OpenResult.Opened opened -> serve(opened.group());
                    case OpenResult.Refused no -> {
                        refused = no.message();
                        cluster.trace.note(4, () -> name + " does not open its disk group: " + no.message());
                    }
                }
            });
        }

        private void serve(DiskGroup opened) {
            store = opened;
            cluster.trace.note(5, () -> name + " opened its disk group");
            NodeIdentity self = new NodeIdentity(NodeDisk.CLUSTER.toString(), name, incarnationHere);
            Transport transport = cluster.network.transport(loop, name);
            ReplicaHost host = new ReplicaHost(loop, opened);
            ReplicaServer server = new ReplicaServer(loop, transport, self);
            server.serve(host);
            Ports ports = new Ports(loop, transport, self, name);
            ports.addLocal(host);
            Volumes served = new Volumes(loop, ports, new TruthCalls(loop, truth));
            volumes = served;
            LocalGroup group = new LocalGroup(
                    opened.uuid(),
                    "disk",
                    loop,
                    opened,
                    address(),
                    List.of(new LocalGroup.OpenDevice(
                            "disk", disk.deviceClass(), disk.disk().sizeBytes())));
            LocalVolumes local = new LocalVolumes(
                    loop,
                    truth,
                    name,
                    incarnationHere,
                    List.of(new VolumeLoop(loop, served, Set.of(opened.uuid()), name + ":2")));
            server.listen(
                    address(),
                    (bound, failed) -> Registration.until(
                            loop,
                            truth,
                            io.varve.api.Node.newBuilder()
                                    .setId(name)
                                    .setIncarnation(incarnationHere)
                                    .setManagementAddress(name + ":3")
                                    .build(),
                            uuid -> new NodeAgent(loop, truth, name, incarnationHere, List.of(group), local).start()));
        }

        Node node() {
            return Node.this;
        }

        /** Null until it is open. */
        @Nullable DiskGroup store() {
            return store;
        }

        /** Open or being opened; null if it is neither. */
        @Nullable SlabVolume attached(long volume) {
            return volumes == null ? null : volumes.byId(volume);
        }

        /** What a client finds there. */
        @Nullable SlabVolume open(String volume) {
            return volumes == null ? null : volumes.find(volume);
        }

        /** Why nothing can be done here any more without a new start; null if something can. */
        @Nullable String failure() {
            return refused != null || store == null ? refused : store.failure();
        }
    }
}
