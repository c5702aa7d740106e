package io.varve.dataplane.main;

import io.varve.api.CopyStats;
import io.varve.api.GroupStats;
import io.varve.api.NodeStats;
import io.varve.api.ReplicaStats;
import io.varve.api.VolumeStats;
import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.metrics.VolumeCounters.Figure;
import io.varve.dataplane.replication.CopyProgress;
import io.varve.dataplane.store.StoreStats;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Turns figures into the answer of the management API. Remembers recent latencies between two questions. Confined to one loop. */
final class StatsReport {
    private static final double NANOS_PER_MICRO = 1_000;

    private final String node;
    private final Map<VolumeCounters, Recent> recents = new HashMap<>();

    private record Recent(RecentLatency reads, RecentLatency writes) {}

    StatsReport(String node) {
        this.node = node;
    }

    NodeStats of(NodeFigures figures, long nowNanos) {
        forgetGone(figures);
        NodeStats.Builder stats = NodeStats.newBuilder()
                .setNode(node)
                .setIoBackend(figures.backend())
                .setEventLoopLagP99Micros(
                        LatencyHistogram.quantileNanos(figures.loopLag().snapshot(), 0.99) / NANOS_PER_MICRO)
                .setResidentBytes(ResidentMemory.bytes())
                .setCpuSeconds(cpuSeconds());
        figures.volumes().forEach(volume -> stats.addVolumes(volume(volume, nowNanos)));
        figures.volumes().forEach(volume -> volume.copies().forEach(each -> stats.addCopies(copy(volume.id(), each))));
        figures.replicas().forEach(replica -> stats.addReplicas(replica(replica)));
        figures.groups().forEach(group -> stats.addGroups(group(group)));
        return stats.build();
    }

    private void forgetGone(NodeFigures figures) {
        Set<VolumeCounters> here =
                figures.volumes().stream().map(NodeFigures.Volume::counters).collect(Collectors.toSet());
        recents.keySet().retainAll(here);
    }

    private VolumeStats volume(NodeFigures.Volume volume, long nowNanos) {
        VolumeCounters counters = volume.counters();
        Recent recent = recents.computeIfAbsent(counters, key -> new Recent(new RecentLatency(), new RecentLatency()));
        long[] reads = recent.reads().recent(counters.reads(), nowNanos);
        long[] writes = recent.writes().recent(counters.writes(), nowNanos);
        return VolumeStats.newBuilder()
                .setVolume(volume.id())
                .setName(volume.name())
                .setReads(counters.get(Figure.READS))
                .setWrites(counters.get(Figure.WRITES))
                .setReadBytes(counters.get(Figure.READ_BYTES))
                .setWrittenBytes(counters.get(Figure.WRITTEN_BYTES))
                .setReadP50Micros(LatencyHistogram.quantileNanos(reads, 0.5) / NANOS_PER_MICRO)
                .setReadP99Micros(LatencyHistogram.quantileNanos(reads, 0.99) / NANOS_PER_MICRO)
                .setWriteP50Micros(LatencyHistogram.quantileNanos(writes, 0.5) / NANOS_PER_MICRO)
                .setWriteP99Micros(LatencyHistogram.quantileNanos(writes, 0.99) / NANOS_PER_MICRO)
                .setInFlight((int) counters.get(Figure.IN_FLIGHT))
                .setState(volume.state())
                .setDetail(volume.detail())
                .build();
    }

    private static CopyStats copy(long volume, CopyProgress copy) {
        return CopyStats.newBuilder()
                .setVolume(volume)
                .setSlab(copy.slab())
                .setGroup(copy.group())
                .setExtentsTotal(copy.extentsTotal())
                .setExtentsLeft(copy.extentsLeft())
                .setBytesCopied(copy.bytesCopied())
                .setBytesPerSecond(copy.bytesPerSecond())
                .setState(copy.state())
                .build();
    }

    private static ReplicaStats replica(NodeFigures.Replica replica) {
        return ReplicaStats.newBuilder()
                .setStream(replica.stream())
                .setGroup(replica.group())
                .setLastSeq(replica.lastSeq())
                .setDurableSeq(replica.durableSeq())
                .setCommitSeq(replica.commitSeq())
                .setAppliedSeq(replica.appliedSeq())
                .setPromisedEpoch(replica.promisedEpoch())
                .setState(replica.state())
                .setAllocatedBytes(replica.allocatedBytes())
                .setCreationId(replica.creationId())
                .setLastEpoch(replica.lastEpoch())
                .setBlocks(replica.blocks())
                .setGuaranteedBytes(replica.guaranteedBytes())
                .setIncomplete(!replica.isComplete())
                .build();
    }

    private static GroupStats group(NodeFigures.Group group) {
        StoreStats stats = group.stats();
        return GroupStats.newBuilder()
                .setGroup(group.uuid())
                .setName(group.name())
                .setJournalBytes(stats.journalBytes())
                .setJournalUsedBytes(stats.journalUsedBytes())
                .setCapacityBytes(stats.capacityBytes())
                .setAllocatedBytes(stats.allocatedBytes())
                .setReservedBytes(stats.reservedBytes())
                .setGuaranteedBytes(stats.guaranteedBytes())
                .setWrittenBytes(stats.writtenBytes())
                .setLastCheckpointNanos(stats.lastCheckpointNanos())
                .setCheckpoints(stats.checkpoints())
                .setChecksumErrors(stats.checksumErrors())
                .setRepairedBlocks(stats.repairedBlocks())
                .setFailed(!group.failure().isEmpty())
                .build();
    }

    private static double cpuSeconds() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                ? system.getProcessCpuTime() / 1e9
                : 0;
    }
}
