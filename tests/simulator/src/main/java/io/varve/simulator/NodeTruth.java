package io.varve.simulator;

import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.DetachedRequest;
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
import io.varve.api.TruthResult;
import io.varve.api.TruthService;
import io.varve.api.WatchNodeRequest;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaResult;
import io.varve.dataplane.agent.HeldView;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.vertx.core.Future;
import java.util.Set;

/** The metadata group as one life of one node sees it: in place of the client, the network and a member's endpoint. */
final class NodeTruth extends TruthService {
    private final Metadata metadata;
    private final String node;
    private final Loop loop;
    /** As the node has it, which asks for nothing else. */
    private final HeldView held = new HeldView();

    NodeTruth(Metadata metadata, String node, Loop loop) {
        this.metadata = metadata;
        this.node = node;
        this.loop = loop;
    }

    private Future<MetaResult> propose(MetaCommand command) {
        return metadata.propose(node, loop, command);
    }

    @Override
    public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
        return propose(CommandCodec.of(request))
                .map(result -> RegisterNodeResponse.newBuilder()
                        .setResult(result.truth())
                        .setClusterUuid(result.clusterUuid())
                        .build());
    }

    @Override
    public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
        return propose(CommandCodec.of(request))
                .map(result -> RegisterGroupResponse.newBuilder()
                        .setResult(result.truth())
                        .build());
    }

    @Override
    public Future<NodeView> watchNode(WatchNodeRequest request) {
        return metadata.watch(loop, request).map(told -> {
            if (told == null) {
                return NodeView.newBuilder()
                        .setIndex(request.getAfterIndex())
                        .setChanged(false)
                        .build();
            }
            boolean isTaken = held.take(told.answer()) == HeldView.Taken.NEWS;
            Invariant.check(
                    !isTaken
                            || Set.copyOf(held.view().getVolumesList())
                                    .equals(Set.copyOf(told.whole().getVolumesList())),
                    "a node that is told what changed has the whole view");
            return told.answer();
        });
    }

    @Override
    public Future<ReplicasCreatedResponse> replicasCreated(ReplicasCreatedRequest request) {
        return propose(CommandCodec.of(request))
                .map(result -> ReplicasCreatedResponse.newBuilder()
                        .setResult(result.truth())
                        .build());
    }

    @Override
    public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
        return propose(CommandCodec.of(request))
                .map(result -> ReplicasDeletedResponse.newBuilder()
                        .setResult(result.truth())
                        .build());
    }

    @Override
    public Future<TruthResult> replicasGuaranteed(ReplicasGuaranteedRequest request) {
        return propose(CommandCodec.of(request)).map(MetaResult::truth);
    }

    @Override
    public Future<AttachResponse> attach(AttachRequest request) {
        return propose(CommandCodec.of(request)).map(result -> {
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
        return propose(CommandCodec.of(request)).map(NodeTruth::opened);
    }

    @Override
    public Future<OpenResponse> changeIsr(ChangeIsrRequest request) {
        return propose(CommandCodec.of(request)).map(NodeTruth::opened);
    }

    private static OpenResponse opened(MetaResult result) {
        return OpenResponse.newBuilder()
                .setResult(result.truth())
                .addAllSlabs(result.slabs())
                .build();
    }

    @Override
    public Future<TruthResult> opened(OpenedRequest request) {
        return propose(CommandCodec.of(request)).map(MetaResult::truth);
    }

    @Override
    public Future<TruthResult> detached(DetachedRequest request) {
        return propose(CommandCodec.of(request)).map(MetaResult::truth);
    }

    @Override
    public Future<TruthResult> reportEvent(ReportEventRequest request) {
        return propose(CommandCodec.of(request)).map(MetaResult::truth);
    }

    @Override
    public Future<SightingsResponse> sightings(SightingsRequest request) {
        return Future.failedFuture("members do not ask one another here");
    }
}
