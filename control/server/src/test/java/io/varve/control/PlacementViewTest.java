package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.AttachVolumeRequest;
import io.varve.api.ClusterStatus;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachVolumeRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.InitClusterRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.membership.PlacementView.Found;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.ServiceMethod;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The placement view from its writer, the leader of a real metadata group, to a node that is none of its members. */
@Tag("slow")
@Timeout(180)
class PlacementViewTest {
    private static final long LIMIT_SECONDS = 40;

    @TempDir
    Path dir;

    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = ControlCluster.withMembership(dir);
        cluster.startAll();
        ask(
                0,
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("test").build());
        cluster.joinAll();
        cluster.followAll();
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
    }

    private static <T> T get(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private <Q, R> R ask(int server, ServiceMethod<R, Q> method, Q request) throws Exception {
        return get(cluster.ask(server, method, request));
    }

    private <Q, R> R askAt(ControlServer server, ServiceMethod<R, Q> method, Q request) throws Exception {
        SocketAddress address = ControlCluster.loopback(server.managementPort());
        return get(cluster.calls().ask(address, method, request, Duration.ofSeconds(LIMIT_SECONDS)));
    }

    private void create(String name) throws Exception {
        ask(
                0,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName(name)
                        .setSizeBytes(10L << 30)
                        .setReplicas(2)
                        .build());
    }

    private static Optional<Found> seen(ControlServer server, String volume, long atLeast) throws Exception {
        return server.membership().view().volume(volume, atLeast).get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private static Optional<Found> seen(ControlServer server, String volume) throws Exception {
        return seen(server, volume, 0);
    }

    /** Hazelcast tells of its inner changes to nobody. */
    private static void until(String what, Callable<Boolean> happened) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!happened.call()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("not within " + LIMIT_SECONDS + " s: " + what);
            }
            Thread.sleep(50);
        }
    }

    /** By what each of the four says of itself. */
    private void allTogether(ControlServer outsider) throws Exception {
        List<ControlServer> all = List.of(cluster.server(0), cluster.server(1), cluster.server(2), outsider);
        until(
                "all together",
                () -> all.stream()
                        .map(server -> server.membership().told())
                        .allMatch(told ->
                                told.getTogether() == 4 && told.getState().equals("RUNNING")));
    }

    private int leader() throws Exception {
        return Integer.parseInt(ask(0, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance())
                .getMetadataLeader()
                .substring(1));
    }

    @Test
    void whoLeadsWritesAndEveryNodeReadsWhatIsNewEnough() throws Exception {
        create("db");
        ControlServer outsider = cluster.startOutsider();
        cluster.beginMemberships(outsider);
        allTogether(outsider);
        until("the view", () -> seen(outsider, "db").isPresent());
        int leader = leader();
        for (int i = 0; i < 3; i++) {
            if (i != leader) {
                assertThat(cluster.server(i).viewWrites()).isZero();
            }
        }
        until("its writer", () -> outsider.membership().told().getViewWriter().equals("n" + leader));

        // What changes is seen, with what a member would say of it.
        ask(
                0,
                ManagementGrpcClient.AttachVolume,
                AttachVolumeRequest.newBuilder().setName("db").setNode("n1").build());
        until(
                "it attached",
                () -> seen(outsider, "db")
                        .filter(found -> found.volume().getState() == VolumeState.VOLUME_ATTACHED)
                        .isPresent());
        Volume known = ask(
                0,
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName("db").build());
        Found found = seen(outsider, "db").orElseThrow();
        assertThat(found.volume()).isEqualTo(known.toBuilder().clearAsOfIndex().build());
        assertThat(found.index()).isLessThanOrEqualTo(known.getAsOfIndex());

        // Who knows more does not get less.
        assertThat(seen(outsider, "db", found.index())).isPresent();
        assertThat(seen(outsider, "db", found.index() + 1)).isEmpty();
        long used = outsider.membership().view().uses().hits();
        Volume fromView = askAt(outsider, ManagementGrpcClient.GetVolume, request("db", found.index()));
        assertThat(fromView.getAsOfIndex()).isEqualTo(found.index());
        assertThat(outsider.membership().view().uses().hits()).isEqualTo(used + 1);
        Volume fromMember = askAt(outsider, ManagementGrpcClient.GetVolume, request("db", found.index() + 1));
        assertThat(fromMember.getState()).isEqualTo(VolumeState.VOLUME_ATTACHED);
        assertThat(outsider.membership().view().uses().hits()).isEqualTo(used + 1);

        // Another one leads: it writes from then on, also what changed while nobody wrote.
        cluster.stop(leader);
        int other = (leader + 1) % 3;
        get(cluster.ask(
                other,
                ManagementGrpcClient.DetachVolume,
                DetachVolumeRequest.newBuilder().setName("db").build()));
        get(cluster.ask(
                other,
                ManagementGrpcClient.DeleteVolume,
                DeleteVolumeRequest.newBuilder().setName("db").build()));
        until(
                "it gone",
                () -> seen(outsider, "db").isEmpty()
                        && !outsider.membership().told().getViewWriter().equals("n" + leader));
        get(outsider.close());
    }

    private static GetVolumeRequest request(String name, long atLeast) {
        return GetVolumeRequest.newBuilder()
                .setName(name)
                .setAtLeastIndex(atLeast)
                .build();
    }

    @Test
    void whatIsLostIsWrittenAgainAndServesWhenNobodyElseCanBeAsked() throws Exception {
        create("db");
        // It knows of no metadata member that it could ask.
        ControlServer outsider = cluster.startOutsider(List.of(ControlCluster.loopback(1)));
        cluster.beginMemberships(outsider);
        allTogether(outsider);
        until("the view", () -> seen(outsider, "db").isPresent());
        ClusterStatus status = askAt(outsider, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
        assertThat(status.getHeadline()).startsWith("Unknown: ").contains("may be old");
        assertThat(status.getNodesList()).extracting(node -> node.getId()).containsExactly("n0", "n1", "n2");
        assertThat(status.getVolumesList()).extracting(Volume::getName).containsExactly("db");
        assertThat(status.getGroupsCount()).isEqualTo(3);

        // Members leave without a word, and more entries with them than there are copies of.
        int leader = leader();
        for (int i = 0; i < 3; i++) {
            if (i != leader) {
                cluster.leaveMembership(i);
            }
        }
        until("two of them", () -> outsider.membership().told().getTogether() == 2);
        until(
                "all written again",
                () -> outsider.membership()
                        .view()
                        .all()
                        .filter(all -> all.nodes().size() == 3
                                && all.groups().size() == 3
                                && all.volumes().size() == 1)
                        .isPresent());
        get(outsider.close());
    }
}
