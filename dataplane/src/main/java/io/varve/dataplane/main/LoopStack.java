package io.varve.dataplane.main;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.agent.GroupOpening;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.agent.RefusedGroup;
import io.varve.dataplane.agent.TruthCalls;
import io.varve.dataplane.agent.VolumeLoop;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.frontend.nbd.NbdTarget;
import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.replication.Ports;
import io.varve.dataplane.replication.ReplicaHost;
import io.varve.dataplane.replication.ReplicaServer;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.store.StoreStats;
import io.varve.dataplane.time.VertxLoop;
import io.varve.dataplane.volume.SlabVolume;
import io.varve.dataplane.volume.Volumes;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.PeerTls;
import io.varve.dataplane.wire.TcpTransport;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Everything that one event loop owns: its disk groups, its links to and from other loops, its volumes, its target. Nothing in it is touched
 * from another thread.
 */
final class LoopStack {
    private static final Logger LOG = LoggerFactory.getLogger(LoopStack.class);

    /** Lag is counted for the process, not for each stack. */
    private static final LatencyHistogram NO_LAG = new LatencyHistogram();

    /** Memory for transfers that a stack never gives back: a deep queue of large requests, and a checkpoint beside it. */
    private static final int READY_BYTES = 16 << 20;

    final VertxLoop loop;
    /** The disk group that this stack is for; null on a node without disks. */
    private final @Nullable GroupConfig group;

    /** Counts the node's stacks: the offset of its ports. */
    private final int index;

    private final DataPlaneConfig config;
    final TcpTransport transport;
    final ReplicaServer replicas;
    final Ports ports;
    final Volumes volumes;
    final NbdTarget nbd;
    /** Why the stack's group is not open; null while it is, or there is none. Written on the data plane's home loop. */
    volatile @Nullable RefusedGroup refused;
    /** Why the group serves no more; empty while it does. */
    private volatile String failure = "";
    /** The stack's group while it is served, also when it has failed. Written on the loop. */
    volatile @Nullable LocalGroup served;

    LoopStack(
            Vertx vertx,
            VertxLoop loop,
            @Nullable GroupConfig group,
            int index,
            NodeIdentity self,
            io.varve.api.Truth truth,
            DataPlaneConfig config,
            @Nullable PeerTls tls) {
        this.loop = loop;
        this.group = group;
        this.index = index;
        this.config = config;
        this.transport = new TcpTransport(vertx, loop.context(), tls);
        this.replicas = new ReplicaServer(loop, transport, self);
        this.ports = new Ports(loop, transport, self, config.advertisedHost());
        this.volumes = new Volumes(loop, ports, new TruthCalls(loop, truth));
        this.nbd = new NbdTarget(vertx, loop.context(), loop, volumes, config.nbdLimits());
    }

    boolean isFor(String name) {
        return group != null && group.name().equals(name);
    }

    /** From now on the group is served to access points here and elsewhere. On the loop, before anything is attached here. */
    LocalGroup serve(GroupConfig opened, GroupOpening.Outcome.Opened outcome) {
        LocalGroup local = new LocalGroup(
                outcome.store().uuid(), opened.name(), loop, outcome.store(), peerAddress(), outcome.devices());
        served = local;
        failure = "";
        local.store().onFailure(() -> failure = String.valueOf(local.store().failure()));
        ReplicaHost host = new ReplicaHost(loop, local.store());
        replicas.serve(host);
        ports.addLocal(host);
        LOG.info(
                "group opened name={} group={} devices={}",
                local.name(),
                local.uuid(),
                local.devices().size());
        return local;
    }

    /**
     * The group, which has failed and let go of its disks, is served no more and closed: who speaks to it hears that it is gone, and comes again when it was opened
     * anew. {@code stuck}: it cannot be closed, and must not be opened anew. On the loop.
     */
    void retire(LocalGroup local, Runnable closed, Runnable stuck) {
        String reason = "disk group " + local.name() + " is opened anew";
        replicas.withdraw(local.uuid(), reason);
        ports.withdrawLocal(local.uuid(), reason);
        served = null;
        local.store().close(closed, stuck);
    }

    /** What is wrong with the group; empty if nothing is. Any thread. */
    String trouble() {
        RefusedGroup absent = refused;
        if (absent != null) {
            return "disk group " + absent.name() + " is not open: " + absent.reason();
        }
        return failure.isEmpty()
                ? ""
                : "disk group " + java.util.Objects.requireNonNull(group).name() + " failed: " + failure;
    }

