package io.varve.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import org.junit.jupiter.api.Test;

class MetadataPlacesTest {
    private static final MetadataPlaces.Naming NAMING =
            new MetadataPlaces.Naming("meta", "varve-system", "/var/lib/varve");

    private final JsonArray items = new JsonArray();

    private void machine(String name, String zone, String ready, String spec) {
        items.add(JsonParser.parseString("""
                {"metadata": {"name": "%1$s", "labels": {"kubernetes.io/hostname": "host-%1$s", "topology.kubernetes.io/zone": "%2$s"}},
                 "spec": %4$s, "status": {"conditions": [{"type": "Ready", "status": "%3$s"}]}}
                """.formatted(name, zone, ready, spec)));
    }

    private List<String> places(int count) {
        JsonObject nodes = new JsonObject();
        nodes.add("items", items);
        return MetadataPlaces.volumes(nodes, count, NAMING).stream()
                .map(volume -> volume.getAsJsonObject("spec")
                        .getAsJsonObject("nodeAffinity")
                        .getAsJsonObject("required")
                        .getAsJsonArray("nodeSelectorTerms")
                        .get(0)
                        .getAsJsonObject()
                        .getAsJsonArray("matchExpressions")
                        .get(0)
                        .getAsJsonObject()
                        .getAsJsonArray("values")
                        .get(0)
                        .getAsString())
                .toList();
    }

    @Test
    void takesOneMachineInEachZone() {
        machine("a", "east", "True", "{}");
        machine("b", "east", "True", "{}");
        machine("c", "west", "True", "{}");
        machine("d", "north", "True", "{}");
        assertThat(places(3)).containsExactly("host-a", "host-c", "host-d");
    }

    @Test
    void leavesOutWhoTakesNoPods() {
        machine("a", "", "False", "{}");
        machine("b", "", "True", "{\"unschedulable\": true}");
        machine("c", "", "True", "{\"taints\": [{\"key\": \"x\", \"effect\": \"NoSchedule\"}]}");
        machine("d", "", "True", "{\"taints\": [{\"key\": \"x\", \"effect\": \"PreferNoSchedule\"}]}");
        machine("e", "", "True", "{}");
        assertThat(places(2)).containsExactly("host-d", "host-e");
    }

    @Test
    void usesAMachineTwiceOnlyWhenThereAreNoMore() {
        machine("a", "", "True", "{}");
        machine("b", "", "True", "{}");
        assertThat(places(3)).containsExactly("host-a", "host-b", "host-a");
    }

    @Test
    void aVolumeIsForTheClaimOfOneMember() {
        machine("a", "", "True", "{}");
        JsonObject nodes = new JsonObject();
        nodes.add("items", items);
        JsonObject claim = MetadataPlaces.volumes(nodes, 2, NAMING)
                .getLast()
                .getAsJsonObject("spec")
                .getAsJsonObject("claimRef");
        assertThat(claim.get("name").getAsString()).isEqualTo("data-meta-1");
        assertThat(claim.get("namespace").getAsString()).isEqualTo("varve-system");
    }

    @Test
    void everyVolumeHasADirectoryOfItsOwn() {
        machine("a", "", "True", "{}");
        JsonObject nodes = new JsonObject();
        nodes.add("items", items);
        assertThat(MetadataPlaces.volumes(nodes, 3, NAMING))
                .extracting(volume -> volume.getAsJsonObject("spec")
                        .getAsJsonObject("hostPath")
                        .get("path")
                        .getAsString())
                .containsExactly("/var/lib/varve/meta-0", "/var/lib/varve/meta-1", "/var/lib/varve/meta-2");
    }
}
