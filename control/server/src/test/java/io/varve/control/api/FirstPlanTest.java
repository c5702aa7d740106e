package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaResult;
import io.varve.control.raft.MetaConfig;
import io.varve.control.raft.MetaConfig.Member;
import io.varve.control.raft.MetaMember;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The first plan of a real member that leads alone, while a new volume has a copy on a failed disk: that one is made elsewhere, once the others were asked. */
@Tag("slow")
@Timeout(60)
class FirstPlanTest {
    private static final long GIB = 1L << 30;

    @TempDir
    Path dir;

    private final Vertx vertx = Vertx.vertx();
    private final NodeCalls calls = new NodeCalls(vertx);
    private final Sightings sightings = new Sightings(System::nanoTime);
    private final Promise<Void> answers = Promise.promise();
    private Runnable asked = () -> {};
    private MetaMember member;
    private RebuildLoop planner;
    private long volume;

    @BeforeEach
    void lead() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        member =
                MetaMember.start(new MetaConfig("n1", List.of(new Member("n1", "127.0.0.1", port)), dir.resolve("n1")));
        propose(new InitCluster("c", "test"));
        for (String number : List.of("1", "2", "3")) {
            propose(new RegisterNode(
                    Node.newBuilder().setId("n" + number).setIncarnation(1).build(), ""));
            propose(new RegisterGroup(group(number, "OK"), 1));
        }
        volume = propose(new CreateVolume("pg", GIB, 2, GIB, 1, List.of(List.of("g1", "g2")), ""))
                .requireVolume()
                .getId();
        propose(new RegisterGroup(group("1", "FAILED"), 1));
        planner = new RebuildLoop(new MetaGroup(vertx, member), sightings, calls, () -> {
            asked.run();
            return answers.future();
        });
    }

    @AfterEach
    void stop() throws Exception {
        await(calls.close());
        member.close();
        await(vertx.close());
    }

    private static DiskGroup group(String number, String state) {
        return DiskGroup.newBuilder()
                .setUuid("g" + number)
                .setNode("n" + number)
                .setName("disks")
                .setPeerAddress("127.0.0.1:1")
                .setCapacityBytes(100 * GIB)
                .setFreeBytes(100 * GIB)
                .addDevices(Device.newBuilder().setPath("/dev/x").setState(state))
                .build();
    }

    private MetaResult propose(MetaCommand command) throws Exception {
        MetaResult result = member.propose(command).get(30, TimeUnit.SECONDS);
        assertThat(result.isOk()).as(result.message()).isTrue();
        return result;
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
    }

    private List<String> copies() {
        return member.read(state -> state.slab(volume, 0).orElseThrow()).getReplicasList().stream()
                .map(Replica::getGroup)
                .toList();
    }

    private void hearOfAll() {
        for (String number : List.of("1", "2", "3")) {
            sightings.seen("n" + number);
            sightings.seenGroup("g" + number);
        }
    }

    @Test
    void isMadeWhenTheOtherMembersHaveBeenAsked() throws Exception {
        Future<Void> round = planner.round();
        assertThat(await(planner.round())).as("one is under way").isNull();
        assertThat(round.isComplete()).isFalse();
        hearOfAll();
        answers.complete();
        await(round);
        assertThat(copies()).containsExactly("g1", "g2", "g3");
    }

    @Test
    void holdsNothingThatAnOlderMemberDoesNotKnow() throws Exception {
        hearOfAll();
        asked = sightings::groupsUntold;
        answers.complete();
        await(planner.round());
        assertThat(copies()).containsExactly("g1", "g2");
    }
}
