package io.varve.csi;

import com.google.protobuf.Int64Value;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.Label;
import io.varve.api.ListDiskGroupsRequest;
import io.varve.api.ListNodesRequest;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.ResizeVolumeRequest;
import io.varve.api.SetReplicasRequest;
import io.varve.api.Volume;
import io.varve.api.VolumeLimits;
import io.varve.api.VolumeState;
import io.varve.csi.spec.ControllerExpandVolumeRequest;
import io.varve.csi.spec.ControllerExpandVolumeResponse;
import io.varve.csi.spec.ControllerGetCapabilitiesResponse;
import io.varve.csi.spec.ControllerGetVolumeRequest;
import io.varve.csi.spec.ControllerGetVolumeResponse;
import io.varve.csi.spec.ControllerModifyVolumeRequest;
import io.varve.csi.spec.ControllerModifyVolumeResponse;
import io.varve.csi.spec.ControllerPublishVolumeRequest;
import io.varve.csi.spec.ControllerPublishVolumeResponse;
import io.varve.csi.spec.ControllerServiceCapability;
import io.varve.csi.spec.ControllerUnpublishVolumeRequest;
import io.varve.csi.spec.ControllerUnpublishVolumeResponse;
import io.varve.csi.spec.CreateVolumeResponse;
import io.varve.csi.spec.DeleteVolumeResponse;
import io.varve.csi.spec.GetCapacityRequest;
import io.varve.csi.spec.GetCapacityResponse;
import io.varve.csi.spec.ListVolumesResponse;
import io.varve.csi.spec.ValidateVolumeCapabilitiesRequest;
import io.varve.csi.spec.ValidateVolumeCapabilitiesResponse;
import io.varve.csi.spec.VolumeCapability;
import io.varve.model.ByteSize;
import io.varve.model.VolumeName;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The Controller service: what the cluster is asked for. Holds nothing: of two controllers neither knows less. */
final class ControllerCalls {
    private static final Logger LOG = LoggerFactory.getLogger(ControllerCalls.class);
    private static final Duration LIMIT = Duration.ofSeconds(45);
    /** For an access point to open or close; the callers repeat what takes longer. */
    private static final int WAIT_SECONDS = 30;

    private final Cluster cluster;
    private final Machines machines;
    private final Pending pending = new Pending();

    ControllerCalls(Cluster cluster, Machines machines) {
        this.cluster = cluster;
        this.machines = machines;
    }

    static ControllerGetCapabilitiesResponse capabilities() {
        ControllerGetCapabilitiesResponse.Builder all = ControllerGetCapabilitiesResponse.newBuilder();
        Stream.of(
                        ControllerServiceCapability.RPC.Type.CREATE_DELETE_VOLUME,
                        ControllerServiceCapability.RPC.Type.PUBLISH_UNPUBLISH_VOLUME,
                        ControllerServiceCapability.RPC.Type.PUBLISH_READONLY,
                        ControllerServiceCapability.RPC.Type.LIST_VOLUMES,
                        ControllerServiceCapability.RPC.Type.LIST_VOLUMES_PUBLISHED_NODES,
                        ControllerServiceCapability.RPC.Type.GET_CAPACITY,
                        ControllerServiceCapability.RPC.Type.GET_VOLUME,
                        ControllerServiceCapability.RPC.Type.EXPAND_VOLUME,
                        ControllerServiceCapability.RPC.Type.MODIFY_VOLUME,
                        ControllerServiceCapability.RPC.Type.SINGLE_NODE_MULTI_WRITER)
                .forEach(type -> all.addCapabilities(ControllerServiceCapability.newBuilder()
                        .setRpc(ControllerServiceCapability.RPC.newBuilder().setType(type))));
        return all.build();
    }

    // ------------------------------------------------------------------ create, delete

