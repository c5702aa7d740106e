package io.varve.cli.server;

import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.CounterSnapshot.CounterDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot.HistogramDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot;
import io.prometheus.metrics.model.snapshots.InfoSnapshot.InfoDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.varve.dataplane.main.NodeFigures;
import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.store.StoreStats;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * The data plane's figures as Prometheus metrics. The data plane counts in arrays of its own, without a registry on its
 * path; here the newest copy of them is put into words when somebody asks. Any thread.
 */
final class DataPlaneMeters implements MultiCollector {
    /** 8 µs to 17 s, a bucket for each power of two: between them p99 is right within a factor of two. */
    private static final int FIRST_EXPONENT = 13;

    private static final int LAST_EXPONENT = 34;
    private static final double NANOS = 1e9;

    private final String node;
    private volatile NodeFigures figures;

    /** @param first what to show until {@link #show} is called */
    DataPlaneMeters(String node, NodeFigures first) {
        this.node = node;
        this.figures = first;
    }

    /** From now on these figures are collected. */
    void show(NodeFigures newest) {
        figures = newest;
    }

    @Override
    public MetricSnapshots collect() {
        var now = figures;
        var metrics = new ArrayList<MetricSnapshot>();
        addVolumes(metrics, now.volumes());
        addReplicas(metrics, now.replicas());
        addGroups(metrics, now.groups());
        addClients(metrics, now.clients());
        metrics.add(InfoSnapshot.builder()
                .name("varve_disk_io")
                .help("How devices are driven, and why")
                .dataPoint(InfoDataPointSnapshot.builder()
                        .labels(labels("backend", now.backend()))
                        .build())
                .build());
        metrics.add(HistogramSnapshot.builder()
                .name("varve_event_loop_lag_seconds")
                .help("How late an event loop runs what is due")
                .dataPoint(histogram(Labels.of("node", node), now.loopLag()))
                .build());
        return new MetricSnapshots(metrics);
    }

    private void addVolumes(List<MetricSnapshot> metrics, List<NodeFigures.Volume> volumes) {
        var operations = counter("varve_volume_operations", "Requests of clients, answered, by kind");
        var bytes = counter("varve_volume_bytes", "Bytes that clients read, wrote, zeroed or gave back");
        var errors = counter("varve_volume_errors", "Requests answered with an error, by kind");
        var repaired =
                counter("varve_volume_repaired_reads", "Reads answered from another copy because one was damaged");
        var late = counter("varve_volume_late_reads", "Reads asked of another copy because one did not answer in time");
        var copied = counter(
                "varve_volume_copied_bytes", "Bytes sent to copies that miss something, since the volume was attached");
        var held = counter(
                "varve_volume_held_back", "Requests that had to wait for the volume's limits before they were taken");
        var heldSeconds = counter(
                "varve_volume_held_back_seconds", "Time in which at least one request waited for the volume's limits");
        var inFlight = gauge("varve_volume_in_flight", "Requests taken and not answered");
        var state = gauge("varve_volume_state", "1 for the state that the volume is in, as its access point sees it");
        var latency = HistogramSnapshot.builder()
                .name("varve_volume_latency_seconds")
                .help("From a request's arrival to its answer, by kind");
        for (var volume : volumes) {
            var counters = volume.counters();
            count(operations, volume.name(), "read", counters.get(Figure.READS));
            count(operations, volume.name(), "write", counters.get(Figure.WRITES));
            count(operations, volume.name(), "zero", counters.get(Figure.ZEROES));
            count(operations, volume.name(), "unmap", counters.get(Figure.UNMAPS));
            count(operations, volume.name(), "flush", counters.get(Figure.FLUSHES));
            count(bytes, volume.name(), "read", counters.get(Figure.READ_BYTES));
            count(bytes, volume.name(), "write", counters.get(Figure.WRITTEN_BYTES));
            count(bytes, volume.name(), "zero", counters.get(Figure.ZEROED_BYTES));
            count(bytes, volume.name(), "unmap", counters.get(Figure.UNMAPPED_BYTES));
            count(errors, volume.name(), "io", counters.get(Figure.ERRORS));
            count(errors, volume.name(), "no_space", counters.get(Figure.NO_SPACE));
            count(errors, volume.name(), "timeout", counters.get(Figure.TIMEOUTS));
            repaired.dataPoint(counterPoint(labels("volume", volume.name()), volume.repairedReads()));
            late.dataPoint(counterPoint(labels("volume", volume.name()), volume.lateReads()));
            copied.dataPoint(counterPoint(labels("volume", volume.name()), volume.copiedBytes()));
            held.dataPoint(counterPoint(labels("volume", volume.name()), counters.get(Figure.HELD_BACK)));
            heldSeconds.dataPoint(
                    counterPoint(labels("volume", volume.name()), counters.get(Figure.HELD_BACK_NANOS) / NANOS));
            inFlight.dataPoint(point(labels("volume", volume.name()), counters.get(Figure.IN_FLIGHT)));
            state.dataPoint(point(labels("volume", volume.name(), "state", volume.state()), 1));
            time(latency, volume.name(), "read", counters.reads());
            time(latency, volume.name(), "write", counters.writes());
            time(latency, volume.name(), "zero", counters.zeroes());
            time(latency, volume.name(), "unmap", counters.unmaps());
            time(latency, volume.name(), "flush", counters.flushes());
        }
        metrics.addAll(List.of(operations.build(), bytes.build(), errors.build(), repaired.build()));
        metrics.addAll(List.of(late.build(), copied.build(), held.build(), heldSeconds.build()));
        metrics.addAll(List.of(inFlight.build(), state.build(), latency.build()));
    }

