package io.varve.control.membership;

import io.varve.api.GroupLoad;
import io.varve.api.GroupStats;
import io.varve.api.NodeLoad;
import io.varve.api.NodeStats;
import io.varve.api.VolumeStats;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** What a node tells of its load: rates between two of its figures. Pure. */
final class LoadRates {
    /** A node with more is cut short: what it tells stays below 16 KiB. */
    static final int MAX_GROUPS = 64;

    private static final double NANOS_PER_SECOND = 1e9;

    private LoadRates() {}

    /** Figures, and when they were taken on the monotonic clock. */
    record Moment(NodeStats stats, long atNanos) {
        static final Moment NONE = new Moment(NodeStats.getDefaultInstance(), 0);
    }

    /**
     * The load between two moments. A volume that was not there before counts from zero only if its access point is new, which is what its counters
     * do, too; counters that fell began again.
     */
    static NodeLoad between(Moment before, Moment now, long incarnation, long wallMillis) {
        double seconds = before.atNanos == Moment.NONE.atNanos ? 0 : (now.atNanos - before.atNanos) / NANOS_PER_SECOND;
        NodeStats stats = now.stats;
        Map<Long, VolumeStats> then = byVolume(before.stats.getVolumesList());
        List<VolumeStats> volumes = stats.getVolumesList();
        NodeLoad.Builder load = NodeLoad.newBuilder()
                .setNode(stats.getNode())
                .setIncarnation(incarnation)
                .setToldUnixMillis(wallMillis)
                .setReadsPerSecond(sum(volumes, then, VolumeStats::getReads, seconds))
                .setWritesPerSecond(sum(volumes, then, VolumeStats::getWrites, seconds))
                .setReadBytesPerSecond(sum(volumes, then, VolumeStats::getReadBytes, seconds))
                .setWrittenBytesPerSecond(sum(volumes, then, VolumeStats::getWrittenBytes, seconds))
                .setReadP99Micros(volumes.stream()
                        .mapToDouble(VolumeStats::getReadP99Micros)
                        .max()
                        .orElse(0))
                .setWriteP99Micros(volumes.stream()
                        .mapToDouble(VolumeStats::getWriteP99Micros)
                        .max()
                        .orElse(0))
                .setInFlight(volumes.stream().mapToInt(VolumeStats::getInFlight).sum())
                .setVolumes(volumes.size())
                .setResidentBytes(stats.getResidentBytes())
                .setEventLoopLagP99Micros(stats.getEventLoopLagP99Micros())
                .setGroupsCut(stats.getGroupsCount() > MAX_GROUPS);
        if (seconds > 0) {
            load.setCpuCores(Math.max(0, stats.getCpuSeconds() - before.stats.getCpuSeconds()) / seconds);
        }
        addGroups(load, before.stats, stats, seconds);
        return load.build();
    }

    private static Map<Long, VolumeStats> byVolume(List<VolumeStats> volumes) {
        return volumes.stream()
                .collect(Collectors.toMap(VolumeStats::getVolume, Function.identity(), (first, second) -> second));
    }

    private static double sum(
            List<VolumeStats> now, Map<Long, VolumeStats> then, ToLongFunction<VolumeStats> counter, double seconds) {
        double sum = 0;
        for (VolumeStats volume : now) {
            VolumeStats before = then.getOrDefault(volume.getVolume(), VolumeStats.getDefaultInstance());
            sum += rate(counter.applyAsLong(before), counter.applyAsLong(volume), seconds);
        }
        return sum;
    }

    private static void addGroups(NodeLoad.Builder load, NodeStats before, NodeStats now, double seconds) {
        Map<String, GroupStats> then = before.getGroupsList().stream()
                .collect(Collectors.toMap(GroupStats::getGroup, Function.identity(), (first, second) -> second));
        now.getGroupsList().stream()
                .limit(MAX_GROUPS)
                .forEach(group -> load.addGroups(GroupLoad.newBuilder()
                        .setGroup(group.getGroup())
                        .setName(group.getName())
                        .setCapacityBytes(group.getCapacityBytes())
                        .setAllocatedBytes(group.getAllocatedBytes())
                        .setReservedBytes(group.getReservedBytes())
                        .setGuaranteedBytes(group.getGuaranteedBytes())
                        .setJournalBytes(group.getJournalBytes())
                        .setJournalUsedBytes(group.getJournalUsedBytes())
                        .setDeviceBytesPerSecond(
                                then.containsKey(group.getGroup())
                                        ? rate(
                                                then.get(group.getGroup()).getWrittenBytes(),
                                                group.getWrittenBytes(),
                                                seconds)
                                        : 0)));
    }

    private static double rate(long before, long now, double seconds) {
        return seconds <= 0 ? 0 : (now >= before ? now - before : now) / seconds;
    }
}
