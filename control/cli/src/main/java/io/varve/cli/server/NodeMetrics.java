package io.varve.cli.server;

import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.varve.control.membership.Membership;
import io.varve.dataplane.main.NodeFigures;
import io.varve.dataplane.metrics.LatencyHistogram;
import java.util.List;

/** The node's metrics: those of the process by Micrometer, those of the data plane by {@link DataPlaneMeters}. Any thread. */
final class NodeMetrics implements AutoCloseable {
    static final String CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics collections = new JvmGcMetrics();
    private final DataPlaneMeters dataPlane;
    private final String node;

    /** @param node tags every meter, so that figures of several nodes can stand in one place */
    NodeMetrics(String node) {
        this.node = node;
        registry.config().commonTags("node", node);
        new JvmMemoryMetrics().bindTo(registry);
        collections.bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ClassLoaderMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        new FileDescriptorMetrics().bindTo(registry);
        dataPlane = new DataPlaneMeters(
                node,
                new NodeFigures(
                        "not probed yet",
                        new LatencyHistogram(),
                        List.of(),
                        List.of(),
                        List.of(),
                        NodeFigures.Clients.NONE));
        registry.getPrometheusRegistry().register(dataPlane);
    }

    /** From now on the figures of this membership are told, too. */
    void show(Membership membership) {
        registry.getPrometheusRegistry().register(new MembershipMeters(node, membership));
    }

    /** The data plane's figures of this moment. */
    void show(NodeFigures figures) {
        dataPlane.show(figures);
    }

    /** Everything, in Prometheus's text format. Takes milliseconds. */
    String scrape() {
        return registry.scrape(CONTENT_TYPE);
    }

    @Override
    public void close() {
        collections.close();
        registry.close();
    }
}
