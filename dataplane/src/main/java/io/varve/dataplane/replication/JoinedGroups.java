package io.varve.dataplane.replication;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The disk groups that hold copies of one attached volume, each with the lease that it gave. Confined to the volume's loop. */
final class JoinedGroups {
    private final AccessPointHost host;
    private final Ports ports;
    /** In the order of the copies: what is done for each of them is done in the same order in every run. */
    private final Map<GroupPort, Lease> leases = new LinkedHashMap<>();

    JoinedGroups(AccessPointHost host, Ports ports) {
        this.host = host;
        this.ports = ports;
    }

    /** The lease that the group gave, or may give from now on. */
    Lease lease(GroupPort port) {
        return leases.computeIfAbsent(port, p -> new Lease());
    }

    /** Null if no copy is there. */
    @Nullable Lease leaseOrNull(GroupPort port) {
        return leases.get(port);
    }

    boolean contains(GroupPort port) {
        return leases.containsKey(port);
    }

    /** A copy. */
    List<GroupPort> all() {
        return List.copyOf(leases.keySet());
    }

    /** From now on the volume hears of the groups, but for those that it has {@code joined} before. */
    void join(List<GroupPort> joined) {
        for (GroupPort port : all()) {
            if (!joined.contains(port)) {
                port.join(host.volume(), host.events());
            }
        }
    }

    /** Nothing of the volume is there any more. */
    void drop(GroupPort port) {
        Lease lease = leases.remove(port);
        if (lease != null) {
            leave(port, lease);
            ports.closeUnused(port);
        }
    }

    void leaveAll() {
        leases.forEach(this::leave);
    }

    private void leave(GroupPort port, Lease lease) {
        lease.giveUp();
        port.release(host.volume(), host.epoch());
        port.leave(host.volume(), host.events());
        ports.left(port);
    }

    void probe() {
        leases.keySet().forEach(GroupPort::probe);
    }
}
