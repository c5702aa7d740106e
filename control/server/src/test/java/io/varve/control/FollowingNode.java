package io.varve.control;

import io.varve.api.AttachRequest;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.NodeView;
import io.varve.api.OpenRequest;
import io.varve.api.OpenedRequest;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.WatchNodeRequest;
import io.varve.control.truth.TruthClient;
import io.vertx.core.Future;
import java.util.List;
import java.util.function.Predicate;

/** A data node that does nothing but report: what it is told to make is made, what it is told to open is open. */
final class FollowingNode {
    private final TruthClient truth;
    private final String node;
    private final String group;
    private final long incarnation;
    private volatile boolean fills;
    private volatile boolean stopped;

    FollowingNode(TruthClient truth, String node, String group) {
        this(truth, node, group, 1);
    }

    FollowingNode(TruthClient truth, String node, String group, long incarnation) {
        this.truth = truth;
        this.incarnation = incarnation;
        this.node = node;
        this.group = group;
    }

    /** From now on it also fills copies, as an access point. */
    FollowingNode filling() {
        fills = true;
        return this;
    }

    void start() {
        follow(0);
    }

    void stop() {
        stopped = true;
    }

    private void follow(long seen) {
        if (stopped) {
            return;
        }
        truth.watchNode(WatchNodeRequest.newBuilder()
                        .setNode(node)
                        .setAfterIndex(seen)
                        .setWaitMillis(2_000)
                        .build())
                .compose(view -> act(view).map(view.getIndex()))
                .onSuccess(this::follow)
                .onFailure(failure -> follow(0));
    }

    private Future<Void> act(NodeView view) {
        Future<Void> done = Future.succeededFuture();
        for (Volume volume : view.getVolumesList()) {
            if (!stopped) {
                done = done.compose(before -> act(volume));
            }
        }
        return done;
    }

    private Future<Void> act(Volume volume) {
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return truth.replicasDeleted(ReplicasDeletedRequest.newBuilder()
                            .setVolume(volume.getId())
                            .setGroup(group)
                            .addAllSlabs(slabsHere(volume, phase -> true))
                            .build())
                    .mapEmpty();
        }
        List<Integer> fresh = slabsHere(volume, phase -> phase == ReplicaPhase.REPLICA_NEW);
        if (!fresh.isEmpty()) {
            return truth.replicasCreated(ReplicasCreatedRequest.newBuilder()
                            .setVolume(volume.getId())
                            .setGroup(group)
                            .addAllSlabs(fresh)
                            .build())
                    .mapEmpty();
        }
        List<Integer> gone = slabsHere(volume, phase -> phase == ReplicaPhase.REPLICA_LEAVING).stream()
                .filter(slab -> !volume.getSlabs(slab).getIsrList().contains(group))
                .toList();
        if (!gone.isEmpty()) {
            return truth.replicasDeleted(ReplicasDeletedRequest.newBuilder()
                            .setVolume(volume.getId())
                            .setGroup(group)
                            .addAllSlabs(gone)
                            .build())
                    .mapEmpty();
        }
        boolean attachedHere = volume.getAttachment().getNode().equals(node);
        if (volume.getWantedNode().equals(node) && !attachedHere && volume.getState() != VolumeState.VOLUME_CREATING) {
            return attach(volume);
        }
        if (attachedHere && !volume.getWantedNode().equals(node)) {
            return truth.detached(DetachedRequest.newBuilder()
                            .setVolume(volume.getId())
                            .setEpoch(volume.getEpoch())
                            .build())
                    .mapEmpty();
        }
        boolean settles = fills && attachedHere && volume.getAttachment().getOpen();
        return settles ? settle(volume) : Future.succeededFuture();
    }

    /** Every copy that was made is filled at once, and one that is to go leaves the set when others are in it. */
    private Future<Void> settle(Volume volume) {
        ChangeIsrRequest.Builder change =
                ChangeIsrRequest.newBuilder().setVolume(volume.getId()).setEpoch(volume.getEpoch());
        for (Slab slab : volume.getSlabsList()) {
            List<String> set = slab.getReplicasList().stream()
                    .filter(replica -> replica.getPhase() == ReplicaPhase.REPLICA_CREATED)
                    .map(Replica::getGroup)
                    .toList();
            if (set.size() >= volume.getReplicas() && !set.equals(slab.getIsrList())) {
                change.addSlabs(SlabIsr.newBuilder()
                        .setIndex(slab.getIndex())
                        .setGen(slab.getGen())
                        .addAllIsr(set));
            }
        }
        return change.getSlabsCount() == 0
                ? Future.succeededFuture()
                : truth.changeIsr(change.build()).mapEmpty();
    }

    private List<Integer> slabsHere(Volume volume, Predicate<ReplicaPhase> which) {
        return volume.getSlabsList().stream()
                .filter(slab -> slab.getReplicasList().stream()
                        .anyMatch(replica -> replica.getGroup().equals(group) && which.test(replica.getPhase())))
                .map(Slab::getIndex)
                .toList();
    }

    private Future<Void> attach(Volume volume) {
        return truth.attach(AttachRequest.newBuilder()
                        .setVolume(volume.getId())
                        .setExpectedEpoch(volume.getEpoch())
                        .setNode(node)
                        .setIncarnation(incarnation)
                        .setAttachId(node + volume.getEpoch())
                        .build())
                .compose(attached -> {
                    OpenRequest.Builder open = OpenRequest.newBuilder()
                            .setVolume(volume.getId())
                            .setEpoch(attached.getVolume().getEpoch());
                    for (Slab slab : attached.getVolume().getSlabsList()) {
                        open.addSlabs(SlabOpen.newBuilder()
                                .setIndex(slab.getIndex())
                                .setGen(slab.getGen())
                                .addAllIsr(slab.getIsrList())
                                .setStartSeq(1));
                    }
                    return truth.open(open.build())
                            .compose(opened -> truth.opened(OpenedRequest.newBuilder()
                                    .setVolume(volume.getId())
                                    .setEpoch(attached.getVolume().getEpoch())
                                    .setNbdUri("nbd://" + node + "/" + volume.getName())
                                    .build()));
                })
                .mapEmpty();
    }
}
