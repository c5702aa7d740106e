package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.Volume;
import io.varve.api.VolumeLabel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VolumeLabelsTest {
    @TempDir
    private Path dir;

    private static Volume volume(long id, String name, int replicas) {
        return Volume.newBuilder()
                .setId(id)
                .setName(name)
                .setSizeBytes(4096 * id)
                .setReplicas(replicas)
                .build();
    }

    private VolumeLabels reloaded() throws IOException {
        VolumeLabels labels = new VolumeLabels(dir);
        labels.load();
        return labels;
    }

    @Test
    void whatWasWrittenIsReadAfterAStart() throws IOException {
        VolumeLabels labels = reloaded();
        assertThat(labels.follow(List.of(volume(1, "db", 2), volume(7, "logs", 3))))
                .isTrue();
        labels.write();
        assertThat(labels.follow(List.of(volume(1, "db", 2)))).as("nothing new").isFalse();
        assertThat(reloaded().all()).isEqualTo(labels.all()).hasSize(2);
    }

    @Test
    void aChangeIsWrittenAndWhatIsGoneIsKeptUntilAStart() throws IOException {
        VolumeLabels labels = reloaded();
        labels.follow(List.of(volume(1, "db", 2), volume(7, "logs", 3)));
        labels.write();
        assertThat(labels.follow(List.of(volume(1, "db", 3)))).isTrue();
        labels.write();
        VolumeLabels after = reloaded();
        assertThat(after.all().stream().map(VolumeLabel::getReplicas)).containsExactly(3, 3);
        after.keepOnly(Set.of(1L));
        assertThat(after.follow(List.of())).isTrue();
        after.write();
        assertThat(reloaded().all().stream().map(VolumeLabel::getName)).containsExactly("db");
    }

    @Test
    void aLineThatMakesNoSenseCostsOneName() throws IOException {
        Files.writeString(dir.resolve("labels"), "1 4096 2 db\nrubbish\n7 x 3 logs\n9 4096 1 home\n");
        assertThat(reloaded().all().stream().map(VolumeLabel::getName)).containsExactly("db", "home");
    }

    @Test
    void aNodeRemembersItsCluster() throws IOException {
        assertThat(KnownCluster.load(dir)).isEmpty();
        String uuid = "9b2d7c1e-3f34-4f0e-8f0f-0d5f5a3a9c11";
        KnownCluster.remember(dir, uuid);
        assertThat(KnownCluster.load(dir)).contains(uuid);
        Files.writeString(dir.resolve("cluster"), "lab\n");
        assertThatThrownBy(() -> KnownCluster.load(dir)).hasMessageContaining("is damaged");
    }
}
