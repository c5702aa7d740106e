package io.varve.control.api;

import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DeleteVolumeResponse;
import io.varve.api.DiskGroup;
import io.varve.api.GetVolumeRequest;
import io.varve.api.Label;
import io.varve.api.Node;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.health.CopiesInSync;
import io.varve.control.meta.GuaranteeRules;
import io.varve.control.meta.LimitRules;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaState;
import io.varve.control.placement.Candidate;
import io.varve.control.placement.Placement;
import io.varve.control.placement.Wish;
import io.varve.model.ByteSize;
import io.varve.model.Geometry;
import io.varve.model.Guarantee;
import io.varve.model.Redundancy;
import io.varve.model.StreamId;
import io.varve.model.VolumeName;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * How volumes come into being and go, as people ask for it. Each call changes the truth and then waits, watching the local copy, until the
 * nodes concerned have followed. Where a volume is attached: {@link VolumePlaces}.
 */
final class VolumeCalls {
    /** Making or forgetting replicas takes milliseconds where the nodes are there; else it goes on behind. */
    private static final Duration REPLICA_WAIT = Duration.ofSeconds(10);

    /** Each of them loses only to a planner that opens the volume again in that very moment. */
    private static final int DELETE_TRIES = 5;

    /** Whoever waits for a volume to be open asks again, so that a lost connection is noticed. */
    private static final Duration LONGEST_LOOK = Duration.ofSeconds(10);

    private static final int DEFAULT_REPLICAS = 2;

    /** Who claims a volume, where, and why: some words each. */
    private static final int MAX_LABELS = 32;

    private static final int MAX_LABEL_LENGTH = 512;

    private final MetaGroup group;
    private final StatusReport report;

    VolumeCalls(MetaGroup group, StatusReport report) {
        this.group = group;
        this.report = report;
    }

    // ------------------------------------------------------------------ look

    /** At once, or when it is open in a newer epoch than the one that the caller knows. */
    Future<Volume> get(GetVolumeRequest request) {
        if (request.getWaitMillis() == 0) {
            return request.hasAtLeastIndex()
                    ? findSince(request.getName(), request.getAtLeastIndex())
                    : find(request.getName());
        }
        Duration asked = Duration.ofMillis(Integer.toUnsignedLong(request.getWaitMillis()));
        return group.waitFor(
                        0,
                        state -> state.volume(request.getName())
                                .filter(volume -> isOpenAfter(volume, request.getAfterEpoch())
                                        || isLargerThan(volume, request.getAfterSizeBytes()))
                                .flatMap(volume -> whole(state, request.getName())),
                        asked.compareTo(LONGEST_LOOK) < 0 ? asked : LONGEST_LOOK)
                .compose(open -> open.map(Future::succeededFuture).orElseGet(() -> find(request.getName())));
    }

    private static boolean isOpenAfter(Volume volume, int epoch) {
        return volume.getAttachment().getOpen()
                && Integer.compareUnsigned(volume.getAttachment().getEpoch(), epoch) > 0;
    }

    /** What clients may use is more than that by now; 0: nobody asked. */
    private static boolean isLargerThan(Volume volume, long bytes) {
        return bytes != 0
                && volume.getAttachment().getOpen()
                && volume.getAttachment().getSizeBytes() > bytes;
    }

    Future<Volume> find(String name) {
        return group.lookUpToDate(state -> whole(state, name)).compose(found -> orNotFound(found, name));
    }

    /** The same from the local copy, when that holds everything up to the index and the volume; it may lag behind what is true. */
    private Future<Volume> findSince(String name, long index) {
        return group.look(state -> state.applied().index() < index ? Optional.<Volume>empty() : whole(state, name))
                .compose(found -> found.map(Future::succeededFuture).orElseGet(() -> find(name)));
    }

    static Optional<Volume> whole(MetaState state, String name) {
        return state.volume(name)
                .map(state::withSlabs)
                .map(volume -> CopiesInSync.told(volume, groups(state)))
                .map(volume -> volume.toBuilder()
                        .setAsOfIndex(Math.max(0, state.applied().index()))
                        .build());
    }

