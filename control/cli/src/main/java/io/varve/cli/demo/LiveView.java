package io.varve.cli.demo;

import io.varve.api.GroupStats;
import io.varve.api.NodeStats;
import io.varve.api.ReplicaStats;
import io.varve.api.Volume;
import io.varve.api.VolumeStats;
import io.varve.cli.output.Table;
import io.varve.cli.output.Text;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The picture that a person watches: drawn in place on a terminal, one line each second elsewhere. */
final class LiveView {
    private final PrintWriter out;
    private final boolean interactive;
    private final List<String> nodes;
    private Volume volume;
    private int linesShown;

    /** @param volume as the cluster knows it now; {@link #update} tells what changed */
    LiveView(PrintWriter out, boolean interactive, List<String> nodes, Volume volume) {
        this.out = out;
        this.interactive = interactive;
        this.nodes = List.copyOf(nodes);
        this.volume = volume;
    }

    /**
     * One moment.
     *
     * @param elapsed since the load began
     * @param load what drives the volume, in words
     * @param before the figures of about a second ago
     * @param processes state of each node's process, by name
     */
    record Moment(Duration elapsed, String load, LiveFigures before, LiveFigures now, Map<String, String> processes) {}

    /** The volume as the cluster knows it now: which copies are in sync, and where it is open. */
    void update(Volume now) {
        volume = now;
    }

    /** A line that stays. */
    void note(String line) {
        if (linesShown > 0) {
            out.print("\u001b[" + linesShown + "A\u001b[J");
            linesShown = 0;
        }
        out.println(line);
        out.flush();
    }

    void show(Moment moment) {
        if (!interactive) {
            out.println(oneLine(moment));
        } else {
            var picture = picture(moment);
            if (linesShown > 0) {
                out.print("\u001b[" + linesShown + "A\u001b[J"); // up to the first line, clear from there
            }
            out.print(picture);
            linesShown = (int) picture.lines().count();
        }
        out.flush();
    }

    String oneLine(Moment moment) {
        var rates = moment.now.since(moment.before, DemoDirectory.VOLUME);
        var volume = moment.now.volume(DemoDirectory.VOLUME).orElse(VolumeStats.getDefaultInstance());
        return "%s  %s  %s IOPS  write p50 %s p99 %s  read p50 %s p99 %s  stored %s  replicas %s"
                .formatted(
                        clock(moment.elapsed),
                        moment.load,
                        Text.rate(rates.all()),
                        Text.latency(volume.getWriteP50Micros()),
                        Text.latency(volume.getWriteP99Micros()),
                        Text.latency(volume.getReadP50Micros()),
                        Text.latency(volume.getReadP99Micros()),
                        stored(moment),
                        replicaStates(moment));
    }

    private String stored(Moment moment) {
        var text = new StringBuilder();
        moment.now
                .storedBytes(nodes)
                .forEach((node, bytes) -> text.append(text.isEmpty() ? "" : " ")
                        .append(node)
                        .append(' ')
                        .append(Text.size(bytes)));
        return text.toString();
    }

    private String replicaStates(Moment moment) {
        var counts = new TreeMap<String, Integer>();
        for (var node : nodes) {
            for (var replica : moment.now.replicas(node)) {
                counts.merge(state(replica), 1, Integer::sum);
            }
        }
        moment.processes.forEach((node, state) -> {
            if (!state.equals("up")) {
                counts.put(node + " " + state, 1);
            }
        });
        return String.join(
                ", ",
                counts.entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .toList());
    }