    CreateVolumeResponse create(io.varve.csi.spec.CreateVolumeRequest request) {
        String asked = CsiFailure.required(request.getName(), "name");
        Capabilities.require(request.getVolumeCapabilitiesList());
        Parameters parameters = Parameters.of(request.getParametersMap(), request.getChangeableParametersMap());
        VolumeLimits limits = Changes.limits(request.getParametersMap(), request.getChangeableParametersMap());
        long size = Sizes.of(request.getCapacityRange());
        if (request.hasVolumeContentSource()) {
            throw CsiFailure.invalid("volume_content_source: this driver has no snapshots and no clones yet");
        }
        String name = VolumeIds.of(asked);
        return pending.alone(name, () -> {
            CreateVolumeRequest.Builder wanted = CreateVolumeRequest.newBuilder()
                    .setName(name)
                    .setSizeBytes(size)
                    .setReplicas(parameters.replicas())
                    .setRequestId(VolumeIds.requestId(asked))
                    .setWish(Topologies.wish(request.getAccessibilityRequirements(), parameters.distinctZones()))
                    .setThick(parameters.thick());
            if (!limits.equals(VolumeLimits.getDefaultInstance())) {
                wanted.setLimits(limits);
            }
            Parameters.labels(request.getParametersMap())
                    .forEach((key, value) ->
                            wanted.addLabels(Label.newBuilder().setKey(key).setValue(value)));
            Volume made = find(name)
                    .filter(there -> there.getState() != VolumeState.VOLUME_DELETING)
                    .orElseGet(() -> made(wanted.build()));
            boolean compatible = made.getRequestId().equals(VolumeIds.requestId(asked))
                    && Sizes.holds(request.getCapacityRange(), made.getSizeBytes())
                    && made.getReplicas() == parameters.replicas()
                    && made.getWish().getDistinctZones() == parameters.distinctZones()
                    && made.getThick() == parameters.thick();
            if (!compatible) {
                throw new CsiFailure(
                        GrpcStatus.ALREADY_EXISTS,
                        "there is a volume '" + name + "' already, with " + new ByteSize(made.getSizeBytes()) + " and "
                                + made.getReplicas() + " replicas, which is not what is asked for");
            }
            if (!made.getLimits().equals(limits)) {
                limit(name, limits);
            }
            return CreateVolumeResponse.newBuilder()
                    .setVolume(told(made).putAllVolumeContext(parameters.context()))
                    .build();
        });
    }

