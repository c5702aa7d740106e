package io.varve.control.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupStats;
import io.varve.api.NodeLoad;
import io.varve.api.NodeStats;
import io.varve.api.VolumeStats;
import io.varve.control.membership.LoadRates.Moment;
import org.junit.jupiter.api.Test;

final class LoadRatesTest {
    private static final long SECOND = 1_000_000_000L;

    private static NodeStats stats(long writes, long written, double cpu) {
        return NodeStats.newBuilder()
                .setNode("n1")
                .setCpuSeconds(cpu)
                .addVolumes(VolumeStats.newBuilder()
                        .setVolume(1)
                        .setWrites(writes)
                        .setWriteP99Micros(250)
                        .setInFlight(3))
                .addVolumes(VolumeStats.newBuilder().setVolume(2).setWriteP99Micros(900))
                .addGroups(GroupStats.newBuilder().setGroup("g").setWrittenBytes(written))
                .build();
    }

    @Test
    void tellsRatesBetweenTwoMomentsAndTheWorstLatency() {
        NodeLoad load = LoadRates.between(
                new Moment(stats(100, 4_096, 1), 10 * SECOND), new Moment(stats(350, 12_288, 2.5), 15 * SECOND), 7, 42);

        assertThat(load.getWritesPerSecond()).isEqualTo(50);
        assertThat(load.getWriteP99Micros()).isEqualTo(900);
        assertThat(load.getInFlight()).isEqualTo(3);
        assertThat(load.getVolumes()).isEqualTo(2);
        assertThat(load.getCpuCores()).isEqualTo(0.3);
        assertThat(load.getGroups(0).getDeviceBytesPerSecond()).isEqualTo(1_638.4);
        assertThat(load.getIncarnation()).isEqualTo(7);
        assertThat(load.getToldUnixMillis()).isEqualTo(42);
    }

    @Test
    void hasNoRatesAtFirstAndCountsAnewWhenCountersDid() {
        assertThat(LoadRates.between(Moment.NONE, new Moment(stats(100, 1, 1), SECOND), 1, 1)
                        .getWritesPerSecond())
                .isZero();
        assertThat(LoadRates.between(
                                new Moment(stats(1_000, 1, 1), SECOND), new Moment(stats(10, 1, 1), 2 * SECOND), 1, 1)
                        .getWritesPerSecond())
                .isEqualTo(10);
    }

    @Test
    void cutsANodeWithVeryManyGroupsShort() {
        NodeStats.Builder many = NodeStats.newBuilder().setNode("n1");
        for (int i = 0; i < LoadRates.MAX_GROUPS + 5; i++) {
            many.addGroups(GroupStats.newBuilder().setGroup("g" + i));
        }

        NodeLoad load = LoadRates.between(Moment.NONE, new Moment(many.build(), SECOND), 1, 1);
        assertThat(load.getGroupsCount()).isEqualTo(LoadRates.MAX_GROUPS);
        assertThat(load.getGroupsCut()).isTrue();
    }
}
