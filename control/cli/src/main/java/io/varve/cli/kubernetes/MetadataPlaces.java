package io.varve.cli.kubernetes;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

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

    /**
     * The volumes of {@code missing} members, each on a machine (of a NodeList) that takes pods and has no other member, over as many zones as there are.
     * Fewer than {@code missing} where there are too few machines: two members on one would be lost together.
     *
     * @param there volumes of other members, made before
     */
    static List<JsonObject> volumes(JsonObject nodes, List<JsonObject> there, List<Integer> missing, Naming naming) {
        List<Machine> taken = new ArrayList<>();
        there.forEach(volume -> taken.add(machineOf(volume, nodes)));
        List<JsonObject> volumes = new ArrayList<>();
        for (int number : missing) {
            Optional<Machine> machine = choose(machines(nodes), taken);
            machine.ifPresent(taken::add);
            machine.ifPresent(chosen -> volumes.add(volume(naming, number, chosen)));
        }
        return volumes;
    }

    /** Where a volume was made, also when that machine takes no pods now or is gone. */
    private static Machine machineOf(JsonObject volume, JsonObject nodes) {
        String host = volume.getAsJsonObject("spec")
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
        for (JsonElement node : nodes.getAsJsonArray("items")) {
            Machine machine = machine(node.getAsJsonObject());
            if (machine.host.equals(host)) {
                return machine;
            }
        }
        return new Machine(host, host, "");
    }

    private static List<Machine> machines(JsonObject nodes) {
        List<Machine> machines = new ArrayList<>();
        for (JsonElement each : nodes.getAsJsonArray("items")) {
            if (takesPods(each.getAsJsonObject())) {
                machines.add(machine(each.getAsJsonObject()));
            }
        }
        return machines;
    }

    private static Machine machine(JsonObject node) {
        JsonObject labels = node.getAsJsonObject("metadata").getAsJsonObject("labels");
        return new Machine(
                node.getAsJsonObject("metadata").get("name").getAsString(), text(labels, HOST), text(labels, ZONE));
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

    /** A free machine in the zone that is used least. */
    private static Optional<Machine> choose(List<Machine> machines, List<Machine> taken) {
        return machines.stream()
                .filter(machine -> taken.stream().noneMatch(other -> other.host.equals(machine.host)))
                .min(Comparator.<Machine>comparingLong(machine -> taken.stream()
                                .filter(other -> other.zone.equals(machine.zone))
                                .count())
                        .thenComparing(Machine::name));
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