    private void count(CounterSnapshot.Builder family, String volume, String operation, long value) {
        family.dataPoint(counterPoint(labels("volume", volume, "op", operation), value));
    }

    private void time(HistogramSnapshot.Builder family, String volume, String operation, LatencyHistogram latencies) {
        family.dataPoint(histogram(labels("volume", volume, "op", operation), latencies));
    }

    private void addReplicas(List<MetricSnapshot> metrics, List<NodeFigures.Replica> replicas) {
        var sequence =
                gauge("varve_replica_sequence", "How far a replica is: last, durable, committed, applied record");
        var suspect = gauge("varve_replica_suspect", "1 if records of the replica may be damaged");
        var allocated = gauge("varve_replica_allocated_bytes", "Room that the replica takes on the devices");
        var state = gauge("varve_replica_state", "1 for the state that the replica is in, as it sees itself");
        for (var replica : replicas) {
            var volume = Long.toString(replica.stream() >>> 16);
            var slab = Long.toString(replica.stream() & 0xFFFF);
            sequence.dataPoint(point(replicaLabels(replica.group(), volume, slab, "last"), replica.lastSeq()));
            sequence.dataPoint(point(replicaLabels(replica.group(), volume, slab, "durable"), replica.durableSeq()));
            sequence.dataPoint(point(replicaLabels(replica.group(), volume, slab, "commit"), replica.commitSeq()));
            sequence.dataPoint(point(replicaLabels(replica.group(), volume, slab, "applied"), replica.appliedSeq()));
            var which = labels("group", replica.group(), "volume_id", volume, "slab", slab);
            suspect.dataPoint(point(which, replica.suspect() ? 1 : 0));
            allocated.dataPoint(point(which, replica.allocatedBytes()));
            state.dataPoint(point(which.merge(Labels.of("state", replica.state())), 1));
        }
        metrics.addAll(List.of(sequence.build(), suspect.build(), allocated.build(), state.build()));
    }

    private Labels replicaLabels(String group, String volume, String slab, String kind) {
        return labels("group", group, "volume_id", volume, "slab", slab, "kind", kind);
    }

    private void addGroups(List<MetricSnapshot> metrics, List<NodeFigures.Group> groups) {
        metrics.add(groupGauge(
                "varve_group_failed",
                "1 if the disk group serves no more",
                groups,
                group -> group.failure().isEmpty() ? 0 : 1));
        metrics.add(statGauge("varve_group_journal_bytes", "Size of the journal", groups, StoreStats::journalBytes));
        metrics.add(groupGauge(
                "varve_group_slow_devices",
                "Devices of the disk group that are much slower than they were",
                groups,
                NodeFigures.Group::slowDevices));
        var latency = HistogramSnapshot.builder()
                .name("varve_device_latency_seconds")
                .help("How long a device took for what it was asked, of all kinds, its queue included");
        for (var group : groups) {
            for (var device : group.latencies()) {
                latency.dataPoint(
                        histogram(labels("group", group.name(), "device", device.device()), device.histogram()));
            }
        }
        metrics.add(latency.build());
        metrics.add(statGauge(
                "varve_group_journal_used_bytes", "Journal not yet reusable", groups, StoreStats::journalUsedBytes));
        metrics.add(statGauge("varve_group_capacity_bytes", "Room for data", groups, StoreStats::capacityBytes));
        metrics.add(statGauge("varve_group_allocated_bytes", "Room taken by data", groups, StoreStats::allocatedBytes));
        metrics.add(statGauge(
                "varve_group_reserved_bytes", "Room promised to journaled data", groups, StoreStats::reservedBytes));
        metrics.add(statGauge(
                "varve_group_guaranteed_bytes",
                "Room kept for what thick volumes have not written",
                groups,
                StoreStats::guaranteedBytes));
        metrics.add(statGauge(
                "varve_group_last_checkpoint_seconds",
                "Duration of the last checkpoint",
                groups,
                stats -> stats.lastCheckpointNanos() / NANOS));
        metrics.add(statCounter(
                "varve_group_written_bytes", "Written to devices, all kinds", groups, StoreStats::writtenBytes));
        metrics.add(
                statCounter("varve_group_journal_frames", "Frames written to the journal", groups, StoreStats::frames));
        metrics.add(statCounter("varve_group_journal_records", "Records in those frames", groups, StoreStats::records));
        metrics.add(statCounter("varve_group_checkpoints", "Checkpoints", groups, StoreStats::checkpoints));
        metrics.add(statCounter(
                "varve_group_checksum_errors",
                "Blocks whose checksum did not match",
                groups,
                StoreStats::checksumErrors));
        metrics.add(statCounter(
                "varve_group_repaired_blocks",
                "Blocks repaired from another copy",
                groups,
                StoreStats::repairedBlocks));
    }

