package io.varve.control.api;

import com.google.protobuf.ByteString;
import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.DiskGroup;
import io.varve.api.NodeView;
import io.varve.api.OpenRequest;
import io.varve.api.OpenResponse;
import io.varve.api.OpenedRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterGroupResponse;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasCreatedResponse;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.ReplicasDeletedResponse;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthCode;
import io.varve.api.TruthResult;
import io.varve.api.TruthService;
import io.varve.api.WatchNodeRequest;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.NodeViews;
import io.varve.control.raft.Changes;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.Optional;

/** What data nodes ask, at a metadata member. Judgements are answers with a code; only a group that cannot decide is a failure. */
final class TruthEndpoint extends TruthService {
    /** A long poll is held no longer: each is a sign of life, and after 15 s of silence a node counts as gone. */
    private static final Duration LONGEST_POLL = Duration.ofSeconds(10);

    private static final Duration LEADERLESS_POLL = Duration.ofSeconds(1);

    /** Free space is a hint for placement: a change below this part of the capacity is not worth a log entry. */
    private static final int FREE_SPACE_PARTS = 100;

    private final MetaGroup group;
    private final NodeClaims claims;
    private final Sightings sightings;
    private volatile CopyShare copyShare = new CopyShare(-1, 0);

    private record CopyShare(long index, long bytesPerSecond) {}

    TruthEndpoint(MetaGroup group, Sightings sightings) {
        this.group = group;
        this.claims = new NodeClaims(group);
        this.sightings = sightings;
    }

