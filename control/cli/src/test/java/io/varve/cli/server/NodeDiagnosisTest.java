package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DiagnosticFile;
import io.varve.api.NodeDiagnostics;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.support.Redaction;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeDiagnosisTest {
    @TempDir
    Path dir;

    private NodeDiagnostics gather(String log, Map<String, String> environment) throws Exception {
        var file = dir.resolve("node.yaml");
        Files.writeString(file, """
                # joinToken: pLanted-in-config
                cluster: lab
                node: n1
                dataDir: %s
                listen:
                  management: 127.0.0.1:7400
                  peer: 127.0.0.1:7500
                  nbd: 127.0.0.1:10809
                metadata:
                  members:
                    - {node: n1, raft: "127.0.0.1:7600", management: "127.0.0.1:7400"}
                """.formatted(dir));
        return switch (ConfigFile.read(file)) {
            case ConfigResult.Loaded(var config) ->
                new NodeDiagnosis(config, file, 7, environment, () -> log).gather("varve_x 1\n");
            case ConfigResult.Rejected(var problems) -> throw new AssertionError(problems);
        };
    }

    private static String content(NodeDiagnostics told, String name) {
        return told.getFilesList().stream()
                .filter(file -> file.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name))
                .getContent()
                .toStringUtf8();
    }

    @Test
    void noPlantedSecretLeavesTheNode() throws Exception {
        System.setProperty("varve.test.keyPassword", "pLanted-in-property");
        try {
            var told = gather("""
                    the key is pLanted-in-config, not pLanted-in-environment
                    password=pLanted-in-log x
                    and pLanted-in-property
                    """, Map.of("VARVE_TOKEN", "pLanted-in-environment", "PATH", "/bin"));
            assertThat(told.getFilesList())
                    .hasSizeGreaterThan(8)
                    .allSatisfy(file -> assertThat(file.getContent().toStringUtf8())
                            .as(file.getName())
                            .doesNotContain("pLanted"));
            assertThat(content(told, "log.txt")).startsWith("the key is " + Redaction.MARK + ", not " + Redaction.MARK);
        } finally {
            System.clearProperty("varve.test.keyPassword");
        }
    }

    @Test
    void tellsWhatOneWouldAskFor() throws Exception {
        var told = gather("node ready\n", Map.of("PATH", "/bin"));
        assertThat(told.getNode()).isEqualTo("n1");
        assertThat(content(told, "version.txt"))
                .contains("node n1\n")
                .contains("start 7\n")
                .contains("java ");
        assertThat(content(told, "config.yaml")).contains("cluster: lab\n");
        assertThat(content(told, "environment.txt")).isEqualTo("PATH=/bin\n");
        assertThat(content(told, "log.txt")).isEqualTo("node ready\n");
        assertThat(content(told, "metrics.txt")).isEqualTo("varve_x 1\n");
        assertThat(content(told, "threads.txt")).contains("NodeDiagnosisTest.tellsWhatOneWouldAskFor");
        assertThat(content(told, "jvm.txt")).contains("heap ").contains("java.version=");
        assertThat(content(told, "process.txt")).contains("VmRSS");
        assertThat(content(told, "data-directory.txt")).contains("node.yaml");
        assertThat(told.getFilesList())
                .allSatisfy(file -> assertThat(file.getAbout()).isNotEmpty());
    }

    @Test
    void aLongFileLosesItsBeginAndSaysHowMuch() {
        var text = "a".repeat(NodeDiagnosis.MAX_FILE_BYTES) + "the end";
        DiagnosticFile file = NodeDiagnosis.file(Redaction.knowing(Map.of(), List.of()), "log.txt", "log", text);
        assertThat(file.getContent().size()).isEqualTo(NodeDiagnosis.MAX_FILE_BYTES);
        assertThat(file.getContent().toStringUtf8()).endsWith("the end");
        assertThat(file.getLeftOutBytes()).isEqualTo(7);
    }
}
