package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.CreateVolumeRequest;
import io.varve.api.Event;
import io.varve.api.EventSeverity;
import io.varve.api.ListEventsRequest;
import io.varve.api.ListEventsResponse;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.ReportEventRequest;
import io.varve.model.EventReason;
import io.vertx.core.Future;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events through the API of three real members. */
class EventsTest {
    @TempDir
    Path dir;

    private ControlCluster cluster;

    @BeforeEach
    void start() throws Exception {
        cluster = new ControlCluster(dir);
        cluster.startAll();
        await(cluster.ask(
                0,
                ManagementGrpcClient.InitCluster,
                io.varve.api.InitClusterRequest.newBuilder().setName("test").build()));
        cluster.joinAll();
    }

    @AfterEach
    void stop() throws Exception {
        cluster.close();
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(40, TimeUnit.SECONDS);
    }

    private ListEventsResponse list(int server, ListEventsRequest.Builder request) throws Exception {
        return await(cluster.ask(server, ManagementGrpcClient.ListEvents, request.build()));
    }

    @Test
    void everyMemberTellsTheSameAndWhoFollowsHearsAtOnce() throws Exception {
        long before = System.currentTimeMillis();
        ListEventsResponse told = list(0, ListEventsRequest.newBuilder());
        assertThat(told.getEventsList())
                .extracting(Event::getReason)
                .startsWith("ClusterMade")
                .contains("NodeJoined", "GroupAdded");
        assertThat(told.getEventsList())
                .allSatisfy(event -> assertThat(event.getUnixMillis()).isBetween(before - 60_000, before + 1_000));
        for (int server = 1; server < 3; server++) {
            assertThat(list(server, ListEventsRequest.newBuilder()).getEventsList())
                    .isEqualTo(told.getEventsList());
        }
        ListEventsRequest next = ListEventsRequest.newBuilder()
                .setAfterNumber(told.getLastNumber())
                .setWaitMillis(10_000)
                .build();
        Future<ListEventsResponse> following = cluster.ask(1, ManagementGrpcClient.ListEvents, next);
        cluster.followAll();
        await(cluster.ask(
                0,
                ManagementGrpcClient.CreateVolume,
                CreateVolumeRequest.newBuilder()
                        .setName("db")
                        .setSizeBytes(1L << 30)
                        .build()));
        assertThat(await(following).getEventsList())
                .singleElement()
                .satisfies(event -> assertThat(event.getReason()).isEqualTo("VolumeCreated"))
                .satisfies(event -> assertThat(event.getVolume()).isEqualTo("db"));
        assertThat(list(2, ListEventsRequest.newBuilder().setVolume("db")).getEventsCount())
                .isEqualTo(1);
        assertThat(list(2, ListEventsRequest.newBuilder().setSinceUnixMillis(before + 3_600_000))
                        .getEventsCount())
                .isZero();
        assertThat(list(2, ListEventsRequest.newBuilder().setLimit(1)).getEventsList())
                .extracting(Event::getReason)
                .containsExactly("VolumeCreated");
        assertThat(list(2, ListEventsRequest.newBuilder().setAtLeast(EventSeverity.EVENT_WARNING))
                        .getEventsCount())
                .isZero();

        ReportEventRequest report = ReportEventRequest.newBuilder()
                .setNode("n1")
                .setIncarnation(1)
                .setNumber(1)
                .setSeverity(EventSeverity.EVENT_WARNING)
                .setReason(EventReason.BLOCKS_REPAIRED.code())
                .setMessage("two blocks")
                .build();
        await(cluster.truth().reportEvent(report));
        await(cluster.truth().reportEvent(report));
        assertThat(list(0, ListEventsRequest.newBuilder().setNode("n1").setAtLeast(EventSeverity.EVENT_WARNING))
                        .getEventsList())
                .singleElement()
                .satisfies(event -> assertThat(event.getWhatToDo()).isEqualTo(EventReason.BLOCKS_REPAIRED.remedy()));
        var outsider = cluster.startOutsider();
        assertThat(await(cluster.calls()
                                .ask(
                                        ControlCluster.loopback(outsider.managementPort()),
                                        ManagementGrpcClient.ListEvents,
                                        ListEventsRequest.getDefaultInstance(),
                                        java.time.Duration.ofSeconds(20)))
                        .getEventsCount())
                .as("through a node that is no member")
                .isEqualTo(told.getEventsCount() + 2);
        await(outsider.close());
    }
}
