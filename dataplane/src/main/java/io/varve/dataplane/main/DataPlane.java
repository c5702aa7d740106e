package io.varve.dataplane.main;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.NodeStats;
import io.varve.api.NodeView;
import io.varve.api.Truth;
import io.varve.dataplane.agent.AddedGroups;
import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.agent.GroupOpening;
import io.varve.dataplane.agent.KnownCluster;
import io.varve.dataplane.agent.LocalGroup;
import io.varve.dataplane.agent.LocalVolumes;
import io.varve.dataplane.agent.NodeAgent;
import io.varve.dataplane.agent.RefusedGroup;
import io.varve.dataplane.agent.Registration;
import io.varve.dataplane.agent.VolumeLabels;
import io.varve.dataplane.agent.VolumeLoop;
import io.varve.dataplane.disk.DiskBackend;
import io.varve.dataplane.disk.DiskProbe;
import io.varve.dataplane.disk.LocalDisks;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.time.VertxLoop;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.PeerTls;
import io.varve.model.StreamId;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node's data plane, from start to stop. It owns its event loops; the truth is handed in. Methods may be called from any thread; futures
 * complete on the first loop.
 */
public final class DataPlane {
    private static final Logger LOG = LoggerFactory.getLogger(DataPlane.class);

    /** How often Vert.x looks for a blocked loop: each look wakes an idle process, and a loop that hangs still hangs after ten seconds. */
    private static final int BLOCKED_CHECK_SECONDS = 10;

    /** For the event that this node stops: a metadata group that answers takes milliseconds, and one that does not must not hold up a stop. */
    private static final long STOP_TOLD_WITHIN_MILLIS = 500;

    private final DataPlaneConfig config;
    private final Truth truth;
    private final Vertx vertx;
    private final List<VertxLoop> loops = new ArrayList<>();
    private final List<LoopStack> stacks = new java.util.concurrent.CopyOnWriteArrayList<>();
    private final StatsReport report;
    private final StartedGroups groups;
    private final ReopenedGroups reopened;
    private final LoopLag lag;
    private volatile DiskProbe probe = new DiskProbe(DiskBackend.THREAD_POOL, "not probed yet");
    private final @Nullable PeerTls tls;
    private final VolumeLabels labels;
    private volatile @Nullable NodeIdentity self;
    /** Every disk group was tried, or the node belongs to no cluster yet. */
    private volatile boolean disksOpen;

    private boolean writingLabels;
    private @Nullable LocalVolumes volumes;
    private @Nullable NodeAgent agent;
    private @Nullable Runnable stopRegistering;

    private DataPlane(DataPlaneConfig config, Truth truth) {
        this.config = config;
        this.truth = truth;
        int loopCount = Math.max(1, config.groups().size());
        boolean ring =
                config.backend().orElse(DiskBackend.IO_URING) == DiskBackend.IO_URING && DiskProbe.loopsCanUseRing();
        this.vertx = Vertx.builder()
                .withTransport(ring ? Transport.IO_URING : Transport.EPOLL)
                .with(new VertxOptions()
                        .setEventLoopPoolSize(loopCount)
                        .setBlockedThreadCheckInterval(BLOCKED_CHECK_SECONDS)
                        .setBlockedThreadCheckIntervalUnit(TimeUnit.SECONDS)
                        .setWorkerPoolSize(1)
                        .setInternalBlockingPoolSize(1))
                .build();
        for (int i = 0; i < loopCount; i++) {
            loops.add(new VertxLoop(
                    ((VertxInternal) vertx).createEventLoopContext(), "loop-" + i, VertxLoop::haltProcess));
        }
        this.tls = config.identity().map(PeerTls::of).orElse(null);
        this.report = new StatsReport(config.node());
        this.groups = new StartedGroups(home(), this::begin, this::opened, this::refused);
        this.reopened = new ReopenedGroups(home(), groups, this::tellReopening);
        this.lag = new LoopLag(home());
        this.labels = new VolumeLabels(config.dataDirectory());
    }