    static List<Volume> all(MetaState state) {
        Map<String, DiskGroup> groups = groups(state);
        return state.volumes().stream()
                .map(state::withSlabs)
                .map(volume -> CopiesInSync.told(volume, groups))
                .toList();
    }

    private static Map<String, DiskGroup> groups(MetaState state) {
        return state.groups().stream().collect(Collectors.toMap(DiskGroup::getUuid, Function.identity()));
    }

    private static Future<Volume> orNotFound(Optional<Volume> found, String name) {
        return found.map(Future::succeededFuture).orElseGet(() -> Future.failedFuture(notFound(name)));
    }

    static RefusedException notFound(String name) {
        return new RefusedException(
                GrpcStatus.NOT_FOUND,
                "there is no volume '" + name + "': varve volume list shows those that there are");
    }

    // ------------------------------------------------------------------ create

    Future<Volume> create(CreateVolumeRequest request) {
        int replicas = request.getReplicas() == 0 ? DEFAULT_REPLICAS : request.getReplicas();
        Optional<String> objection = objection(request, replicas);
        if (objection.isPresent()) {
            return Future.failedFuture(new RefusedException(GrpcStatus.INVALID_ARGUMENT, objection.get()));
        }
        return report.heard()
                .compose(heard -> group.lookUpToDate(state -> creation(state, request, replicas, heard)))
                .compose(creation -> switch (creation) {
                    case Creation.Refused refused -> Future.failedFuture(refused.why);
                    case Creation.Repeated(var index, var volume) -> waitUntilCreated(index, volume);
                    case Creation.Proposed proposed ->
                        group.propose(proposed.command)
                                .compose(Failures::demandOk)
                                .compose(result -> waitUntilCreated(result.index(), result.requireVolume()));
                });
    }

    private static Optional<String> objection(CreateVolumeRequest request, int replicas) {
        long size = request.getSizeBytes();
        if (!VolumeName.isValid(request.getName())) {
            return Optional.of("'" + request.getName() + "' is not a volume name: use 1 to " + VolumeName.MAX_LENGTH
                    + " lower-case letters, digits, '-' and single '.', beginning and ending with a letter or digit");
        }
        if (size <= 0 || size % Geometry.BLOCK_BYTES != 0) {
            return Optional.of("the size of a volume is a multiple of 4KiB and not zero, for example 20GiB");
        }
        if (Math.ceilDiv(size, Geometry.SLAB_BYTES) > StreamId.MAX_SLABS) {
            return Optional.of("a volume is at most 512TiB large");
        }
        if (replicas < 1 || replicas > 3) {
            return Optional.of("a volume has 1, 2 or 3 replicas, not " + replicas);
        }
        String fewest = Redundancy.objection(replicas, request.getMinInSync());
        String limits = LimitRules.of(request.getLimits()).objection();
        return !fewest.isEmpty()
                ? Optional.of(fewest)
                : !limits.isEmpty()
                        ? Optional.of(limits)
                        : labelObjection(request.getLabelsList())
                                .or(() -> PlacementWishes.objection(request.getWish()));
    }

    private static Optional<String> labelObjection(List<Label> labels) {
        if (labels.size() > MAX_LABELS) {
            return Optional.of("a volume has at most " + MAX_LABELS + " labels, not " + labels.size());
        }
        Set<String> keys = new HashSet<>();
        for (Label label : labels) {
            if (label.getKey().isEmpty()
                    || label.getKey().length() + label.getValue().length() > MAX_LABEL_LENGTH) {
                return Optional.of("a label has a key, and together with its value at most " + MAX_LABEL_LENGTH
                        + " characters: '" + label.getKey() + "'");
            }
            if (!keys.add(label.getKey())) {
                return Optional.of("the label '" + label.getKey() + "' is there twice");
            }
        }
        return Optional.empty();
    }

    private sealed interface Creation {
        record Proposed(MetaCommand command) implements Creation {}

        /** An earlier try of the same request made it. */
        record Repeated(long index, Volume volume) implements Creation {}

        record Refused(RefusedException why) implements Creation {}
    }

