package io.varve.cli;

import io.varve.api.AddDiskRequest;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.AttachedThere;
import io.varve.api.Attachment;
import io.varve.api.ChangeSettingsRequest;
import io.varve.api.CheckDepartureRequest;
import io.varve.api.CheckNodeRestartRequest;
import io.varve.api.ClusterSettings;
import io.varve.api.ClusterStatus;
import io.varve.api.CollectDiagnosticsRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DeleteVolumeResponse;
import io.varve.api.Departure;
import io.varve.api.Device;
import io.varve.api.DiagnosticFile;
import io.varve.api.DiskGroup;
import io.varve.api.DrainNodeRequest;
import io.varve.api.Event;
import io.varve.api.EvictDiskRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetSettingsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.GroupStats;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListDiskGroupsRequest;
import io.varve.api.ListDiskGroupsResponse;
import io.varve.api.ListEventsRequest;
import io.varve.api.ListEventsResponse;
import io.varve.api.ListRebuildsRequest;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ListVolumesResponse;
import io.varve.api.ManagementGrpcService;
import io.varve.api.ManagementService;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeRestartCheck;
import io.varve.api.NodeStats;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.RebuildList;
import io.varve.api.RemoveDiskRequest;
import io.varve.api.RemoveNodeRequest;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ResizeVolumeRequest;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.SetReplicasRequest;
import io.varve.api.Slab;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.SettingRecord;
import io.varve.control.health.CopiesInSync;
import io.varve.control.meta.LimitRules;
import io.varve.control.meta.Settings;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.streams.WriteStream;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.server.GrpcServer;
import io.vertx.grpc.server.GrpcServerResponse;
import io.vertx.grpc.server.StatusException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** A cluster of one node that speaks the management API over a real socket and keeps volumes in a map. */
final class SmallCluster extends ManagementService implements AutoCloseable {
    private final Vertx vertx = Vertx.vertx();
    private final Map<String, Volume> volumes = new LinkedHashMap<>();
    private final HttpServer server;
    volatile boolean safe = true;
    volatile boolean replicasDiffer;

    SmallCluster() {
        var grpc = GrpcServer.server(vertx).addService(ManagementGrpcService.of(this));
        server = vertx.createHttpServer()
                .requestHandler(grpc)
                .listen(0, "127.0.0.1")
                .await();
    }

    String address() {
        return "127.0.0.1:" + server.actualPort();
    }

    @Override
    public Future<ClusterStatus> initCluster(InitClusterRequest request) {
        return Future.succeededFuture(ClusterStatus.newBuilder()
                .setName(request.getName())
                .setClusterUuid("c0ffee")
                .setInitialized(true)
                .build());
    }

    @Override
    public synchronized Future<ClusterStatus> getStatus(GetStatusRequest request) {
        var status = ClusterStatus.newBuilder()
                .setName("lab")
                .setInitialized(true)
                .setSafe(safe)
                .setHeadline(safe ? "Your data is safe." : "Your data is at risk: one copy of db is missing.")
                .addNodes(node())
                .addAllNodes(
                        deadNode.isEmpty()
                                ? List.of()
                                : List.of(Node.newBuilder()
                                        .setId("n2")
                                        .setManagementAddress(deadNode)
                                        .build()))
                .addGroups(group())
                .addAllVolumes(volumes.values())
                .setMetadataMembers(1)
                .setMetadataMembersUp(1)
                .setMetadataLeader("n1");
        if (!safe) {
            status.addProblems("node n2 was not seen for 5 minutes: start it");
        }
        return Future.succeededFuture(status.build());
    }

    private Node node() {
        return Node.newBuilder()
                .setId("n1")
                .setZone("rack-a")
                .setManagementAddress(address())
                .setNbdAddress("127.0.0.1:10809")
                .setMetadataMember(true)
                .setLastSeenUnixMillis(System.currentTimeMillis())
                .setVersion("0.1.0")
                .build();
    }

    private static DiskGroup group() {
        return DiskGroup.newBuilder()
                .setUuid("g-1")
                .setNode("n1")
                .setName("fast")
                .setCapacityBytes(10L << 30)
                .setFreeBytes(9L << 30)
                .addDevices(Device.newBuilder()
                        .setPath("/dev/nvme0n1")
                        .setSizeBytes(10L << 30)
                        .setState("OK"))
                .build();
    }

    @Override
    public Future<ListDiskGroupsResponse> listDiskGroups(ListDiskGroupsRequest request) {
        return Future.succeededFuture(
                ListDiskGroupsResponse.newBuilder().addGroups(group()).build());
    }

