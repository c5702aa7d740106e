package io.varve.dataplane.replication;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.PeerServer;
import io.varve.dataplane.wire.Receiver;
import io.varve.dataplane.wire.Transport;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Serves the disk groups of one loop to the access points of other loops and nodes. Confined to its loop. */
public final class ReplicaServer {
    private final PeerServer server;
    private final Map<String, ReplicaHost> hosts = new HashMap<>();

    public ReplicaServer(Loop loop, Transport transport, NodeIdentity self) {
        this.server = new PeerServer(loop, transport, self, this::accept);
    }

    /** From now on the group is served here. */
    public void serve(ReplicaHost host) {
        hosts.put(host.group(), host);
    }

    /** The group is not served here any more; who spoke to it is hung up on. */
    public void withdraw(String group, String reason) {
        ReplicaHost host = hosts.remove(group);
        if (host != null) {
            host.withdraw(reason);
        }
    }

    /** {@code address}: {@code host:port}, port 0 for any; the one bound is told, and is the group's {@code peer_address}. */
    public void listen(String address, Transport.ListenCallback listening) {
        server.listen(address, listening);
    }

    private @Nullable Receiver accept(Message.Hello peer) {
        ReplicaHost host = hosts.get(peer.group());
        return host == null ? null : new ReplicaSession(host, peer);
    }
}
