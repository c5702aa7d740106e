package io.varve.control.membership;

import com.google.protobuf.InvalidProtocolBufferException;
import com.hazelcast.core.HazelcastException;
import io.varve.api.ClusterLoad;
import io.varve.api.NodeLoad;
import io.varve.api.NodeStats;
import io.varve.api.Sight;
import io.varve.api.membership.ViewHeadRecord;
import io.varve.control.membership.LoadRates.Moment;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's place among the others: starts by itself in the background once it is given the cluster's key, starts again when it ended, tells the
 * node's load every few seconds, and answers from memory who is there. Nothing waits for it, and without it everything goes on. Safe from any
 * thread; no method blocks unless it says so.
 */
public final class Membership implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Membership.class);

    /** After the node registered: its disks and volumes come first. */
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    /** After members came or went: their partitions are being moved. */
    private static final Duration SETTLE = Duration.ofSeconds(2);

    /** Who does not hear of it in that time suspects this node, which does no harm. */
    private static final Duration GOODBYE = Duration.ofSeconds(1);

    private final Optional<MembershipConfig> config;
    private final Supplier<Future<NodeStats>> stats;
    private final ScheduledThreadPoolExecutor thread;
    private final Suspicions suspicions = new Suspicions();
    private final List<Runnable> shifts = new CopyOnWriteArrayList<>();
    private final LongAdder foreign = new LongAdder();
    private final LongAdder starts = new LongAdder();
    private final PlacementView view = new PlacementView(this::member);
    private volatile LongConsumer news = index -> {};
    private volatile State state;
    private volatile @Nullable HazelcastMember member;
    private volatile ViewHeadRecord head = ViewHeadRecord.getDefaultInstance();
    private volatile boolean closed;
    private volatile boolean begun;

    // Of the thread alone.
    private Moment told = Moment.NONE;

    private record State(Phase phase, String detail) {}

    /** How far this node's membership is. */
    public enum Phase {
        OFF,
        STARTING,
        RUNNING,
        FAILED
    }

    /**
     * A membership that has not begun.
     *
     * @param config empty: this node has none
     * @param stats the figures that it tells the others
     */
    public Membership(Optional<MembershipConfig> config, Supplier<Future<NodeStats>> stats) {
        this.config = config;
        this.stats = stats;
        this.state = config.isEmpty()
                ? new State(Phase.OFF, "listen.membership is not in this node's configuration")
                : new State(Phase.STARTING, "waits until the node is registered");
        this.thread = new ScheduledThreadPoolExecutor(
                1, task -> Thread.ofPlatform().name("membership").daemon().unstarted(task));
        thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    /** A membership that never begins. */
    public static Membership off() {
        return new Membership(Optional.empty(), () -> Future.failedFuture("no figures are told"));
    }

    /** Starts soon; the first call counts. An empty key is none. */
    public synchronized void begin(byte[] secret) {
        if (config.isEmpty() || begun || closed) {
            return;
        }
        if (secret.length != MembershipKey.BYTES) {
            state = new State(Phase.OFF, "the cluster has no membership key: an older version made it");
            return;
        }
        begun = true;
        MembershipConfig own = config.get();
        MembershipKey key = new MembershipKey(secret);
        schedule(() -> start(own, key), PATIENCE);
        long tell = own.times().tell().toMillis();
        var _ = thread.scheduleWithFixedDelay(() -> tell(own), tell, tell, TimeUnit.MILLISECONDS);
    }

    /** Whom to tell that something concerning this node changed at an index; on any thread, must not block. */
    public void onNews(LongConsumer listener) {
        news = listener;
    }

    /** Whom to tell that members came or went, or that maps may have lost entries. */
    void onShift(Runnable listener) {
        shifts.add(listener);
    }

    private void schedule(Runnable task, Duration pause) {
        try {
            var _ = thread.schedule(task, pause.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("membership is closed");
        }
    }

    // ------------------------------------------------------------------ start, and again

    private void start(MembershipConfig own, MembershipKey key) {
        starts.increment();
        state = new State(Phase.STARTING, "looks for the others");
        long run = starts.sum();
        try {
            HazelcastMember started = HazelcastMember.start(own, key, foreign, new Events(own, key, run));
            synchronized (this) {
                if (closed) {
                    started.stop();
                    return;
                }
                member = started;
                state = new State(Phase.RUNNING, "");
            }
            started.news()
                    .listen(own.node(), content -> ViewWriter.newsIndex(content).ifPresent(news::accept));
            started.view()
                    .listen(
                            ViewPlan.HEAD,
                            content -> PlacementView.head(content).ifPresent(seen -> head = seen));
            LOG.info("membership running address={} together={}", own.advertised(), together());
            shifted();
        } catch (RuntimeException e) { // Whatever keeps it from starting, the node goes on without it.
            if (!closed) {
                failed(own, key, String.valueOf(e.getMessage()));
            }
        }
    }

    private void failed(MembershipConfig own, MembershipKey key, String reason) {
        HazelcastMember broken = member;
        synchronized (suspicions) {
            suspicions.clear();
        }
        member = null;
        state = new State(Phase.FAILED, reason);
        LOG.warn(
                "membership not running reason=\"{}\" retry={}s: the node goes on without it",
                reason,
                own.times().retry().toSeconds());
        if (broken != null) {
            broken.stop();
        }
        schedule(() -> start(own, key), own.times().retry());
    }

    private final class Events implements HazelcastMember.Listener {
        private final MembershipConfig own;
        private final MembershipKey key;
        private final long run;

        Events(MembershipConfig own, MembershipKey key, long run) {
            this.own = own;
            this.key = key;
            this.run = run;
        }

        @Override
        public void joined(String node, long incarnation) {
            synchronized (suspicions) {
                suspicions.joined(node, incarnation, System.nanoTime());
            }
            if (!node.equals(own.node())) {
                LOG.info("member joined node={} incarnation={}", node, incarnation);
            }
            shifted();
        }

        @Override
        public void lost(String node, long incarnation) {
            synchronized (suspicions) {
                suspicions.lost(node, incarnation, System.nanoTime());
            }
            LOG.info("member lost node={} incarnation={}", node, incarnation);
            shifted();
            schedule(() -> forgive(node, incarnation), Duration.ZERO);
        }

        @Override
        public void merged() {
            LOG.info("membership merged: this node had been apart");
            shifted();
        }

        @Override
        public void ended() {
            schedule(
                    () -> {
                        if (!closed && run == starts.sum() && state.phase == Phase.RUNNING) {
                            failed(own, key, "the other members refuse this one, or it could not go on");
                        }
                    },
                    Duration.ZERO);
        }
    }

    private void shifted() {
        shifts.forEach(Runnable::run);
        schedule(this::lookAtHead, SETTLE);
    }

    /** Of what was written elsewhere meanwhile no event comes. */
    private void lookAtHead() {
        HazelcastMember there = member;
        if (there != null) {
            try {
                there.view().current(ViewPlan.HEAD).flatMap(PlacementView::head).ifPresent(seen -> head = seen);
            } catch (HazelcastException | IllegalStateException e) {
                LOG.debug("head of the view not read reason=\"{}\"", String.valueOf(e.getMessage()));
            }
        }
    }

    // ------------------------------------------------------------------ loads

    private void tell(MembershipConfig own) {
        HazelcastMember there = member;
        if (there == null) {
            told = Moment.NONE;
            return;
        }
        stats.get().onSuccess(figures -> schedule(() -> tellLoad(own, there, figures), Duration.ZERO));
    }

    private void tellLoad(MembershipConfig own, HazelcastMember there, NodeStats figures) {
        Moment now = new Moment(figures, System.nanoTime());
        NodeLoad load = LoadRates.between(told, now, own.incarnation(), System.currentTimeMillis());
        told = now;
        write(own, there, load);
    }

    private static void write(MembershipConfig own, HazelcastMember there, NodeLoad load) {
        try {
            there.loads().write(own.node(), load.toByteArray(), HazelcastSettings.LOAD_LIVES);
        } catch (HazelcastException | IllegalStateException e) {
            LOG.debug("load not told reason=\"{}\"", String.valueOf(e.getMessage())); // The next one comes soon.
        }
    }

    /** Who said goodbye is not suspected. */
    private void forgive(String node, long incarnation) {
        HazelcastMember there = member;
        if (there == null) {
            return;
        }
        try {
            boolean goodbye = there.loads()
                    .current(node)
                    .flatMap(Membership::load)
                    .filter(last -> last.getIncarnation() == incarnation && last.getLeaving())
                    .isPresent();
            if (goodbye) {
                synchronized (suspicions) {
                    suspicions.left(node, incarnation);
                }
            }
        } catch (HazelcastException | IllegalStateException e) {
            LOG.debug("goodbye not read reason=\"{}\"", String.valueOf(e.getMessage()));
        }
    }

    private static Optional<NodeLoad> load(byte[] content) {
        try {
            return Optional.of(NodeLoad.parseFrom(content));
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty();
        }
    }

    /** What every node told lately. Waits for the members that hold it, at most a few seconds: not for an event loop. */
    public ClusterLoad loads() {
        TreeMap<String, NodeLoad> found = new TreeMap<>();
        HazelcastMember there = member;
        if (there != null) {
            try {
                there.loads()
                        .all()
                        .forEach((node, content) -> load(content)
                                .filter(load ->
                                        !load.getLeaving() && load.getNode().equals(node))
                                .ifPresent(load -> found.put(node, load)));
            } catch (HazelcastException | IllegalStateException e) {
                LOG.debug("loads not read reason=\"{}\"", String.valueOf(e.getMessage()));
            }
        }
        TreeSet<String> silent = new TreeSet<>();
        synchronized (suspicions) {
            suspicions.all(System.nanoTime()).forEach(seen -> silent.add(seen.node()));
        }
        silent.removeAll(found.keySet());
        return ClusterLoad.newBuilder()
                .addAllNodes(found.values())
                .addAllSilent(silent)
                .setMembership(told())
                .build();
    }

    // ------------------------------------------------------------------ who is there

    /** The node as told by the truth, with how this one sees it. */
    public io.varve.api.Node seen(io.varve.api.Node node) {
        Optional<Suspicions.Seen> seen;
        synchronized (suspicions) {
            seen = suspicions.of(node.getId(), System.nanoTime());
        }
        return seen.map(standing -> node.toBuilder()
                        .setSight(standing.together() ? Sight.SIGHT_TOGETHER : Sight.SIGHT_SUSPECTED)
                        .setSuspectedMillis(standing.suspectedNanos() / 1_000_000)
                        .build())
                .orElse(node);
    }

    private int together() {
        synchronized (suspicions) {
            return suspicions.together();
        }
    }

    /** How this node stands to the membership, for people. */
    public io.varve.api.Membership told() {
        State now = state;
        ViewHeadRecord seen = member == null ? ViewHeadRecord.getDefaultInstance() : head;
        return io.varve.api.Membership.newBuilder()
                .setState(now.phase.name())
                .setDetail(now.detail)
                .setTogether(member == null ? 0 : together())
                .setViewIndex(seen.getIndex())
                .setViewWriter(seen.getWriter())
                .setViewEntries(seen.getEntries())
                .build();
    }

    /** Figures for the metrics. */
    public record Figures(
            Phase phase,
            int together,
            int suspected,
            long starts,
            long foreign,
            long viewIndex,
            PlacementView.Uses uses) {}

    public Figures figures() {
        int together;
        int known;
        synchronized (suspicions) {
            together = suspicions.together();
            known = suspicions.all(System.nanoTime()).size();
        }
        return new Figures(
                state.phase,
                member == null ? 0 : together,
                known - together,
                starts.sum(),
                foreign.sum(),
                member == null ? 0 : head.getIndex(),
                view.uses());
    }

    public PlacementView view() {
        return view;
    }

    Optional<HazelcastMember> member() {
        return Optional.ofNullable(member);
    }

    /** Says goodbye and leaves. Blocks for at most {@link #GOODBYE} and what Hazelcast takes to end. */
    @Override
    public void close() {
        HazelcastMember there;
        synchronized (this) {
            closed = true;
            there = member;
            member = null;
            state = new State(Phase.OFF, "the node stops");
        }
        thread.shutdownNow();
        if (there != null) {
            MembershipConfig own = Objects.requireNonNull(config.orElse(null));
            NodeLoad goodbye = NodeLoad.newBuilder()
                    .setNode(own.node())
                    .setIncarnation(own.incarnation())
                    .setLeaving(true)
                    .build();
            Thread told = Thread.startVirtualThread(() -> write(own, there, goodbye));
            try {
                told.join(GOODBYE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            there.stop();
        }
    }
}
