package io.varve.csi;

import io.varve.api.LimitChange;
import io.varve.api.VolumeLimits;
import io.varve.model.IoLimits;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What a VolumeAttributesClass says, judged: what may change while the volume is in use. Pure. What it does not name stays as it is.
 *
 * @param replicas 0: as many as there are
 * @param limits what clients may do at most
 */
record Changes(int replicas, LimitChange limits) {
    static final String IOPS = "iops";
    static final String BANDWIDTH = "bandwidth";
    static final String BURST = "burst";

    /** Of the limits. */
    static final Set<String> LIMITS = Set.of(IOPS, BANDWIDTH, BURST);

    private static final Set<String> KNOWN = new TreeSet<>(Set.of(Parameters.REPLICAS, IOPS, BANDWIDTH, BURST));

    static Changes of(Map<String, String> given) {
        for (String key : new TreeSet<>(given.keySet())) {
            if (!KNOWN.contains(key)) {
                throw CsiFailure.invalid(
                        "mutable parameter '" + key + "' is not known; allowed: " + String.join(", ", KNOWN));
            }
        }
        int replicas = given.containsKey(Parameters.REPLICAS) ? Parameters.replicas(given) : 0;
        return new Changes(replicas, limits(given));
    }

    /** Of a volume that is created: what the VolumeAttributesClass names wins over the StorageClass. */
    static VolumeLimits limits(Map<String, String> given, Map<String, String> mutable) {
        Map<String, String> both = new TreeMap<>(given);
        both.putAll(mutable);
        LimitChange named = limits(both);
        return VolumeLimits.newBuilder()
                .setIops(named.getIops())
                .setBandwidthBytesPerSecond(named.getBandwidthBytesPerSecond())
                .setBurstMillis(named.getBurstMillis())
                .build();
    }

    /** To these, whatever they were. */
    static LimitChange to(VolumeLimits limits) {
        return LimitChange.newBuilder()
                .setIops(limits.getIops())
                .setBandwidthBytesPerSecond(limits.getBandwidthBytesPerSecond())
                .setBurstMillis(limits.getBurstMillis())
                .build();
    }

    private static LimitChange limits(Map<String, String> given) {
        LimitChange.Builder limits = LimitChange.newBuilder();
        String iops = given.get(IOPS);
        if (iops != null) {
            limits.setIops(
                    IoLimits.parseIops(iops).orElseThrow(() -> Parameters.wrong(IOPS, iops, IoLimits.IOPS_ALLOWED)));
        }
        String bandwidth = given.get(BANDWIDTH);
        if (bandwidth != null) {
            limits.setBandwidthBytesPerSecond(IoLimits.parseBandwidth(bandwidth)
                    .orElseThrow(() -> Parameters.wrong(BANDWIDTH, bandwidth, IoLimits.BANDWIDTH_ALLOWED)));
        }
        String burst = given.get(BURST);
        if (burst != null) {
            limits.setBurstMillis(IoLimits.parseBurst(burst)
                    .orElseThrow(() -> Parameters.wrong(BURST, burst, IoLimits.BURST_ALLOWED)));
        }
        return limits.build();
    }

    boolean changesLimits() {
        return !limits.equals(LimitChange.getDefaultInstance());
    }
}
