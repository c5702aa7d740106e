package io.varve.control.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ClusterHealthTest {
    private final List<DiskGroup> groups = new ArrayList<>();
    private final List<Volume> volumes = new ArrayList<>();
    private final Map<String, Long> silent = new HashMap<>(Map.of("n1", 100L, "n2", 2_000L, "n3", 9_000L));
    private Optional<Map<String, Long>> groupsSilent = Optional.empty();
    private boolean current = true;
    private int membersUp = 3;

    ClusterHealthTest() {
        for (int n = 1; n <= 3; n++) {
            groups.add(group("n" + n, 100, 90));
        }
    }

    private static DiskGroup group(String node, long capacity, long free) {
        return DiskGroup.newBuilder()
                .setUuid("g" + node)
                .setNode(node)
                .setName("fast")
                .setCapacityBytes(capacity)
                .setFreeBytes(free)
                .build();
    }

    /** One slab whose copies are all in sync. */
    private static Volume volume(String name, String... copies) {
        Slab.Builder slab = Slab.newBuilder().addAllIsr(List.of(copies));
        for (String copy : copies) {
            slab.addReplicas(Replica.newBuilder().setGroup(copy));
        }
        return Volume.newBuilder()
                .setName(name)
                .setReplicas(copies.length)
                .setState(VolumeState.VOLUME_DETACHED)
                .addSlabs(slab)
                .build();
    }

    private static Volume inSync(Volume volume, String... copies) {
        Volume.Builder builder = volume.toBuilder();
        builder.getSlabsBuilder(0).clearIsr().addAllIsr(List.of(copies));
        return builder.build();
    }

    private ClusterHealth health() {
        List<Node> nodes = List.of(
                Node.newBuilder().setId("n1").build(),
                Node.newBuilder().setId("n2").build(),
                Node.newBuilder().setId("n3").build());
        return ClusterHealth.of(
                new ClusterFacts(true, current, nodes, groups, volumes, silent, groupsSilent, 3, membersUp));
    }

    @Test
    void saysYesInTheFirstLineWhenAllIsWell() {
        assertThat(health().headline()).isEqualTo("Yes: there are no volumes yet, and all 3 nodes are well");
        volumes.add(volume("pg", "gn1", "gn2"));
        volumes.add(volume("my", "gn1", "gn2", "gn3"));
        assertThat(health())
                .isEqualTo(new ClusterHealth(
                        true, "Yes: all 2 volumes have every copy in sync, and all 3 nodes are well", List.of()));
    }

    @Test
    void saysWhatToRunBeforeThereIsACluster() {
        ClusterHealth health =
                ClusterHealth.of(new ClusterFacts(false, true, List.of(), List.of(), List.of(), Map.of(), 3, 3));
        assertThat(health.safe()).isFalse();
        assertThat(health.headline()).contains("varve cluster init");
    }

    @Test
    void aSilentNodeLeavesItsVolumesWithOneCopy() {
        volumes.add(volume("pg", "gn1", "gn2"));
        silent.put("n2", 40_000L);
        ClusterHealth health = health();
        assertThat(health.safe()).isFalse();
        assertThat(health.headline())
                .isEqualTo("No: volume pg: 1 of 2 copies in sync on 1 of 1 slab; missing: n2/fast:"
                        + " start n2, then they come back by themselves");
        assertThat(health.problems())
                .last()
                .isEqualTo("node n2 was last heard from 40 s ago: start it, or look at its log");
    }

    @Test
    void aDiskGroupThatTellsNothingWhileItsNodeLivesIsNoCopy() {
        volumes.add(volume("pg", "gn1", "gn2"));
        groupsSilent = Optional.of(Map.of("gn1", 100L, "gn2", 40_000L, "gn3", 100L));
        ClusterHealth health = health();
        assertThat(health.headline())
                .isEqualTo("No: volume pg: 1 of 2 copies in sync on 1 of 1 slab; missing: n2/fast");
        assertThat(health.problems())
                .last()
                .asString()
                .startsWith("disk group fast of node n2 has told nothing for 40 s, though its node is there");
        groupsSilent = Optional.of(Map.of("gn1", 100L, "gn3", 100L));
        assertThat(health().problems()).last().asString().contains("has told nothing yet");
        silent.put("n2", 40_000L);
        assertThat(health().problems()).last().asString().startsWith("node n2 was last heard from");
    }

    @Test
    void aCopyThatIsBehindOnANodeThatIsThereComesBackByItself() {
        volumes.add(inSync(volume("pg", "gn1", "gn2", "gn3"), "gn1", "gn2"));
        assertThat(health().headline())
                .isEqualTo("No: volume pg: 2 of 3 copies in sync on 1 of 1 slab; missing: n3/fast:"
                        + " they come back by themselves, nothing is to be done");
        volumes.set(0, inSync(volume("pg", "gn1", "gn2"), "gn1"));
        assertThat(health().headline()).startsWith("No: volume pg: 1 of 2 copies in sync");
    }

    @Test
    void onlyTheSlabsConcernedAreCounted() {
        Volume one = volume("pg", "gn1", "gn2");
        volumes.add(one.toBuilder()
                .addSlabs(one.getSlabs(0).toBuilder().setIndex(1).clearIsr().addIsr("gn2"))
                .addSlabs(one.getSlabs(0).toBuilder().setIndex(2))
                .build());
        assertThat(health().headline()).contains("1 of 2 copies in sync on 1 of 3 slabs; missing: n1/fast:");
    }

    @Test
    void belowTheMinimumItSaysThatClientsWait() {
        volumes.add(volume("pg", "gn1", "gn2", "gn3"));
        silent.remove("n2");
        assertThat(health().headline()).doesNotContain("clients wait");
        silent.remove("n3");
        assertThat(health().headline())
                .startsWith("No: volume pg: 1 of 3 copies in sync on 1 of 1 slab; missing: n2/fast, n3/fast;"
                        + " its clients wait: start n2, n3");
    }

    @Test
    void dataThatCannotBeReachedComesFirst() {
        volumes.add(volume("a", "gn1", "gn2"));
        volumes.add(volume("b", "gn2", "gn3"));
        silent.remove("n2");
        silent.put("n3", 60_000L);
        assertThat(health().problems().getFirst())
                .isEqualTo("volume b: no copy in sync on 1 of 1 slab; missing: n2/fast, n3/fast; its clients wait:"
                        + " start n2, n3, then they come back by themselves");
        assertThat(health().problems())
                .anyMatch(problem -> problem.contains("n2 has not been heard from by any member"));
    }

    @Test
    void aDeletionThatWaitsForANodeIsNoDangerAndIsTold() {
        volumes.add(volume("old", "gn1", "gn2").toBuilder()
                .setState(VolumeState.VOLUME_DELETING)
                .build());
        assertThat(health().problems()).isEmpty();
        silent.remove("n2");
        assertThat(health().problems())
                .last()
                .isEqualTo("volume old is being deleted; its copies on n2 go, and its name is free, when that node is"
                        + " back");
    }

    @Test
    void aVolumeOfOneCopyIsAsSafeAsItWasAskedToBe() {
        volumes.add(volume("scratch", "gn1"));
        assertThat(health().safe()).isTrue();
    }

    @Test
    void aSilentHolderOfAnAttachmentIsTold() {
        volumes.add(volume("pg", "gn1", "gn2").toBuilder()
                .setState(VolumeState.VOLUME_ATTACHED)
                .setAttachment(Attachment.newBuilder().setNode("n3"))
                .build());
        silent.put("n3", 16_000L);
        assertThat(health().headline())
                .contains("attached to n3, which is not there: start that node, or varve volume move pg");
    }

    @Test
    void lostMetadataMembersAreToldByWhatIsLeft() {
        membersUp = 2;
        assertThat(health().headline())
                .isEqualTo("No: 2 of 3 metadata members answer: with one more lost nothing can be changed;"
                        + " start the others");
        membersUp = 1;
        current = false;
        assertThat(health().headline()).startsWith("Unknown: 1 of 3 metadata members answer and they cannot decide");
    }

    @Test
    void spaceIsAWarningAtEachWatermark() {
        groups.set(0, group("n1", 100, 20));
        assertThat(health().safe()).isTrue();
        assertThat(health().headline()).endsWith("but disk group fast of node n1 is 80 % full: add disks before 85 %");
        groups.set(0, group("n1", 100, 15));
        assertThat(health().headline()).contains("no new volumes are placed there");
        groups.set(0, group("n1", 100, 10));
        assertThat(health().headline()).contains("writes that need new space are refused");
        groups.set(0, group("n1", 100, 21));
        assertThat(health().problems()).isEmpty();
    }

    @Test
    void aFailedDeviceIsNamed() {
        groups.set(
                1,
                groups.get(1).toBuilder()
                        .addDevices(Device.newBuilder().setPath("/dev/sdx").setState("FAILED"))
                        .build());
        assertThat(health().safe()).isFalse();
        assertThat(health().headline()).contains("/dev/sdx");
    }
}
