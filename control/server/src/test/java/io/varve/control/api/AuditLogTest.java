package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.DeleteVolumeRequest;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditLogTest {
    private static final Visitor ANN = new Visitor(Optional.of(new Principal(Role.ADMIN, "ann")), "n4");

    @TempDir
    private Path directory;

    @Test
    void aLineSaysWhoDidWhatWhenAndHowItEnded() {
        assertThat(AuditLog.line(
                        Instant.parse("2026-11-29T12:00:00Z"),
                        ANN,
                        "varve.v1.Management/DeleteVolume",
                        DeleteVolumeRequest.newBuilder().setName("a\"b").build(),
                        "there is no volume"))
                .isEqualTo("{\"time\":\"2026-11-29T12:00:00Z\",\"who\":\"admin ann via n4\",\"call\":\"DeleteVolume\","
                        + "\"what\":\"name: \\\"a\\\\\\\"b\\\"\",\"result\":\"there is no volume\"}\n");
    }

    @Test
    void keepsTheNewestWithinItsBounds() throws IOException {
        Path file = directory.resolve("audit.log");
        try (AuditLog log = new AuditLog(file, 1_000)) {
            for (int i = 0; i < 200; i++) {
                log.tell(
                        ANN,
                        "varve.v1.Management/DeleteVolume",
                        DeleteVolumeRequest.newBuilder().setName("v" + i).build(),
                        "ok");
            }
        }
        assertThat(Files.readString(file)).contains("v199");
        try (var files = Files.list(directory)) {
            assertThat(files.toList())
                    .hasSize(AuditLog.KEPT_FILES)
                    .allSatisfy(each -> assertThat(Files.size(each)).isLessThan(1_300));
        }
    }
}
