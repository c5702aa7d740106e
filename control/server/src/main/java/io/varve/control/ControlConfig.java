package io.varve.control;

import io.varve.control.api.Issuing;
import io.varve.control.membership.MembershipConfig;
import io.varve.control.raft.MetaConfig;
import io.varve.control.truth.MetadataMembers;
import io.varve.identity.LiveIdentity;
import io.vertx.core.net.SocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What the control plane of one node's process is told.
 *
 * @param node this node's name
 * @param bindHost address on which the management API listens; loopback unless the operator says otherwise
 * @param managementPort its port; 0 lets the system choose
 * @param members of the metadata group, where a node that is none of them sends what people ask
 * @param audited the file that keeps who changed what, while the node is a metadata member; empty: not kept
 * @param metadata this node's part in the metadata group; empty when it is no member
 * @param identity what this node shows by TLS; empty: plaintext, and whoever reaches a port may do everything
 * @param issuing how this node gives certificates to others, if it is a metadata member; empty: it does not
 * @param membership this node's part in the membership; empty when it has none
 */
public record ControlConfig(
        String node,
        String bindHost,
        int managementPort,
        MetadataMembers members,
        Optional<MetaConfig> metadata,
        Optional<LiveIdentity> identity,
        Optional<Issuing> issuing,
        Optional<MembershipConfig> membership,
        Optional<Path> audited) {
    /** Of a group whose members stay. */
    public ControlConfig(
            String node,
            String bindHost,
            int managementPort,
            List<SocketAddress> members,
            Optional<MetaConfig> metadata,
            Optional<LiveIdentity> identity,
            Optional<Issuing> issuing,
            Optional<MembershipConfig> membership) {
        this(
                node,
                bindHost,
                managementPort,
                MetadataMembers.fixed(members),
                metadata,
                identity,
                issuing,
                membership,
                metadata.map(own -> own.storageDir().resolveSibling("audit.log")));
    }

    /** Without a membership. */
    public ControlConfig(
            String node,
            String bindHost,
            int managementPort,
            List<SocketAddress> members,
            Optional<MetaConfig> metadata,
            Optional<LiveIdentity> identity,
            Optional<Issuing> issuing) {
        this(node, bindHost, managementPort, members, metadata, identity, issuing, Optional.empty());
    }

    /** In plaintext, and without a membership. */
    public ControlConfig(
            String node,
            String bindHost,
            int managementPort,
            List<SocketAddress> members,
            Optional<MetaConfig> metadata) {
        this(node, bindHost, managementPort, members, metadata, Optional.empty(), Optional.empty(), Optional.empty());
    }
}