    /**
     * Starts a node's data plane: registers, opens its disk groups, serves them, follows the truth. Waits as long as it takes for the cluster
     * to be initialised and reachable; fails with a sentence for people when a device or an address cannot be used.
     */
    public static DataPlane start(DataPlaneConfig config, Truth truth, Promise<Void> ready) {
        DataPlane plane = new DataPlane(config, truth);
        plane.home().execute(() -> plane.begin().onComplete(ready));
        return plane;
    }

    /** A node that knows its cluster opens its disks first, so that they can be asked what they know even if nobody keeps the truth any more. */
    private Future<Void> begin() {
        return probe().compose(probed -> known())
                .compose(known -> known.isPresent()
                        ? openStacks(known.get()).compose(opened -> register(known.get()))
                        : registerAnew().compose(this::openStacks))
                .compose(opened -> listen())
                .compose(listening -> follow());
    }

    /** A node without a cluster has no disks to wait for. */
    private Future<String> registerAnew() {
        disksOpen = true;
        return register("");
    }

    private Future<Optional<String>> known() {
        return blocking(() -> {
            labels.load();
            return KnownCluster.load(config.dataDirectory());
        });
    }

    /** On the loop's worker; completes on the home loop. */
    private <T> Future<T> blocking(Callable<T> work) {
        Promise<T> done = Promise.promise();
        AtomicReference<@Nullable T> result = new AtomicReference<>();
        AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
        home().execute(() -> home().offload(
                        () -> {
                            try {
                                result.set(work.call());
                            } catch (Exception e) {
                                failure.set(e);
                            }
                        },
                        () -> {
                            Exception why = failure.get();
                            if (why == null) {
                                done.complete(java.util.Objects.requireNonNull(result.get()));
                            } else {
                                done.fail(why);
                            }
                        }));
        return done.future();
    }

    private Future<Void> probe() {
        Promise<Void> probed = Promise.promise();
        ProbeFile.choose(config)
                .onComplete(file -> home().execute(() -> {
                    if (file.failed()) {
                        probed.fail(file.cause());
                        return;
                    }
                    DiskProbe.run(home(), file.result().path(), config.backend().orElse(null), found -> {
                        file.result().release();
                        probe = found;
                        LOG.info("device i/o chosen backend=\"{}\" reason=\"{}\"", found.backend(), found.reason());
                        probed.complete();
                    });
                }));
        return probed.future();
    }

    /** {@code cluster}: which the node belongs to; empty: none yet. Answers with the one that it belongs to now. */
    private Future<String> register(String cluster) {
        Promise<String> registered = Promise.promise();
        Node node = Node.newBuilder()
                .setId(config.node())
                .setZone(config.zone())
                .setManagementAddress(config.managementAddress())
                .setNbdAddress(config.advertisedHost() + ":" + config.nbdPort())
                .setIncarnation(config.incarnation())
                .setVersion(config.version())
                .setMetadataMember(config.metadataMember())
                .setRaftAddress(config.raftAddress())
                .setNetwork(config.identity().isPresent() ? "tls" : "plaintext")
                .build();
        stopRegistering = Registration.until(home(), truth, node, cluster, registered::tryComplete);
        return registered
                .future()
                .compose(uuid -> blocking(() -> {
                    KnownCluster.remember(config.dataDirectory(), uuid);
                    return uuid;
                }));
    }

    private Future<String> openStacks(String cluster) {
        self = new NodeIdentity(cluster, config.node(), config.incarnation());
        List<GroupConfig> wanted = new ArrayList<>(config.groups());
        try {
            wanted.addAll(new AddedGroups(config.dataDirectory()).load());
        } catch (IOException e) {
            return Future.failedFuture(e.getMessage());
        }
        if (wanted.isEmpty()) {
            stacks.add(newStack(null));
        }
        List<Future<Void>> tried = new ArrayList<>();
        for (GroupConfig group : wanted) {
            LoopStack stack = newStack(group);
            stacks.add(stack);
            tried.add(groups.open(stack, group));
        }
        return Future.join(tried).compose(all -> groups.judge(stacks)).compose(judged -> opened(cluster));
    }

