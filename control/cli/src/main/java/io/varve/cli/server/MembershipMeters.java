package io.varve.cli.server;

import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.varve.control.membership.Membership;
import java.util.ArrayList;

/** The membership's figures as metrics. Any thread. */
final class MembershipMeters implements MultiCollector {
    private final Labels node;
    private final Membership membership;

    MembershipMeters(String node, Membership membership) {
        this.node = Labels.of("node", node);
        this.membership = membership;
    }

    @Override
    public MetricSnapshots collect() {
        var figures = membership.figures();
        var all = new ArrayList<MetricSnapshot>();
        all.add(gauge(
                "varve_membership_running",
                "1 while this node is in a membership",
                figures.phase() == Membership.Phase.RUNNING ? 1 : 0));
        all.add(gauge("varve_membership_nodes", "nodes that see one another, this one included", figures.together()));
        all.add(gauge("varve_membership_suspected", "nodes that left without a word", figures.suspected()));
        all.add(counter("varve_membership_starts", "times that it was started", figures.starts()));
        all.add(counter(
                "varve_membership_foreign_values",
                "values found that no node of this cluster made",
                figures.foreign()));
        all.add(gauge(
                "varve_placement_view_index", "up to where the placement view holds the truth", figures.viewIndex()));
        all.add(CounterSnapshot.builder()
                .name("varve_placement_view_reads")
                .help("entries asked for at this node: used, refused because they were old, not there")
                .dataPoint(reads("used", figures.uses().hits()))
                .dataPoint(reads("old", figures.uses().old()))
                .dataPoint(reads("missing", figures.uses().missing()))
                .build());
        return new MetricSnapshots(all);
    }

    private CounterSnapshot.CounterDataPointSnapshot reads(String result, long count) {
        return CounterSnapshot.CounterDataPointSnapshot.builder()
                .labels(node.merge(Labels.of("result", result)))
                .value((double) count)
                .build();
    }

    private MetricSnapshot gauge(String name, String help, long value) {
        return GaugeSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(GaugeSnapshot.GaugeDataPointSnapshot.builder()
                        .labels(node)
                        .value((double) value)
                        .build())
                .build();
    }

    private MetricSnapshot counter(String name, String help, long value) {
        return CounterSnapshot.builder()
                .name(name)
                .help(help)
                .dataPoint(CounterSnapshot.CounterDataPointSnapshot.builder()
                        .labels(node)
                        .value((double) value)
                        .build())
                .build();
    }
}
