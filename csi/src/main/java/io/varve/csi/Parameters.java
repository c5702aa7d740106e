package io.varve.csi;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * What a StorageClass says, judged. Pure. Whatever is not known is refused, with what there is: a mistyped parameter must not be found out when the
 * volume is full.
 *
 * @param replicas copies of each slab
 * @param fileSystem of volumes that are mounted, where the claim does not say another
 * @param mkfsOptions further arguments of mkfs
 * @param distinctZones rather no volume than two copies in one zone
 * @param thick room for all of it is kept from the begin
 */
record Parameters(int replicas, FileSystem fileSystem, List<String> mkfsOptions, boolean distinctZones, boolean thick) {
    static final String REPLICAS = "replicas";
    static final String FS_TYPE = "fsType";
    static final String MKFS_OPTIONS = "mkfsOptions";
    static final String PROVISIONING = "provisioning";
    static final String ATTACH = "attach";
    static final String ZONES = "zones";
    private static final int DEFAULT_REPLICAS = 2;

    /** What the provisioner tells of the claim; never set by people. */
    private static final String RESERVED = "csi.storage.k8s.io/";

    private static final Map<String, String> LABELS = Map.of(
            RESERVED + "pvc/namespace", "kubernetes.namespace",
            RESERVED + "pvc/name", "kubernetes.claim",
            RESERVED + "pv/name", "kubernetes.volume");

    private static final Set<String> KNOWN =
            new TreeSet<>(Set.of(REPLICAS, FS_TYPE, MKFS_OPTIONS, PROVISIONING, ATTACH, ZONES));

    static {
        KNOWN.addAll(Changes.LIMITS);
    }

    /** {@code mutable}: of a VolumeAttributesClass, which wins. */
    static Parameters of(Map<String, String> given, Map<String, String> mutable) {
        for (String key : new TreeSet<>(given.keySet())) {
            if (!key.startsWith(RESERVED) && !KNOWN.contains(key)) {
                throw CsiFailure.invalid("parameter '" + key + "' is not known; allowed: " + String.join(", ", KNOWN));
            }
        }
        boolean thick =
                one(given, PROVISIONING, "thin", Set.of("thin", "thick")).equals("thick");
        one(given, ATTACH, "auto", Set.of("auto", "nbd-user"));
        String kind = one(
                given,
                FS_TYPE,
                FileSystem.DEFAULT.kind(),
                Arrays.stream(FileSystem.values()).map(FileSystem::kind).collect(Collectors.toSet()));
        String options = given.getOrDefault(MKFS_OPTIONS, "").strip();
        boolean distinctZones =
                one(given, ZONES, "spread", Set.of("spread", "distinct")).equals("distinct");
        Changes.limits(given, mutable);
        int mutableReplicas = Changes.of(mutable).replicas();
        int replicas = mutableReplicas == 0 ? replicas(given) : mutableReplicas;
        return new Parameters(
                replicas,
                FileSystem.of(kind).orElseThrow(),
                options.isEmpty() ? List.of() : List.of(options.split("\\s+", -1)),
                distinctZones,
                thick);
    }

    /** Of a volume that was created: what else stands in its context is for others. */
    static Parameters ofContext(Map<String, String> context) {
        Map<String, String> known = new TreeMap<>(context);
        known.keySet().retainAll(KNOWN);
        return of(known, Map.of());
    }

    static int replicas(Map<String, String> given) {
        return Integer.parseInt(one(given, REPLICAS, String.valueOf(DEFAULT_REPLICAS), Set.of("1", "2", "3")));
    }

    private static String one(Map<String, String> given, String key, String otherwise, Set<String> allowed) {
        String value = given.getOrDefault(key, otherwise);
        if (!allowed.contains(value)) {
            throw wrong(key, value, String.join(", ", new TreeSet<>(allowed)));
        }
        return value;
    }

    static CsiFailure wrong(String key, String value, String allowed) {
        return CsiFailure.invalid("parameter '" + key + "' is '" + value + "'; allowed: " + allowed);
    }

    /** What is written on the volume, so that its list says which claim it is. */
    static Map<String, String> labels(Map<String, String> given) {
        Map<String, String> labels = new TreeMap<>();
        LABELS.forEach((key, label) -> {
            String value = given.get(key);
            if (value != null) {
                labels.put(label, value);
            }
        });
        return labels;
    }

    /** What the node has to know, as volume_context. */
    Map<String, String> context() {
        Map<String, String> context = new TreeMap<>();
        context.put(FS_TYPE, fileSystem.kind());
        if (!mkfsOptions.isEmpty()) {
            context.put(MKFS_OPTIONS, String.join(" ", mkfsOptions));
        }
        return context;
    }
}
