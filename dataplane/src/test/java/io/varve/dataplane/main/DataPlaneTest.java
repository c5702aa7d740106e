package io.varve.dataplane.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.NodeStats;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.TruthService;
import io.varve.api.VolumeLabel;
import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.disk.DiskBackend;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node's data plane whose metadata group does not answer. */
final class DataPlaneTest {
    private static final String CLUSTER = "00000000-0000-0001-0000-000000000001";

    @TempDir
    private Path directory;

    /** Completes {@link #asked} when it is asked for the first time, by when the disks were tried. */
    private static final class SilentTruth extends TruthService {
        private final Promise<Void> asked = Promise.promise();

        @Override
        public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
            asked.tryComplete();
            return Promise.<RegisterNodeResponse>promise().future();
        }
    }

    private DataPlaneConfig config() {
        GroupConfig.Device absent =
                new GroupConfig.Device(directory.resolve("absent.img"), Optional.empty(), 0, false, false);
        return new DataPlaneConfig(
                "n1",
                "",
                1,
                directory,
                "127.0.0.1",
                "127.0.0.1",
                1,
                "127.0.0.1",
                2,
                "",
                false,
                "",
                "",
                List.of(new GroupConfig("fast", 0, List.of(absent))),
                1,
                64 << 20,
                Optional.of(DiskBackend.THREAD_POOL),
                Optional.empty());
    }

    @Test
    void keepsTheNamesOfWhatAGroupMayHoldThatIsNotOpen() throws Exception {
        Path group = Files.createDirectories(directory.resolve("groups").resolve("fast"));
        Files.writeString(group.resolve("group"), "00000000-0000-0002-0000-000000000002 formatted\n");
        Files.writeString(directory.resolve("cluster"), CLUSTER + "\n");
        Files.writeString(directory.resolve("labels"), "7 4096 2 db\n");
        SilentTruth truth = new SilentTruth();
        DataPlane plane = DataPlane.start(config(), truth, Promise.promise());
        try {
            truth.asked.future().await(20, TimeUnit.SECONDS);
            NodeStats stats = plane.stats().await(10, TimeUnit.SECONDS);
            assertThat(stats.getDisksOpen()).isTrue();
            assertThat(plane.troubles()).hasSize(1);
            assertThat(stats.getLabelsList().stream().map(VolumeLabel::getName)).containsExactly("db");
        } finally {
            plane.stop().await(10, TimeUnit.SECONDS);
        }
    }
}