    String picture(Moment moment) {
        var volume = moment.now.volume(DemoDirectory.VOLUME);
        var rates = moment.now.since(moment.before, DemoDirectory.VOLUME);
        var text = new StringBuilder();
        text.append(clock(moment.elapsed)).append("   ").append(moment.load).append('\n');
        text.append("volume  ")
                .append(volume.map(this::volumeState).orElse("no answer from its node"))
                .append('\n');
        text.append("\n          ops/s        bytes/s       p50       p99\n");
        var figures = volume.orElse(VolumeStats.getDefaultInstance());
        text.append(row(
                "write",
                rates.writes(),
                rates.writtenBytes(),
                figures.getWriteP50Micros(),
                figures.getWriteP99Micros()));
        text.append(
                row("read", rates.reads(), rates.readBytes(), figures.getReadP50Micros(), figures.getReadP99Micros()));
        text.append('\n').append(nodeTable(moment)).append("\nCtrl-C stops and unmounts everything.\n");
        return text.toString();
    }

    private static String row(String name, double operations, double bytes, double p50, double p99) {
        return "%-6s %8s %14s %9s %9s%n"
                .formatted(name, Text.rate(operations), Text.size((long) bytes), Text.latency(p50), Text.latency(p99));
    }

    private String volumeState(VolumeStats figures) {
        var node = volume.getAttachment().getNode();
        var state = figures.getState().toLowerCase(Locale.ROOT) + (node.isEmpty() ? "" : " at " + node);
        return figures.getDetail().isEmpty() ? state : state + ": " + figures.getDetail();
    }

    private String nodeTable(Moment moment) {
        var table = Table.of("NODE", "PROCESS", ">STORED", ">WRITTEN", ">JOURNAL", ">MEMORY", ">CPU", "REPLICAS");
        for (var node : nodes) {
            var stats = moment.now.nodes().getOrDefault(node, NodeStats.getDefaultInstance());
            var journal = stats.getGroupsList().stream()
                    .mapToLong(GroupStats::getJournalBytes)
                    .sum();
            var used = stats.getGroupsList().stream()
                    .mapToLong(GroupStats::getJournalUsedBytes)
                    .sum();
            var written = stats.getGroupsList().stream()
                    .mapToLong(GroupStats::getWrittenBytes)
                    .sum();
            table.row(
                    node,
                    moment.processes.getOrDefault(node, "?"),
                    Text.size(moment.now.storedBytes(node)),
                    Text.size(written),
                    Text.percent(used, journal),
                    Text.size(stats.getResidentBytes()),
                    cpu(node, moment),
                    replicas(moment.now.replicas(node)));
        }
        return table.render();
    }

    /** Share of one core since the moment before. */
    private static String cpu(String node, Moment moment) {
        var now = moment.now.nodes().get(node);
        var then = moment.before.nodes().get(node);
        var seconds = (moment.now.atNanos() - moment.before.atNanos()) / 1e9;
        if (now == null || then == null || seconds <= 0) {
            return "-";
        }
        return Math.round(Math.max(0, now.getCpuSeconds() - then.getCpuSeconds()) / seconds * 100) + "%";
    }

    private String replicas(List<ReplicaStats> replicas) {
        if (replicas.isEmpty()) {
            return "-";
        }
        return String.join(
                ", ",
                replicas.stream()
                        .map(replica ->
                                "slab " + slabOf(replica) + " " + state(replica) + " seq " + replica.getDurableSeq())
                        .toList());
    }

    /** What the replica says of itself; in sync it is only if the truth says so too. */
    private String state(ReplicaStats replica) {
        var inSync = volume.getSlabsList().stream()
                .filter(slab -> slab.getIndex() == slabOf(replica))
                .anyMatch(slab -> slab.getIsrList().contains(replica.getGroup()));
        return !replica.getState().equals("INSYNC")
                ? replica.getState().toLowerCase(Locale.ROOT)
                : inSync ? "in sync" : "returning";
    }

    private static int slabOf(ReplicaStats replica) {
        return (int) (replica.getStream() & 0xFFFF);
    }

    private static String clock(Duration elapsed) {
        return String.format(
                Locale.ROOT, "%02d:%02d:%02d", elapsed.toHours(), elapsed.toMinutesPart(), elapsed.toSecondsPart());
    }
}
