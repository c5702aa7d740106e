package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.AddDiskRequest;
import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.ClusterStatus;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.NodeView;
import io.varve.api.OpenRequest;
import io.varve.api.OpenedRequest;
import io.varve.api.PlacementWish;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.ResizeVolumeRequest;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.VerifyProgress;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.WatchNodeRequest;
import io.varve.control.raft.MetaMember;
import io.varve.control.truth.CallFailedException;
import io.varve.control.truth.TruthClient;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Three real control servers and three data nodes played by the test, over real gRPC. */
@Tag("slow")
@Timeout(120)
class ControlServerTest {
    @TempDir
    Path dir;

    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
    }

    private ClusterStatus init() throws Exception {
        return ask(
                0,
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build());
    }

    private <Q, R> R ask(int server, io.vertx.grpc.common.ServiceMethod<R, Q> method, Q request) throws Exception {
        return get(cluster.ask(server, method, request));
    }

    private static <R> R get(Future<R> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    private static void assertRefused(Future<?> future, GrpcStatus status, String message) {
        assertThatThrownBy(() -> get(future))
                .cause()
                .asInstanceOf(InstanceOfAssertFactories.type(CallFailedException.class))
                .satisfies(failure -> {
                    assertThat(failure.status()).isEqualTo(status);
                    assertThat(failure).hasMessageContaining(message);
                });
    }

    private Volume create(String name, int replicas) throws Exception {
        return ask(
                1,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName(name)
                        .setSizeBytes(10L << 30)
                        .setReplicas(replicas)
                        .build());
    }

    @Test
    void refusesNodesUntilTheClusterIsInitialised() throws Exception {
        assertThat(get(cluster.register(0)).getResult().getMessage()).contains("varve cluster init");
        ClusterStatus before = ask(2, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(before.getInitialized()).isFalse();
        assertThat(before.getHeadline()).startsWith("No: the cluster is not initialised");
        ClusterStatus after = init();
        assertThat(after.getInitialized()).isTrue();
        assertThat(ask(
                                1,
                                ManagementGrpcClient.InitCluster,
                                InitClusterRequest.newBuilder().setName("test").build())
                        .getClusterUuid())
                .isEqualTo(after.getClusterUuid());
        assertRefused(
                cluster.ask(
                        1,
                        ManagementGrpcClient.InitCluster,
                        InitClusterRequest.newBuilder().setName("other").build()),
                GrpcStatus.FAILED_PRECONDITION,
                "'test'");
        assertThat(get(cluster.register(0)).getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void aVolumeLivesFromCreationToDeletion() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        Volume created = create("pg", 2);
        assertThat(created.getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        assertThat(created.getSlabsCount()).isEqualTo(2);
        Volume attached = ask(
                2,
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").build());
        assertThat(attached.getState()).isEqualTo(VolumeState.VOLUME_ATTACHED);
        assertThat(attached.getAttachment().getNbdUri()).startsWith("nbd://");
        ClusterStatus status = ask(0, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(status.getHeadline()).startsWith("Yes: the volume has every copy in sync");
        assertThat(status.getSafe()).isTrue();
        assertThat(status.getMetadataMembersUp()).isEqualTo(3);
        assertThat(status.getNodesList())
                .allSatisfy(node -> assertThat(node.getLastSeenUnixMillis()).isPositive());
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.DeleteVolume,
                        DeleteVolumeRequest.newBuilder().setName("pg").build()),
                GrpcStatus.FAILED_PRECONDITION,
                "detach it first");
        Volume detached = ask(
                0,
                ManagementGrpcClient.DetachVolume,
                DetachVolumeRequest.newBuilder().setName("pg").build());
        assertThat(detached.getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
        ask(
                1,
                ManagementGrpcClient.DeleteVolume,
                DeleteVolumeRequest.newBuilder().setName("pg").build());
        assertRefused(
                cluster.ask(
                        1,
                        ManagementGrpcClient.GetVolume,
                        GetVolumeRequest.newBuilder().setName("pg").build()),
                GrpcStatus.NOT_FOUND,
                "there is no volume 'pg'");
        assertThat(create("pg", 3).getId()).isGreaterThan(created.getId());
    }

    @Test
    void aCopyLiesWhereItIsWantedAndSoDoesWhatTheVolumeGrowsBy() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        PlacementWish wish = PlacementWish.newBuilder().setNode("n2").build();
        Volume created = ask(
                1,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("large")
                        .setSizeBytes(200L << 30)
                        .setReplicas(1)
                        .setWish(wish)
                        .build());
        assertThat(created.getWish()).isEqualTo(wish);
        assertThat(created.getSlabsList())
                .hasSize(25)
                .allSatisfy(slab -> assertThat(slab.getReplicas(0).getGroup()).isEqualTo("g2"));
        // These nodes make nothing that a volume grows by; where it is to be is decided all the same.
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.ResizeVolume,
                        ResizeVolumeRequest.newBuilder()
                                .setName("large")
                                .setSizeBytes(240L << 30)
                                .setTimeoutSeconds(1)
                                .build()),
                GrpcStatus.DEADLINE_EXCEEDED,
                "its new copies are to be made on n2");
        Volume growing = ask(
                0,
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName("large").build());
        assertThat(growing.getGrowth().getSlabsList())
                .hasSize(5)
                .allSatisfy(slab -> assertThat(slab.getReplicas(0).getGroup()).isEqualTo("g2"));
        assertRefused(
                cluster.ask(
                        1,
                        ManagementGrpcClient.CreateVolume,
                        CreateVolumeRequest.newBuilder()
                                .setName("apart")
                                .setSizeBytes(1L << 30)
                                .setWish(wish.toBuilder().setDistinctZones(true))
                                .build()),
                GrpcStatus.FAILED_PRECONDITION,
                "a volume with 2 replicas needs 2 zones with a disk group that is below 85 % full, found 0; not: n0 (in no"
                        + " zone)");
    }

    @Test
    void saysWhatAnAttachWaitsFor() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        create("pg", 2);
        cluster.stopFollowing();
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.AttachVolume,
                        AttachVolumeRequest.newBuilder()
                                .setName("pg")
                                .setNode("n2")
                                .setTimeoutSeconds(1)
                                .build()),
                GrpcStatus.DEADLINE_EXCEEDED,
                "node n2 has not taken it yet");
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.AttachVolume,
                        AttachVolumeRequest.newBuilder()
                                .setName("pg")
                                .setNode("n9")
                                .build()),
                GrpcStatus.NOT_FOUND,
                "no node 'n9'");
    }

    @Test
    void saysWhatPlacementMisses() throws Exception {
        init();
        get(cluster.register(0));
        get(cluster.registerGroup(0, 10L << 30));
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.CreateVolume,
                        CreateVolumeRequest.newBuilder()
                                .setName("pg")
                                .setSizeBytes(1L << 40)
                                .setReplicas(2)
                                .build()),
                GrpcStatus.FAILED_PRECONDITION,
                "needs 2 nodes");
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.CreateVolume,
                        CreateVolumeRequest.newBuilder()
                                .setName("Pg!")
                                .setSizeBytes(1L << 40)
                                .build()),
                GrpcStatus.INVALID_ARGUMENT,
                "not a volume name");
    }

    @Test
    void aWatcherHearsAtOnceOfWhatConcernsItAndNothingElse() throws Exception {
        init();
        cluster.joinAll();
        NodeView first = get(cluster.watch(1, 0, 1_000));
        assertThat(first.getChanged()).isTrue();
        // The member that is asked may still be applying what joined through another one.
        NodeView seen = first;
        NodeView quiet = get(cluster.watch(1, seen.getIndex(), 500));
        for (int news = 0; quiet.getChanged() && news < 10; news++) {
            seen = quiet;
            quiet = get(cluster.watch(1, seen.getIndex(), 500));
        }
        assertThat(quiet.getChanged()).isFalse();
        Future<NodeView> waiting = cluster.watch(1, seen.getIndex(), 8_000);
        Future<Volume> creating = cluster.ask(
                0,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("pg")
                        .setSizeBytes(4096)
                        .setReplicas(3)
                        .build());
        NodeView second = get(waiting);
        assertThat(second.getChanged()).isTrue();
        assertThat(second.getVolumesList()).extracting(Volume::getName).containsExactly("pg");
        assertThat(second.getGroupsList()).hasSize(3);
        cluster.followAll();
        assertThat(get(creating).getState()).isEqualTo(VolumeState.VOLUME_DETACHED);
    }

    @Test
    void truthIsAnsweredByWhoeverIsLeft() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        create("pg", 2);
        cluster.stopFollowing();
        cluster.stop(0);
        assertThat(get(cluster.register(1)).getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
        ClusterStatus status = ask(1, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(status.getSafe()).isFalse();
        assertThat(status.getMetadataMembersUp()).isEqualTo(2);
        assertThat(String.join("\n", status.getProblemsList())).contains("2 of 3 metadata members answer");
        cluster.stop(2);
        status = ask(1, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(status.getHeadline()).startsWith("Unknown: 1 of 3 metadata members answer");
        assertThat(status.getVolumesList()).as("what is known is still shown").hasSize(1);
        assertRefused(
                cluster.ask(
                        1,
                        ManagementGrpcClient.CreateVolume,
                        CreateVolumeRequest.newBuilder()
                                .setName("x")
                                .setSizeBytes(4096)
                                .build()),
                GrpcStatus.UNAVAILABLE,
                "majority");
        cluster.start(0);
        assertThat(get(cluster.register(1)).getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
    }

    @Test
    void aQuestionOutlivesTheElectionsThatItMeets() throws Exception {
        init();
        cluster.joinAll();
        cluster.stop(0);
        cluster.stop(1);
        // Nobody can decide this yet, and the member that it reaches has to be elected first.
        Future<RegisterNodeResponse> asked = cluster.register(2);
        cluster.start(1);
        assertThat(get(asked).getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(TruthClient.GIVES_UP_AFTER).isGreaterThan(MetaMember.ANSWERS_WITHIN);
    }

    @Test
    void aCreationAskedForAgainIsAnsweredWithTheSameVolume() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        CreateVolumeRequest request = CreateVolumeRequest.newBuilder()
                .setName("pg")
                .setSizeBytes(4096)
                .setRequestId("mine")
                .build();
        Volume made = ask(0, ManagementGrpcClient.CreateVolume, request);
        Volume again = ask(1, ManagementGrpcClient.CreateVolume, request);
        // Something else may have been decided between the two answers.
        assertThat(again.toBuilder().clearAsOfIndex().build())
                .isEqualTo(made.toBuilder().clearAsOfIndex().build());
        assertRefused(
                cluster.ask(
                        2,
                        ManagementGrpcClient.CreateVolume,
                        request.toBuilder().setRequestId("another's").build()),
                GrpcStatus.ALREADY_EXISTS,
                "already a volume 'pg'");
    }

    @Test
    void aNodeThatIsNoMemberPassesOnWhatItIsAsked() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        ControlServer outsider = cluster.startOutsider();
        try {
            Volume made = get(cluster.calls()
                    .ask(
                            ControlCluster.loopback(outsider.managementPort()),
                            ManagementGrpcClient.CreateVolume,
                            CreateVolumeRequest.newBuilder()
                                    .setName("pg")
                                    .setSizeBytes(1L << 20)
                                    .build(),
                            Duration.ofSeconds(30)));
            assertThat(made.getReplicas()).isEqualTo(2);
            assertRefused(
                    cluster.calls()
                            .ask(
                                    ControlCluster.loopback(outsider.managementPort()),
                                    ManagementGrpcClient.GetVolume,
                                    GetVolumeRequest.newBuilder()
                                            .setName("ungültig")
                                            .build(),
                                    Duration.ofSeconds(30)),
                    GrpcStatus.NOT_FOUND,
                    "ungültig");
            assertThat(get(cluster.calls()
                                    .ask(
                                            ControlCluster.loopback(outsider.managementPort()),
                                            ManagementGrpcClient.GetNodeStats,
                                            GetNodeStatsRequest.getDefaultInstance(),
                                            Duration.ofSeconds(5)))
                            .getNode())
                    .isEqualTo("outsider");
        } finally {
            get(outsider.close());
        }
    }

    @Test
    void passesWorkToTheNodeConcerned() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        create("pg", 2);
        assertThat(ask(
                                0,
                                ManagementGrpcClient.AddDisk,
                                AddDiskRequest.newBuilder()
                                        .setNode("n2")
                                        .setPath("/dev/x")
                                        .build())
                        .getNode())
                .isEqualTo("n2");
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.AddDisk,
                        AddDiskRequest.newBuilder()
                                .setNode("n1")
                                .setPath("/foreign")
                                .build()),
                GrpcStatus.FAILED_PRECONDITION,
                "holds an ext4 file system");
        assertThat(ask(
                                0,
                                ManagementGrpcClient.RetryDisk,
                                io.varve.api.RetryDiskRequest.newBuilder()
                                        .setNode("n2")
                                        .setGroup("main")
                                        .build())
                        .getGroups(0)
                        .getNode())
                .isEqualTo("n2");
        List<VerifyProgress> reports = new ArrayList<>();
        VerifyVolumeRequest verify =
                VerifyVolumeRequest.newBuilder().setName("pg").build();
        assertRefused(cluster.follow(0, verify, reports), GrpcStatus.FAILED_PRECONDITION, "attach it first");
        ask(
                0,
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode("n1").build());
        get(cluster.follow(2, verify, reports));
        assertThat(reports).hasSize(100);
        assertThat(reports.getLast().getFinished()).isTrue();
    }

    @Test
    void theTruthClientKeepsCompareAndSetAcrossMembers() throws Exception {
        init();
        cluster.joinAll();
        cluster.followAll();
        Volume volume = create("pg", 2);
        cluster.stopFollowing();
        Future<Volume> attaching = cluster.ask(
                0,
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode("n0").build());
        // The wish is there once the node sees it.
        NodeView view = get(cluster.truth()
                .watchNode(WatchNodeRequest.newBuilder()
                        .setNode("n0")
                        .setAfterIndex(get(cluster.watch(0, 0, 0)).getIndex() - 1)
                        .setWaitMillis(5_000)
                        .build()));
        while (view.getVolumesList().stream().noneMatch(v -> v.getWantedNode().equals("n0"))) {
            view = get(cluster.watch(0, view.getIndex(), 5_000));
        }
        AttachRequest attach = AttachRequest.newBuilder()
                .setVolume(volume.getId())
                .setExpectedEpoch(0)
                .setNode("n0")
                .setIncarnation(1)
                .setAttachId("a")
                .build();
        AttachResponse first = get(cluster.truth().attach(attach));
        assertThat(first.getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(first.getGroupsList())
                .as("two slabs, one home, two other copies")
                .hasSize(3);
        assertThat(get(cluster.truth().attach(attach)).getVolume()).isEqualTo(first.getVolume());
        assertThat(get(cluster.truth()
                                .attach(attach.toBuilder().setAttachId("b").build()))
                        .getResult()
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_STALE_EPOCH);
        OpenRequest.Builder open =
                OpenRequest.newBuilder().setVolume(volume.getId()).setEpoch(1);
        for (Slab slab : first.getVolume().getSlabsList()) {
            open.addSlabs(SlabOpen.newBuilder()
                    .setIndex(slab.getIndex())
                    .setGen(slab.getGen())
                    .addAllIsr(slab.getIsrList())
                    .setStartSeq(1));
        }
        assertThat(get(cluster.truth().open(open.build())).getSlabsList())
                .allSatisfy(slab -> assertThat(slab.getCode()).isEqualTo(TruthCode.TRUTH_OK));
        assertThat(get(cluster.truth()
                                .opened(OpenedRequest.newBuilder()
                                        .setVolume(volume.getId())
                                        .setEpoch(1)
                                        .setNbdUri("nbd://here/pg")
                                        .build()))
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_OK);
        assertThat(get(attaching).getAttachment().getNbdUri()).isEqualTo("nbd://here/pg");
        Slab slab = first.getVolume().getSlabs(0);
        ChangeIsrRequest change = ChangeIsrRequest.newBuilder()
                .setVolume(volume.getId())
                .setEpoch(1)
                .addSlabs(SlabIsr.newBuilder()
                        .setIndex(0)
                        .setGen(slab.getGen() + 1)
                        .addIsr(slab.getIsr(0)))
                .build();
        SlabOpened changed = get(cluster.truth().changeIsr(change)).getSlabs(0);
        assertThat(changed.getCode()).isEqualTo(TruthCode.TRUTH_OK);
        assertThat(changed.getIsrList()).containsExactly(slab.getIsr(0));
        assertThat(get(cluster.truth().changeIsr(change)).getSlabs(0)).isEqualTo(changed);
        assertThat(get(cluster.truth().changeIsr(change.toBuilder().setEpoch(7).build()))
                        .getResult()
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_STALE_EPOCH);
        assertThat(get(cluster.truth()
                                .detached(DetachedRequest.newBuilder()
                                        .setVolume(volume.getId())
                                        .setEpoch(7)
                                        .build()))
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_STALE_EPOCH);
    }
}
