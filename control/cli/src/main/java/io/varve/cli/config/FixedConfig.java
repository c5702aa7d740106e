package io.varve.cli.config;

import java.util.List;

/**
 * What is fixed for the cluster's life. A node writes it to its data directory at the first start and refuses to start
 * when the file says something else later: a node that silently changed its name or its metadata group could form a
 * second truth.
 *
 * @param cluster the cluster's name
 * @param node this node's id, unique in the cluster
 * @param members the nodes that keep the metadata group, one, three or five
 */
public record FixedConfig(String cluster, String node, List<MetadataMember> members) {
    public FixedConfig {
        members = List.copyOf(members);
    }

    /**
     * One member of the metadata group.
     *
     * @param node the member's node id
     * @param raft where its Raft server listens
     * @param management where its management API listens
     */
    public record MetadataMember(String node, Endpoint raft, Endpoint management) {}
}