    private static Creation creation(
            MetaState state, CreateVolumeRequest request, int replicas, StatusReport.Heard heard) {
        if (state.cluster().isEmpty()) {
            return new Creation.Refused(new RefusedException("the cluster is not initialised: run varve cluster init"));
        }
        Optional<Volume> namesake = whole(state, request.getName());
        if (namesake.isPresent() && isMadeBy(namesake.get(), request)) {
            return new Creation.Repeated(state.applied().index(), namesake.get());
        }
        if (namesake.isPresent()) {
            return new Creation.Refused(new RefusedException(
                    GrpcStatus.ALREADY_EXISTS, "there is already a volume '" + request.getName() + "'"));
        }
        int slabs = (int) Math.ceilDiv(request.getSizeBytes(), Geometry.SLAB_BYTES);
        Wish wish = PlacementWishes.of(state, request.getWish(), request.getSizeBytes());
        long guaranteed = request.getThick() ? request.getSizeBytes() : 0;
        List<Candidate> candidates = candidates(state, heard);
        return switch (Placement.place(
                candidates, slabs, replicas, wish, slab -> Guarantee.ofSlab(guaranteed, Geometry.SLAB_BYTES, slab))) {
            case Placement.Answer.Impossible impossible
            when request.getThick() ->
                new Creation.Refused(new RefusedException(
                        GrpcStatus.RESOURCE_EXHAUSTED,
                        "a thick volume of " + new ByteSize(request.getSizeBytes()) + " with " + replicas
                                + (replicas == 1 ? " replica " : " replicas ") + impossible.reason()
                                + "; the largest that fits now is "
                                + new ByteSize(Placement.largest(
                                        candidates, replicas, wish, Geometry.SLAB_BYTES, request.getSizeBytes()))));
            case Placement.Answer.Impossible impossible ->
                new Creation.Refused(new RefusedException("a volume with " + replicas
                        + (replicas == 1 ? " replica " : " replicas ") + impossible.reason()));
            case Placement.Answer.Placed placed ->
                new Creation.Proposed(new CreateVolume(
                        request.getName(),
                        request.getSizeBytes(),
                        replicas,
                        Geometry.SLAB_BYTES,
                        System.currentTimeMillis(),
                        placed.slabs(),
                        // The command itself may reach the log twice.
                        request.getRequestId().isEmpty() ? UUID.randomUUID().toString() : request.getRequestId(),
                        true,
                        request.getLabelsList().stream()
                                .sorted(Comparator.comparing(Label::getKey))
                                .toList(),
                        request.getMinInSync(),
                        request.getWish(),
                        request.getLimits(),
                        request.getThick()));
        };
    }

    private static boolean isMadeBy(Volume volume, CreateVolumeRequest request) {
        return !request.getRequestId().isEmpty() && volume.getRequestId().equals(request.getRequestId());
    }

    static List<Candidate> candidates(MetaState state, StatusReport.Heard heard) {
        Map<String, Long> placed = new HashMap<>();
        Map<String, Long> claimed = new HashMap<>();
        for (Volume volume : state.volumes()) {
            List<Slab> slabs = new ArrayList<>(state.slabs(volume.getId()));
            slabs.addAll(volume.getGrowth().getSlabsList());
            for (Slab slab : slabs) {
                for (Replica replica : slab.getReplicasList()) {
                    placed.merge(replica.getGroup(), 1L, Long::sum);
                    // What it is yet to keep room for is free only until then.
                    long lacking = GuaranteeRules.wanted(volume, slab.getIndex()) - replica.getGuaranteedBytes();
                    claimed.merge(replica.getGroup(), Math.max(0, lacking), Long::sum);
                }
            }
        }
        List<Candidate> candidates = new ArrayList<>();
        for (var group : state.groups()) {
            candidates.add(new Candidate(
                            group.getUuid(),
                            group.getNode(),
                            state.node(group.getNode()).map(Node::getZone).orElse(""),
                            group.getCapacityBytes(),
                            group.getFreeBytes(),
                            placed.getOrDefault(group.getUuid(), 0L),
                            heard.isLately(group) && stays(state, group))
                    .less(claimed.getOrDefault(group.getUuid(), 0L)));
        }
        return candidates;
    }

