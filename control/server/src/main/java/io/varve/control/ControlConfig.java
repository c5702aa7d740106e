package io.varve.control;

import io.varve.control.raft.MetaConfig;
import io.vertx.core.net.SocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * What the control plane of one node's process is told.
 *
 * @param node this node's name
 * @param bindHost address on which the management API listens; loopback unless the operator says otherwise, as it knows no
 *     authentication yet
 * @param managementPort its port; 0 lets the system choose
 * @param members management addresses of all metadata members, where a node that is none of them sends what people ask
 * @param metadata this node's part in the metadata group; empty when it is no member
 */
public record ControlConfig(
        String node, String bindHost, int managementPort, List<SocketAddress> members, Optional<MetaConfig> metadata) {
    public ControlConfig {
        members = List.copyOf(members);
        if (members.isEmpty()) {
            throw new IllegalArgumentException("at least one metadata member's management address is needed");
        }
    }
}
