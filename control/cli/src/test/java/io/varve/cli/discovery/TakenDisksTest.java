package io.varve.cli.discovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.RestartConfig;
import io.varve.cli.discovery.TakenDisks.Entry;
import io.varve.dataplane.disk.DeviceClass;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TakenDisksTest {
    private static final List<Entry> ENTRIES = List.of(
            new Entry("nvme-A_1", "", "nvme-A_1", DeviceClass.NVME, true),
            new Entry("scsi-0-0", "2GiB", "scsi-0:0", DeviceClass.HDD, true),
            new Entry("ata-B", "256MiB", "ata-B", DeviceClass.SSD, false));

    @TempDir
    private Path directory = Path.of("");

    @Test
    void readsWhatItWrote() throws IOException {
        var file = directory.resolve("disks.yaml");
        assertThat(TakenDisks.load(file)).isEmpty();
        TakenDisks.store(file, ENTRIES);
        assertThat(TakenDisks.load(file)).isEqualTo(ENTRIES);
        TakenDisks.store(file, ENTRIES.subList(0, 1));
        assertThat(TakenDisks.load(file)).isEqualTo(ENTRIES.subList(0, 1));
    }

    @Test
    void isTheListOfDisksOfAConfiguration() throws IOException {
        var file = directory.resolve("disks.yaml");
        TakenDisks.store(file, ENTRIES);
        var text = """
                cluster: lab
                node: n1
                dataDir: /var/lib/varve
                listen: {peer: "127.0.0.1:7500", nbd: "127.0.0.1:10809"}
                metadata: {members: [{node: n1, raft: "127.0.0.1:7600", management: "127.0.0.1:7400"}]}
                disks:
                """ + Files.readString(file);
        var groups = ((ConfigResult.Loaded) ConfigFile.parse(text))
                .config()
                .restart()
                .groups();
        assertThat(groups).extracting(RestartConfig.Group::name).containsExactly("nvme-A_1", "scsi-0-0");
        assertThat(groups.get(1).devices().getFirst().path()).isEqualTo(Path.of("/dev/disk/by-id/scsi-0:0"));
        assertThat(groups.get(1).journal().orElseThrow()).hasToString("2GiB");
    }

    @Test
    void refusesALineThatItDoesNotUnderstand() throws IOException {
        var file = directory.resolve("disks.yaml");
        Files.writeString(file, "# a remark\n\n- {group: a, devices: [{path: /dev/sda, class: ssd}]}\n");
        assertThatThrownBy(() -> TakenDisks.load(file))
                .hasMessageContaining("line 3")
                .hasMessageContaining("/dev/sda");
    }
}
