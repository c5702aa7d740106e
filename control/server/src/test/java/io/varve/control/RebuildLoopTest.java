package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.ChangeSettingsRequest;
import io.varve.api.CheckDepartureRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.Departure;
import io.varve.api.DiskGroup;
import io.varve.api.DrainNodeRequest;
import io.varve.api.EvictDiskRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ListRebuildsRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RemoveDiskRequest;
import io.varve.api.RemoveNodeRequest;
import io.varve.api.ReplicaPhase;
import io.varve.api.SetReplicasRequest;
import io.varve.api.SettingValue;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.truth.CallFailedException;
import io.vertx.core.Future;
import io.vertx.grpc.common.ServiceMethod;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The planner at work in three real control servers, with four data nodes played by the test: people order, and nodes follow. */
@Tag("slow")
@Timeout(120)
class RebuildLoopTest {
    @TempDir
    Path dir;

    private ControlCluster cluster;
    private FollowingNode fourth;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        ask(
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build());
        cluster.joinAll();
        get(cluster.truth()
                .registerNode(
                        RegisterNodeRequest.newBuilder().setNode(fourthNode()).build()));
        get(cluster.truth().registerGroup(fourthGroup()));
        cluster.followAll();
        cluster.fillAll();
        fourth = new FollowingNode(cluster.truth(), "n3", "g3", 7).filling();
        fourth.start();
        ask(
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("pg")
                        .setSizeBytes(4096)
                        .setReplicas(2)
                        .build());
    }

    @AfterEach
    void stop() throws Exception {
        fourth.stop();
        cluster.close();
    }

    private static Node fourthNode() {
        return Node.newBuilder()
                .setId("n3")
                .setIncarnation(7)
                .setManagementAddress("127.0.0.1:1")
                .build();
    }

    /** With much room, so that it gets a copy. */
    private static RegisterGroupRequest fourthGroup() {
        return RegisterGroupRequest.newBuilder()
                .setGroup(DiskGroup.newBuilder()
                        .setUuid("g3")
                        .setNode("n3")
                        .setName("disks")
                        .setPeerAddress("127.0.0.1:7999")
                        .setCapacityBytes(900L << 30)
                        .setFreeBytes(900L << 30))
                .setIncarnation(7)
                .build();
    }

    private static <R> R get(Future<R> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    private <Q, R> R ask(ServiceMethod<R, Q> method, Q request) throws Exception {
        return get(cluster.ask(0, method, request));
    }

    private Volume now() throws Exception {
        return ask(
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName("pg").build());
    }

    private Departure check(String node, String group) throws Exception {
        return ask(
                ManagementGrpcClient.CheckDeparture,
                CheckDepartureRequest.newBuilder().setNode(node).setGroup(group).build());
    }

    /** Asked again at every turn: each look is a call that waits for the newest. */
    private <T> T until(java.util.concurrent.Callable<T> look, Predicate<T> reached) throws Exception {
        while (true) {
            T seen = look.call();
            if (reached.test(seen)) {
                return seen;
            }
        }
    }

    private static boolean isHeldBy(Volume volume, String group) {
        return volume.getSlabs(0).getReplicasList().stream()
                .anyMatch(replica -> replica.getGroup().equals(group));
    }

    @Test
    void aDrainedNodeIsEmptiedThenRemovedThenRefused() throws Exception {
        ask(
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode("n3").build());
        assertThat(isHeldBy(now(), "g3")).isTrue();
        assertThatThrownBy(() -> ask(
                        ManagementGrpcClient.RemoveNode,
                        RemoveNodeRequest.newBuilder().setNode("n3").build()))
                .cause()
                .isInstanceOf(CallFailedException.class)
                .hasMessageContaining("1 copy of volume pg is still there")
                .hasMessageContaining("volume pg is attached there");
        ask(
                ManagementGrpcClient.DrainNode,
                DrainNodeRequest.newBuilder().setNode("n3").build());
        until(() -> check("n3", ""), departure -> departure.getSafe() && departure.getCopiesToDelete() == 0);
        Volume moved = now();
        assertThat(moved.getAttachment().getNode()).isNotEqualTo("n3");
        assertThat(moved.getSlabs(0).getIsrList()).hasSize(2).doesNotContain("g3");
        ask(
                ManagementGrpcClient.RemoveNode,
                RemoveNodeRequest.newBuilder().setNode("n3").build());
        var back = get(cluster.truth()
                .registerNode(RegisterNodeRequest.newBuilder()
                        .setNode(fourthNode().toBuilder().setIncarnation(8))
                        .build()));
        assertThat(back.getResult().getCode()).isEqualTo(TruthCode.TRUTH_REFUSED);
        assertThat(back.getResult().getMessage()).contains("node 'n3' was removed");
    }

    @Test
    void aMetadataMemberIsNotRemoved() throws Exception {
        assertThat(check("n0", "").getReasonsList())
                .anyMatch(reason -> reason.contains("member of the metadata group"));
        assertThatThrownBy(() -> check("n9", ""))
                .cause()
                .hasMessage("there is no node 'n9': varve node list shows those that there are");
    }

    @Test
    void aDetachedVolumeIsOpenedForItsCopiesAndCanStillBeDeleted() throws Exception {
        ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder().setName("pg").setReplicas(3).build());
        Volume whole = until(
                this::now,
                volume -> volume.getSlabs(0).getIsrCount() == 3 && !volume.getMaintenance() && !volume.hasAttachment());
        assertThat(whole.getWantedNode()).isEmpty();
        ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder().setName("pg").setReplicas(2).build());
        until(this::now, Volume::getMaintenance);
        var deleted = ask(
                ManagementGrpcClient.DeleteVolume,
                DeleteVolumeRequest.newBuilder().setName("pg").build());
        assertThat(deleted.getWaitsForNodesList()).isEmpty();
    }

    @Test
    void anEvictedDiskGroupIsEmptiedAndRemoved() throws Exception {
        ask(
                ManagementGrpcClient.EvictDisk,
                EvictDiskRequest.newBuilder().setNode("n3").setGroup("disks").build());
        until(() -> check("n3", "disks"), departure -> departure.getSafe() && departure.getCopiesToDelete() == 0);
        Slab slab = now().getSlabs(0);
        assertThat(slab.getIsrList()).hasSize(2).doesNotContain("g3");
        ask(
                ManagementGrpcClient.RemoveDisk,
                RemoveDiskRequest.newBuilder().setNode("n3").setGroup("disks").build());
        // A member that has not heard of it yet takes it for the sign of life of a group that is known.
        until(
                () -> get(cluster.truth().registerGroup(fourthGroup()))
                        .getResult()
                        .getMessage(),
                message -> message.contains("disk group 'n3/disks' was removed"));
    }

    @Test
    void aRaiseThatNobodyFillsIsTakenBackAtOnce() throws Exception {
        ask(
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode("n3").build());
        fourth.stop();
        ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder().setName("pg").setReplicas(3).build());
        until(this::now, volume -> volume.getSlabs(0).getReplicasCount() == 3);
        Volume back = ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder().setName("pg").setReplicas(2).build());
        Slab slab = back.getSlabs(0);
        assertThat(slab.getIsrCount()).isEqualTo(2);
        assertThat(slab.getReplicasList())
                .filteredOn(replica -> !slab.getIsrList().contains(replica.getGroup()))
                .allMatch(replica -> replica.getPhase() == ReplicaPhase.REPLICA_LEAVING);
        until(this::now, volume -> volume.getSlabs(0).getReplicasCount() == 2);
    }

    @Test
    void settingsAreRefusedByNameAndPausingHoldsTheCopies() throws Exception {
        assertThatThrownBy(() -> set("rebuild.grace", "1s")).cause().hasMessageContaining("15s to 7d");
        set("rebuild.paused", "true");
        ask(
                ManagementGrpcClient.SetReplicas,
                SetReplicasRequest.newBuilder().setName("pg").setReplicas(3).build());
        var list = ask(ManagementGrpcClient.ListRebuilds, ListRebuildsRequest.getDefaultInstance());
        assertThat(list.getPaused()).isTrue();
        assertThat(list.getWaitingSlabs()).isEqualTo(1);
        assertThat(now().getSlabs(0).getReplicasCount()).isEqualTo(2);
        set("rebuild.paused", "false");
        until(this::now, volume -> volume.getSlabs(0).getIsrCount() == 3);
    }

    private void set(String key, String value) throws Exception {
        ask(
                ManagementGrpcClient.ChangeSettings,
                ChangeSettingsRequest.newBuilder()
                        .addValues(SettingValue.newBuilder().setKey(key).setValue(value))
                        .build());
    }
}