    /** Nothing new comes to what is to go. */
    private static boolean stays(MetaState state, DiskGroup group) {
        return !group.getEvicting()
                && group.getDevicesList().stream()
                        .noneMatch(device -> device.getState().equals("FAILED"))
                && !state.node(group.getNode()).map(Node::getDraining).orElse(false);
    }

    /** Waits a little so that the volume can be attached at once; it exists, whatever comes of that. */
    private Future<Volume> waitUntilCreated(long index, Volume created) {
        return group.waitFor(
                        index,
                        state -> Optional.of(state.volume(created.getId())
                                        .map(volume ->
                                                whole(state, volume.getName()).orElse(volume))
                                        .orElse(created.toBuilder()
                                                .setState(VolumeState.VOLUME_DELETING)
                                                .build()))
                                .filter(volume -> volume.getState() != VolumeState.VOLUME_CREATING),
                        REPLICA_WAIT)
                .compose(made -> made.filter(
                                volume -> created.getThick() && volume.getState() == VolumeState.VOLUME_DELETING)
                        .map(undone -> Future.<Volume>failedFuture(new RefusedException(
                                GrpcStatus.RESOURCE_EXHAUSTED,
                                "volume '" + created.getName() + "' was not created: "
                                        + (undone.getRefusal().isEmpty()
                                                ? "it was deleted, varve events tells why"
                                                : undone.getRefusal()))))
                        .orElseGet(() -> Future.succeededFuture(made.orElse(created))));
    }

    // ------------------------------------------------------------------ publish

    Future<Volume> publish(PublishVolumeRequest request) {
        return find(request.getName())
                .compose(volume -> group.propose(new PublishVolume(
                        volume.getId(), request.getNode(), request.getReadOnly(), request.getState())))
                .compose(Failures::demandOk)
                .map(MetaResult::requireVolume);
    }

    // ------------------------------------------------------------------ delete

    Future<DeleteVolumeResponse> delete(DeleteVolumeRequest request) {
        return find(request.getName())
                .compose(volume -> deleted(volume, DELETE_TRIES)
                        .compose(result -> report.heard()
                                .compose(heard -> group.waitFor(
                                        result.index(),
                                        state -> deletionEnd(state, volume.getId(), heard),
                                        REPLICA_WAIT)))
                        .compose(end -> end.map(Future::succeededFuture)
                                .orElseGet(() -> group.look(state -> holders(state, volume.getId())))))
                .map(left -> DeleteVolumeResponse.newBuilder()
                        .addAllWaitsForNodes(left)
                        .build());
    }

    /** The planner may open it for its copies again before it is deleted: then it is let go of once more. */
    private Future<MetaResult> deleted(Volume volume, int tries) {
        return (volume.getMaintenance() ? released(volume) : Future.succeededFuture(volume))
                .compose(free -> group.propose(new DeleteVolume(free.getId())))
                .compose(result -> result.isOk() || tries == 1
                        ? Failures.demandOk(result)
                        : find(volume.getName())
                                .compose(now ->
                                        now.getMaintenance() ? deleted(now, tries - 1) : Failures.demandOk(result)));
    }

    /** What is open for its copies only is let go of first: to people it is detached. */
    private Future<Volume> released(Volume volume) {
        return group.propose(new WantNode(volume.getId(), "", true))
                .compose(result -> group.waitFor(
                        result.index(),
                        state -> state.volume(volume.getId()).filter(now -> !now.hasAttachment()),
                        REPLICA_WAIT))
                .map(detached -> volume);
    }

    /**
     * The nodes that still hold a copy, when that are none, or only such as were not heard from lately: waiting for these is in vain. Else empty.
     */
    private static Optional<Set<String>> deletionEnd(MetaState state, long volume, StatusReport.Heard heard) {
        Set<String> holders = holders(state, volume);
        return holders.stream().anyMatch(heard::isLately) ? Optional.empty() : Optional.of(holders);
    }

    private static Set<String> holders(MetaState state, long volume) {
        return state.volume(volume)
                .map(found -> Progress.nodesWith(state, state.withSlabs(found), replica -> true))
                .orElse(Set.of());
    }
}
