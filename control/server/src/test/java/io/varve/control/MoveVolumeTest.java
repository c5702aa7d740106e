package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.truth.CallFailedException;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Three real control servers and three data nodes played by the test: a volume changes its node. */
@Tag("slow")
@Timeout(120)
class MoveVolumeTest {
    @TempDir
    Path dir;

    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        get(cluster.ask(
                0,
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build()));
        cluster.joinAll();
        cluster.followAll();
        get(cluster.ask(
                0,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("pg")
                        .setSizeBytes(4096)
                        .setReplicas(2)
                        .build()));
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
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

    private Volume attachTo(String node) throws Exception {
        return get(cluster.ask(
                0,
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("pg").setNode(node).build()));
    }

    private Future<Volume> move(int server, String to) {
        return cluster.ask(server, ManagementGrpcClient.MoveVolume, request(to).build());
    }

    private static MoveVolumeRequest.Builder request(String to) {
        return MoveVolumeRequest.newBuilder().setName("pg").setNode(to).setTimeoutSeconds(20);
    }

    /** The index that it was read at rises by itself. */
    private static Volume undated(Volume volume) {
        return volume.toBuilder().clearAsOfIndex().build();
    }

    private Volume now() throws Exception {
        return get(cluster.ask(
                0,
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName("pg").build()));
    }

    @Test
    void takesAVolumeFromANodeThatIsThere() throws Exception {
        attachTo("n0");
        Volume moved = get(move(1, "n2"));
        assertThat(moved.getAttachment().getNode()).isEqualTo("n2");
        assertThat(moved.getAttachment().getOpen()).isTrue();
        assertThat(moved.getWantedNode()).isEqualTo("n2");
        assertThat(moved.getEpoch()).isEqualTo(2);
        // The old one lets go some time, and says so in its own epoch.
        assertThat(get(cluster.truth()
                                .detached(DetachedRequest.newBuilder()
                                        .setVolume(moved.getId())
                                        .setEpoch(1)
                                        .build()))
                        .getCode())
                .isEqualTo(TruthCode.TRUTH_STALE_EPOCH);
        assertThat(now().getAttachment()).isEqualTo(moved.getAttachment());
        assertThat(undated(get(move(2, "n2")))).as("it is there already").isEqualTo(undated(moved));
    }

    @Test
    void tellsWhoeverWaitsAtAnyMemberWhenItIsOpenInANewerEpoch() throws Exception {
        attachTo("n0");
        GetVolumeRequest newer = GetVolumeRequest.newBuilder()
                .setName("pg")
                .setAfterEpoch(1)
                .setWaitMillis(60_000)
                .build();
        List<Future<Volume>> waiting = Stream.of(0, 1, 2)
                .map(server -> cluster.ask(server, ManagementGrpcClient.GetVolume, newer))
                .toList();
        assertThat(get(cluster.ask(
                                0,
                                ManagementGrpcClient.GetVolume,
                                newer.toBuilder().setWaitMillis(100).build()))
                        .getEpoch())
                .as("its time was over")
                .isEqualTo(1);
        assertThat(waiting).noneMatch(Future::isComplete);
        get(move(0, "n2"));
        for (Future<Volume> told : waiting) {
            assertThat(get(told).getAttachment().getNode()).isEqualTo("n2");
            assertThat(get(told).getAttachment().getOpen()).isTrue();
        }
        assertThat(get(cluster.ask(
                                1,
                                ManagementGrpcClient.GetVolume,
                                newer.toBuilder().setAfterEpoch(0).build()))
                        .getEpoch())
                .as("it is so already")
                .isEqualTo(2);
    }

    @Test
    void takesAVolumeFromANodeThatIsGone() throws Exception {
        attachTo("n0");
        cluster.stopFollowing(0);
        Volume moved = get(move(1, ""));
        assertThat(moved.getAttachment().getNode()).isNotEqualTo("n0");
        assertThat(moved.getState()).isEqualTo(VolumeState.VOLUME_ATTACHED);
    }