    @Override
    public Future<DiskGroup> addDisk(AddDiskRequest request) {
        if (!request.getWipe()) {
            return failed(
                    GrpcStatus.FAILED_PRECONDITION,
                    request.getPath() + " holds an ext4 file system: nothing was changed");
        }
        return Future.succeededFuture(group());
    }

    /** n1/fast opens; n1/slow still hangs. */
    @Override
    public Future<RetryDiskResponse> retryDisk(RetryDiskRequest request) {
        if (request.getGroup().equals("serves")) {
            return failed(GrpcStatus.FAILED_PRECONDITION, "disk group serves serves: there is nothing to be opened");
        }
        var answer = RetryDiskResponse.newBuilder();
        if (!request.getGroup().equals("slow")) {
            answer.addGroups(group());
        }
        if (!request.getGroup().equals("fast")) {
            answer.addGroups(group().toBuilder()
                    .setName("slow")
                    .setDevices(
                            0,
                            Device.newBuilder()
                                    .setPath("/dev/sdb")
                                    .setState("FAILED")
                                    .setDetail("still hangs")));
        }
        return Future.succeededFuture(answer.build());
    }

    @Override
    public synchronized Future<Volume> createVolume(CreateVolumeRequest request) {
        if (volumes.containsKey(request.getName())) {
            return failed(GrpcStatus.ALREADY_EXISTS, "there is already a volume '" + request.getName() + "'");
        }
        var made = LimitRules.put(Volume.newBuilder(), request.getLimits());
        var volume = made.setId(volumes.size() + 1L)
                .setName(request.getName())
                .setSizeBytes(request.getSizeBytes())
                .setReplicas(request.getReplicas())
                .setMinInSync(request.getMinInSync())
                .setThick(request.getThick())
                .setState(VolumeState.VOLUME_DETACHED)
                .addSlabs(Slab.newBuilder()
                        .setGen(1)
                        .addReplicas(Replica.newBuilder().setGroup("g-1").setPhase(ReplicaPhase.REPLICA_CREATED))
                        .addReplicas(Replica.newBuilder().setGroup("g-2").setPhase(ReplicaPhase.REPLICA_CREATED))
                        .addIsr("g-1")
                        .addIsr("g-2"))
                .build();
        var told = CopiesInSync.told(
                volume,
                Map.of(
                        "g-2",
                        DiskGroup.newBuilder().setNode("n2").setName("fast").build()));
        volumes.put(volume.getName(), told);
        return Future.succeededFuture(told);
    }

    @Override
    public synchronized Future<ListVolumesResponse> listVolumes(ListVolumesRequest request) {
        return Future.succeededFuture(
                ListVolumesResponse.newBuilder().addAllVolumes(volumes.values()).build());
    }

    /** A copy of that volume leaves the in-sync set. */
    synchronized void loseACopy(String name) {
        var volume = Objects.requireNonNull(volumes.get(name)).toBuilder();
        volume.getSlabsBuilder(0).clearIsr().addIsr("g-1");
        volumes.put(
                name,
                CopiesInSync.told(
                        volume.build(),
                        Map.of(
                                "g-2",
                                DiskGroup.newBuilder()
                                        .setNode("n2")
                                        .setName("fast")
                                        .build())));
    }

    /** More than a gRPC message may hold by default: 256 KiB are 4 000 volumes with nothing but a name. */
    synchronized void addVolumes(int count) {
        for (var i = 0; i < count; i++) {
            var name = "volume-with-a-long-name-" + i;
            volumes.put(name, Volume.newBuilder().setId(i).setName(name).build());
        }
    }

    @Override
    public Future<Volume> getVolume(GetVolumeRequest request) {
        return named(request.getName());
    }

    private synchronized Future<Volume> named(String name) {
        var volume = volumes.get(name);
        return volume == null
                ? failed(GrpcStatus.NOT_FOUND, "there is no volume '" + name + "'")
                : Future.succeededFuture(volume);
    }

    @Override
    public Future<Volume> attachVolume(AttachVolumeRequest request) {
        return named(request.getName()).map(volume -> {
            var attached = volume.toBuilder()
                    .setState(VolumeState.VOLUME_ATTACHED)
                    .setWantedNode("n1")
                    .setAttachment(Attachment.newBuilder()
                            .setNode("n1")
                            .setOpen(true)
                            .setNbdUri("nbd://127.0.0.1:10809/" + volume.getName()))
                    .build();
            synchronized (this) {
                volumes.put(attached.getName(), attached);
            }
            return attached;
        });
    }

