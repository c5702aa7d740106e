package io.varve.dataplane.main;

import io.varve.dataplane.disk.DeviceClass;
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
        String version,
        List<Group> groups,
        Optional<Backend> backend) {

    /** One disk group: a journal on the first flash device, data on all. */
    public record Group(String name, long journalBytes, List<Device> devices) {}

    /**
     * One device of a group.
     *
     * @param createBytes a file that is missing is made with this size; 0 for block devices and files that must exist
     * @param wipe whatever is on it may be overwritten
     */
    public record Device(Path path, Optional<DeviceClass> deviceClass, long createBytes, boolean wipe) {}

    /** How devices are read and written. */
    public enum Backend {
        IO_URING,
        THREAD_POOL
    }
}
