package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.config.Endpoint;
import io.varve.cli.config.FixedConfig;
import io.varve.cli.server.DataDirectory.Opening;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DataDirectoryTest {
    @TempDir
    private Path directory;

    @Test
    void countsEveryStart() throws IOException {
        for (var start = 1; start <= 3; start++) {
            try (var opened = opened(fixed("lab", "n1", 7600))) {
                assertThat(opened.incarnation()).isEqualTo(start);
            }
        }
    }

    @Test
    void refusesASecondHolderAndNamesTheFirst() throws IOException {
        try (var first = opened(fixed("lab", "n1", 7600))) {
            assertThat(DataDirectory.open(directory, fixed("lab", "n1", 7600)))
                    .isEqualTo(new Opening.InUse(
                            "process " + ProcessHandle.current().pid()));
            assertThat(first.incarnation()).isEqualTo(1);
        }
        try (var second = opened(fixed("lab", "n1", 7600))) {
            assertThat(second.incarnation()).isEqualTo(2);
        }
    }

    @Test
    void refusesAnotherNodesDirectory() throws IOException {
        opened(fixed("lab", "n1", 7600)).close();

        assertThat(refusal(fixed("lab", "n2", 7600))).contains("'node: n1' became 'node: n2'");
        assertThat(refusal(fixed("other", "n1", 7600))).contains("'cluster: lab' became 'cluster: other'");
        assertThat(refusal(fixed("lab", "n1", 7601))).contains("metadata member: n1 at 127.0.0.1:7601");
        try (var again = opened(fixed("lab", "n1", 7600))) {
            assertThat(again.incarnation()).as("refusals do not count").isEqualTo(2);
        }
    }

    @Test
    void neverGuessesALostIncarnation() throws IOException {
        opened(fixed("lab", "n1", 7600)).close();
        Files.writeString(directory.resolve("incarnation"), "");

        assertThat(refusal(fixed("lab", "n1", 7600))).contains("does not hold a number");
    }

    private DataDirectory opened(FixedConfig fixed) throws IOException {
        return switch (DataDirectory.open(directory, fixed)) {
            case Opening.Opened(var opened) -> opened;
            case Opening.InUse other -> throw new AssertionError(other.toString());
            case Opening.Refused other -> throw new AssertionError(other.toString());
        };
    }

    private String refusal(FixedConfig fixed) throws IOException {
        return ((Opening.Refused) DataDirectory.open(directory, fixed)).message();
    }

    private static FixedConfig fixed(String cluster, String node, int raftPort) {
        return new FixedConfig(
                cluster,
                node,
                List.of(new FixedConfig.MetadataMember(
                        "n1", new Endpoint("127.0.0.1", raftPort), new Endpoint("127.0.0.1", 7400))));
    }
}
