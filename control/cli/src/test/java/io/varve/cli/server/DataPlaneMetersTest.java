package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.main.NodeFigures;
import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.store.DeviceLatency;
import io.varve.dataplane.store.StoreStats;
import java.util.List;
import org.junit.jupiter.api.Test;

final class DataPlaneMetersTest {
    @Test
    void putsTheFiguresOfTheDataPlaneIntoPrometheusText() {
        var counters = new VolumeCounters();
        counters.add(Figure.WRITES, 7);
        counters.add(Figure.WRITTEN_BYTES, 28_672);
        counters.add(Figure.ZEROED_BYTES, 4096);
        counters.writes().record(300_000);
        counters.zeroes().record(300_000);
        counters.unmaps().record(300_000);
        counters.flushes().record(300_000);
        var volume = new NodeFigures.Volume(1, "db", 3, "HEALTHY", "", counters, 2, List.of(), 0, 4096);
        var replica = new NodeFigures.Replica("g-1", 1 << 16 | 5, 10, 9, 8, 7, 3, 3, false, 131_072, 1, 1, true, 0);
        var group = new NodeFigures.Group(
                "g-1",
                "fast",
                "",
                new StoreStats(100, 12, 1000, 500, 50, 250, 4096, 3, 6, 2, 5_000_000, 1, 1),
                List.of(new DeviceLatency("/dev/sdx", counters.writes())),
                1);
        try (var metrics = new NodeMetrics("n1")) {
            metrics.show(new NodeFigures(
                    "io_uring",
                    new LatencyHistogram(),
                    List.of(volume),
                    List.of(replica),
                    List.of(group),
                    new NodeFigures.Clients(4, 1, 65_536)));

            assertThat(metrics.scrape())
                    .contains("varve_group_slow_devices{group=\"fast\",node=\"n1\"} 1.0")
                    .contains("varve_device_latency_seconds_count{device=\"/dev/sdx\",group=\"fast\",node=\"n1\"} 1")
                    .contains("varve_volume_operations_total{node=\"n1\",op=\"write\",volume=\"db\"} 7.0")
                    .contains("varve_volume_copied_bytes_total{node=\"n1\",volume=\"db\"} 4096.0")
                    .contains("varve_volume_bytes_total{node=\"n1\",op=\"write\",volume=\"db\"} 28672.0")
                    .contains("varve_volume_bytes_total{node=\"n1\",op=\"zero\",volume=\"db\"} 4096.0")
                    .contains("varve_volume_latency_seconds_count{node=\"n1\",op=\"read\",volume=\"db\"} 0")
                    .contains("varve_volume_latency_seconds_count{node=\"n1\",op=\"write\",volume=\"db\"} 1")
                    .contains("varve_volume_latency_seconds_count{node=\"n1\",op=\"zero\",volume=\"db\"} 1")
                    .contains("varve_volume_latency_seconds_count{node=\"n1\",op=\"unmap\",volume=\"db\"} 1")
                    .contains("varve_volume_latency_seconds_count{node=\"n1\",op=\"flush\",volume=\"db\"} 1")
                    .contains(
                            "varve_replica_sequence{group=\"g-1\",kind=\"durable\",node=\"n1\",slab=\"5\",volume_id=\"1\"} 9.0")
                    .contains("varve_group_guaranteed_bytes{group=\"fast\",node=\"n1\"} 250.0")
                    .contains("varve_group_checksum_errors_total{group=\"fast\",node=\"n1\"} 1.0")
                    .contains("varve_group_last_checkpoint_seconds{group=\"fast\",node=\"n1\"} 0.005")
                    .contains(
                            "varve_replica_state{group=\"g-1\",node=\"n1\",slab=\"5\",state=\"INSYNC\",volume_id=\"1\"} 1.0")
                    .contains(
                            "varve_replica_allocated_bytes{group=\"g-1\",node=\"n1\",slab=\"5\",volume_id=\"1\"} 131072.0")
                    .contains("varve_nbd_connections{node=\"n1\"} 4.0")
                    .contains("varve_nbd_refused_connections_total{node=\"n1\"} 1.0")
                    .contains("varve_nbd_held_bytes{node=\"n1\"} 65536.0")
                    .contains("varve_disk_io_info{backend=\"io_uring\",node=\"n1\"} 1");
        }
    }

    @Test
    void foldsFineBucketsIntoPowersOfTwo() {
        var histogram = new LatencyHistogram();
        histogram.record(1);
        histogram.record(300_000);
        histogram.record(1L << 38);

        var folded = DataPlaneMeters.buckets(histogram.snapshot());

        assertThat(folded.getCount(0)).isEqualTo(1);
        assertThat(folded.stream().filter(bucket -> bucket.getUpperBound() > 0.0003 && bucket.getCount() == 1))
                .anyMatch(bucket -> bucket.getUpperBound() < 0.0006);
        assertThat(folded.getCount(folded.size() - 1)).isEqualTo(1);
    }
}
