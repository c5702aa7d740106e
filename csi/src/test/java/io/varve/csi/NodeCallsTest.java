package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.varve.api.Publication;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.Volume;
import io.varve.csi.spec.NodeStageVolumeRequest;
import io.varve.csi.spec.NodeUnstageVolumeRequest;
import io.varve.csi.spec.VolumeCapability;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against a cluster that remembers what it was told, and an attach whose device is a file. */
@NullUnmarked
class NodeCallsTest {
    private static final long SIZE_BYTES = 16L << 20;

    /** Every volume is there, and published as a test says. */
    private static final class Memory implements Cluster {
        private final List<PublishVolumeRequest.State> told = new ArrayList<>();
        private Publication publication =
                Publication.newBuilder().setNode("n1").setEpoch(3).build();
        private boolean isAway;

        @Override
        @SuppressWarnings("unchecked") // Both calls that are made answer a volume.
        public <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
            if (request instanceof PublishVolumeRequest publish) {
                if (isAway && publish.getState() == PublishVolumeRequest.State.UNSTAGED) {
                    throw new CsiFailure(GrpcStatus.UNAVAILABLE, "n1:7400: connection refused");
                }
                told.add(publish.getState());
            }
            return (R) Volume.newBuilder().setPublication(publication).build();
        }
    }

    private static final class FileAttach implements Attach {
        private final Path file;
        private Optional<CsiFailure> failure = Optional.empty();
        private boolean isAttached;
        private int publication;

        FileAttach(Path file) {
            this.file = file;
        }

        @Override
        public String method() {
            return "file";
        }

        @Override
        public Optional<String> unavailable() {
            return Optional.empty();
        }

        @Override
        public Optional<Device> find(String volume) {
            return isAttached ? Optional.of(new Device(file.toString(), SIZE_BYTES)) : Optional.empty();
        }

        @Override
        public Optional<Device> await(String volume, long bytes, Duration limit) {
            return find(volume);
        }

        @Override
        public List<String> remains(String volume) {
            return List.of();
        }

        @Override
        public Device attach(String volume, int under) {
            if (failure.isPresent()) {
                throw failure.get();
            }
            isAttached = true;
            publication = under;
            return find(volume).orElseThrow();
        }

        @Override
        public void detach(String volume) {
            isAttached = false;
        }
    }

    @TempDir
    private Path directory;

    private final Memory cluster = new Memory();
    private FileAttach attach;
    private NodeCalls calls;

    @BeforeEach
    void start() throws IOException {
        Path file = directory.resolve("device");
        try (var device = new RandomAccessFile(file.toFile(), "rw")) {
            device.setLength(SIZE_BYTES);
        }
        attach = new FileAttach(file);
        calls = new NodeCalls("n1", "z1", 7, directory, cluster, attach, new Mounts());
    }

    @Test
    void saysWhereItIsAndHowMuchItTakes() {
        assertThat(calls.info().getAccessibleTopology().getSegmentsMap())
                .containsOnly(
                        Map.entry("topology.csi.varve.io/node", "n1"), Map.entry("topology.csi.varve.io/zone", "z1"));
        assertThat(calls.info().getMaxVolumesPerNode()).isEqualTo(7);
        assertThat(Topologies.of("n1", "").getSegmentsMap()).containsOnlyKeys("topology.csi.varve.io/node");
    }

    private static VolumeCapability raw() {
        return VolumeCapability.newBuilder()
                .setBlock(VolumeCapability.BlockVolume.getDefaultInstance())
                .setAccessMode(VolumeCapability.AccessMode.newBuilder()
                        .setMode(VolumeCapability.AccessMode.Mode.SINGLE_NODE_WRITER))
                .build();
    }

    /** Which an empty device cannot be. */
    private static VolumeCapability readOnly() {
        return VolumeCapability.newBuilder()
                .setMount(VolumeCapability.MountVolume.newBuilder().setFsType("ext4"))
                .setAccessMode(VolumeCapability.AccessMode.newBuilder()
                        .setMode(VolumeCapability.AccessMode.Mode.SINGLE_NODE_READER_ONLY))
                .build();
    }

    private void stage(VolumeCapability capability) {
        calls.stage(NodeStageVolumeRequest.newBuilder()
                .setVolumeId("db")
                .setStagingTargetPath(directory.resolve("stage").toString())
                .setVolumeCapability(capability)
                .build());
    }

    private CsiFailure refusal(VolumeCapability capability) {
        return catchThrowableOfType(CsiFailure.class, () -> stage(capability));
    }

    @Test
    void whatFailsForGoodIsUndone() {
        assertThat(refusal(readOnly()).status()).isEqualTo(GrpcStatus.FAILED_PRECONDITION);
        assertThat(cluster.told)
                .containsExactly(PublishVolumeRequest.State.STAGED, PublishVolumeRequest.State.UNSTAGED);
        assertThat(attach.isAttached).isFalse();
        assertThat(StagedVolume.read(directory, "db")).isEmpty();
    }

    @Test
    void whatMayStillGoOnIsKept() {
        attach.failure = Optional.of(new CsiFailure(GrpcStatus.DEADLINE_EXCEEDED, "not within 90 s"));
        assertThat(refusal(raw()).status()).isEqualTo(GrpcStatus.DEADLINE_EXCEEDED);
        assertThat(cluster.told).containsExactly(PublishVolumeRequest.State.STAGED);
        assertThat(StagedVolume.read(directory, "db")).isPresent();
    }

    @Test
    void theClusterIsToldAlsoWhenThisMachineForgot() {
        stage(raw());
        StagedVolume.remove(directory, "db");
        calls.unstage(NodeUnstageVolumeRequest.newBuilder()
                .setVolumeId("db")
                .setStagingTargetPath(directory.resolve("stage").toString())
                .build());
        assertThat(cluster.told).endsWith(PublishVolumeRequest.State.UNSTAGED);
    }

    private void publish(String node, int epoch) {
        cluster.publication =
                Publication.newBuilder().setNode(node).setEpoch(epoch).build();
    }

    @Test
    void attachesUnderThePublicationThatTheClusterTold() {
        stage(raw());
        stage(raw());
        assertThat(attach.publication).isEqualTo(3);
        assertThat(StagedVolume.read(directory, "db").orElseThrow().publication())
                .isEqualTo(3);
    }

    @Test
    void whatWasTakenFromThisNodeIsRemovedOnceItsAttachHasEnded() {
        stage(raw());
        publish("n2", 5);
        assertThat(calls.withoutAttach()).as("it ends by itself").isEmpty();
        attach.isAttached = false;
        assertThat(calls.withoutAttach()).containsExactly("db");
        assertThat(calls.removeIfFenced("db")).isTrue();
        assertThat(StagedVolume.read(directory, "db")).isEmpty();
        assertThat(cluster.told).as("it is not this node's to say").containsExactly(PublishVolumeRequest.State.STAGED);
        assertThat(calls.withoutAttach()).isEmpty();
    }

    @Test
    void aNewerPublicationToThisNodeIsAnother() {
        stage(raw());
        attach.isAttached = false;
        publish("n1", 7);
        assertThat(calls.removeIfFenced("db")).isTrue();
        stage(raw());
        publish("n1", 9);
        stage(raw());
        assertThat(attach.publication)
                .as("the attach of the older one was replaced")
                .isEqualTo(9);
    }

    @Test
    void whatOnlyLostItsAttachIsKept() {
        stage(raw());
        attach.isAttached = false;
        assertThat(calls.removeIfFenced("db")).isFalse();
        assertThat(StagedVolume.read(directory, "db")).isPresent();
    }

    private static final String TARGET = "/var/lib/kubelet/pods/a/volumes/db/mount";
    private static final String SUB_PATH = "/var/lib/kubelet/pods/a/volume-subpaths/db/main/0";

    private static @Nullable CsiFailure crowded(String... points) {
        StringBuilder table = new StringBuilder("90 28 7:3 / /stage rw shared:5 - xfs /dev/loop3 rw\n");
        for (String point : points) {
            table.append("91 28 7:3 / ").append(point).append(" rw shared:5 - xfs /dev/loop3 rw\n");
        }
        StagedVolume staged = new StagedVolume("db", "/stage", "xfs", false, true);
        return catchThrowableOfType(
                CsiFailure.class,
                () -> NodeCalls.requireAlone(
                        MountTable.parse(table.toString()), staged, "/dev/loop3", Path.of(TARGET)));
    }

    @Test
    void onePodHasItAndMayBeGivenItAgain() {
        assertThat(crowded()).isNull();
        assertThat(crowded(TARGET, SUB_PATH)).isNull();
    }

    @Test
    void aSecondPodIsRefused() {
        assertThat(crowded("/var/lib/kubelet/pods/b/volumes/db/mount").status())
                .isEqualTo(GrpcStatus.FAILED_PRECONDITION);
    }

    @Test
    void whatCannotBeUndoneIsToldSoThatTheCallerDoesIt() {
        attach.failure = Optional.of(new CsiFailure(GrpcStatus.INTERNAL, "no explanation"));
        cluster.isAway = true;
        assertThat(refusal(raw()).status()).isEqualTo(GrpcStatus.UNAVAILABLE);
        assertThat(StagedVolume.read(directory, "db")).isPresent();
        cluster.isAway = false;
        calls.unstage(NodeUnstageVolumeRequest.newBuilder()
                .setVolumeId("db")
                .setStagingTargetPath(directory.resolve("stage").toString())
                .build());
        assertThat(cluster.told).endsWith(PublishVolumeRequest.State.UNSTAGED);
        assertThat(StagedVolume.read(directory, "db")).isEmpty();
    }
}
