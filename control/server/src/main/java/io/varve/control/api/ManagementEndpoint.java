package io.varve.control.api;

import com.google.protobuf.ByteString;
import io.varve.api.AddDiskRequest;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.ChangeSettingsRequest;
import io.varve.api.CheckDepartureRequest;
import io.varve.api.CheckNodeRestartRequest;
import io.varve.api.ClusterLoad;
import io.varve.api.ClusterSettings;
import io.varve.api.ClusterStatus;
import io.varve.api.CollectDiagnosticsRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DeleteVolumeResponse;
import io.varve.api.Departure;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.DiskGroup;
import io.varve.api.DrainNodeRequest;
import io.varve.api.EvictDiskRequest;
import io.varve.api.GetClusterLoadRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetSettingsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListDiskGroupsRequest;
import io.varve.api.ListDiskGroupsResponse;
import io.varve.api.ListEventsRequest;
import io.varve.api.ListEventsResponse;
import io.varve.api.ListNodesRequest;
import io.varve.api.ListNodesResponse;
import io.varve.api.ListRebuildsRequest;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ListVolumesResponse;
import io.varve.api.ManagementService;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.NodeControlGrpcClient;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeRestartCheck;
import io.varve.api.NodeStats;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.RebuildList;
import io.varve.api.RemoveDiskRequest;
import io.varve.api.RemoveNodeRequest;
import io.varve.api.ResizeVolumeRequest;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.SetReplicasRequest;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.Volume;
import io.varve.control.membership.MembershipKey;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaState;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.UUID;
import java.util.function.Function;

/** The management API at a metadata member. Any member answers; what only one node can do is passed on to that node. */
final class ManagementEndpoint extends ManagementService {
    /** Taking a disk in may zero a file of its full size. */
    private static final Duration ADD_DISK_DEADLINE = Duration.ofMinutes(10);

    /** Disks let go within 10 s and open within 30 s, or the answer is that they do not. */
    private static final Duration RETRY_DISK_DEADLINE = Duration.ofSeconds(60);

    private final MetaGroup group;
    private final StatusReport report;
    private final VolumeCalls volumes;
    private final VolumePlaces places;
    private final EventCalls events;
    private final DepartureCalls departures;
    private final RebuildCalls rebuilds;
    private final VolumeGrowth growth;
    private final NodeCalls calls;
    private final NodeLocal local;
    private final LoadCalls loads;

    ManagementEndpoint(MetaGroup group, StatusReport report, NodeCalls calls, NodeLocal local, LoadCalls loads) {
        this.group = group;
        this.report = report;
        this.volumes = new VolumeCalls(group, report);
        this.places = new VolumePlaces(group, report, volumes);
        this.events = new EventCalls(group);
        this.departures = new DepartureCalls(group, report);
        this.rebuilds = new RebuildCalls(group, report, calls, volumes);
        this.growth = new VolumeGrowth(group, report);
        this.calls = calls;
        this.local = local;
        this.loads = loads;
    }

    @Override
    public Future<ClusterStatus> initCluster(InitClusterRequest request) {
        byte[] key = new byte[MembershipKey.BYTES];
        new SecureRandom().nextBytes(key);
        return group.propose(new InitCluster(UUID.randomUUID().toString(), request.getName(), ByteString.copyFrom(key)))
                .compose(Failures::demandOk)
                .compose(done -> report.status());
    }

    @Override
    public Future<ClusterStatus> getStatus(GetStatusRequest request) {
        return report.status();
    }

    @Override
    public Future<ListNodesResponse> listNodes(ListNodesRequest request) {
        return report.heard()
                .compose(heard -> group.lookUpToDate(MetaState::nodes)
                        .map(nodes -> ListNodesResponse.newBuilder()
                                .addAllNodes(report.seen(nodes, heard))
                                .build()));
    }

    @Override
    public Future<ListDiskGroupsResponse> listDiskGroups(ListDiskGroupsRequest request) {
        return report.heard()
                .compose(heard -> group.lookUpToDate(MetaState::groups)
                        .map(groups -> ListDiskGroupsResponse.newBuilder()
                                .addAllGroups(groups.stream().map(heard::told).toList())
                                .build()));
    }

    @Override
    public Future<Volume> createVolume(CreateVolumeRequest request) {
        return volumes.create(request);
    }

