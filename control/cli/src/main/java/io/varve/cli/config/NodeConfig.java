package io.varve.cli.config;

import java.nio.file.Path;

/**
 * Everything a node's process is told at its start.
 *
 * @param fixed what may not change as long as the cluster lives
 * @param restart what may change at a restart of the node
 */
public record NodeConfig(FixedConfig fixed, RestartConfig restart) {
    /** The address under which others reach a port of this node. */
    public Endpoint advertised(Endpoint listening) {
        var host = restart.advertise();
        return host.isEmpty() ? listening : listening.onHost(host);
    }

    /** True when this node keeps a copy of the cluster's truth. */
    public boolean isMetadataMember() {
        return fixed.members().stream().anyMatch(member -> member.node().equals(fixed.node()));
    }

    public Path dataDir() {
        return restart.dataDir();
    }
}