    /** Names are kept of what is here. */
    private Future<String> opened(String cluster) {
        Promise<String> open = Promise.promise();
        figures()
                .onComplete(found -> home().execute(() -> {
                    // What a group holds that is not open nobody knows.
                    if (stacks.stream().allMatch(stack -> stack.refused == null)) {
                        labels.keepOnly(found.result().replicas().stream()
                                .map(replica -> StreamId.volume(replica.stream()))
                                .collect(Collectors.toSet()));
                    }
                    disksOpen = true;
                    open.complete(cluster);
                }));
        return open.future();
    }

    /** The next stack in turn; more stacks than loops share them. */
    private LoopStack newStack(@Nullable GroupConfig group) {
        int index = stacks.size();
        return new LoopStack(vertx, loops.get(index % loops.size()), group, index, identity(), truth, config, tls);
    }

    private void begin(LoopStack stack, GroupConfig group, Consumer<GroupOpening.Outcome> then) {
        UUID cluster = UUID.fromString(identity().cluster());
        LocalDisks disks = new LocalDisks(probe.backend());
        stack.loop.execute(() ->
                GroupOpening.open(stack.loop, disks, group, config.dataDirectory(), cluster, config.node(), then));
    }

    private Future<LocalGroup> openGroup(LoopStack stack, GroupConfig group) {
        Promise<LocalGroup> opened = Promise.promise();
        begin(stack, group, outcome -> {
            switch (outcome) {
                case GroupOpening.Outcome.Refused refused -> opened.fail(refused.reason());
                case GroupOpening.Outcome.Opened done -> opened.complete(stack.serve(group, done));
            }
        });
        return opened.future();
    }

    /** A group that was open from the start, or is since: from now on it is followed. On the home loop. */
    private void opened(LoopStack stack, LocalGroup group) {
        group.loop().execute(() -> group.store().onFailure(() -> home().execute(() -> failed(stack, group))));
        if (agent != null && volumes != null) {
            volumes.add(stack.place());
            agent.add(group);
        }
    }

    private void failed(LoopStack stack, LocalGroup group) {
        reopened.failed(stack, stack.config(), group);
        if (agent != null) {
            agent.failed(group);
        }
    }

    private void tellReopening(LocalGroup group, String message) {
        if (agent != null) {
            agent.tellReopening(group, message);
        }
    }

    /** On the home loop. */
    private void refused(RefusedGroup group) {
        if (agent != null) {
            agent.refuse(group);
        }
    }

    /** What is wrong with disk groups of this node, a sentence for each; empty if nothing is. Any thread. */
    public List<String> troubles() {
        return stacks.stream()
                .map(LoopStack::trouble)
                .filter(trouble -> !trouble.isEmpty())
                .toList();
    }

    private Future<Void> listen() {
        return Future.all(stacks.stream().map(LoopStack::listen).toList()).mapEmpty();
    }

    private Future<Void> follow() {
        List<VolumeLoop> places = stacks.stream().map(LoopStack::place).toList();
        Promise<Void> following = Promise.promise();
        home().execute(() -> {
            LocalVolumes local = new LocalVolumes(home(), truth, config.node(), config.incarnation(), places);
            NodeAgent follower = new NodeAgent(home(), truth, config.node(), config.incarnation(), openGroups(), local);
            volumes = local;
            agent = follower;
            stacks.forEach(stack -> {
                if (stack.refused != null) {
                    follower.refuse(stack.refused);
                }
            });
            follower.onView(this::label);
            config.identity().ifPresent(identity -> follower.onRevoked(identity::revoke));
            follower.start();
            lag.start();
            LOG.info(
                    "data plane ready node={} groups={}",
                    config.node(),
                    openGroups().size());
            following.complete();
        });
        return following.future();
    }