    @Override
    public Future<Volume> moveVolume(MoveVolumeRequest request) {
        return named(request.getName()).map(volume -> {
            var wanted = request.getNode().isEmpty() ? "n2" : request.getNode();
            var moved = volume.toBuilder().setWantedNode(wanted);
            if (!request.getNoWait()) {
                moved.getAttachmentBuilder()
                        .setNode(wanted)
                        .setOpen(true)
                        .setNbdUri("nbd://127.0.0.2:10809/" + volume.getName());
            }
            synchronized (this) {
                volumes.put(volume.getName(), moved.build());
            }
            return moved.build();
        });
    }

    @Override
    public Future<DeleteVolumeResponse> deleteVolume(DeleteVolumeRequest request) {
        return named(request.getName()).map(volume -> {
            synchronized (this) {
                volumes.remove(volume.getName());
            }
            return DeleteVolumeResponse.getDefaultInstance();
        });
    }

    /** The comparison is refused when it comes to this extent, 1 to 8; 0: never. */
    volatile int stopsAtExtent;

    @Override
    public void verifyVolume(VerifyVolumeRequest request, WriteStream<VerifyProgress> stream) {
        for (var extent = 1; extent <= 8; extent++) {
            if (stopsAtExtent == extent && stream instanceof GrpcServerResponse<?, ?> response) {
                response.fail(new StatusException(GrpcStatus.FAILED_PRECONDITION, "the node stops: 100 % sure"));
                return;
            }
            var progress = VerifyProgress.newBuilder()
                    .setExtentsTotal(8)
                    .setExtentsDone(extent)
                    .setExtentsEqual(replicasDiffer && extent >= 5 ? extent - 1 : extent)
                    .setFinished(extent == 8);
            if (replicasDiffer && extent == 5) {
                progress.addDifferences("slab 0 extent 4: g-1 and g-2");
            }
            stream.write(progress.build());
        }
        stream.end();
    }

    // ------------------------------------------------------------------ leaving, settings, rebuilds

    private final Map<String, String> settings = new LinkedHashMap<>();

    /** What {@code check} answers, one after the other; the last one again and again. */
    final Deque<Departure> departures = new ArrayDeque<>();

    volatile RebuildList rebuilds = RebuildList.getDefaultInstance();
    /** The last thing that was asked for, in words. */
    volatile String ordered = "";

    @Override
    public synchronized Future<ClusterSettings> getSettings(GetSettingsRequest request) {
        var cluster = ClusterRecord.newBuilder();
        settings.forEach((key, value) ->
                cluster.addSettings(SettingRecord.newBuilder().setKey(key).setValue(value)));
        return Future.succeededFuture(Settings.told(Optional.of(cluster.build())));
    }

    @Override
    public synchronized Future<ClusterSettings> changeSettings(ChangeSettingsRequest request) {
        for (var asked : request.getValuesList()) {
            switch (Settings.judge(asked.getKey(), asked.getValue())) {
                case Settings.Judged.Bad(var reason) -> {
                    return failed(GrpcStatus.INVALID_ARGUMENT, reason);
                }
                case Settings.Judged.Good(var value) -> settings.put(asked.getKey(), value);
            }
        }
        return getSettings(GetSettingsRequest.getDefaultInstance());
    }

    @Override
    public Future<Node> drainNode(DrainNodeRequest request) {
        ordered = (request.getUndo() ? "undrain " : "drain ") + request.getNode();
        return Future.succeededFuture(
                node().toBuilder().setDraining(!request.getUndo()).build());
    }

    @Override
    public Future<DiskGroup> evictDisk(EvictDiskRequest request) {
        ordered = (request.getUndo() ? "keep " : "evict ") + request.getNode() + " " + request.getGroup();
        return Future.succeededFuture(group());
    }

    @Override
    public synchronized Future<Departure> checkDeparture(CheckDepartureRequest request) {
        var next = departures.size() > 1 ? departures.removeFirst() : departures.getFirst();
        return Future.succeededFuture(next.toBuilder()
                .setNode(request.getNode())
                .setGroup(request.getGroup())
                .build());
    }

    @Override
    public Future<Departure> removeNode(RemoveNodeRequest request) {
        ordered = "remove " + request.getNode();
        return request.getNode().equals("n1")
                ? failed(GrpcStatus.FAILED_PRECONDITION, "node 'n1' stays: 3 copies of volume db are still there")
                : Future.succeededFuture(Departure.newBuilder()
                        .setNode(request.getNode())
                        .setSafe(true)
                        .build());
    }

