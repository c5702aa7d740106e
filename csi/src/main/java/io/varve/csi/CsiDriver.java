package io.varve.csi;

import java.nio.file.Path;

/** The driver as one process serves it. */
public final class CsiDriver {
    private CsiDriver() {}

    /** Which services a process offers. */
    public enum Mode {
        CONTROLLER,
        NODE,
        ALL
    }

    /**
     * What a node's part needs.
     *
     * @param id of the node, as the cluster knows it
     * @param zone of the node; empty: none
     * @param stateDirectory on this node's own disk
     */
    public record NodePart(String id, String zone, int maxVolumes, Path stateDirectory) {}

    /** Offers the services on the server; it is not started. Of a node's part, what was fenced is cleaned up from now on. */
    public static void serve(
            CsiServer server,
            Mode mode,
            String version,
            Cluster cluster,
            Machines machines,
            NodePart node,
            UserSpaceAttach attach) {
        server.identity(new IdentityCalls(version, mode != Mode.NODE, cluster));
        if (mode != Mode.NODE) {
            server.controller(new ControllerCalls(cluster, machines));
        }
        if (mode != Mode.CONTROLLER) {
            NodeCalls calls = new NodeCalls(
                    node.id(),
                    node.zone(),
                    node.maxVolumes() == 0 ? NodeCalls.DEFAULT_MAX_VOLUMES : node.maxVolumes(),
                    node.stateDirectory(),
                    cluster,
                    attach,
                    new Mounts());
            server.node(calls);
            Thread.ofVirtual().name("fenced-volumes").start(new FencedVolumes(calls, node.stateDirectory()));
        }
    }
}