    /** On the home loop. One write at a time; what changed meanwhile goes with the next. */
    private void label(NodeView view) {
        if (!labels.follow(view.getVolumesList()) || writingLabels) {
            return;
        }
        writingLabels = true;
        blocking(() -> {
                    labels.write();
                    return true;
                })
                .onComplete(written -> {
                    writingLabels = false;
                    if (written.failed()) {
                        LOG.warn("volume labels not written", written.cause());
                    } else {
                        label(NodeView.getDefaultInstance());
                    }
                });
    }

    /**
     * Stops in order: no new requests, volumes closed, targets and links closed, journals sealed by a last checkpoint, devices closed. The truth is
     * told nothing: the node's volumes are wanted here again when it comes back.
     */
    public Future<Void> stop() {
        Promise<Void> stopped = Promise.promise();
        home().execute(() -> {
            if (stopRegistering != null) {
                stopRegistering.run();
            }
            lag.stop();
            groups.stop();
            reopened.stop();
            Future<Void> told = agent == null
                    ? Future.succeededFuture()
                    : agent.tellStopping()
                            .timeout(STOP_TOLD_WITHIN_MILLIS, TimeUnit.MILLISECONDS)
                            .otherwiseEmpty();
            if (agent != null) {
                agent.close();
            }
            (volumes == null ? Future.<Void>succeededFuture() : volumes.dropAll())
                    .compose(dropped -> told)
                    .compose(dropped -> each(stack -> stack.nbd.stop()))
                    .compose(quiet -> each(this::closeStack))
                    .eventually(vertx::close)
                    .onComplete(stopped);
        });
        return stopped.future();
    }

    /**
     * Takes a device into a disk group of its own, for good: opens it, serves it, tells the truth, and remembers it for the next start. Fails with a
     * sentence for people, and then nothing is remembered.
     */
    public Future<LocalGroup> addGroup(GroupConfig group) {
        Promise<LocalGroup> added = Promise.promise();
        home().execute(() -> {
            NodeAgent follower = agent;
            LocalVolumes local = volumes;
            if (follower == null || local == null) {
                added.fail("this node is still starting: try again when it is ready");
                return;
            }
            if (stacks.stream().anyMatch(stack -> stack.isFor(group.name()))) {
                added.fail("this node has a disk group named " + group.name() + " already: choose another name");
                return;
            }
            LoopStack stack = newStack(group);
            stacks.add(stack);
            openGroup(stack, group)
                    .compose(opened -> stack.listen().map(opened))
                    .compose(opened -> remember(group).map(opened))
                    .onComplete(outcome -> home().execute(() -> {
                        if (outcome.succeeded()) {
                            opened(stack, outcome.result());
                            added.complete(outcome.result());
                        } else {
                            stack.loop.execute(() -> closeStack(stack));
                            stacks.remove(stack);
                            added.fail(outcome.cause());
                        }
                    }));
        });
        return added.future();
    }

    /**
     * Opens a disk group anew that does not serve, whatever is wrong with it; without a name: all of them. Answers with what has become of each; fails with a sentence
     * for people when there is nothing to be opened.
     */
    public Future<List<DiskGroup>> retryGroups(String name) {
        Promise<List<DiskGroup>> answered = Promise.promise();
        home().execute(() -> {
            if (agent == null) {
                answered.fail("this node is still starting: try again when it is ready");
                return;
            }
            if (!name.isEmpty() && stacks.stream().noneMatch(stack -> stack.isFor(name))) {
                answered.fail("this node has no disk group named " + name + ": 'varve disk list' shows its groups");
                return;
            }
            List<LoopStack> down = stacks.stream()
                    .filter(stack -> name.isEmpty() || stack.isFor(name))
                    .filter(stack -> !stack.trouble().isEmpty())
                    .toList();
            if (down.isEmpty()) {
                answered.fail((name.isEmpty() ? "all disk groups of this node serve" : "disk group " + name + " serves")
                        + ": there is nothing to be opened");
                return;
            }
            Future.join(down.stream().map(this::retry).toList())
                    .map(all -> all.<DiskGroup>list())
                    .onComplete(answered);
        });
        return answered.future();
    }