    @Override
    public Future<ListVolumesResponse> listVolumes(ListVolumesRequest request) {
        return group.lookUpToDate(VolumeCalls::all)
                .map(found ->
                        ListVolumesResponse.newBuilder().addAllVolumes(found).build());
    }

    @Override
    public Future<Volume> getVolume(GetVolumeRequest request) {
        return volumes.get(request);
    }

    @Override
    public Future<Volume> attachVolume(AttachVolumeRequest request) {
        return places.attach(request);
    }

    @Override
    public Future<Volume> moveVolume(MoveVolumeRequest request) {
        return places.move(request);
    }

    @Override
    public Future<Volume> detachVolume(DetachVolumeRequest request) {
        return places.detach(request);
    }

    @Override
    public Future<DeleteVolumeResponse> deleteVolume(DeleteVolumeRequest request) {
        return volumes.delete(request);
    }

    @Override
    public Future<NodeStats> getNodeStats(GetNodeStatsRequest request) {
        return loads.ofThisNode();
    }

    @Override
    public Future<ClusterLoad> getClusterLoad(GetClusterLoadRequest request) {
        return loads.ofAll();
    }

    @Override
    public Future<NodeDiagnostics> collectDiagnostics(CollectDiagnosticsRequest request) {
        return local.diagnostics();
    }

    @Override
    public Future<NodeRestartCheck> checkNodeRestart(CheckNodeRestartRequest request) {
        return report.restartCheck(request.getNode());
    }

    @Override
    public Future<ListEventsResponse> listEvents(ListEventsRequest request) {
        return events.list(request);
    }

    @Override
    public Future<DiskGroup> addDisk(AddDiskRequest request) {
        return addressOf(request.getNode())
                .compose(node -> calls.ask(node, NodeControlGrpcClient.AddDevice, request, ADD_DISK_DEADLINE));
    }

    @Override
    public Future<RetryDiskResponse> retryDisk(RetryDiskRequest request) {
        return addressOf(request.getNode())
                .compose(node -> calls.ask(node, NodeControlGrpcClient.RetryDevice, request, RETRY_DISK_DEADLINE));
    }

    @Override
    public Future<ClusterSettings> getSettings(GetSettingsRequest request) {
        return rebuilds.settings();
    }

    @Override
    public Future<ClusterSettings> changeSettings(ChangeSettingsRequest request) {
        return rebuilds.change(request);
    }

    @Override
    public Future<Node> drainNode(DrainNodeRequest request) {
        return departures.drain(request);
    }

    @Override
    public Future<DiskGroup> evictDisk(EvictDiskRequest request) {
        return departures.evict(request);
    }

    @Override
    public Future<Departure> checkDeparture(CheckDepartureRequest request) {
        return departures.check(request);
    }

    @Override
    public Future<Departure> removeNode(RemoveNodeRequest request) {
        return departures.remove(request);
    }

    @Override
    public Future<Departure> removeDisk(RemoveDiskRequest request) {
        return departures.remove(request);
    }

    @Override
    public Future<Volume> setReplicas(SetReplicasRequest request) {
        return rebuilds.setReplicas(request);
    }

    @Override
    public Future<Volume> publishVolume(PublishVolumeRequest request) {
        return volumes.publish(request);
    }

    @Override
    public Future<Volume> resizeVolume(ResizeVolumeRequest request) {
        return growth.resize(request);
    }

    @Override
    public Future<RebuildList> listRebuilds(ListRebuildsRequest request) {
        return rebuilds.list();
    }

    Future<Void> verifyVolume(VerifyVolumeRequest request, Function<VerifyProgress, Future<Void>> report) {
        return volumes.find(request.getName())
                .compose(volume -> volume.getAttachment().getOpen()
                        ? addressOf(volume.getAttachment().getNode())
                        : Future.failedFuture(new RefusedException("volume '" + volume.getName()
                                + "' is not attached: attach it first, its access point compares the replicas")))
                .compose(node -> calls.follow(node, NodeControlGrpcClient.VerifyAttached, request, report::apply));
    }

    private Future<SocketAddress> addressOf(String node) {
        return group.lookUpToDate(state -> state.node(node).map(Node::getManagementAddress))
                .compose(address -> address.map(text -> Future.succeededFuture(Addresses.parse(text)))
                        .orElseGet(() -> Future.failedFuture(new RefusedException(
                                GrpcStatus.NOT_FOUND,
                                "there is no node '" + node + "': varve node list shows those that there are"))));
    }
}
