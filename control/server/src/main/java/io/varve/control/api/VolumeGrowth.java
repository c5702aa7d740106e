package io.varve.control.api;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ResizeVolumeRequest;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.control.meta.GrowthRules;
import io.varve.control.meta.GuaranteeRules;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaState;
import io.varve.control.placement.Candidate;
import io.varve.control.placement.Placement;
import io.varve.model.ByteSize;
import io.varve.model.Guarantee;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;

/** A volume grows, as people ask for it: docs/internals/resize.md. */
final class VolumeGrowth {
    /** Making replicas takes milliseconds, opening them too, where the nodes are there. */
    private static final Duration DEFAULT_WAIT = Duration.ofSeconds(30);

    private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

    private final MetaGroup group;
    private final StatusReport report;

    VolumeGrowth(MetaGroup group, StatusReport report) {
        this.group = group;
        this.report = report;
    }

    private sealed interface Growing {
        record Proposed(ResizeVolume command) implements Growing {}

        /** It has that size, or is about to. */
        record Settled(long index, Volume volume) implements Growing {}

        record Refused(RefusedException why) implements Growing {}
    }

    Future<Volume> resize(ResizeVolumeRequest request) {
        String id = request.getRequestId().isEmpty() ? UUID.randomUUID().toString() : request.getRequestId();
        return report.heard()
                .compose(heard -> group.lookUpToDate(state -> growing(state, request, id, heard)))
                .compose(growing -> switch (growing) {
                    case Growing.Refused refused -> Future.failedFuture(refused.why);
                    case Growing.Settled(var index, var volume) -> grown(index, volume, request);
                    case Growing.Proposed proposed ->
                        group.propose(proposed.command)
                                .compose(Failures::demandOk)
                                .compose(result -> grown(result.index(), result.requireVolume(), request));
                });
    }

    private static Growing growing(MetaState state, ResizeVolumeRequest request, String id, StatusReport.Heard heard) {
        Optional<Volume> found = VolumeCalls.whole(state, request.getName());
        if (found.isEmpty()) {
            return new Growing.Refused(VolumeCalls.notFound(request.getName()));
        }
        Volume volume = found.get();
        long target = volume.hasGrowth() ? volume.getGrowth().getSizeBytes() : volume.getSizeBytes();
        if (volume.getResizeRequestId().equals(id) || target == request.getSizeBytes()) {
            return new Growing.Settled(state.applied().index(), volume);
        }
        Optional<String> objection = GrowthRules.objection(volume, request.getSizeBytes());
        if (objection.isPresent()) {
            return new Growing.Refused(new RefusedException(
                    request.getSizeBytes() < target ? GrpcStatus.OUT_OF_RANGE : GrpcStatus.FAILED_PRECONDITION,
                    objection.get()));
        }
        int slabs = (int) Math.ceilDiv(request.getSizeBytes(), volume.getSlabBytes()) - volume.getSlabsCount();
        Map<String, Long> more = volume.getThick() ? claimed(volume, request.getSizeBytes()) : Map.of();
        List<Candidate> candidates = VolumeCalls.candidates(state, heard);
        Optional<String> noRoom = lacking(candidates, more);
        if (noRoom.isPresent()) {
            return new Growing.Refused(new RefusedException(
                    GrpcStatus.RESOURCE_EXHAUSTED,
                    "thick volume '" + volume.getName() + "' cannot grow to " + new ByteSize(request.getSizeBytes())
                            + ": " + noRoom.get()));
        }
        if (slabs == 0) {
            return new Growing.Proposed(
                    new ResizeVolume(volume.getId(), volume.getSizeBytes(), request.getSizeBytes(), List.of(), id));
        }
        long guaranteed = volume.getThick() ? request.getSizeBytes() : 0;
        return switch (Placement.grow(
                candidates.stream()
                        .map(candidate -> candidate.less(more.getOrDefault(candidate.group(), 0L)))
                        .toList(),
                volume.getSlabsList().stream().map(VolumeGrowth::groups).toList(),
                slabs,
                volume.getReplicas(),
                PlacementWishes.of(state, volume.getWish(), request.getSizeBytes() - volume.getSizeBytes()),
                slab -> Guarantee.ofSlab(guaranteed, volume.getSlabBytes(), slab))) {
            case Placement.Answer.Impossible impossible
            when volume.getThick() ->
                new Growing.Refused(new RefusedException(
                        GrpcStatus.RESOURCE_EXHAUSTED,
                        "thick volume '" + volume.getName() + "', grown to " + new ByteSize(request.getSizeBytes())
                                + " with " + volume.getReplicas() + " replicas, " + impossible.reason()));
            case Placement.Answer.Impossible impossible ->
                new Growing.Refused(new RefusedException("a volume with " + volume.getReplicas()
                        + (volume.getReplicas() == 1 ? " replica " : " replicas ") + impossible.reason()));
            case Placement.Answer.Placed placed ->
                new Growing.Proposed(new ResizeVolume(
                        volume.getId(), volume.getSizeBytes(), request.getSizeBytes(), placed.slabs(), id));
        };
    }