    /** Never fails: what has become of it is seen in the group. */
    private Future<DiskGroup> retry(LoopStack stack) {
        GroupConfig group = stack.config();
        Future<Void> tried = reopened.hasFailed(group.name())
                ? reopened.retry(group.name())
                : groups.again(stack, group).orElse(Future.succeededFuture());
        Promise<DiskGroup> answered = Promise.promise();
        tried.onComplete(outcome -> stack.loop.execute(() -> answered.complete(stack.describe(
                config.node(),
                outcome.succeeded() ? "" : String.valueOf(outcome.cause().getMessage())))));
        return answered.future();
    }

    private Future<Void> remember(GroupConfig group) {
        return blocking(() -> {
                    new AddedGroups(config.dataDirectory()).remember(group);
                    return true;
                })
                .recover(failure -> Future.failedFuture("cannot remember the disk group: " + failure.getMessage()))
                .mapEmpty();
    }

    private NodeIdentity identity() {
        return java.util.Objects.requireNonNull(self, "the node is registered first");
    }

    /** What it is doing now. */
    public Future<NodeFigures> figures() {
        List<Future<NodeFigures>> parts = new ArrayList<>();
        for (LoopStack stack : stacks) {
            Promise<NodeFigures> part = Promise.promise();
            stack.loop.execute(() -> part.complete(stack.figures()));
            parts.add(part.future());
        }
        return Future.join(parts)
                .map(all -> NodeFigures.merge(probe.backend() + ": " + probe.reason(), lag.histogram(), all.list()));
    }

    /** The same in the words of the management API, with latencies of the last ten seconds. */
    public Future<NodeStats> stats() {
        Promise<NodeStats> answered = Promise.promise();
        figures()
                .onComplete(found -> home().execute(() -> {
                    if (found.failed()) {
                        answered.fail(found.cause());
                    } else {
                        NodeIdentity known = self;
                        answered.complete(report.of(found.result(), home().nanos()).toBuilder()
                                .setClusterUuid(known == null ? "" : known.cluster())
                                .setFollowing(agent != null)
                                .setDisksOpen(disksOpen)
                                .addAllLabels(labels.all())
                                .build());
                    }
                }));
        return answered.future();
    }

    /**
     * Compares the copies of a volume that is attached here, while it is used. {@code listener} is called on the volume's loop. Fails when the volume
     * is not open here.
     */
    public Future<Void> verify(String volume, Verification.Listener listener) {
        List<Future<Boolean>> begun = new ArrayList<>();
        for (LoopStack stack : stacks) {
            Promise<Boolean> one = Promise.promise();
            stack.loop.execute(() -> one.complete(stack.verify(volume, listener)));
            begun.add(one.future());
        }
        return Future.join(begun)
                .compose(all -> all.list().contains(true)
                        ? Future.succeededFuture()
                        : Future.failedFuture("volume " + volume + " is not open on this node: attach it first"));
    }

    private Future<Void> closeStack(LoopStack stack) {
        stack.ports.close();
        stack.transport.close();
        Promise<Void> closed = Promise.promise();
        LocalGroup served = stack.served;
        if (served == null) {
            closed.complete();
        } else {
            served.store().close(closed::complete);
        }
        return closed.future();
    }

    /** Runs a step on every stack's own loop, all at once. */
    private Future<Void> each(java.util.function.Function<LoopStack, Future<Void>> step) {
        List<Future<Void>> done = new ArrayList<>();
        for (LoopStack stack : stacks) {
            Promise<Void> one = Promise.promise();
            stack.loop.execute(() -> step.apply(stack).onComplete(one));
            done.add(one.future());
        }
        return Future.join(done).mapEmpty();
    }

    private List<LocalGroup> openGroups() {
        return stacks.stream().flatMap(stack -> Stream.ofNullable(stack.served)).toList();
    }

    private VertxLoop home() {
        return loops.getFirst();
    }
}