    @Override
    public Future<Departure> removeDisk(RemoveDiskRequest request) {
        ordered = "remove " + request.getNode() + " " + request.getGroup();
        return Future.succeededFuture(Departure.newBuilder().setSafe(true).build());
    }

    @Override
    public Future<Volume> setReplicas(SetReplicasRequest request) {
        return named(request.getName())
                .map(volume -> LimitRules.put(
                                volume.toBuilder(), LimitRules.changed(volume.getLimits(), request.getLimits()))
                        .setReplicas(request.getReplicas() == 0 ? volume.getReplicas() : request.getReplicas())
                        .setMinInSync(request.hasMinInSync() ? request.getMinInSync() : volume.getMinInSync())
                        .setThick(request.hasThick() ? request.getThick() : volume.getThick())
                        .build());
    }

    @Override
    public Future<Volume> publishVolume(PublishVolumeRequest request) {
        return named(request.getName());
    }

    @Override
    public Future<Volume> resizeVolume(ResizeVolumeRequest request) {
        return named(request.getName())
                .map(volume ->
                        volume.toBuilder().setSizeBytes(request.getSizeBytes()).build());
    }

    @Override
    public Future<RebuildList> listRebuilds(ListRebuildsRequest request) {
        return Future.succeededFuture(rebuilds);
    }

    @Override
    public Future<NodeStats> getNodeStats(GetNodeStatsRequest request) {
        return Future.succeededFuture(NodeStats.newBuilder()
                .setNode("n1")
                .setIoBackend("io_uring")
                .setResidentBytes(200L << 20)
                .addGroups(GroupStats.newBuilder().setName("fast").setCapacityBytes(10L << 30))
                .build());
    }

    /** Management address of a second node, at which nobody listens; empty: there is none. */
    volatile String deadNode = "";

    volatile String log = "";

    @Override
    public Future<NodeDiagnostics> collectDiagnostics(CollectDiagnosticsRequest request) {
        return Future.succeededFuture(NodeDiagnostics.newBuilder()
                .setNode("n1")
                .addFiles(DiagnosticFile.newBuilder()
                        .setName("log.txt")
                        .setAbout("the log")
                        .setLeftOutBytes(7)
                        .setContent(com.google.protobuf.ByteString.copyFromUtf8(log)))
                .addFiles(DiagnosticFile.newBuilder().setName("../../escape.txt"))
                .build());
    }

    /** How many times the check says no before it says yes. */
    volatile int refusals;

    @Override
    public synchronized Future<NodeRestartCheck> checkNodeRestart(CheckNodeRestartRequest request) {
        if (!request.getNode().equals("n1")) {
            return failed(GrpcStatus.NOT_FOUND, "there is no node '" + request.getNode() + "'");
        }
        var check = NodeRestartCheck.newBuilder().setNode("n1").setOk(refusals == 0);
        if (refusals > 0) {
            refusals--;
            check.addReasons("volume db: 0 in-sync copies are elsewhere");
        }
        volumes.values().stream()
                .filter(volume -> volume.getWantedNode().equals("n1"))
                .forEach(volume -> check.addAttached(
                        AttachedThere.newBuilder().setVolume(volume.getName()).setWhatHappens("its clients wait")));
        return Future.succeededFuture(check.build());
    }

    private final List<Event> events = new ArrayList<>();

    synchronized void tell(Event event) {
        events.add(event.toBuilder().setNumber(events.size() + 1L).build());
    }

    /** The last question about events. */
    volatile ListEventsRequest asked = ListEventsRequest.getDefaultInstance();

    /** From this many questions on the answer is a refusal: what follows for ever ends. */
    volatile int refusesEventsAfter = Integer.MAX_VALUE;

    private int eventQuestions;

    @Override
    public synchronized Future<ListEventsResponse> listEvents(ListEventsRequest request) {
        asked = request;
        if (++eventQuestions > refusesEventsAfter) {
            return failed(GrpcStatus.FAILED_PRECONDITION, "no more");
        }
        return Future.succeededFuture(ListEventsResponse.newBuilder()
                .addAllEvents(events.stream()
                        .filter(event -> event.getNumber() > request.getAfterNumber())
                        .toList())
                .setLastNumber(events.size())
                .setCurrent(safe)
                .build());
    }

    private static <T> Future<T> failed(GrpcStatus status, String message) {
        return Future.failedFuture(new StatusException(status, message));
    }

    @Override
    public void close() {
        vertx.close().await();
    }
}