    /** What the copies that there are keep room for beyond what they do now, by disk group. */
    private static Map<String, Long> claimed(Volume volume, long sizeBytes) {
        Map<String, Long> claimed = new HashMap<>();
        for (Slab slab : volume.getSlabsList()) {
            long more = Guarantee.ofSlab(sizeBytes, volume.getSlabBytes(), slab.getIndex())
                    - GuaranteeRules.wanted(volume, slab.getIndex());
            slab.getReplicasList().forEach(replica -> claimed.merge(replica.getGroup(), more, Long::sum));
        }
        return claimed;
    }

    /** Which disk group has no room for that; empty: all have. */
    private static Optional<String> lacking(List<Candidate> candidates, Map<String, Long> claimed) {
        for (Candidate candidate : candidates) {
            long needed = claimed.getOrDefault(candidate.group(), 0L);
            long room = candidate.room(Placement.FULL_PERCENT);
            if (needed > room) {
                return Optional.of("a disk group of node " + candidate.node() + " has "
                        + new ByteSize(room).rounded() + " for new data below " + Placement.FULL_PERCENT
                        + " % full, and it needs " + new ByteSize(needed).rounded());
            }
        }
        return Optional.empty();
    }

    private static List<String> groups(Slab slab) {
        return slab.getReplicasList().stream().map(Replica::getGroup).toList();
    }

    private Future<Volume> grown(long index, Volume volume, ResizeVolumeRequest request) {
        Duration wait = request.getTimeoutSeconds() <= 0
                ? DEFAULT_WAIT
                : Duration.ofSeconds(Math.min(request.getTimeoutSeconds(), LONGEST_WAIT.toSeconds()));
        return group.waitFor(
                        index,
                        state -> VolumeCalls.whole(state, request.getName())
                                .filter(now -> now.getId() != volume.getId()
                                        || isUsable(now, request.getSizeBytes())
                                        || isRefused(now, request.getSizeBytes())),
                        wait)
                .compose(end -> end.map(now -> isRefused(now, request.getSizeBytes())
                                ? Future.<Volume>failedFuture(new RefusedException(
                                        GrpcStatus.RESOURCE_EXHAUSTED,
                                        "volume '" + request.getName() + "' was not grown: " + now.getRefusal()))
                                : Future.succeededFuture(now))
                        .orElseGet(() -> report.heard()
                                .compose(heard -> group.look(state -> VolumeCalls.whole(state, request.getName())
                                        .map(now -> waitsFor(state, now, heard))
                                        .orElse("it is gone")))
                                .compose(why -> Future.failedFuture(new RefusedException(
                                        GrpcStatus.DEADLINE_EXCEEDED,
                                        "volume '" + request.getName() + "' has not grown to "
                                                + new ByteSize(request.getSizeBytes()) + " after " + wait.toSeconds()
                                                + " s: " + why + "; this goes on, varve volume show tells how far")))));
    }

    /** Whoever has it attached may use that much; or nobody has, and whoever attaches it next may. */
    private static boolean isUsable(Volume volume, long sizeBytes) {
        return volume.getSizeBytes() >= sizeBytes
                && (!volume.getAttachment().getOpen()
                        || volume.getMaintenance()
                        || volume.getAttachment().getSizeBytes() >= sizeBytes);
    }

    private static boolean isRefused(Volume volume, long sizeBytes) {
        return !volume.getRefusal().isEmpty()
                && volume.getSizeBytes() < sizeBytes
                && (!volume.hasGrowth() || volume.getGrowth().getRefused());
    }

    private static String waitsFor(MetaState state, Volume volume, StatusReport.Heard heard) {
        if (!volume.hasGrowth()) {
            return "node " + volume.getAttachment().getNode() + " has yet to open what was added";
        }
        Set<String> nodes = new TreeSet<>();
        for (Slab slab : volume.getGrowth().getSlabsList()) {
            for (Replica replica : slab.getReplicasList()) {
                if (replica.getPhase() == ReplicaPhase.REPLICA_NEW) {
                    state.group(replica.getGroup()).ifPresent(at -> nodes.add(at.getNode()));
                }
            }
        }
        return nodes.isEmpty()
                ? "it is being attached"
                : "its new copies are to be made on " + Progress.told(nodes, heard)
                        + (nodes.stream().allMatch(heard::isLately) ? "" : ", or elsewhere after rebuild.grace");
    }
}
