package io.varve.control.membership;

import java.util.List;
import java.util.Map;

/**
 * What the membership of one node is told. Fixed for the life of the process.
 *
 * @param node the node's name
 * @param incarnation of its process
 * @param listen one address of this machine, never a wildcard: whoever reaches it can disturb the membership
 * @param advertised where the others reach it; the same, unless something stands between
 * @param join where others may be found at first: the metadata members. The own address among them does no harm
 * @param attributes what others see of this node beside its name: zone, role, version, addresses
 * @param times how long things take here
 */
public record MembershipConfig(
        String node,
        long incarnation,
        Address listen,
        Address advertised,
        List<Address> join,
        Map<String, String> attributes,
        MembershipTimes times) {
    public MembershipConfig {
        join = List.copyOf(join);
        attributes = Map.copyOf(attributes);
    }

    /**
     * Where a node's membership listens.
     *
     * @param host literal address
     */
    public record Address(String host, int port) {
        @Override
        public String toString() {
            return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
        }
    }
}
