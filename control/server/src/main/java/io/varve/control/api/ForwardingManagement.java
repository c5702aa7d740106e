package io.varve.control.api;

import io.varve.api.AddDiskRequest;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.ClusterStatus;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DeleteVolumeResponse;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.DiskGroup;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListDiskGroupsRequest;
import io.varve.api.ListDiskGroupsResponse;
import io.varve.api.ListNodesRequest;
import io.varve.api.ListNodesResponse;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ListVolumesResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ManagementService;
import io.varve.api.NodeStats;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.Volume;
import io.varve.control.truth.CallFailedException;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.function.Function;

/** The management API at a node that is no metadata member: everything but its own figures goes to a member that answers. */
final class ForwardingManagement extends ManagementService {
    /** Beyond the longest wait that a member grants (10 min): the member's own words should arrive. */
    private static final Duration DEADLINE = Duration.ofMinutes(11);

    private final NodeCalls calls;
    private final List<SocketAddress> members;
    private final NodeLocal local;

    ForwardingManagement(NodeCalls calls, List<SocketAddress> members, NodeLocal local) {
        this.calls = calls;
        this.members = members;
        this.local = local;
    }

    @Override
    public Future<NodeStats> getNodeStats(GetNodeStatsRequest request) {
        return local.stats();
    }

    @Override
    public Future<ClusterStatus> initCluster(InitClusterRequest request) {
        return pass(ManagementGrpcClient.InitCluster, request);
    }

    @Override
    public Future<ClusterStatus> getStatus(GetStatusRequest request) {
        return pass(ManagementGrpcClient.GetStatus, request);
    }

    @Override
    public Future<ListNodesResponse> listNodes(ListNodesRequest request) {
        return pass(ManagementGrpcClient.ListNodes, request);
    }

    @Override
    public Future<ListDiskGroupsResponse> listDiskGroups(ListDiskGroupsRequest request) {
        return pass(ManagementGrpcClient.ListDiskGroups, request);
    }

    @Override
    public Future<DiskGroup> addDisk(AddDiskRequest request) {
        return pass(ManagementGrpcClient.AddDisk, request);
    }

    @Override
    public Future<Volume> createVolume(CreateVolumeRequest request) {
        // A member may make it and fail before it answers: the next one must know that it is the same request.
        CreateVolumeRequest recognisable = request.getRequestId().isEmpty()
                ? request.toBuilder().setRequestId(UUID.randomUUID().toString()).build()
                : request;
        return pass(ManagementGrpcClient.CreateVolume, recognisable);
    }

    @Override
    public Future<ListVolumesResponse> listVolumes(ListVolumesRequest request) {
        return pass(ManagementGrpcClient.ListVolumes, request);
    }

    @Override
    public Future<Volume> getVolume(GetVolumeRequest request) {
        return pass(ManagementGrpcClient.GetVolume, request);
    }

    @Override
    public Future<Volume> attachVolume(AttachVolumeRequest request) {
        return pass(ManagementGrpcClient.AttachVolume, request);
    }

    @Override
    public Future<Volume> detachVolume(DetachVolumeRequest request) {
        return pass(ManagementGrpcClient.DetachVolume, request);
    }

    @Override
    public Future<DeleteVolumeResponse> deleteVolume(DeleteVolumeRequest request) {
        return pass(ManagementGrpcClient.DeleteVolume, request);
    }

    Future<Void> verifyVolume(VerifyVolumeRequest request, Function<VerifyProgress, Future<Void>> report) {
        return verifyAt(0, request, report);
    }

    private Future<Void> verifyAt(
            int member, VerifyVolumeRequest request, Function<VerifyProgress, Future<Void>> report) {
        return calls.follow(members.get(member), ManagementGrpcClient.VerifyVolume, request, report::apply)
                .recover(failure -> isUnreachable(failure) && member + 1 < members.size()
                        ? verifyAt(member + 1, request, report)
                        : Future.failedFuture(failure));
    }

    private <Q, R> Future<R> pass(ServiceMethod<R, Q> method, Q request) {
        return passTo(0, method, request);
    }

    private <Q, R> Future<R> passTo(int member, ServiceMethod<R, Q> method, Q request) {
        return calls.ask(members.get(member), method, request, DEADLINE)
                .recover(failure -> isUnreachable(failure) && member + 1 < members.size()
                        ? passTo(member + 1, method, request)
                        : Future.failedFuture(failure));
    }

    private static boolean isUnreachable(Throwable failure) {
        return failure instanceof CallFailedException call && call.status() == GrpcStatus.UNAVAILABLE;
    }
}
