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
        return Capacity.available(List.of(groups), List.of(), replicas);
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
        assertThat(Capacity.available(
                        List.of(empty),
                        List.of(Node.newBuilder().setId("n2").setDraining(true).build()),
                        1))
                .isZero();
    }
}
