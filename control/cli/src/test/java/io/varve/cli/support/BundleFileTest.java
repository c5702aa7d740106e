package io.varve.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BundleFileTest {
    @TempDir
    Path dir;

    private final Redaction redaction = Redaction.knowing(Map.of(), List.of());

    @Test
    void leavesOutWhatIsTooMuchAndNamesIt() throws Exception {
        try (var bundle = BundleFile.create(dir.resolve("b.tar.gz"), "d", Instant.EPOCH, redaction, 1_000)) {
            bundle.add("a.txt", "a", "x".repeat(900));
            bundle.add("b.txt", "b", "x".repeat(200));
            bundle.add("c.txt", "c", "x".repeat(100));
            assertThat(bundle.missing())
                    .singleElement()
                    .asString()
                    .startsWith("b.txt: the bundle would be larger than");
            bundle.finish();
        }
        assertThat(dir.resolve("b.tar.gz")).exists();
    }

    @Test
    void bearsItsNameOnlyWhenItIsWhole() throws Exception {
        try (var bundle = BundleFile.create(dir.resolve("b.tar.gz"), "d", Instant.EPOCH, redaction)) {
            bundle.add("a.txt", "a", "x");
            assertThat(dir.resolve("b.tar.gz")).doesNotExist();
        }
        try (var left = Files.list(dir)) {
            assertThat(left).isEmpty();
        }
    }
}
