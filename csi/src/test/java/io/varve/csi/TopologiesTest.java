package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.DiskGroup;
import io.varve.api.ListDiskGroupsResponse;
import io.varve.api.ListNodesResponse;
import io.varve.api.Node;
import io.varve.api.PlacementWish;
import io.varve.api.Volume;
import io.varve.csi.spec.CapacityRange;
import io.varve.csi.spec.CreateVolumeRequest;
import io.varve.csi.spec.GetCapacityRequest;
import io.varve.csi.spec.GetCapacityResponse;
import io.varve.csi.spec.Topology;
import io.varve.csi.spec.TopologyRequirement;
import io.varve.csi.spec.VolumeCapability;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Placement as an orchestrator asks for it. */
@NullUnmarked
class TopologiesTest {
    private static final long GIB = 1L << 30;

    /** Two nodes with room, in two zones, and the volumes that it was asked for. */
    private static final class TwoNodes implements Cluster {
        private final List<io.varve.api.CreateVolumeRequest> created = new ArrayList<>();

        @Override
        @SuppressWarnings("unchecked")
        public <Q, R> R ask(ServiceMethod<R, Q> method, Q request, Duration limit) {
            return (R)
                    switch (method.methodName()) {
                        case "ListNodes" ->
                            ListNodesResponse.newBuilder()
                                    .addNodes(Node.newBuilder().setId("n1").setZone("a"))
                                    .addNodes(Node.newBuilder().setId("n2").setZone("a"))
                                    .build();
                        case "ListDiskGroups" ->
                            ListDiskGroupsResponse.newBuilder()
                                    .addGroups(group("n1"))
                                    .addGroups(group("n2"))
                                    .build();
                        case "GetVolume" -> throw new CsiFailure(GrpcStatus.NOT_FOUND, "there is no such volume");
                        case "CreateVolume" -> made((io.varve.api.CreateVolumeRequest) request);
                        default -> throw new AssertionError(method.methodName());
                    };
        }

        private Volume made(io.varve.api.CreateVolumeRequest request) {
            created.add(request);
            return Volume.newBuilder()
                    .setName(request.getName())
                    .setSizeBytes(request.getSizeBytes())
                    .setReplicas(request.getReplicas())
                    .setRequestId(request.getRequestId())
                    .setWish(request.getWish())
                    .build();
        }

        private static DiskGroup.Builder group(String node) {
            return DiskGroup.newBuilder()
                    .setNode(node)
                    .setCapacityBytes(100 * GIB)
                    .setFreeBytes(100 * GIB);
        }
    }

    private final TwoNodes cluster = new TwoNodes();
    private final ControllerCalls calls = new ControllerCalls(cluster, Machines.UNKNOWN);

    private static Topology at(String node, String zone) {
        return Topologies.of(node, zone);
    }

    private static CreateVolumeRequest.Builder claim() {
        return CreateVolumeRequest.newBuilder()
                .setName("pvc-1")
                .setCapacityRange(CapacityRange.newBuilder().setRequiredBytes(GIB))
                .addVolumeCapabilities(VolumeCapability.newBuilder()
                        .setMount(VolumeCapability.MountVolume.getDefaultInstance())
                        .setAccessMode(VolumeCapability.AccessMode.newBuilder()
                                .setMode(VolumeCapability.AccessMode.Mode.SINGLE_NODE_WRITER)));
    }

    @Test
    void theFirstPreferredPlaceIsWhereACopyIsWanted() {
        var made = calls.create(claim().setAccessibilityRequirements(TopologyRequirement.newBuilder()
                        .addRequisite(at("n1", "a"))
                        .addRequisite(at("n2", "a"))
                        .addPreferred(at("n2", "a"))
                        .addPreferred(at("n1", "a")))
                .build());
        assertThat(cluster.created.getFirst().getWish())
                .isEqualTo(PlacementWish.newBuilder().setNode("n2").setZone("a").build());
        assertThat(made.getVolume().getAccessibleTopologyList())
                .as("any node can use it")
                .isEmpty();
    }

    @Test
    void ofSeveralPossiblePlacesNoneIsWanted() {
        TopologyRequirement.Builder asked = TopologyRequirement.newBuilder().addRequisite(at("n1", "a"));
        assertThat(Topologies.wish(asked.build(), false).getNode()).isEqualTo("n1");
        assertThat(Topologies.wish(asked.addRequisite(at("n2", "a")).build(), false))
                .isEqualTo(PlacementWish.getDefaultInstance());
        Topology zone = Topology.newBuilder().putSegments(Topologies.ZONE, "b").build();
        assertThat(Topologies.wish(
                        TopologyRequirement.newBuilder().addPreferred(zone).build(), true))
                .isEqualTo(PlacementWish.newBuilder()
                        .setZone("b")
                        .setDistinctZones(true)
                        .build());
    }

    @Test
    void zonesAreAConditionWhenTheClassSaysSo() {
        calls.create(claim().putParameters("zones", "distinct").build());
        assertThat(cluster.created.getFirst().getWish().getDistinctZones()).isTrue();
        assertThatThrownBy(
                        () -> calls.create(claim().putParameters("zones", "one").build()))
                .hasMessage("parameter 'zones' is 'one'; allowed: distinct, spread");
    }

    @Test
    void capacityIsToldForTheClassWhereverThereIsANode() {
        GetCapacityRequest.Builder asked = GetCapacityRequest.newBuilder().putParameters("replicas", "2");
        GetCapacityResponse anywhere = calls.capacity(asked.build());
        assertThat(anywhere.getAvailableCapacity() / GIB).isEqualTo(85);
        assertThat(anywhere.getMaximumVolumeSize().getValue()).isEqualTo(anywhere.getAvailableCapacity());
        assertThat(calls.capacity(asked.setAccessibleTopology(at("n1", "a")).build()))
                .isEqualTo(anywhere);
        assertThat(calls.capacity(asked.setAccessibleTopology(at("n9", "a")).build())
                        .getAvailableCapacity())
                .as("nothing can be published to a machine that is none of the cluster's")
                .isZero();
        assertThat(calls.capacity(asked.setAccessibleTopology(at("n1", "a"))
                                .putParameters("zones", "distinct")
                                .build())
                        .getAvailableCapacity())
                .as("one zone")
                .isZero();
    }
}
