package io.varve.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.stream.IntStream;
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

    private JsonObject nodes() {
        JsonObject nodes = new JsonObject();
        nodes.add("items", items);
        return nodes;
    }

    private List<JsonObject> volumes(int count) {
        return MetadataPlaces.volumes(
                nodes(), List.of(), IntStream.range(0, count).boxed().toList(), NAMING);
    }

    private List<String> places(int count) {
        return volumes(count).stream().map(MetadataPlacesTest::place).toList();
    }

    private static String place(JsonObject volume) {
        return volume.getAsJsonObject("spec")
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
                .getAsString();
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
    void noMachineHasTwoMembers() {
        machine("a", "", "True", "{}");
        machine("b", "", "True", "{}");
        assertThat(places(3)).containsExactly("host-a", "host-b");
        assertThat(places(1)).containsExactly("host-a");
    }

    @Test
    void whatWasMadeBeforeKeepsItsMachineAndItsZone() {
        machine("a", "east", "True", "{}");
        machine("b", "east", "True", "{}");
        machine("c", "west", "True", "{}");
        List<JsonObject> made = volumes(2);
        assertThat(made).extracting(MetadataPlacesTest::place).containsExactly("host-a", "host-c");
        List<JsonObject> rest = MetadataPlaces.volumes(nodes(), made, List.of(2), NAMING);
        assertThat(rest).extracting(MetadataPlacesTest::place).containsExactly("host-b");
        assertThat(rest.getFirst().getAsJsonObject("metadata").get("name").getAsString())
                .isEqualTo("meta-2");
    }

    @Test
    void aMachineThatIsGoneIsStillTaken() {
        machine("a", "", "True", "{}");
        List<JsonObject> made = volumes(1);
        items.remove(0);
        machine("b", "", "True", "{}");
        assertThat(MetadataPlaces.volumes(nodes(), made, List.of(1, 2), NAMING))
                .extracting(MetadataPlacesTest::place)
                .containsExactly("host-b");
    }

    @Test
    void aVolumeIsForTheClaimOfOneMember() {
        machine("a", "", "True", "{}");
        machine("b", "", "True", "{}");
        JsonObject claim = volumes(2).getLast().getAsJsonObject("spec").getAsJsonObject("claimRef");
        assertThat(claim.get("name").getAsString()).isEqualTo("data-meta-1");
        assertThat(claim.get("namespace").getAsString()).isEqualTo("varve-system");
    }

    @Test
    void everyVolumeHasADirectoryOfItsOwn() {
        machine("a", "", "True", "{}");
        machine("b", "", "True", "{}");
        assertThat(volumes(2))
                .extracting(volume -> volume.getAsJsonObject("spec")
                        .getAsJsonObject("hostPath")
                        .get("path")
                        .getAsString())
                .containsExactly("/var/lib/varve/meta-0", "/var/lib/varve/meta-1");
    }
}
