package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.varve.api.Node;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaState;
import io.varve.control.raft.MetaConfig.Member;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Three real members in one JVM, on real ports and files. */
@Tag("slow")
@Timeout(120)
class MetaGroupTest {
    private static final int SNAPSHOT_EVERY = 50;

    @TempDir
    Path dir;

    private final List<Member> members = new ArrayList<>();
    private final @Nullable MetaMember[] running = new MetaMember[3];

    @BeforeEach
    void choosePorts() throws IOException {
        List<ServerSocket> held = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
            held.add(socket);
            members.add(new Member("n" + i, "127.0.0.1", socket.getLocalPort()));
        }
        for (ServerSocket socket : held) {
            socket.close();
        }
    }

    @AfterEach
    void stopAll() throws IOException {
        for (int i = 0; i < 3; i++) {
            stop(i);
        }
    }

    private void start(int... which) throws IOException {
        for (int i : which) {
            running[i] = MetaMember.start(new MetaConfig("n" + i, members, dir.resolve("n" + i), SNAPSHOT_EVERY));
        }
    }

    private MetaMember member(int i) {
        return Objects.requireNonNull(running[i]);
    }

    private void stop(int i) throws IOException {
        MetaMember member = running[i];
        if (member != null) {
            running[i] = null;
            member.close();
        }
    }

    private static MetaCommand node(int i) {
        return new RegisterNode(
                Node.newBuilder().setId("node" + i).setIncarnation(1).build(), "");
    }

    private MetaResult propose(int member, MetaCommand command) throws Exception {
        return member(member).propose(command).get(30, TimeUnit.SECONDS);
    }

    private void initialise(int member) throws Exception {
        assertThat(propose(member, new InitCluster("u", "test")).isOk()).isTrue();
    }

    private void register(int member, int from, int to) throws Exception {
        for (int batch = from; batch < to; batch += 100) {
            List<CompletableFuture<MetaResult>> all = IntStream.range(batch, Math.min(to, batch + 100))
                    .mapToObj(i -> member(member).propose(node(i)))
                    .toList();
            for (CompletableFuture<MetaResult> result : all) {
                assertThat(result.get(30, TimeUnit.SECONDS).code()).isEqualTo(TruthCode.TRUTH_OK);
            }
        }
    }

    private int nodesSeenBy(int member) throws Exception {
        member(member).upToDate().get(30, TimeUnit.SECONDS);
        return member(member).read(MetaState::nodes).size();
    }

    @Test
    void everyMemberReadsWhatAnyMemberWasTold() throws Exception {
        start(0, 1, 2);
        initialise(0);
        for (int i = 0; i < 12; i++) {
            assertThat(propose(i % 3, node(i)).isOk()).isTrue();
            assertThat(nodesSeenBy((i + 1) % 3)).isEqualTo(i + 1);
        }
        assertThat(member(0).leader()).isPresent();
    }

    /** Its connections end and its port refuses: nobody waits for its silence. */
    @Test
    void standsForElectionWhenTheLeaderHasEnded() throws Exception {
        var said = new ListAppender<ILoggingEvent>();
        var log = (Logger) LoggerFactory.getLogger(LeaderLoss.class);
        said.start();
        log.addAppender(said);
        try {
            start(0, 1, 2);
            initialise(0);
            var leader = member(0).leader().orElseThrow();
            var number = Integer.parseInt(leader.substring(1));
            stop(number);
            register((number + 1) % 3, 0, 1);
            assertThat(member((number + 1) % 3).leader()).isPresent().isNotEqualTo(Optional.of(leader));
            assertThat(List.copyOf(said.list))
                    .anyMatch(event -> event.getFormattedMessage().contains("leader=" + leader));
        } finally {
            log.detachAppender(said);
        }
    }

    @Test
    void goesOnWithOneMemberLostAndRefusesWithTwo() throws Exception {
        start(0, 1, 2);
        initialise(0);
        int leader = Integer.parseInt(member(0).leader().orElseThrow().substring(1));
        stop(leader);
        int other = (leader + 1) % 3;
        register(other, 0, 10);
        assertThat(nodesSeenBy(other)).isEqualTo(10);
        stop((leader + 2) % 3);
        assertThatThrownBy(() -> propose(other, node(99)))
                .hasCauseInstanceOf(MetaUnavailableException.class)
                .hasMessageContaining("majority")
                .hasMessageMatching("(?s).*tries: [1-9].*, last: .+");
        assertThat(member(other).read(MetaState::nodes))
                .as("what is known can still be looked at")
                .hasSize(10);
    }

    @Test
    void everythingIsThereAfterAllWereStopped() throws Exception {
        start(0, 1, 2);
        initialise(0);
        // Past a snapshot, so that the start has both: a snapshot and entries that the map already holds.
        register(0, 0, SNAPSHOT_EVERY + 20);
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < 3; i++) {
                stop(i);
            }
            start(0, 1, 2);
            for (int i = 0; i < 3; i++) {
                assertThat(nodesSeenBy(i)).isEqualTo(SNAPSHOT_EVERY + 20 + round);
            }
            register(1, SNAPSHOT_EVERY + 20 + round, SNAPSHOT_EVERY + 21 + round);
        }
    }

    @Test
    void aMapSetBackByAPowerCutIsMadeGoodFromSnapshotAndLog() throws Exception {
        start(0, 1, 2);
        initialise(0);
        register(0, 0, SNAPSHOT_EVERY * 2 + 20);
        assertThat(nodesSeenBy(2)).isEqualTo(SNAPSHOT_EVERY * 2 + 20);
        stop(2);
        Path map = find(dir.resolve("n2"), "truth.lmdb");
        Files.delete(map);
        start(2);
        assertThat(nodesSeenBy(2)).isEqualTo(SNAPSHOT_EVERY * 2 + 20);
    }

    @Test
    void aMemberThatLaggedBehindTheLogGetsASnapshot() throws Exception {
        start(0, 1, 2);
        initialise(0);
        register(0, 0, 5);
        assertThat(nodesSeenBy(2)).isEqualTo(5);
        stop(2);
        register(0, 5, SNAPSHOT_EVERY * 12);
        start(2);
        assertThat(nodesSeenBy(2)).isEqualTo(SNAPSHOT_EVERY * 12);
        assertThat(filesLike(dir.resolve("n2"), "snapshot.*"))
                .as("installed, not replayed")
                .isPositive();
        register(2, SNAPSHOT_EVERY * 12, SNAPSHOT_EVERY * 12 + 5);
        stop(0);
        assertThat(nodesSeenBy(2)).as("it is a member like the others").isEqualTo(SNAPSHOT_EVERY * 12 + 5);
        stop(2);
        start(2);
        assertThat(nodesSeenBy(2)).isEqualTo(SNAPSHOT_EVERY * 12 + 5);
    }

    /** Under another id and with an empty log a fourth one takes the third one's place; that one comes back with all that it had. */
    @Test
    void aMemberIsReplacedAndTheOldOneDoesNoHarm() throws Exception {
        start(0, 1, 2);
        initialise(0);
        register(0, 0, SNAPSHOT_EVERY * 12);
        stop(2);
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        Member later = new Member("n3#1", "127.0.0.1", port);
        List<Member> after = List.of(members.get(0), members.get(1), later);
        MetaConfig joining = new MetaConfig(
                later.id(),
                after,
                MetaConfig.groupOf(members),
                true,
                dir.resolve("n3"),
                SNAPSHOT_EVERY,
                Optional.empty(),
                Set::of);
        try (MetaMember joined = MetaMember.start(joining)) {
            int leader = awaitLeader();
            List<Member> before = member(leader).configuration().orElseThrow();
            member(leader).reconfigure(before, after).get(60, TimeUnit.SECONDS);
            assertThat(member(leader).configuration().orElseThrow()).containsExactlyInAnyOrderElementsOf(after);
            assertThat(joined.self()).isEqualTo("n3");
            assertThat(nodesSeenBy(joined)).isEqualTo(SNAPSHOT_EVERY * 12);
            assertThatThrownBy(() -> member(leader).reconfigure(before, members).get(60, TimeUnit.SECONDS))
                    .as("who saw another configuration changes nothing")
                    .isNotNull();
            start(2);
            stop(1 - leader);
            register(leader, SNAPSHOT_EVERY * 12, SNAPSHOT_EVERY * 12 + 5);
            assertThat(nodesSeenBy(joined))
                    .as("two of the three that count: the old one does not")
                    .isEqualTo(SNAPSHOT_EVERY * 12 + 5);
            assertThat(isOut(member(2))).isTrue();
            stop(2);
        }
        try (MetaMember again = MetaMember.start(joining)) {
            assertThat(nodesSeenBy(again)).as("it knows its configuration").isEqualTo(SNAPSHOT_EVERY * 12 + 5);
        }
    }

    /** The others tell it to stop, if it asks them for their votes; it may as well not have asked yet. */
    private static boolean isOut(MetaMember former) {
        try {
            return former.read(MetaState::nodes).size() <= SNAPSHOT_EVERY * 12;
        } catch (StoreClosedException told) {
            return true;
        }
    }

    private int awaitLeader() throws Exception {
        member(0).upToDate().get(30, TimeUnit.SECONDS);
        return Integer.parseInt(member(0).leader().orElseThrow().substring(1));
    }

    private static int nodesSeenBy(MetaMember member) throws Exception {
        member.upToDate().get(30, TimeUnit.SECONDS);
        return member.read(MetaState::nodes).size();
    }

    @Test
    void aGroupOfOneWorksAndSurvives() throws Exception {
        MetaConfig alone = new MetaConfig("n0", members.subList(0, 1), dir.resolve("alone"));
        try (MetaMember member = MetaMember.start(alone)) {
            assertThat(member.propose(new InitCluster("u", "one")).get().isOk()).isTrue();
        }
        try (MetaMember member = MetaMember.start(alone)) {
            member.upToDate().get();
            String name = member.read(state -> state.cluster().orElseThrow().getName());
            assertThat(name).isEqualTo("one");
        }
    }

    @Test
    void wakesWhoWaitsForAChange() throws Exception {
        start(0, 1, 2);
        initialise(0);
        member(2).upToDate().get();
        long seen = member(2).changes().newest(Changes.ANY);
        CompletableFuture<Long> change =
                member(2).changes().newerThan("node7", seen).orElseThrow();
        assertThat(change).isNotDone();
        propose(0, node(7));
        assertThat(change.get(10, TimeUnit.SECONDS)).isGreaterThan(seen);
        boolean there = member(2).read(state -> state.node("node7").isPresent());
        assertThat(there).isTrue();
    }

    private static Path find(Path under, String name) throws IOException {
        try (Stream<Path> files = Files.walk(under)) {
            return files.filter(file -> file.getFileName().toString().equals(name))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static long filesLike(Path under, String pattern) throws IOException {
        try (Stream<Path> files = Files.walk(under)) {
            return files.filter(file -> file.getFileName().toString().matches(pattern))
                    .count();
        }
    }
}
