package io.varve.csi;

import com.google.protobuf.BoolValue;
import io.varve.api.GetStatusRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.csi.spec.GetPluginCapabilitiesResponse;
import io.varve.csi.spec.GetPluginInfoResponse;
import io.varve.csi.spec.PluginCapability;
import io.varve.csi.spec.ProbeResponse;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The Identity service. */
final class IdentityCalls {
    static final String NAME = "csi.varve.io";
    private static final Logger LOG = LoggerFactory.getLogger(IdentityCalls.class);
    private static final Duration PROBE_LIMIT = Duration.ofSeconds(5);

    private final String version;
    private final boolean controller;
    private final Cluster cluster;

    IdentityCalls(String version, boolean controller, Cluster cluster) {
        this.version = version;
        this.controller = controller;
        this.cluster = cluster;
    }

    GetPluginInfoResponse info() {
        return GetPluginInfoResponse.newBuilder()
                .setName(NAME)
                .setVendorVersion(version)
                .build();
    }

    GetPluginCapabilitiesResponse capabilities() {
        GetPluginCapabilitiesResponse.Builder all = GetPluginCapabilitiesResponse.newBuilder();
        if (controller) {
            all.addCapabilities(service(PluginCapability.Service.Type.CONTROLLER_SERVICE));
        }
        return all.addCapabilities(service(PluginCapability.Service.Type.VOLUME_ACCESSIBILITY_CONSTRAINTS))
                .addCapabilities(PluginCapability.newBuilder()
                        .setVolumeExpansion(PluginCapability.VolumeExpansion.newBuilder()
                                .setType(PluginCapability.VolumeExpansion.Type.ONLINE)))
                .build();
    }

    private static PluginCapability.Builder service(PluginCapability.Service.Type type) {
        return PluginCapability.newBuilder()
                .setService(PluginCapability.Service.newBuilder().setType(type));
    }

    /** Ready when a server of the cluster answers. One that does not is no reason to restart this process: it is healthy all the same. */
    ProbeResponse probe() {
        boolean ready = true;
        try {
            cluster.ask(ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance(), PROBE_LIMIT);
        } catch (CsiFailure e) {
            LOG.warn("cluster not reached reason=\"{}\"", e.getMessage());
            ready = false;
        }
        return ProbeResponse.newBuilder().setReady(BoolValue.of(ready)).build();
    }
}
