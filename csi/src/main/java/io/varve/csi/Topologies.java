package io.varve.csi;

import io.varve.api.PlacementWish;
import io.varve.csi.spec.Topology;
import io.varve.csi.spec.TopologyRequirement;
import java.util.List;
import java.util.stream.Stream;

/**
 * What CSI calls topology. Any node can use any volume, so a volume's own is never told; what is asked for says where copies are wanted. Pure.
 */
final class Topologies {
    static final String NODE = "topology.csi.varve.io/node";
    static final String ZONE = "topology.csi.varve.io/zone";

    private Topologies() {}

    /** Of a node; without a zone when it is in none. */
    static Topology of(String node, String zone) {
        Topology.Builder topology = Topology.newBuilder().putSegments(NODE, node);
        if (!zone.isEmpty()) {
            topology.putSegments(ZONE, zone);
        }
        return topology.build();
    }

    /**
     * The first that is preferred is where the volume will be used. What is merely possible says nothing, unless only one place is: of several an
     * orchestrator lists all that there are.
     */
    static PlacementWish wish(TopologyRequirement asked, boolean distinctZones) {
        List<Topology> only = asked.getRequisiteCount() == 1 ? asked.getRequisiteList() : List.of();
        Topology first = Stream.concat(asked.getPreferredList().stream(), only.stream())
                .findFirst()
                .orElse(Topology.getDefaultInstance());
        return PlacementWish.newBuilder()
                .setNode(first.getSegmentsOrDefault(NODE, ""))
                .setZone(first.getSegmentsOrDefault(ZONE, ""))
                .setDistinctZones(distinctZones)
                .build();
    }
}