    /** An earlier try made it, with other limits: a claim may get another class before it has its volume. */
    private void limit(String name, VolumeLimits limits) {
        cluster.ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder()
                        .setName(name)
                        .setLimits(Changes.to(limits))
                        .build(),
                LIMIT);
    }

    /** The cluster refuses a volume for which too few nodes have room. */
    private Volume made(CreateVolumeRequest wanted) {
        try {
            return cluster.ask(ManagementGrpcClient.CreateVolume, wanted, LIMIT);
        } catch (CsiFailure refused) {
            throw refused.status() == GrpcStatus.FAILED_PRECONDITION
                    ? new CsiFailure(GrpcStatus.RESOURCE_EXHAUSTED, String.valueOf(refused.getMessage()))
                    : refused;
        }
    }

    private static io.varve.csi.spec.Volume.Builder told(Volume volume) {
        return io.varve.csi.spec.Volume.newBuilder()
                .setVolumeId(volume.getName())
                .setCapacityBytes(volume.getSizeBytes());
    }

    /** What the cluster knows of it; empty if there is none of that name, or none can have it. */
    private Optional<Volume> find(String volume) {
        if (!VolumeName.isValid(volume)) {
            return Optional.empty();
        }
        try {
            return Optional.of(cluster.ask(
                    ManagementGrpcClient.GetVolume,
                    GetVolumeRequest.newBuilder().setName(volume).build(),
                    LIMIT));
        } catch (CsiFailure refused) {
            if (refused.status() == GrpcStatus.NOT_FOUND) {
                return Optional.empty();
            }
            throw refused;
        }
    }

    private Volume require(String volume) {
        return find(volume)
                .filter(found -> found.getState() != VolumeState.VOLUME_DELETING)
                .orElseThrow(() -> CsiFailure.notFound(volume));
    }

    DeleteVolumeResponse delete(io.varve.csi.spec.DeleteVolumeRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        return pending.alone(name, () -> {
            Optional<Volume> volume = find(name).filter(found -> found.getState() != VolumeState.VOLUME_DELETING);
            if (volume.isPresent()) {
                if (volume.get().hasPublication()) {
                    throw CsiFailure.precondition("volume '" + name + "' is published to node "
                            + volume.get().getPublication().getNode());
                }
                cluster.ask(
                        ManagementGrpcClient.DeleteVolume,
                        DeleteVolumeRequest.newBuilder().setName(name).build(),
                        LIMIT);
            }
            return DeleteVolumeResponse.getDefaultInstance();
        });
    }

    // ------------------------------------------------------------------ publish

    ControllerPublishVolumeResponse publish(ControllerPublishVolumeRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        String node = CsiFailure.required(request.getNodeId(), "node_id");
        if (!request.hasVolumeCapability()) {
            throw CsiFailure.invalid("volume_capability is missing");
        }
        Capabilities.require(request.getVolumeCapability());
        boolean readOnly = request.getReadonly() || Capabilities.isReadOnly(request.getVolumeCapability());
        return pending.alone(name, () -> {
            Volume volume = require(name);
            requireNode(node);
            String there = volume.getPublication().getNode();
            if (!there.isEmpty() && !there.equals(node)) {
                throw CsiFailure.precondition("volume '" + name + "' is published to node " + there
                        + ": it can be used on one node at a time");
            }
            if (!there.isEmpty() && volume.getPublication().getReadOnly() != readOnly) {
                throw new CsiFailure(
                        GrpcStatus.ALREADY_EXISTS,
                        "volume '" + name + "' is published to node " + node + " already, "
                                + (readOnly ? "writable" : "read only"));
            }
            // What served it before, if it was open, serves it no more.
            Volume published = there.isEmpty()
                    ? cluster.ask(
                            ManagementGrpcClient.PublishVolume,
                            PublishVolumeRequest.newBuilder()
                                    .setName(name)
                                    .setNode(node)
                                    .setReadOnly(readOnly)
                                    .setState(PublishVolumeRequest.State.PUBLISHED)
                                    .build(),
                            LIMIT)
                    : volume;
            serve(published, node);
            return ControllerPublishVolumeResponse.getDefaultInstance();
        });
    }

    /** The access point follows the pod. Where that node cannot serve it, any other one does. */
    private void serve(Volume volume, String node) {
        if (volume.getWantedNode().equals(node) && volume.getAttachment().getOpen()) {
            return;
        }
        try {
            if (volume.getWantedNode().isEmpty() || volume.getMaintenance()) {
                attach(volume.getName(), node);
            } else {
                cluster.ask(
                        ManagementGrpcClient.MoveVolume,
                        MoveVolumeRequest.newBuilder()
                                .setName(volume.getName())
                                .setNode(node)
                                .setRequestId(UUID.randomUUID().toString())
                                .setTimeoutSeconds(WAIT_SECONDS)
                                .build(),
                        LIMIT);
            }
        } catch (CsiFailure refused) {
            LOG.info(
                    "not served by its pod's node volume={} node={} reason=\"{}\"",
                    volume.getName(),
                    node,
                    refused.getMessage());
            attach(volume.getName(), "");
        }
    }

    private void attach(String name, String node) {
        cluster.ask(
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder()
                        .setName(name)
                        .setNode(node)
                        .setTimeoutSeconds(WAIT_SECONDS)
                        .build(),
                LIMIT);
    }

    private void requireNode(String node) {
        boolean known = cluster
                .ask(ManagementGrpcClient.ListNodes, ListNodesRequest.getDefaultInstance(), LIMIT)
                .getNodesList()
                .stream()
                .anyMatch(each -> each.getId().equals(node));
        if (!known) {
            throw new CsiFailure(GrpcStatus.NOT_FOUND, "there is no node '" + node + "' in this cluster");
        }
    }

    ControllerUnpublishVolumeResponse unpublish(ControllerUnpublishVolumeRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        return pending.alone(name, () -> {
            Optional<Volume> volume = find(name);
            String there = volume.map(found -> found.getPublication().getNode()).orElse("");
            if (there.isEmpty()
                    || !(request.getNodeId().isEmpty() || request.getNodeId().equals(there))) {
                return ControllerUnpublishVolumeResponse.getDefaultInstance();
            }
            if (volume.orElseThrow().getPublication().getStaged()) {
                String reason = machines.givenUp(there)
                        .orElseThrow(() -> CsiFailure.precondition("volume '" + name + "' is in use on node " + there
                                + ", which has not said that it let go. " + machines.advice(there)));
                LOG.warn("volume taken from a node volume={} node={} reason=\"{}\"", name, there, reason);
                withdraw(name, there, PublishVolumeRequest.State.FENCED);
            } else {
                detach(name);
                withdraw(name, there, PublishVolumeRequest.State.NOT_PUBLISHED);
            }
            return ControllerUnpublishVolumeResponse.getDefaultInstance();
        });
    }

    private void withdraw(String name, String node, PublishVolumeRequest.State state) {
        cluster.ask(
                ManagementGrpcClient.PublishVolume,
                PublishVolumeRequest.newBuilder()
                        .setName(name)
                        .setNode(node)
                        .setState(state)
                        .build(),
                LIMIT);
    }

    /** Whoever serves it lets go in good order. When that node is gone nobody does, and nothing is lost: what follows takes the next epoch. */
    private void detach(String name) {
        try {
            cluster.ask(
                    ManagementGrpcClient.DetachVolume,
                    DetachVolumeRequest.newBuilder()
                            .setName(name)
                            .setTimeoutSeconds(WAIT_SECONDS)
                            .build(),
                    LIMIT);
        } catch (CsiFailure late) {
            if (late.status() != GrpcStatus.DEADLINE_EXCEEDED) {
                throw late;
            }
            LOG.info("not detached in time volume={} reason=\"{}\"", name, late.getMessage());
        }
    }

    // ------------------------------------------------------------------ what there is

    ValidateVolumeCapabilitiesResponse validate(ValidateVolumeCapabilitiesRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        if (request.getVolumeCapabilitiesCount() == 0) {
            throw CsiFailure.invalid("volume_capabilities are missing");
        }
        require(name);
        for (VolumeCapability capability : request.getVolumeCapabilitiesList()) {
            Optional<String> objection = Capabilities.objection(capability);
            if (objection.isPresent()) {
                return ValidateVolumeCapabilitiesResponse.newBuilder()
                        .setMessage(objection.get())
                        .build();
            }
        }
        Parameters.of(request.getParametersMap(), request.getChangeableParametersMap());
        return ValidateVolumeCapabilitiesResponse.newBuilder()
                .setConfirmed(ValidateVolumeCapabilitiesResponse.Confirmed.newBuilder()
                        .putAllVolumeContext(request.getVolumeContextMap())
                        .addAllVolumeCapabilities(request.getVolumeCapabilitiesList())
                        .putAllParameters(request.getParametersMap())
                        .putAllChangeableParameters(request.getChangeableParametersMap()))
                .build();
    }

    /** In the order of the cluster's ids, which only rise. A token is the last id told, so that it holds when volumes come and go between. */
    ListVolumesResponse list(io.varve.csi.spec.ListVolumesRequest request) {
        if (request.getMaxEntries() < 0) {
            throw CsiFailure.invalid("max_entries is " + request.getMaxEntries());
        }
        long after = token(request.getStartingToken());
        List<Volume> rest = cluster
                .ask(ManagementGrpcClient.ListVolumes, ListVolumesRequest.getDefaultInstance(), LIMIT)
                .getVolumesList()
                .stream()
                .filter(volume -> volume.getId() > after && volume.getState() != VolumeState.VOLUME_DELETING)
                .sorted(java.util.Comparator.comparingLong(Volume::getId))
                .toList();
        List<Volume> page = request.getMaxEntries() == 0 || rest.size() <= request.getMaxEntries()
                ? rest
                : rest.subList(0, request.getMaxEntries());
        ListVolumesResponse.Builder answer = ListVolumesResponse.newBuilder();
        for (Volume volume : page) {
            ListVolumesResponse.VolumeStatus.Builder status = ListVolumesResponse.VolumeStatus.newBuilder();
            if (volume.hasPublication()) {
                status.addPublishedNodeIds(volume.getPublication().getNode());
            }
            answer.addEntries(ListVolumesResponse.Entry.newBuilder()
                    .setVolume(told(volume))
                    .setStatus(status));
        }
        return page.size() < rest.size()
                ? answer.setNextToken(String.valueOf(page.getLast().getId())).build()
                : answer.build();
    }

    private static long token(String token) {
        try {
            return token.isEmpty() ? 0 : Long.parseLong(token);
        } catch (NumberFormatException e) {
            throw new CsiFailure(GrpcStatus.ABORTED, "starting_token '" + token + "' is none of ours: begin anew");
        }
    }

    ControllerGetVolumeResponse get(ControllerGetVolumeRequest request) {
        Volume volume = require(CsiFailure.required(request.getVolumeId(), "volume_id"));
        ControllerGetVolumeResponse.VolumeStatus.Builder status = ControllerGetVolumeResponse.VolumeStatus.newBuilder();
        if (volume.hasPublication()) {
            status.addPublishedNodeIds(volume.getPublication().getNode());
        }
        return ControllerGetVolumeResponse.newBuilder()
                .setVolume(told(volume))
                .setStatus(status)
                .build();
    }

    GetCapacityResponse capacity(GetCapacityRequest request) {
        if (request.getVolumeCapabilitiesList().stream()
                .anyMatch(asked -> Capabilities.objection(asked).isPresent())) {
            return GetCapacityResponse.getDefaultInstance();
        }
        Parameters parameters = Parameters.of(request.getParametersMap(), Map.of());
        var nodes = cluster.ask(ManagementGrpcClient.ListNodes, ListNodesRequest.getDefaultInstance(), LIMIT)
                .getNodesList();
        String where = request.getAccessibleTopology().getSegmentsOrDefault(Topologies.NODE, "");
        if (!where.isEmpty() && nodes.stream().noneMatch(node -> node.getId().equals(where))) {
            return GetCapacityResponse.getDefaultInstance(); // No volume can be published there.
        }
        var groups = cluster.ask(ManagementGrpcClient.ListDiskGroups, ListDiskGroupsRequest.getDefaultInstance(), LIMIT)
                .getGroupsList();
        Capacity capacity = Capacity.of(groups, nodes, parameters.replicas(), parameters.distinctZones());
        return GetCapacityResponse.newBuilder()
                .setAvailableCapacity(capacity.availableBytes())
                .setMaximumVolumeSize(Int64Value.of(capacity.largestBytes()))
                .build();
    }

    // ------------------------------------------------------------------ changes

    ControllerExpandVolumeResponse expand(ControllerExpandVolumeRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        if (!request.hasCapacityRange()) {
            throw CsiFailure.invalid("capacity_range is missing");
        }
        boolean isBlock = request.hasVolumeCapability() && Capabilities.isBlock(request.getVolumeCapability());
        if (request.hasVolumeCapability()) {
            Capabilities.require(request.getVolumeCapability());
        }
        return pending.alone(name, () -> {
            Volume volume = require(name);
            long size = Sizes.of(request.getCapacityRange());
            if (volume.getSizeBytes() < size) {
                volume = cluster.ask(
                        ManagementGrpcClient.ResizeVolume,
                        ResizeVolumeRequest.newBuilder()
                                .setName(name)
                                .setSizeBytes(size)
                                .setRequestId(UUID.randomUUID().toString())
                                .setTimeoutSeconds(WAIT_SECONDS)
                                .build(),
                        LIMIT);
            } else if (!Sizes.holds(request.getCapacityRange(), volume.getSizeBytes())) {
                throw new CsiFailure(
                        GrpcStatus.OUT_OF_RANGE,
                        "volume '" + name + "' has " + new ByteSize(volume.getSizeBytes())
                                + " and never shrinks: limit_bytes is less");
            }
            return ControllerExpandVolumeResponse.newBuilder()
                    .setCapacityBytes(volume.getSizeBytes())
                    .setNodeExpansionRequired(!isBlock)
                    .build();
        });
    }

    ControllerModifyVolumeResponse modify(ControllerModifyVolumeRequest request) {
        String name = CsiFailure.required(request.getVolumeId(), "volume_id");
        Changes changes = Changes.of(request.getMutableParametersMap());
        return pending.alone(name, () -> {
            require(name);
            if (changes.replicas() != 0 || changes.changesLimits()) {
                SetReplicasRequest.Builder all =
                        SetReplicasRequest.newBuilder().setName(name).setReplicas(changes.replicas());
                if (changes.changesLimits()) {
                    all.setLimits(changes.limits());
                }
                cluster.ask(ManagementGrpcClient.SetReplicas, all.build(), LIMIT);
            }
            return ControllerModifyVolumeResponse.newBuilder().build();
        });
    }
}
