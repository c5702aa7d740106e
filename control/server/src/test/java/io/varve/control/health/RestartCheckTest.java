package io.varve.control.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Attachment;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RestartCheckTest {
    private final Map<String, Long> silent = new HashMap<>(Map.of("n1", 100L, "n2", 200L, "n3", 300L, "n4", 100L));
    private final List<Volume> volumes = new ArrayList<>();
    private Set<String> members = Set.of("n1", "n2", "n3");
    private int membersTotal = 3;
    private boolean current = true;

    private static Node node(String id) {
        return Node.newBuilder().setId(id).setMetadataMember(!id.equals("n4")).build();
    }

    /** One slab with copies on those nodes; a name with a dash before it is not in sync. */
    private static Volume volume(String name, int replicas, String... copies) {
        Slab.Builder slab = Slab.newBuilder();
        for (String copy : copies) {
            boolean inSync = !copy.startsWith("-");
            String group = "g-" + copy.replace("-", "");
            slab.addReplicas(Replica.newBuilder().setGroup(group));
            if (inSync) {
                slab.addIsr(group);
            }
        }
        return Volume.newBuilder()
                .setName(name)
                .setReplicas(replicas)
                .setState(VolumeState.VOLUME_ATTACHED)
                .setWantedNode("n4")
                .addSlabs(slab)
                .build();
    }

    private RestartCheck check(String node) {
        List<DiskGroup> groups = List.of("n1", "n2", "n3", "n4").stream()
                .map(each -> DiskGroup.newBuilder()
                        .setUuid("g-" + each)
                        .setNode(each)
                        .build())
                .toList();
        return RestartCheck.of(
                new ClusterFacts(
                        true,
                        current,
                        List.of(node("n1"), node("n2"), node("n3"), node("n4")),
                        groups,
                        volumes,
                        silent,
                        membersTotal,
                        members.size()),
                members,
                node(node));
    }

    private String only(String node) {
        RestartCheck check = check(node);
        assertThat(check.ok()).isFalse();
        assertThat(check.reasons()).hasSize(1);
        return check.reasons().getFirst();
    }

    @Test
    void isOkWhenEveryVolumeKeepsEnoughCopiesAndTheGroupItsMajority() {
        volumes.add(volume("two", 2, "n1", "n2"));
        volumes.add(volume("three", 3, "n1", "n2", "n3"));
        for (String node : List.of("n1", "n2", "n3", "n4")) {
            assertThat(check(node).reasons()).as(node).isEmpty();
        }
    }

    @Test
    void aDegradedVolumeNeedsTheCopyThatItHas() {
        volumes.add(volume("db", 2, "n1", "-n2"));
        silent.remove("n2");
        assertThat(only("n1"))
                .isEqualTo(
                        "volume db: 0 in-sync copies are elsewhere on nodes that are there, 1 needed, on 1 of 1 slab;"
                                + " start n2 first");
        assertThat(check("n3").ok()).as("has no copy of it").isTrue();
        volumes.set(0, volume("db", 3, "n1", "n4", "-n3"));
        silent.remove("n3");
        silent.put("n2", 1L);
        assertThat(only("n1")).contains("1 in-sync copies are elsewhere", "2 needed", "start n3 first");
    }

    @Test
    void aCopyInSyncOnANodeThatIsNotThereDoesNotCount() {
        volumes.add(volume("db", 2, "n1", "n4"));
        silent.put("n4", ClusterFacts.SILENCE_MILLIS);
        assertThat(only("n1")).contains("0 in-sync copies are elsewhere", "start n4 first");
    }

    @Test
    void anOnlyCopyIsMissed() {
        volumes.add(volume("scratch", 1, "n1"));
        assertThat(only("n1")).isEqualTo("volume scratch: its only copy is here, on 1 of 1 slab");
        assertThat(check("n2").ok()).isTrue();
    }

    @Test
    void whatIsBeingFilledIsWaitedFor() {
        volumes.add(volume("db", 2, "n1", "-n2"));
        assertThat(only("n1")).endsWith("they come back by themselves: wait");
        assertThat(only("n2"))
                .as("the copy that is filled")
                .isEqualTo("volume db: copies on n2 are being filled, on 1 of 1 slab: wait until they are in sync");
        volumes.set(0, volume("db", 2, "n1", "n2", "-n3"));
        assertThat(only("n1")).as("a third copy is made of it").contains("copies on n3 are being filled");
        assertThat(check("n4").ok()).as("has nothing to do with it").isTrue();
        Volume.Builder leaving = volumes.getFirst().toBuilder();
        leaving.getSlabsBuilder(0).getReplicasBuilder(2).setPhase(ReplicaPhase.REPLICA_LEAVING);
        volumes.set(0, leaving.build());
        assertThat(check("n1").ok()).as("what is to go is not waited for").isTrue();
    }

    @Test
    void theMetadataGroupKeepsAMajority() {
        members = Set.of("n1", "n2");
        assertThat(only("n1"))
                .isEqualTo("without it only 1 of 3 metadata members answer, 2 are needed: start the others first");
        assertThat(check("n3").ok()).as("it is the one that is down").isTrue();
        assertThat(check("n4").ok()).as("no member").isTrue();
        members = Set.of("n1");
        membersTotal = 1;
        assertThat(only("n1")).startsWith("it is the only metadata member");
        current = false;
        assertThat(check("n4").ok()).isFalse();
    }

    @Test
    void namesTheVolumesThatItServes() {
        volumes.add(volume("db", 2, "n1", "n2").toBuilder()
                .setAttachment(Attachment.newBuilder().setNode("n1"))
                .setWantedNode("n1")
                .build());
        assertThat(check("n1").ok()).isTrue();
        assertThat(check("n1").attached()).singleElement().satisfies(attached -> {
            assertThat(attached.volume()).isEqualTo("db");
            assertThat(attached.whatHappens()).contains("varve volume move db");
        });
        assertThat(check("n2").attached()).isEmpty();
    }

    @Test
    void tellsNoMoreThanAPersonReads() {
        for (int i = 0; i < 50; i++) {
            volumes.add(volume("v" + i, 1, "n1"));
        }
        assertThat(check("n1").reasons()).hasSize(21).last().isEqualTo("and 30 more");
    }
}
