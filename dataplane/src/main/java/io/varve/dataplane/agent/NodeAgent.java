package io.varve.dataplane.agent;

import io.varve.api.DetachedRequest;
import io.varve.api.NodeView;
import io.varve.api.OpenedRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.RevokedCertificates;
import io.varve.api.Slab;
import io.varve.api.Truth;
import io.varve.api.TruthCode;
import io.varve.api.TruthResult;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.dataplane.store.StoreStats;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.Volumes;
import io.varve.identity.Revocations;
import io.varve.model.EventReason;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the truth for one node and carries out what {@link AgentPlan} finds. Every step asks the truth by compare-and-set, so an old view
 * costs a refused step and nothing else. Confined to its loop; a failed step is tried again after {@link #PAUSE}.
 */
public final class NodeAgent {
    private static final Logger LOG = LoggerFactory.getLogger(NodeAgent.class);

    /** Between two tries of something that failed. */
    private static final Duration PAUSE = Duration.ofMillis(500);

    /**
     * What a volume that goes to another node grants to requests in flight: they take milliseconds, unless a copy is lost, and then they do not end
     * here. The other node waits for the leases of this one, and its clients for that.
     */
    private static final Duration HANDOVER = Duration.ofMillis(200);

    /** How long a metadata server may keep a question about news. */
    public static final Duration WATCH = Duration.ofSeconds(10);

    /** How often free space is reported. It is advice for placement, and a sign of life. */
    private static final Duration REPORT = Duration.ofSeconds(5);

    private final Loop loop;
    private final Truth truth;
    private final String node;
    private final long incarnation;
    private final Map<String, LocalGroup> groups = new HashMap<>();
    /** By UUID. */
    private final Map<String, RefusedGroup> refused = new HashMap<>();

    private final LocalVolumes volumes;
    private final Set<String> running = new HashSet<>();
    private final AttachPauses pauses = new AttachPauses();
    /** Volumes that are being let go because the truth wants it. */
    private final Set<Long> dropping = new HashSet<>();

    private final EventReports events;
    private final Map<String, Long> damagedTold = new HashMap<>();

    private final HeldView held = new HeldView();

    private Consumer<Revocations> revoked = list -> {};
    private boolean reporting;
    private boolean planQueued;
    private boolean closed;
    private Consumer<NodeView> viewed = seen -> {};
    private Promise<Void> stopTold = Promise.promise();
    private String lastTrouble = "";

    public NodeAgent(
            Loop loop, Truth truth, String node, long incarnation, List<LocalGroup> groups, LocalVolumes volumes) {
        this.loop = loop;
        this.truth = truth;
        this.node = node;
        this.incarnation = incarnation;
        groups.forEach(group -> this.groups.put(group.uuid(), group));
        this.volumes = volumes;
        this.events = new EventReports(node, incarnation);
        volumes.onGrown(this::tellOpened);
        volumes.onNotOpened(
                (volume, why) -> tell(EventReason.VOLUME_NOT_OPENED, volume, volume, "could not be opened: " + why));
    }

    /** Sees every view that is followed, on the loop. Before {@link #start}. */
    public void onView(Consumer<NodeView> listener) {
        viewed = listener;
    }

    /** Who hears, on the loop, whose certificates are taken no more. Before the start. */
    public void onRevoked(Consumer<Revocations> listener) {
        revoked = listener;
    }

    /** On the loop. Groups are told first: nobody places or attaches anything on a group that the truth does not know. */
    public void start() {
        groups.values().forEach(this::report);
        watch();
    }

    /** It serves nothing any more: the truth is told now, not at the next report. On the loop. */
    public void failed(LocalGroup group) {
        if (!closed) {
            reportNow(group);
        }
    }

    /** A group that had failed is about to be opened anew. On the loop. */
    public void tellReopening(LocalGroup group, String message) {
        // Each time is told: how often there may be one is limited where it is decided.
        tell(EventReason.DISK_REOPENED, group.name() + " " + loop.nanos(), "", message);
    }

    /** A disk group that was opened after the start: from now on it is reported and may be placed on. On the loop. */
    public void add(LocalGroup group) {
        refused.remove(group.uuid());
        groups.put(group.uuid(), group);
        // If it is opened anew it counts from nothing again.
        damagedTold.remove(group.uuid());
        report(group);
        planLater();
    }

    /** A disk group that could not be opened: from now on it is reported as failed, until it is added. On the loop. */
    public void refuse(RefusedGroup group) {
        group.uuid().ifPresent(uuid -> {
            groups.remove(uuid);
            if (refused.put(uuid, group) == null) {
                reportRefused(uuid);
            }
        });
    }

    private void reportRefused(String uuid) {
        RefusedGroup group = refused.get(uuid);
        if (closed || group == null) {
            return;
        }
        register(group.describe(node), "report of group " + group.name())
                .onComplete(
                        taken -> loop.schedule((taken.result() ? REPORT : PAUSE).toNanos(), () -> reportRefused(uuid)));
    }

    /** Follows nothing from now on. What is attached stays so: closing it is the owner's next step. On the loop. */
    public void close() {
        closed = true;
    }

    private void report(LocalGroup group) {
        if (closed || !isCurrent(group)) {
            return;
        }
        reportNow(group)
                .onComplete(taken -> loop.schedule((taken.result() ? REPORT : PAUSE).toNanos(), () -> report(group)));
    }

    /** False once the group was opened anew: then it is another object. */
    @SuppressWarnings("ReferenceEquality") // identity is meant
    private boolean isCurrent(LocalGroup group) {
        return groups.get(group.uuid()) == group;
    }

    private Future<Boolean> reportNow(LocalGroup group) {
        Promise<io.varve.api.DiskGroup> described = Promise.promise();
        group.loop().execute(() -> {
            StoreStats stats = group.store().stats();
            loop.execute(() -> tellDamage(group, stats));
            described.complete(group.describe(node));
        });
        return described.future().compose(description -> register(description, "report of group " + group.name()));
    }

    /** Whether it was taken; on the loop. Never fails. */
    private Future<Boolean> register(io.varve.api.DiskGroup group, String what) {
        Promise<Boolean> told = Promise.promise();
        truth.registerGroup(RegisterGroupRequest.newBuilder()
                        .setGroup(group)
                        .setIncarnation(incarnation)
                        .build())
                .onComplete(answer -> loop.execute(() -> {
                    boolean taken =
                            answer.succeeded() && answer.result().getResult().getCode() == TruthCode.TRUTH_OK;
                    if (!taken) {
                        trouble(what, answer.succeeded() ? answer.result().getResult() : null, answer.cause());
                    }
                    told.complete(taken);
                }));
        return told.future();
    }

    /** Damage is found by reads, one block after the other: what came together is told together. */
    private void tellDamage(LocalGroup group, StoreStats stats) {
        if (!isCurrent(group)) {
            return;
        }
        long before = damagedTold.getOrDefault(group.uuid(), 0L);
        long found = stats.checksumErrors() - before;
        if (found > 0
                && tell(
                        EventReason.BLOCKS_REPAIRED,
                        group.name(),
                        "",
                        "disk group " + group.name() + ": " + found
                                + " damaged blocks were found; repaired since the start: " + stats.repairedBlocks())) {
            damagedTold.put(group.uuid(), stats.checksumErrors());
        }
    }

    /** Has the cluster's events say so; false: it was told lately. On the loop. */
    private boolean tell(EventReason reason, String subject, String volume, String message) {
        boolean taken = events.offer(reason, subject, volume, message, loop.nanos(), loop.unixMillis());
        sendReports();
        return taken;
    }

    /**
     * The node is told to stop, and says so. On the loop.
     *
     * @return completes when the report was taken; a stop does not depend on it
     */
    public Future<Void> tellStopping() {
        Promise<Void> told = Promise.promise();
        events.offer(EventReason.NODE_STOPPING, node, "", "was told to stop", loop.nanos(), loop.unixMillis());
        stopTold = told;
        sendReports();
        return told.future();
    }

    /** One at a time, in their order: the truth takes only rising numbers. */
    private void sendReports() {
        ReportEventRequest report = events.next();
        if (reporting || report == null) {
            return;
        }
        reporting = true;
        truth.reportEvent(report)
                .onComplete(answer -> loop.execute(() -> {
                    reporting = false;
                    if (answer.succeeded()) {
                        events.done();
                        if (report.getReason().equals(EventReason.NODE_STOPPING.code())) {
                            stopTold.tryComplete();
                        }
                        sendReports();
                    } else if (!closed) {
                        loop.schedule(PAUSE.toNanos(), this::sendReports);
                    }
                }));
    }

    private void watch() {
        if (closed) {
            return;
        }
        truth.watchNode(held.question()
                        .setNode(node)
                        .setWaitMillis((int) WATCH.toMillis())
                        .build())
                .onComplete(answer -> loop.execute(() -> {
                    if (answer.failed()) {
                        trouble("watch", null, answer.cause());
                        loop.schedule(PAUSE.toNanos(), this::watch);
                        return;
                    }
                    switch (held.take(answer.result())) {
                        case NEWS -> {
                            follow(held.view());
                            watch();
                        }
                        case PART, NOTHING -> watch();
                        case BEHIND -> loop.schedule(PAUSE.toNanos(), this::watch);
                    }
                }));
    }

    private void follow(NodeView view) {
        viewed.accept(view);
        revoked.accept(new Revocations(view.getRevokedList().stream()
                .collect(Collectors.toMap(
                        RevokedCertificates::getNode, each -> Instant.ofEpochMilli(each.getUnixMillis())))));
        volumes.follow(view, this::tellOpened);
        plan();
    }

    private void plan() {
        if (closed || !held.isHeld()) {
            return;
        }
        for (AgentAction action : AgentPlan.of(held.view(), node, groups.keySet(), volumes.epochs())) {
            if (action instanceof AgentAction.Attach attach
                    && pauses.isResting(attach.volume().getId())) {
                continue;
            }
            if (running.add(action.key())) {
                long plannedAt = held.view().getIndex();
                perform(action).onComplete(answer -> loop.execute(() -> performed(action, plannedAt, answer)));
            }
        }
    }

    private void performed(AgentAction action, long plannedAt, io.vertx.core.AsyncResult<Void> answer) {
        running.remove(action.key());
        if (answer.failed()) {
            trouble(action.key(), null, answer.cause());
            planLater();
        } else if (held.view().getIndex() > plannedAt || action instanceof AgentAction.Detach) {
            // An old epoch was let go because there is a newer one, and by the same view the volume may be wanted here
            // again.
            plan();
        }
    }

    private void planLater() {
        if (!planQueued && !closed) {
            planQueued = true;
            loop.schedule(PAUSE.toNanos(), () -> {
                planQueued = false;
                plan();
            });
        }
    }

    private Future<Void> perform(AgentAction action) {
        return switch (action) {
            case AgentAction.CreateReplicas create -> createReplicas(create);
            case AgentAction.DeleteReplicas delete -> deleteReplicas(delete);
            case AgentAction.GuaranteeReplicas guarantee -> guaranteeReplicas(guarantee);
            case AgentAction.Attach attach -> attach(attach.volume());
            case AgentAction.Detach detach -> detach(detach);
            case AgentAction.ReleaseStale stale -> release(stale.volume(), stale.epoch());
        };
    }

    private Future<Void> createReplicas(AgentAction.CreateReplicas create) {
        LocalGroup group = group(create.group());
        Volume volume = create.volume();
        return LocalReplicas.create(group, volume, create.slabs())
                // Whoever is to place the next thick volume must know what is left.
                .compose(kept -> volume.getThick() ? reportNow(group).map(kept) : Future.succeededFuture(kept))
                .compose(kept ->
                        tellCreated(volume, group, kept.done()).compose(told -> tellLacking(volume, group, kept)));
    }

    private Future<Void> tellCreated(Volume volume, LocalGroup group, List<Slab> slabs) {
        return slabs.isEmpty()
                ? Future.succeededFuture()
                : truth.replicasCreated(ReplicasCreatedRequest.newBuilder()
                                .setVolume(volume.getId())
                                .setGroup(group.uuid())
                                .addAllSlabs(indices(slabs))
                                .addAllCreationIds(creationIds(slabs, group.uuid()))
                                .addAllGuaranteedBytes(guarantees(volume, slabs))
                                .setGuaranteeVersion(volume.getGuaranteeVersion())
                                .build())
                        .compose(answer -> taken(answer.getResult()));
    }

    private Future<Void> guaranteeReplicas(AgentAction.GuaranteeReplicas guarantee) {
        LocalGroup group = group(guarantee.group());
        Volume volume = guarantee.volume();
        return LocalReplicas.guarantee(group, volume, guarantee.slabs())
                .compose(kept -> reportNow(group).map(kept))
                .compose(kept -> tellGuarantee(volume, group, kept.done(), "")
                        .compose(told -> tellLacking(volume, group, kept)));
    }

    /** The truth undoes what needs the room. */
    private Future<Void> tellLacking(Volume volume, LocalGroup group, LocalReplicas.Kept kept) {
        return tellGuarantee(volume, group, kept.lacking(), node + ": " + kept.why());
    }

    private Future<Void> tellGuarantee(Volume volume, LocalGroup group, List<Slab> slabs, String refusal) {
        return slabs.isEmpty()
                ? Future.succeededFuture()
                : truth.replicasGuaranteed(ReplicasGuaranteedRequest.newBuilder()
                                .setVolume(volume.getId())
                                .setGroup(group.uuid())
                                .addAllSlabs(indices(slabs))
                                .addAllCreationIds(creationIds(slabs, group.uuid()))
                                .addAllGuaranteedBytes(guarantees(volume, slabs))
                                .setGuaranteeVersion(volume.getGuaranteeVersion())
                                .setRefusal(refusal)
                                .build())
                        .compose(NodeAgent::taken);
    }

    private static List<Long> guarantees(Volume volume, List<Slab> slabs) {
        return slabs.stream()
                .map(slab -> LocalReplicas.guaranteedBytes(volume, slab))
                .toList();
    }

    private Future<Void> deleteReplicas(AgentAction.DeleteReplicas delete) {
        boolean isAny = delete.volume().getState() == VolumeState.VOLUME_DELETING;
        return LocalReplicas.delete(group(delete.group()), delete.volume().getId(), delete.slabs(), isAny)
                .compose(gone -> truth.replicasDeleted(ReplicasDeletedRequest.newBuilder()
                        .setVolume(delete.volume().getId())
                        .setGroup(delete.group())
                        .addAllSlabs(indices(delete.slabs()))
                        .addAllCreationIds(creationIds(delete.slabs(), delete.group()))
                        .build()))
                .compose(answer -> taken(answer.getResult()));
    }

    private Future<Void> attach(Volume volume) {
        return volumes.take(volume, held.view().getIndex())
                .onSuccess(served -> loop.execute(() -> {
                    // A view newer than the attach may have come before its answer.
                    volumes.follow(held.view(), volume.getId(), this::tellOpened);
                    served.opened()
                            .onSuccess(uri -> loop.execute(() -> tellOpened(volume.getId(), served.epoch(), uri)));
                    served.ended()
                            .onComplete(
                                    end -> rest(volume.getId(), served.opened().succeeded()));
                }))
                .mapEmpty();
    }

    /** An access point that ended by itself is attached again after a pause; whatever else is news meanwhile does not end the pause. */
    private void rest(long volume, boolean wasOpen) {
        if (dropping.contains(volume)) {
            return;
        }
        loop.schedule(pauses.begin(volume, wasOpen).toNanos(), () -> {
            pauses.end(volume);
            plan();
        });
    }

    private void tellOpened(long volume, int epoch, String uri) {
        if (closed || !Integer.valueOf(epoch).equals(volumes.epochs().get(volume))) {
            return;
        }
        OptionalLong uncounting = volumes.uncounting(volume);
        truth.opened(OpenedRequest.newBuilder()
                        .setVolume(volume)
                        .setEpoch(epoch)
                        .setNbdUri(uri)
                        .setSizeBytes(volumes.sizeBytes(volume))
                        .setUncounting(uncounting.isPresent())
                        .setGuaranteeVersion(uncounting.orElse(0))
                        .build())
                .onComplete(answer -> loop.execute(() -> {
                    if (answer.failed()) {
                        trouble("tell opened", null, answer.cause());
                        loop.schedule(PAUSE.toNanos(), () -> tellOpened(volume, epoch, uri));
                    } else if (answer.result().getCode() != TruthCode.TRUTH_OK) {
                        trouble("tell opened", answer.result(), null);
                    }
                }));
    }

    private Future<Void> detach(AgentAction.Detach detach) {
        dropping.add(detach.volume());
        return volumes.drop(detach.volume(), detach.moved() ? HANDOVER : Volumes.DETACH_LIMIT)
                .onComplete(gone -> dropping.remove(detach.volume()))
                .compose(
                        gone -> detach.release() ? release(detach.volume(), detach.epoch()) : Future.succeededFuture());
    }

    /** A newer epoch than ours is somebody else's business: then there is nothing of ours to release. */
    private Future<Void> release(long volume, int epoch) {
        return truth.detached(DetachedRequest.newBuilder()
                        .setVolume(volume)
                        .setEpoch(epoch)
                        .build())
                .compose(answer ->
                        answer.getCode() == TruthCode.TRUTH_STALE_EPOCH || answer.getCode() == TruthCode.TRUTH_UNKNOWN
                                ? Future.succeededFuture()
                                : taken(answer));
    }

    private static Future<Void> taken(TruthResult result) {
        return result.getCode() == TruthCode.TRUTH_OK
                ? Future.succeededFuture()
                : Future.failedFuture(result.getCode() + ": " + result.getMessage());
    }

    private LocalGroup group(String uuid) {
        return java.util.Objects.requireNonNull(groups.get(uuid));
    }

    private static List<Long> creationIds(List<Slab> slabs, String group) {
        return slabs.stream().map(slab -> LocalReplicas.creationId(slab, group)).toList();
    }

    private static List<Integer> indices(List<Slab> slabs) {
        return slabs.stream().map(Slab::getIndex).toList();
    }

    /** Logs a reason once until another one comes. */
    private void trouble(String what, @Nullable TruthResult refused, @Nullable Throwable failure) {
        String reason = refused != null ? refused.getCode() + " " + refused.getMessage() : String.valueOf(failure);
        String line = what + ": " + reason;
        if (!line.equals(lastTrouble)) {
            lastTrouble = line;
            LOG.warn("agent step failed step=\"{}\" reason=\"{}\"", what, reason);
        }
    }
}
