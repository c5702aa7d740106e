package io.varve.cli.kubernetes;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Where the members of the metadata group live: each on a machine of its own, for good, because a member that came up elsewhere with an empty directory
 * would have forgotten what it voted for. Kubernetes is told by persistent volumes that are bound to a machine. Pure.
 */
final class MetadataPlaces {
    private static final String ZONE = "topology.kubernetes.io/zone";
    private static final String HOST = "kubernetes.io/hostname";

    private MetadataPlaces() {}

    /**
     * What the volumes are called and whose they are.
     *
     * @param name to which a number is added; also of their class and of the StatefulSet
     * @param namespace of the claims
     * @param directory on the machines
     */
    record Naming(String name, String namespace, String directory) {}

    private record Machine(String name, String host, String zone) {}

    /** {@code count} of the machines (a NodeList) that take pods, over as many zones as there are; of fewer machines some more than once. */
    static List<JsonObject> volumes(JsonObject nodes, int count, Naming naming) {
        List<Machine> chosen = choose(machines(nodes), count);
        List<JsonObject> volumes = new ArrayList<>();
        for (int i = 0; i < chosen.size(); i++) {
            volumes.add(volume(naming, i, chosen.get(i)));
        }
        return volumes;
    }

    private static List<Machine> machines(JsonObject nodes) {
        List<Machine> machines = new ArrayList<>();
        for (JsonElement each : nodes.getAsJsonArray("items")) {
            JsonObject node = each.getAsJsonObject();
            JsonObject labels = node.getAsJsonObject("metadata").getAsJsonObject("labels");
            if (takesPods(node)) {
                machines.add(new Machine(
                        node.getAsJsonObject("metadata").get("name").getAsString(),
                        text(labels, HOST),
                        text(labels, ZONE)));
            }
        }
        machines.sort(Comparator.comparing(Machine::name));
        return machines;
    }

    private static boolean takesPods(JsonObject node) {
        JsonObject spec = node.getAsJsonObject("spec");
        if (spec.has("unschedulable") && spec.get("unschedulable").getAsBoolean()) {
            return false;
        }
        for (JsonElement taint : spec.has("taints") ? spec.getAsJsonArray("taints") : new JsonArray()) {
            if (!text(taint.getAsJsonObject(), "effect").equals("PreferNoSchedule")) {
                return false;
            }
        }
        for (JsonElement condition : node.getAsJsonObject("status").getAsJsonArray("conditions")) {
            if (text(condition.getAsJsonObject(), "type").equals("Ready")) {
                return text(condition.getAsJsonObject(), "status").equals("True");
            }
        }
        return false;
    }

    private static String text(JsonObject object, String key) {
        return object.has(key) ? object.get(key).getAsString() : "";
    }

    /** The machine that is used least, in the zone that is used least. */
    private static List<Machine> choose(List<Machine> machines, int count) {
        List<Machine> chosen = new ArrayList<>();
        while (chosen.size() < count && !machines.isEmpty()) {
            chosen.add(machines.stream()
                    .min(Comparator.<Machine>comparingLong(machine ->
                                    chosen.stream().filter(machine::equals).count())
                            .thenComparingLong(machine -> chosen.stream()
                                    .filter(other -> other.zone.equals(machine.zone))
                                    .count())
                            .thenComparing(Machine::name))
                    .orElseThrow());
        }
        return chosen;
    }

    /** Kept for the claim of one member: nobody else's claim gets it, and member 0 is on machine 0. */
    private static JsonObject volume(Naming naming, int number, Machine machine) {
        String name = naming.name + "-" + number;
        return com.google.gson.JsonParser.parseString("""
                {"apiVersion": "v1", "kind": "PersistentVolume",
                 "metadata": {"name": "%s", "labels": {"app.kubernetes.io/name": "varve", "app.kubernetes.io/component": "metadata"}},
                 "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
                          "storageClassName": "%s", "hostPath": {"path": "%s/%s", "type": "DirectoryOrCreate"},
                          "claimRef": {"namespace": "%s", "name": "data-%s"},
                          "nodeAffinity": {"required": {"nodeSelectorTerms": [
                              {"matchExpressions": [{"key": "%s", "operator": "In", "values": ["%s"]}]}]}}}}
                """.formatted(
                                name, naming.name, naming.directory, name, naming.namespace, name, HOST, machine.host))
                .getAsJsonObject();
    }
}
