package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.NodeConfig;
import io.varve.control.ControlConfig;
import io.varve.control.ControlServer;
import io.varve.control.api.NodeLocal;
import io.varve.control.raft.MetaConfig;
import io.varve.control.truth.TruthClient;
import io.varve.dataplane.agent.NodeAgent;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Node n1, whose list says that it is a member. */
class MemberPartTest {
    @TempDir
    private Path directory;

    private NodeConfig config() {
        return config("n1");
    }

    private NodeConfig config(String... members) {
        return config(7599, members);
    }

    /** {@code raft}: so much below the port of n1. */
    private NodeConfig config(int raft, String... members) {
        var text = """
                cluster: lab
                node: n1
                dataDir: "%s"
                network: plaintext
                listen: {peer: "127.0.0.1:7500", nbd: "127.0.0.1:10809"}
                metadata:
                  members:
                %s
                """.formatted(
                        directory,
                        Stream.of(members)
                                .map(node -> "    - {node: %s, raft: \"127.0.0.1:%d\", management: \"127.0.0.1:%d\"}"
                                        .formatted(node, raft + number(node), 7399 + number(node)))
                                .collect(Collectors.joining("\n")));
        return switch (ConfigFile.parse(text)) {
            case ConfigResult.Loaded(var config) -> config;
            case ConfigResult.Rejected(var problems) -> throw new AssertionError(problems.toString());
        };
    }

    private static int number(String node) {
        return Integer.parseInt(node.substring(1));
    }

    private static GroupMember member(String node, String peer) {
        return GroupMember.newBuilder()
                .setNode(node)
                .setPeer(peer)
                .setRaftAddress(node + ":7600")
                .setManagementAddress(node + ":7400")
                .build();
    }

    private static MetadataGroup group() {
        return MetadataGroup.newBuilder()
                .setVersion(5)
                .setGroupUuid("6f1c2f4e-3f63-4b5a-9d0e-0a4b6c1d2e3f")
                .addAllMembers(List.of(member("n1", "n1"), member("n2", "n2"), member("n3", "n3")))
                .build();
    }

    /** As the member's storage is when it runs. */
    private Path storage(String name, MetadataGroup of) throws IOException {
        return Files.createDirectories(directory.resolve(name).resolve(of.getGroupUuid()));
    }

    private void takesItsOwnPlace() throws IOException {
        MembersFile.write(
                directory,
                group().toBuilder()
                        .addJoining(member("n1", "n1#b"))
                        .addLeaving("n1")
                        .build());
    }

    @Test
    void aQuietNodeDoesNotSearch() {
        assertThat(MemberPart.LOST).isGreaterThan(NodeAgent.WATCH.plus(TruthClient.POLL_GRACE));
    }

    @Test
    void aMemberThatIsToTakeItsOwnPlaceKeepsItsLog() throws IOException {
        takesItsOwnPlace();
        var storage = storage("metadata", group());
        try (var _ = MemberPart.open(config())) {
            assertThat(storage).exists();
            assertThat(directory.resolve("metadata-retired")).doesNotExist();
        }
    }

    @Test
    void oneOfThreeFirstMembersWithoutStorageWaitsForTheOthers() throws IOException {
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
            assertThat(part.members().aside()).contains("n2, n3 do not answer yet");
            assertThat(part.members().lost()).isEmpty();
        }
    }

    @Test
    void aFileSystemThatIsNewIsNoStorage() throws IOException {
        Files.createDirectories(directory.resolve("metadata").resolve("lost+found"));
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
        }
    }

    @Test
    void oneThatHasItsStorageBeginsAtOnce() throws IOException {
        MembersFile.write(directory, group());
        storage("metadata", group());
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isPresent();
            assertThat(part.members().aside()).isEmpty();
        }
    }

    @Test
    void oneThatHasAStorageAndNoListYetBeginsAtOnce() throws IOException {
        var first = MetaConfig.groupOf(Stream.of("n1", "n2", "n3")
                .map(node -> new MetaConfig.Member(node, "127.0.0.1", 7599 + number(node)))
                .toList());
        Files.createDirectories(directory.resolve("metadata").resolve(first.toString()));
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isPresent();
        }
    }

    @Test
    void aSingleMemberBeginsAtOnce() throws IOException {
        try (var part = MemberPart.open(config())) {
            assertThat(part.first(Optional.empty())).isPresent();
        }
    }

    @Test
    void oneThatIsListedAndHasNoStorageSaysSo() throws IOException {
        MembersFile.write(directory, group());
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
            assertThat(part.members().lost()).isEqualTo("n1");
            assertThat(part.members().aside()).contains("has lost its storage");
        }
    }

    /** None of them answers, as if it had asked and died: that it had nothing is known for good. */
    @Test
    @Timeout(180)
    void beginsWhenTheLastOfTheOthersHasAsked() throws Exception {
        int port;
        try (var held = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = held.getLocalPort();
        }
        try (var part = MemberPart.open(config(port - 1, "n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
            var members = part.members();
            var founding = members.founding().orElseThrow();
            founding.waits("n2");
            following(part, () -> {
                until(() -> members.aside().contains("and n3 does not answer yet"));
                founding.waits("n3");
                until(() -> members.founding().isEmpty());
                assertThat(members.aside()).isEmpty();
            });
        }
    }

    @Test
    @Timeout(180)
    void oneThatLostItsStorageAndIsMemberNoMorePassesOnWhatItIsAsked() throws Exception {
        MembersFile.write(directory, group());
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
            var members = part.members();
            following(part, () -> {
                assertThat(members.lost()).isEqualTo("n1");
                members.heard(group().toBuilder()
                        .setVersion(6)
                        .setMembers(0, member("n4", "n4#a"))
                        .build());
                until(() -> members.aside().isEmpty() && members.lost().isEmpty());
            });
        }
    }

    private interface Doing {
        void run() throws Exception;
    }

    private static void following(MemberPart part, Doing test) throws Exception {
        var vertx = Vertx.vertx();
        var client = new TruthClient(vertx, part.members(), Optional.empty());
        var control = await(ControlServer.start(
                new ControlConfig(
                        "n1",
                        "127.0.0.1",
                        0,
                        part.members(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty()),
                vertx,
                withoutDisks()));
        try {
            part.follow(control, Optional.empty(), client, vertx);
            test.run();
        } finally {
            part.close();
            await(control.close());
            await(vertx.close());
        }
    }

    private static NodeLocal withoutDisks() {
        return (NodeLocal) Proxy.newProxyInstance(
                NodeLocal.class.getClassLoader(),
                new Class<?>[] {NodeLocal.class},
                (node, method, asked) -> Future.failedFuture("no disks"));
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(120, TimeUnit.SECONDS);
    }

    private static void until(BooleanSupplier happened) throws InterruptedException {
        while (!happened.getAsBoolean()) {
            Thread.sleep(20);
        }
    }

    @Test
    void oneThatHasLostItsLogGoesOnWithTheNewOne() throws IOException {
        takesItsOwnPlace();
        var begun = Files.createDirectory(directory.resolve("metadata-b"));
        try (var _ = MemberPart.open(config())) {
            assertThat(begun).exists();
        }
    }

    @Test
    void whatIsLeftOfAPartThatEndedIsPutAside() throws IOException {
        MembersFile.write(
                directory,
                group().toBuilder().setMembers(0, member("n4", "n4#a")).build());
        var storage = storage("metadata", group());
        try (var _ = MemberPart.open(config())) {
            assertThat(storage).doesNotExist();
            assertThat(directory.resolve("metadata-retired")).exists();
        }
    }
}