    GroupConfig config() {
        return java.util.Objects.requireNonNull(group, "a stack without a disk group");
    }

    /** The group as people see it, whether it serves or not; {@code remark}: about all that do not, empty if there is none. On the loop. */
    DiskGroup describe(String node, String remark) {
        RefusedGroup absent = refused;
        LocalGroup local = served;
        DiskGroup.Builder told = local != null
                ? local.describe(node).toBuilder()
                : absent != null ? absent.describe(node).toBuilder() : DiskGroup.newBuilder();
        for (Device.Builder device : told.getDevicesBuilderList()) {
            if (!remark.isEmpty()) {
                device.setDetail(device.getDetail() + "; " + remark);
            }
        }
        return told.setNode(node).setName(config().name()).build();
    }

    String peerAddress() {
        return config.advertisedHost() + ":" + (config.peerPort() + index);
    }

    /** Binds the stack's two addresses: for peers and for NBD clients. */
    Future<Void> listen() {
        String peerAddress = config.bindHost() + ":" + (config.peerPort() + index);
        int nbdPort = config.nbdPort() + index;
        Promise<Void> peers = Promise.promise();
        Promise<Void> clients = Promise.promise();
        loop.execute(() -> {
            Buffers.keepReady(READY_BYTES);
            replicas.listen(peerAddress, (bound, failure) -> {
                if (failure == null) {
                    peers.complete();
                } else {
                    peers.fail("cannot listen for peers on " + peerAddress + ": " + failure);
                }
            });
            nbd.start(config.nbdBindHost(), nbdPort)
                    .<Void>mapEmpty()
                    .recover(failure -> Future.failedFuture("cannot listen for NBD clients on " + config.nbdBindHost()
                            + ":" + nbdPort + ": " + failure.getMessage()))
                    .onComplete(clients);
        });
        return Future.all(peers.future(), clients.future()).mapEmpty();
    }

    /** As the agent sees it. */
    VolumeLoop place() {
        LocalGroup local = served;
        return new VolumeLoop(
                loop,
                volumes,
                local == null ? Set.of() : Set.of(local.uuid()),
                config.advertisedHost() + ":" + (config.nbdPort() + index));
    }

    /** Begins to compare the copies of the volume; false if it is not open on this loop. On the loop. */
    boolean verify(String name, Verification.Listener listener) {
        SlabVolume volume = volumes.find(name);
        if (volume == null) {
            return false;
        }
        volume.verify(listener);
        return true;
    }

    /** On the loop. */
    NodeFigures figures() {
        List<NodeFigures.Volume> attached = volumes.all().stream()
                .map(volume -> new NodeFigures.Volume(
                        volume.accessPoints().volume(),
                        volume.name(),
                        volume.accessPoints().epoch(),
                        volume.accessPoints().state(),
                        volume.accessPoints().detail(),
                        volume.counters(),
                        volume.accessPoints().readsRepaired(),
                        volume.accessPoints().copies(),
                        volume.accessPoints().lateReads(),
                        volume.accessPoints().bytesCopied()))
                .toList();
        List<NodeFigures.Replica> copies = new ArrayList<>();
        List<NodeFigures.Group> disks = new ArrayList<>();
        LocalGroup local = served;
        RefusedGroup absent = refused;
        if (local != null) {
            local.store()
                    .streams()
                    .forEach(state -> copies.add(NodeFigures.Replica.of(
                            local.uuid(), state, local.store().allocatedBytes(state.stream()))));
            String reason = local.store().failure();
            disks.add(new NodeFigures.Group(
                    local.uuid(),
                    local.name(),
                    reason == null ? "" : reason,
                    local.store().stats(),
                    local.store().latencies(),
                    (int) local.devices().stream()
                            .filter(device -> local.store().isSlow(device.path()))
                            .count()));
        } else if (absent != null) {
            disks.add(new NodeFigures.Group(
                    absent.uuid().orElse(""), absent.name(), absent.reason(), StoreStats.NONE, List.of(), 0));
        }
        var clients = new NodeFigures.Clients(nbd.connections(), nbd.refusedConnections(), nbd.heldBytes());
        return new NodeFigures("", NO_LAG, attached, copies, disks, clients);
    }
}