    private void addClients(List<MetricSnapshot> metrics, NodeFigures.Clients clients) {
        var open = gauge("varve_nbd_connections", "NBD connections open now");
        var refused = counter("varve_nbd_refused_connections", "NBD connections closed at once: too many");
        var held = gauge("varve_nbd_held_bytes", "Payload of NBD requests and replies held in memory");
        open.dataPoint(point(labels(), clients.connections()));
        refused.dataPoint(counterPoint(labels(), clients.refusedConnections()));
        held.dataPoint(point(labels(), clients.heldBytes()));
        metrics.addAll(List.of(open.build(), refused.build(), held.build()));
    }

    private GaugeSnapshot groupGauge(
            String name, String help, List<NodeFigures.Group> groups, ToDoubleFunction<NodeFigures.Group> value) {
        var family = gauge(name, help);
        groups.forEach(group -> family.dataPoint(point(labels("group", group.name()), value.applyAsDouble(group))));
        return family.build();
    }

    private GaugeSnapshot statGauge(
            String name, String help, List<NodeFigures.Group> groups, ToDoubleFunction<StoreStats> value) {
        return groupGauge(name, help, groups, group -> value.applyAsDouble(group.stats()));
    }

    private CounterSnapshot statCounter(
            String name, String help, List<NodeFigures.Group> groups, ToDoubleFunction<StoreStats> value) {
        var family = counter(name, help);
        groups.forEach(group ->
                family.dataPoint(counterPoint(labels("group", group.name()), value.applyAsDouble(group.stats()))));
        return family.build();
    }

    private static CounterSnapshot.Builder counter(String name, String help) {
        return CounterSnapshot.builder().name(name).help(help);
    }

    private static GaugeSnapshot.Builder gauge(String name, String help) {
        return GaugeSnapshot.builder().name(name).help(help);
    }

    private static GaugeDataPointSnapshot point(Labels labels, long value) {
        return point(labels, (double) value); // Prometheus knows only doubles; they are exact up to 2^53
    }

    private static GaugeDataPointSnapshot point(Labels labels, double value) {
        return GaugeDataPointSnapshot.builder().labels(labels).value(value).build();
    }

    private static CounterDataPointSnapshot counterPoint(Labels labels, long value) {
        return counterPoint(labels, (double) value);
    }

    private static CounterDataPointSnapshot counterPoint(Labels labels, double value) {
        return CounterDataPointSnapshot.builder().labels(labels).value(value).build();
    }

    private static HistogramDataPointSnapshot histogram(Labels labels, LatencyHistogram histogram) {
        return HistogramDataPointSnapshot.builder()
                .labels(labels)
                .classicHistogramBuckets(buckets(histogram.snapshot()))
                .sum(histogram.sumNanos() / NANOS)
                .build();
    }

    /** Folds the fine buckets into one for each power of two; the last one holds everything above. */
    static ClassicHistogramBuckets buckets(long[] fine) {
        var folded = ClassicHistogramBuckets.builder();
        var bucket = 0;
        for (var exponent = FIRST_EXPONENT; exponent <= LAST_EXPONENT; exponent++) {
            var count = 0L;
            for (; bucket < fine.length && LatencyHistogram.lowerBound(bucket) < 1L << exponent; bucket++) {
                count += fine[bucket];
            }
            folded.bucket((1L << exponent) / NANOS, count);
        }
        var rest = 0L;
        for (; bucket < fine.length; bucket++) {
            rest += fine[bucket];
        }
        return folded.bucket(Double.POSITIVE_INFINITY, rest).build();
    }

    /** The node's name and these pairs of name and value. */
    private Labels labels(String... pairs) {
        return Labels.of("node", node).merge(Labels.of(pairs));
    }
}