    /** Nodes ask this several times a second until the cluster is initialised: that must not become commands. */
    @Override
    public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
        return group.look(state -> state.cluster().isPresent())
                .onSuccess(initialised -> {
                    if (!initialised) {
                        sightings.waits(request.getNode());
                    }
                })
                .compose(initialised -> initialised
                        ? group.propose(CommandCodec.of(request))
                        : Future.succeededFuture(MetaRules.notInitialised()))
                .compose(result -> {
                    RegisterNodeResponse.Builder response = RegisterNodeResponse.newBuilder()
                            .setResult(result.truth())
                            .setClusterUuid(result.clusterUuid());
                    if (!result.isOk()) {
                        return Future.succeededFuture(response.build());
                    }
                    sightings.seen(request.getNode().getId());
                    // Only who belongs to the cluster is told what its nodes know one another by.
                    return group.look(TruthEndpoint::membershipKey)
                            .map(key -> response.setMembershipKey(key).build());
                });
    }

    private static ByteString membershipKey(MetaState state) {
        return state.cluster().map(ClusterRecord::getMembershipKey).orElse(ByteString.EMPTY);
    }

    @Override
    public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
        return group.look(state -> isNews(state, request))
                .compose(news -> news
                        ? group.propose(CommandCodec.of(request)).map(MetaResult::truth)
                        : Future.succeededFuture(TruthResult.newBuilder()
                                .setCode(TruthCode.TRUTH_OK)
                                .build()))
                .map(result -> {
                    if (result.getCode() == TruthCode.TRUTH_OK) {
                        sightings.seen(request.getGroup().getNode());
                        sightings.seenGroup(request.getGroup().getUuid());
                    }
                    return RegisterGroupResponse.newBuilder().setResult(result).build();
                });
    }

    /** Whether the truth would be another afterwards, by more than a little free space. */
    private static boolean isNews(MetaState state, RegisterGroupRequest request) {
        DiskGroup told = request.getGroup();
        Optional<DiskGroup> known = state.group(told.getUuid());
        boolean sameProcess = state.node(told.getNode())
                .map(node -> node.getIncarnation() == request.getIncarnation())
                .orElse(false);
        if (known.isEmpty() || !sameProcess || !withoutSpace(known.get()).equals(withoutSpace(told))) {
            return true;
        }
        long moved = Math.max(
                Math.abs(known.get().getFreeBytes() - told.getFreeBytes()),
                Math.abs(known.get().getGuaranteedBytes() - told.getGuaranteedBytes()));
        return moved > told.getCapacityBytes() / FREE_SPACE_PARTS;
    }

    private static DiskGroup withoutSpace(DiskGroup group) {
        DiskGroup.Builder builder =
                group.toBuilder().clearFreeBytes().clearGuaranteedBytes().clearEvicting();
        builder.getDevicesBuilderList().forEach(device -> device.clearFreeBytes());
        return builder.build();
    }

    private record Asker(boolean isKnown, boolean isOfThisHistory) {}

    @Override
    public Future<NodeView> watchNode(WatchNodeRequest request) {
        String node = request.getNode();
        Duration wait = Duration.ofMillis(Integer.toUnsignedLong(request.getWaitMillis()));
        return group.look(state -> new Asker(
                        state.node(node).isPresent(),
                        request.getHistory() == 0 || request.getHistory() == NodeViews.history(state)))
                .onSuccess(asker -> {
                    if (asker.isKnown) {
                        sightings.seen(node);
                    }
                })
                .compose(asker -> asker.isOfThisHistory && request.getAfterVolume() == 0
                        ? group.changed(node, request.getAfterIndex(), pollOf(wait))
                                .map(changed -> changed ? Optional.of(asker) : Optional.<Asker>empty())
                        : Future.succeededFuture(Optional.of(asker)))
                .compose(news -> news.isPresent()
                        ? group.look(state -> view(state, request, news.get()))
                        : group.leader().isEmpty()
                                ? Future.failedFuture(new RefusedException(
                                        GrpcStatus.UNAVAILABLE, "this metadata member knows no leader: it has no news"))
                                : Future.succeededFuture(NodeView.newBuilder()
                                        .setIndex(request.getAfterIndex())
                                        .setChanged(false)
                                        .build()));
    }

    private NodeView view(MetaState state, WatchNodeRequest request, Asker asker) {
        String node = request.getNode();
        long share = copyShare(state);
        boolean isHeld = request.getHolds() && asker.isOfThisHistory && request.getAfterVolume() == 0;
        // After the state, so that nothing is in it that is neither named nor beyond the view's index.
        Optional<Changes.Since> since = isHeld ? group.since(request.getAfterIndex()) : Optional.empty();
        long partBytes = request.getParts() ? NodeViews.PART_BYTES : Long.MAX_VALUE;
        return since.flatMap(
                        news -> NodeViews.since(state, node, share, news.index(), news.volumes(), NodeViews.PART_BYTES))
                .orElseGet(() -> NodeViews.of(state, node, share, request.getAfterVolume(), partBytes));
    }

    /** It takes a look at every slab, and one change wakes many nodes. */
    private long copyShare(MetaState state) {
        long index = state.applied().index();
        CopyShare known = copyShare;
        if (known.index != index) {
            known = new CopyShare(index, NodeViews.copyShare(state));
            copyShare = known;
        }
        return known.bytesPerSecond;
    }

    /** A member that is cut off from the others hears no news: whoever asks it should soon ask elsewhere. */
    private Duration pollOf(Duration wait) {
        Duration longest = group.leader().isEmpty() ? LEADERLESS_POLL : LONGEST_POLL;
        return wait.compareTo(longest) < 0 ? wait : longest;
    }

    @Override
    public Future<ReplicasCreatedResponse> replicasCreated(ReplicasCreatedRequest request) {
        return claims.group(request.getGroup())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(result -> ReplicasCreatedResponse.newBuilder()
                        .setResult(result.truth())
                        .build());
    }

    @Override
    public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
        return claims.group(request.getGroup())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(result -> ReplicasDeletedResponse.newBuilder()
                        .setResult(result.truth())
                        .build());
    }

    @Override
    public Future<TruthResult> replicasGuaranteed(ReplicasGuaranteedRequest request) {
        return claims.group(request.getGroup())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(MetaResult::truth);
    }

    @Override
    public Future<AttachResponse> attach(AttachRequest request) {
        return group.propose(CommandCodec.of(request)).map(result -> {
            AttachResponse.Builder response =
                    AttachResponse.newBuilder().setResult(result.truth()).addAllGroups(result.groups());
            if (result.volume() != null) {
                response.setVolume(result.volume());
            }
            return response.build();
        });
    }

    @Override
    public Future<OpenResponse> open(OpenRequest request) {
        return claims.epoch(request.getVolume(), request.getEpoch())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(result -> OpenResponse.newBuilder()
                        .setResult(result.truth())
                        .addAllSlabs(result.slabs())
                        .build());
    }

    @Override
    public Future<OpenResponse> changeIsr(ChangeIsrRequest request) {
        return claims.epoch(request.getVolume(), request.getEpoch())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(result -> OpenResponse.newBuilder()
                        .setResult(result.truth())
                        .addAllSlabs(result.slabs())
                        .build());
    }

    @Override
    public Future<TruthResult> opened(OpenedRequest request) {
        return claims.epoch(request.getVolume(), request.getEpoch())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(MetaResult::truth);
    }

    @Override
    public Future<TruthResult> detached(DetachedRequest request) {
        return claims.epoch(request.getVolume(), request.getEpoch())
                .compose(own -> group.propose(CommandCodec.of(request)))
                .map(MetaResult::truth);
    }

    @Override
    public Future<TruthResult> reportEvent(ReportEventRequest request) {
        return group.propose(CommandCodec.of(request)).map(MetaResult::truth);
    }

    @Override
    public Future<SightingsResponse> sightings(SightingsRequest request) {
        return Future.succeededFuture(SightingsResponse.newBuilder()
                .setMember(group.self())
                .addAllSightings(sightings.list())
                .setLeader(group.leader().orElse(""))
                .setAppliedIndex(Math.max(0, group.applied()))
                .addAllWaiting(sightings.waiting())
                .addAllGroups(sightings.groups())
                .setTellsGroups(true)
                .build());
    }
}
