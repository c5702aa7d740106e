package io.varve.dataplane.main;

import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.disk.DiskBackend;
import io.varve.dataplane.frontend.nbd.NbdLimits;
import io.varve.identity.LiveIdentity;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What the data plane of one node is given. Checked by whoever reads it from a file: names are valid, ports free of each other.
 *
 * @param node the node's id, unique in the cluster
 * @param zone empty if there are none
 * @param incarnation higher than at every start before
 * @param dataDirectory holds each disk group's index; on a durable local file system
 * @param advertisedHost under which other nodes and clients reach this one
 * @param peerPort first of as many consecutive ports as there are disk groups (at least one), on {@code bindHost}
 * @param nbdPort likewise
 * @param nbdConnections NBD clients served at once by each event loop
 * @param queueBytes payload of their requests that each event loop holds in memory at most
 * @param identity what this node shows its peers by TLS; empty: plaintext
 * @param raftAddress where the node would be reached as a metadata member; empty: it cannot become one
 * @param backend which device I/O to use; empty: what a probe at start finds best
 */
public record DataPlaneConfig(
        String node,
        String zone,
        long incarnation,
        Path dataDirectory,
        String bindHost,
        String advertisedHost,
        int peerPort,
        String nbdBindHost,
        int nbdPort,
        String managementAddress,
        boolean metadataMember,
        String raftAddress,
        String version,
        List<GroupConfig> groups,
        int nbdConnections,
        long queueBytes,
        Optional<DiskBackend> backend,
        Optional<LiveIdentity> identity) {

    /** What one event loop's NBD target takes on. */
    NbdLimits nbdLimits() {
        NbdLimits usual = NbdLimits.DEFAULT;
        return new NbdLimits(
                nbdConnections,
                usual.requestsInFlight(),
                Math.min(usual.connectionBytes(), queueBytes),
                queueBytes,
                usual.handshake(),
                usual.payload(),
                usual.goodbye());
    }
}
