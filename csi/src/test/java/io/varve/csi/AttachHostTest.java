package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AttachHostTest {
    @TempDir
    private Path directory;

    private AttachHost host;
    private AttachHost.Client client;
    private Thread serving;

    @BeforeEach
    void start() throws IOException {
        Path socket = directory.resolve("attach.sock");
        host = new AttachHost(socket, new OwnSession(List.of("sh", "-c", "echo \"$@\"", "attach")));
        client = new AttachHost.Client(socket);
        serving = Thread.ofVirtual().start(() -> {
            try {
                host.serve();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    @AfterEach
    void stop() throws InterruptedException {
        host.close();
        assertThat(serving.join(Duration.ofSeconds(10))).isTrue();
    }

    @Test
    void startsWhatIsAskedForAndItsOutputGoesToTheLog() throws Exception {
        Path log = directory.resolve("db.log");
        client.start(List.of("db", "--socket", "/a path/db.sock"), log);
        long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while ((!Files.exists(log) || Files.size(log) == 0) && System.nanoTime() < end) {
            Thread.onSpinWait();
        }
        assertThat(log).hasContent("db --socket /a path/db.sock");
    }

    @Test
    void saysWhyItCouldNot() {
        assertThatThrownBy(() -> client.start(List.of("db"), directory.resolve("no/such/directory/db.log")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("refused")
                .hasMessageContaining("no/such/directory");
    }

    @Test
    void onlyItsOwnerMayAsk() throws IOException {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.resolve("attach.sock"))))
                .isEqualTo("rw-------");
    }

    @Test
    void whoAsksNobodyIsToldSo() {
        assertThatThrownBy(() -> new AttachHost.Client(directory.resolve("other.sock")).start(List.of("db"), directory))
                .hasMessageContaining("does not answer on");
    }
}