    @Test
    void choosesTheNodeWithTheOtherCopy() throws Exception {
        Volume volume = now();
        List<String> nodes = volume.getSlabs(0).getReplicasList().stream()
                .map(replica -> "n" + replica.getGroup().substring(1))
                .toList();
        attachTo(nodes.get(0));
        assertThat(get(move(0, "")).getAttachment().getNode()).isEqualTo(nodes.get(1));
        assertThat(get(move(0, "")).getAttachment().getNode()).isEqualTo(nodes.get(0));
        String without = Stream.of("n0", "n1", "n2")
                .filter(node -> !nodes.contains(node))
                .findFirst()
                .orElseThrow();
        assertThat(get(move(0, without)).getAttachment().getNode())
                .as("asked for by name")
                .isEqualTo(without);
    }

    @Test
    void oneOfTwoThatMoveItWinsAndTheOtherIsToldSo() throws Exception {
        attachTo("n0");
        List<Future<Volume>> movers = List.of(move(1, "n1"), move(2, "n2"));
        int winners = 0;
        for (Future<Volume> mover : movers) {
            try {
                Volume moved = get(mover);
                winners++;
                assertThat(moved.getAttachment().getNode()).isEqualTo(moved.getWantedNode());
            } catch (java.util.concurrent.ExecutionException e) {
                // Told at once, or, when the other one came a moment later, that the volume went on.
                assertThat(e.getCause())
                        .isInstanceOf(CallFailedException.class)
                        .hasMessageMatching("(?s).*(somebody else was quicker|meanwhile somebody asked).*");
            }
        }
        assertThat(winners).isBetween(1, 2);
        Volume after = now();
        assertThat(after.getWantedNode()).isIn("n1", "n2");
    }

    @Test
    void theSameMoveAskedForAgainGoesNoFurther() throws Exception {
        attachTo("n0");
        MoveVolumeRequest request = request("").setRequestId("mine").build();
        Volume moved = get(cluster.ask(0, ManagementGrpcClient.MoveVolume, request));
        assertThat(undated(get(cluster.ask(1, ManagementGrpcClient.MoveVolume, request))))
                .isEqualTo(undated(moved));
    }

    @Test
    void aDetachedVolumeIsAttached() throws Exception {
        assertThat(get(move(0, "n1")).getAttachment().getNode()).isEqualTo("n1");
    }

    @Test
    void answersAtOnceWhenToldNotToWait() throws Exception {
        attachTo("n0");
        cluster.stopFollowing();
        Volume wanted = get(cluster.ask(
                0,
                ManagementGrpcClient.MoveVolume,
                request("n1").setNoWait(true).build()));
        assertThat(wanted.getWantedNode()).isEqualTo("n1");
        assertThat(wanted.getAttachment().getNode()).isEqualTo("n0");
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.MoveVolume,
                        request("n1").setTimeoutSeconds(1).build()),
                GrpcStatus.DEADLINE_EXCEEDED,
                "node n1 has not taken it from n0 yet");
    }

    @Test
    void refusesNodesThatCannotServeIt() throws Exception {
        attachTo("n0");
        assertRefused(move(0, "n9"), GrpcStatus.NOT_FOUND, "no node 'n9'");
        assertRefused(
                cluster.ask(
                        0,
                        ManagementGrpcClient.AttachVolume,
                        AttachVolumeRequest.newBuilder()
                                .setName("pg")
                                .setNode("n1")
                                .build()),
                GrpcStatus.FAILED_PRECONDITION,
                "attached to n0: varve volume move pg --to n1");
        get(cluster.truth()
                .registerNode(RegisterNodeRequest.newBuilder()
                        .setNode(Node.newBuilder().setId("n8").setIncarnation(1))
                        .build()));
        assertRefused(move(0, "n8"), GrpcStatus.FAILED_PRECONDITION, "n8 has no disk group");
        cluster.restartMembers();
        assertRefused(move(0, "n8"), GrpcStatus.FAILED_PRECONDITION, "n8 (not heard from) cannot serve it now");
        assertThat(now().getWantedNode()).isEqualTo("n0");
    }
}
