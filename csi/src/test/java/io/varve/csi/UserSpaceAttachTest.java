package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A program that waits, known by its arguments, stands for {@code varve attach}. */
@NullUnmarked
final class UserSpaceAttachTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private UserSpaceAttach attach;
    private Process process;

    @BeforeEach
    void start() throws IOException {
        attach = new UserSpaceAttach(directory, new OwnSession(List.of("false")));
        process = new ProcessBuilder("sh", "-c", "read line", "varve", state().toString()).start();
        tell(4096);
    }

    @AfterEach
    void stop() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    private Path state() {
        return directory.resolve("db.attach");
    }

    private void tell(long bytes) throws IOException {
        Path fresh = directory.resolve("db.attach.new");
        Files.writeString(fresh, "{\"volume\":\"db\",\"device\":\"/dev/loop9\",\"sizeBytes\":" + bytes + ",\"pid\":1}");
        Files.move(fresh, state(), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private CompletableFuture<Optional<Attach.Device>> awaited(long bytes) {
        CompletableFuture<Optional<Attach.Device>> device = new CompletableFuture<>();
        Thread.ofVirtual().start(() -> device.complete(attach.await("db", bytes, LIMIT)));
        return device;
    }

    @Test
    void seesTheDeviceGrow() throws Exception {
        CompletableFuture<Optional<Attach.Device>> device = awaited(12_288);
        tell(8192);
        tell(12_288);
        assertThat(device.get(20, TimeUnit.SECONDS)).contains(new Attach.Device("/dev/loop9", 12_288));
    }

    @Test
    void seesTheAttachEnd() throws Exception {
        CompletableFuture<Optional<Attach.Device>> device = awaited(8192);
        process.destroy();
        assertThat(device.get(20, TimeUnit.SECONDS)).isEmpty();
    }

    @Test
    void endsEveryProcessOfTheVolume() throws Exception {
        Process second = new ProcessBuilder("sh", "-c", "read line", "varve", state().toString()).start();
        try {
            attach.detach("db");
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(second.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(attach.find("db")).isEmpty();
        } finally {
            second.destroyForcibly().waitFor();
        }
    }

    @Test
    void isNotAnotherUsersProcess() throws Exception {
        assumeThat(Files.getAttribute(Path.of("/proc/self"), "unix:uid")).isEqualTo(0);
        process.destroyForcibly().waitFor();
        Process stranger = new ProcessBuilder(
                        "setpriv",
                        "--reuid=65534",
                        "--clear-groups",
                        "sh",
                        "-c",
                        "echo here; read line",
                        "varve",
                        state().toString())
                .start();
        try {
            assertThat(stranger.inputReader().readLine()).isEqualTo("here");
            assertThat(attach.find("db")).isEmpty();
            attach.detach("db");
            assertThat(stranger.isAlive()).isTrue();
        } finally {
            stranger.destroyForcibly().waitFor();
        }
    }

    @Test
    void tellsTheDeviceAsItIsWhenItDoesNotGrow() {
        assertThat(attach.await("db", 8192, Duration.ofMillis(1))).contains(new Attach.Device("/dev/loop9", 4096));
    }
}
