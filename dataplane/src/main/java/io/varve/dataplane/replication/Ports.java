package io.varve.dataplane.replication;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Transport;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The disk groups that the access points of one loop speak to: those of the loop itself, and one link to each other. Confined to the loop. */
public final class Ports {
    private final Loop loop;
    private final Transport transport;
    private final NodeIdentity self;
    private final String host;
    private final Map<String, GroupPort> ports = new HashMap<>();
    /** To groups of this loop that opened late, by way of the network: what volumes that were attached before go on with. */
    private final List<RemotePort> former = new ArrayList<>();

    private final MissedMemory missedMemory = new MissedMemory(MissedMemory.LIMIT_BYTES);

    /** {@code host}: where this node is reached, as in the addresses of its own disk groups. */
    public Ports(Loop loop, Transport transport, NodeIdentity self, String host) {
        this.loop = loop;
        this.transport = transport;
        this.self = self;
        this.host = host;
    }

    /** A disk group of this loop: who is attached from now on calls it without a connection. Not while it is served, see {@link #withdrawLocal}. */
    public void addLocal(ReplicaHost host) {
        GroupPort known = ports.get(host.group());
        if (known instanceof LocalPort local) {
            local.up(host);
            return;
        }
        ports.put(host.group(), new LocalPort(loop, host));
        if (known instanceof RemotePort remote) {
            former.add(remote);
            left(remote);
        }
    }

    /** The disk group is about to be closed; it may come again. For the access points here it is as if a connection was lost. */
    public void withdrawLocal(String group, String reason) {
        if (ports.get(group) instanceof LocalPort local) {
            local.down(reason);
        }
    }

    NodeIdentity self() {
        return self;
    }

    Loop loop() {
        return loop;
    }

    MissedMemory missedMemory() {
        return missedMemory;
    }

    /** How far a copy is: 0 on this loop, 1 on this host, 2 elsewhere. */
    int distance(AttachSpec.Copy copy) {
        GroupPort known = ports.get(copy.group());
        if (known != null && known.isLocal()) {
            return 0;
        }
        return copy.host().equals(host) ? 1 : 2;
    }

    /** {@code peerAddress}: where the truth says that the group is reached now; empty: it does not say. */
    GroupPort port(String group, String peerAddress) {
        GroupPort port = ports.get(group);
        if (port == null) {
            port = new RemotePort(loop, transport, self, peerAddress, group);
            ports.put(group, port);
        } else if (port instanceof RemotePort remote && !peerAddress.isEmpty()) {
            remote.reachAt(peerAddress);
        }
        return port;
    }

    /** A volume has left the port. */
    void left(GroupPort port) {
        if (port instanceof RemotePort remote && former.contains(remote)) {
            closeUnused(remote);
        }
    }

    /** Nothing of any volume is behind that port any more: its node may be gone for good, and is not to be called for ever. */
    void closeUnused(GroupPort port) {
        if (port instanceof RemotePort remote && remote.listeners().isEmpty()) {
            remote.close();
            former.remove(remote);
            ports.remove(remote.group(), remote);
        }
    }

    public void close() {
        former.forEach(RemotePort::close);
        for (GroupPort port : ports.values()) {
            if (port instanceof RemotePort remote) {
                remote.close();
            }
        }
    }
}
