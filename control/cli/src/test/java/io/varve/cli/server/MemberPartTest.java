package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.NodeConfig;
import io.varve.control.truth.TruthClient;
import io.varve.dataplane.agent.NodeAgent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Node n1, whose list says that it is a member. */
class MemberPartTest {
    @TempDir
    private Path directory;

    private NodeConfig config() {
        return config("n1");
    }

    private NodeConfig config(String... members) {
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
                                        .formatted(node, 7599 + number(node), 7399 + number(node)))
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
        var storage = Files.createDirectory(directory.resolve("metadata"));
        Files.createFile(storage.resolve("log"));
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
    void anEmptyDirectoryIsNoStorage() throws IOException {
        Files.createDirectory(directory.resolve("metadata"));
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isEmpty();
        }
    }

    @Test
    void oneThatHasItsStorageBeginsAtOnce() throws IOException {
        Files.createFile(Files.createDirectory(directory.resolve("metadata")).resolve("log"));
        try (var part = MemberPart.open(config("n1", "n2", "n3"))) {
            assertThat(part.first(Optional.empty())).isPresent();
            assertThat(part.members().aside()).isEmpty();
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
        var storage = Files.createDirectory(directory.resolve("metadata"));
        try (var _ = MemberPart.open(config())) {
            assertThat(storage).doesNotExist();
            assertThat(directory.resolve("metadata-retired")).exists();
        }
    }
}
