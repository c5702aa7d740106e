package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.ClusterStatus;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListVolumesRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SyncState;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.truth.CallFailedException;
import io.vertx.core.Future;
import io.vertx.grpc.common.ServiceMethod;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What people see and can do while copies are missing. Three real control servers and three data nodes played by the test. */
@Tag("slow")
@Timeout(120)
class DegradedVolumeTest {
    @TempDir
    Path dir;

    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        ask(
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build());
        cluster.joinAll();
        cluster.followAll();
        ask(
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("pg")
                        .setSizeBytes(4096)
                        .setReplicas(3)
                        .build());
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
    }

    private static <R> R get(Future<R> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    private <Q, R> R ask(ServiceMethod<R, Q> method, Q request) throws Exception {
        return get(cluster.ask(0, method, request));
    }

    private Volume attachTo(String node) throws Exception {
        return ask(
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode(node).build());
    }

    private Volume now() throws Exception {
        return ask(
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName("pg").build());
    }

    @Test
    void aCopyThatLeftIsNamedUntilItIsBack() throws Exception {
        Volume volume = attachTo("n0");
        assertThat(volume.getSync().getState()).isEqualTo(SyncState.SYNC_HEALTHY);
        Slab slab = volume.getSlabs(0);
        ChangeIsrRequest.Builder change =
                ChangeIsrRequest.newBuilder().setVolume(volume.getId()).setEpoch(volume.getEpoch());
        SlabIsr.Builder without =
                SlabIsr.newBuilder().setGen(slab.getGen()).addIsr("g0").addIsr("g1");
        assertThat(get(cluster.truth()
                                .changeIsr(change.clone().addSlabs(without).build()))
                        .getSlabs(0)
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_OK);
        Volume degraded = now().toBuilder().clearAsOfIndex().build();
        assertThat(degraded.getSync().getState()).isEqualTo(SyncState.SYNC_AT_MINIMUM);
        assertThat(degraded.getSync().getMissing(0).getNode()).isEqualTo("n2");
        assertThat(degraded.getSync().getMissing(0).getGroupName()).isEqualTo("disks");
        ClusterStatus status = ask(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(status.getHeadline())
                .isEqualTo("No: volume pg: 2 of 3 copies in sync on 1 of 1 slab; missing: n2/disks:"
                        + " they come back by themselves, nothing is to be done");
        assertThat(status.getVolumes(0)).isEqualTo(degraded);
        assertThat(ask(ManagementGrpcClient.ListVolumes, ListVolumesRequest.getDefaultInstance())
                        .getVolumes(0))
                .isEqualTo(degraded);
        SlabIsr.Builder whole =
                without.clone().setGen(degraded.getSlabs(0).getGen()).addIsr("g2");
        get(cluster.truth().changeIsr(change.clone().addSlabs(whole).build()));
        assertThat(now().getSync().getState()).isEqualTo(SyncState.SYNC_HEALTHY);
    }

    @Test
    void aDetachThatWaitsForALostNodeSaysHowToGoOn() throws Exception {
        attachTo("n0");
        cluster.stopFollowing(0);
        assertThatThrownBy(() -> ask(
                        ManagementGrpcClient.DetachVolume,
                        DetachVolumeRequest.newBuilder()
                                .setName("pg")
                                .setTimeoutSeconds(1)
                                .build()))
                .cause()
                .isInstanceOf(CallFailedException.class)
                .hasMessageContaining("not detached after 1 s: node n0")
                .hasMessageContaining("has not let go of it yet");
    }

    @Test
    void aDeletionNamesTheNodesThatItWaitsFor() throws Exception {
        cluster.stopFollowing(2);
        var answer = ask(
                ManagementGrpcClient.DeleteVolume,
                DeleteVolumeRequest.newBuilder().setName("pg").build());
        assertThat(answer.getWaitsForNodesList()).containsExactly("n2");
        assertThat(now().getState()).isEqualTo(VolumeState.VOLUME_DELETING);
    }
}
