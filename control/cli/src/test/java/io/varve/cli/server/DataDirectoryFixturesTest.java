package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.config.Endpoint;
import io.varve.cli.config.FixedConfig;
import io.varve.cli.config.FixedConfig.MetadataMember;
import io.varve.cli.server.DataDirectory.Opening;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The data directory of a node at its seventh start, as versions of Varve wrote it: docs/internals/compatibility.md. */
final class DataDirectoryFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

    @TempDir
    Path dir;

    @Test
    void takesWhatEveryVersionWroteForItsOwn() throws Exception {
        var fixed = new FixedConfig(
                "lab",
                "n1",
                List.of(new MetadataMember("n1", new Endpoint("127.0.0.1", 7600), new Endpoint("127.0.0.1", 7400))));
        List<Path> versions;
        try (Stream<Path> paths = Files.list(FIXTURES)) {
            versions = paths.toList();
        }
        assertThat(versions).anyMatch(path -> path.endsWith("v1"));
        for (var version : versions) {
            var copy = Files.createDirectories(dir.resolve(String.valueOf(version.getFileName())));
            for (var name : List.of("fixed.yaml", "incarnation")) {
                Files.copy(version.resolve("data").resolve(name), copy.resolve(name));
            }
            var opening = DataDirectory.open(copy, fixed);
            assertThat(opening).as(version.toString()).isInstanceOf(Opening.Opened.class);
            try (var opened = ((Opening.Opened) opening).directory()) {
                assertThat(opened.incarnation()).isEqualTo(8);
            }
            assertThat(copy.resolve("fixed.yaml"))
                    .as("what it would write is the same")
                    .hasContent(FixedText.of(fixed));
        }
    }
}
