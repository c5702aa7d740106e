package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.varve.api.BackupMetadataRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.GetMetadataRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.GroupStats;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MetadataMember;
import io.varve.api.MetadataStatus;
import io.varve.api.NodeStats;
import io.varve.api.RecoverMetadataRequest;
import io.varve.api.RecoveryReport;
import io.varve.api.Replica;
import io.varve.api.ReplicaStats;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeLabel;
import io.varve.model.StreamId;
import io.vertx.core.Future;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Three real members that lose everything; what the disks of three nodes know is played. */
class MetadataRecoveryTest {
    private ControlCluster cluster;
    private String uuid = "";

    @BeforeEach
    void starts(@TempDir Path dir) throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        uuid = await(cluster.ask(
                        0,
                        ManagementGrpcClient.InitCluster,
                        InitClusterRequest.newBuilder().setName("lab").build()))
                .getClusterUuid();
        cluster.joinAll();
    }

    @AfterEach
    void ends() throws Exception {
        cluster.close();
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }

    private byte[] backup() throws Exception {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        await(cluster.calls()
                .follow(
                        cluster.management().get(1),
                        ManagementGrpcClient.BackupMetadata,
                        BackupMetadataRequest.getDefaultInstance(),
                        part -> {
                            file.writeBytes(part.getContent().toByteArray());
                            return Future.succeededFuture();
                        }));
        return file.toByteArray();
    }

    private RecoveryReport recover(RecoverMetadataRequest.Builder request) throws Exception {
        return await(cluster.ask(0, ManagementGrpcClient.RecoverMetadata, request.build()));
    }

    private Volume volume(String name) throws Exception {
        return await(cluster.ask(
                2,
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName(name).build()));
    }

    /** That node's disk group has a copy of the first slab of the volume, written up to there. */
    private void holds(int node, long volume, long lastSeq) {
        cluster.tells(
                node,
                NodeStats.newBuilder()
                        .setNode("n" + node)
                        .setClusterUuid(uuid)
                        .setDisksOpen(true)
                        .addGroups(GroupStats.newBuilder().setGroup("g" + node))
                        .addReplicas(ReplicaStats.newBuilder()
                                .setGroup("g" + node)
                                .setStream(StreamId.of(volume, 0))
                                .setCreationId(10 + node)
                                .setBlocks(1024)
                                .setPromisedEpoch(4)
                                .setLastEpoch(4)
                                .setLastSeq(lastSeq)
                                .setCommitSeq(100))
                        .addLabels(VolumeLabel.newBuilder()
                                .setVolume(volume)
                                .setName("db")
                                .setReplicas(2))
                        .build());
    }

    /** As nodes do several times a second. */
    private void knock() throws Exception {
        for (int node = 0; node < 3; node++) {
            assertThat(await(cluster.register(node)).getResult().getCode()).isEqualTo(TruthCode.TRUTH_REFUSED);
        }
    }

    private Volume createVolume() throws Exception {
        cluster.followAll();
        Volume volume = await(cluster.ask(
                0,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("db")
                        .setSizeBytes(4 << 20)
                        .setReplicas(2)
                        .build()));
        cluster.stopFollowing();
        return volume;
    }

    @Test
    void isRestoredFromABackupAndTheDisks() throws Exception {
        Volume before = createVolume();
        byte[] backup = backup();
        RecoverMetadataRequest.Builder restore =
                RecoverMetadataRequest.newBuilder().setBackup(ByteString.copyFrom(backup));
        assertThatThrownBy(() -> recover(restore)).hasMessageContaining("this is cluster 'lab', and it runs");

        cluster.loseMetadata();
        assertThat(recover(restore).getObjectionsList())
                .anyMatch(why -> why.contains("still opening its disks"))
                .anyMatch(why -> why.contains("disk group disks of node n0 is not open"));
        for (int node = 0; node < 3; node++) {
            holds(node, before.getId(), node == 0 ? 90 : 200 + node);
        }
        RecoveryReport dry = recover(restore.clone().setDryRun(true));
        assertThat(dry.getObjectionsList()).isEmpty();
        assertThat(dry.getDone()).isFalse();
        RecoveryReport done = recover(restore);
        assertThat(done.getDone()).isTrue();
        assertThat(done.getClusterUuid()).isEqualTo(uuid);

        Volume after = volume("db");
        assertThat(after.getId()).isEqualTo(before.getId());
        assertThat(after.getEpoch()).isGreaterThan(4);
        assertThat(after.getSlabs(0).getIsrList()).containsExactly("g1", "g2");
        assertThat(after.getSlabs(0).getReplicasList().stream().map(Replica::getGroup))
                .containsExactly("g0", "g1", "g2");
        assertThatThrownBy(() -> recover(restore)).hasMessageContaining("it runs");
        cluster.joinAll();
    }

    @Test
    void isRescuedWithoutABackup() throws Exception {
        createVolume();
        cluster.loseMetadata();
        for (int node = 0; node < 3; node++) {
            holds(node, 1, 200);
        }
        knock();
        RecoveryReport done = recover(RecoverMetadataRequest.newBuilder().setName("lab"));
        assertThat(done.getObjectionsList()).isEmpty();
        assertThat(done.getNodesList()).containsExactly("n0", "n1", "n2");
        assertThat(volume("db").getSizeBytes()).isEqualTo(4 << 20);
        cluster.joinAll();
    }

    @Test
    void tellsWhoLeadsAndWhoDoesNotAnswer() throws Exception {
        MetadataStatus whole =
                await(cluster.ask(0, ManagementGrpcClient.GetMetadata, GetMetadataRequest.getDefaultInstance()));
        assertThat(whole.getMembersList().stream().filter(MetadataMember::getLeads))
                .hasSize(1);
        assertThat(whole.getSafe()).isTrue();
        assertThat(whole.getNeeded()).isEqualTo(2);
        int follower = whole.getMembers(2).getLeads() ? 1 : 2;
        cluster.stop(follower);
        MetadataStatus lacking =
                await(cluster.ask(0, ManagementGrpcClient.GetMetadata, GetMetadataRequest.getDefaultInstance()));
        assertThat(lacking.getMembers(follower).getAnswers()).isFalse();
        assertThat(lacking.getSafe()).isFalse();
        assertThat(lacking.getHealth()).contains("2 of 3 members answer");
    }
}
