package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Device;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import java.util.List;
import org.junit.jupiter.api.Test;

class CapacityTest {
    private static DiskGroup group(String node, long capacity, long free) {
        return DiskGroup.newBuilder()
                .setNode(node)
                .setCapacityBytes(capacity)
                .setFreeBytes(free)
                .build();
    }

    private static long available(int replicas, DiskGroup... groups) {
        return Capacity.of(List.of(groups), List.of(), replicas, false).availableBytes();
    }

    @Test
    void copiesLieOnDistinctNodes() {
        DiskGroup large = group("n1", 1000, 1000);
        DiskGroup small = group("n2", 200, 200);
        assertThat(available(1, large, small)).isEqualTo(850 + 170);
        assertThat(available(2, large, small)).isEqualTo(170);
        assertThat(available(3, large, small)).isZero();
        assertThat(available(2, large, large)).as("two groups of one node").isZero();
        assertThat(available(2, large, small, group("n3", 400, 400))).isEqualTo(170 + 340);
    }

    @Test
    void nothingGoesAboveTheWatermarkNorToWhatIsToGo() {
        DiskGroup full = group("n1", 1000, 100);
        DiskGroup empty = group("n2", 1000, 1000);
        assertThat(available(1, full, empty)).isEqualTo(850);
        assertThat(available(1, empty.toBuilder().setEvicting(true).build())).isZero();
        assertThat(available(
                        1,
                        empty.toBuilder()
                                .addDevices(Device.newBuilder().setState("FAILED"))
                                .build()))
                .isZero();
        Node node = node("n2", "", 90_000);
        assertThat(capacity(List.of(empty), 1, false, node).availableBytes()).isEqualTo(850);
        assertThat(capacity(
                                List.of(empty),
                                1,
                                false,
                                node.toBuilder().setDraining(true).build())
                        .availableBytes())
                .isZero();
        assertThat(capacity(List.of(empty), 1, false, node, node("n1", "", 106_000))
                        .availableBytes())
                .as("not heard for 16 s")
                .isZero();
    }

    private static Node node(String id, String zone, long seenMillis) {
        return Node.newBuilder()
                .setId(id)
                .setZone(zone)
                .setLastSeenUnixMillis(seenMillis)
                .build();
    }

    private static Capacity capacity(List<DiskGroup> groups, int replicas, boolean distinctZones, Node... nodes) {
        return Capacity.of(groups, List.of(nodes), replicas, distinctZones);
    }

    @Test
    void copiesLieInDistinctZonesWhenThereAreEnough() {
        List<DiskGroup> groups = List.of(group("n1", 1000, 1000), group("n2", 1000, 1000), group("n3", 200, 200));
        Node[] twoZones = {node("n1", "a", 1), node("n2", "a", 1), node("n3", "b", 1)};
        assertThat(capacity(groups, 2, false, twoZones).availableBytes())
                .as("the smaller zone is full then")
                .isEqualTo(170);
        assertThat(capacity(groups, 3, false, twoZones).availableBytes())
                .as("three copies do with distinct nodes")
                .isEqualTo(170);
        assertThat(capacity(groups, 3, true, twoZones).availableBytes()).isZero();
        assertThat(capacity(groups, 1, true, node("n1", "", 1), node("n2", "", 1), node("n3", "b", 1))
                        .availableBytes())
                .as("a node in no zone is in no distinct one")
                .isEqualTo(170);
    }

    /** Up to 128 GiB one copy of everything is in one disk group. */
    @Test
    void aVolumeThatIsNotLargeFitsIntoOneDiskGroup() {
        long gib = 1L << 30;
        List<DiskGroup> small = List.of(
                group("n1", 100 * gib, 100 * gib),
                group("n2", 100 * gib, 100 * gib),
                group("n3", 100 * gib, 100 * gib));
        Capacity capacity = capacity(small, 2, false);
        assertThat(capacity.availableBytes() / gib).isEqualTo(127);
        assertThat(capacity.largestBytes() / gib).isEqualTo(85);
        capacity = capacity(small, 1, false);
        assertThat(capacity.largestBytes()).isEqualTo(capacity.availableBytes()).isGreaterThan(Capacity.HOME_BYTES);
    }
}
