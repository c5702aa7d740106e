package io.varve.cli.config;

import io.varve.model.ByteSize;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What may change at a restart of the node.
 *
 * @param dataDir the node's directory for its lock, incarnation, metadata and index; absolute
 * @param zone failure domain above the node; empty for none
 * @param advertise host name that others reach this node by; empty means the addresses it listens on
 * @param listen the ports
 * @param diskIo how devices are driven
 * @param groups the disk groups, in the order of the file
 * @param limits bounds on memory, connections and time
 * @param log where and how much to log
 * @param security how nodes and people are told apart, and whether what they say is encrypted
 * @param join where the membership finds others at first: that of each metadata member; empty where the node has none
 */
public record RestartConfig(
        Path dataDir,
        String zone,
        String advertise,
        Listen listen,
        DiskIo diskIo,
        List<Group> groups,
        Limits limits,
        Log log,
        Security security,
        List<Endpoint> join) {
    public RestartConfig {
        groups = List.copyOf(groups);
        join = List.copyOf(join);
    }

    /**
     * Where the node listens. {@code peer} and {@code nbd} name the port of the first event loop; loop k uses port + k.
     *
     * @param raft empty: the address in the node's own entry of the metadata members; not used on other nodes
     * @param membership empty: this node has none
     */
    public record Listen(
            Endpoint management,
            Endpoint peer,
            Optional<Endpoint> raft,
            Endpoint nbd,
            Endpoint metrics,
            Optional<Endpoint> membership) {}

    /**
     * The disks that share one journal and one event loop.
     *
     * @param name unique on the node
     * @param journal size of the journal, taken from the first flash device; fixed once the group was made; empty: by the device's size
     * @param devices at least one, the first of them flash when there is any
     */
    public record Group(String name, Optional<ByteSize> journal, List<Device> devices) {
        public Group {
            devices = List.copyOf(devices);
        }
    }

    /** The kind of a device: decides where it stands in a group and how large its allocation units are. */
    public enum Kind {
        NVME,
        SSD,
        HDD
    }

    /**
     * One disk.
     *
     * @param path a block device, or a file
     * @param kind nvme, ssd or hdd
     * @param createSize a missing file is made this large; empty: a missing path is an error
     * @param zeroFill all of a new file is written with zeros, not only the journal's part
     * @param wipe whatever the device holds may be destroyed when its group is made
     */
    public record Device(Path path, Kind kind, Optional<ByteSize> createSize, boolean zeroFill, boolean wipe) {}

    /** How devices are driven. */
    public enum DiskIo {
        /** What a probe at start finds best. */
        AUTO,
        IO_URING,
        THREADS
    }

    /**
     * Bounds of the node.
     *
     * @param queue request data that may wait in memory, for each event loop
     * @param nbdConnections NBD clients served at once, for each event loop
     * @param stop how long a graceful stop may take before the process ends anyway
     */
    public record Limits(ByteSize queue, int nbdConnections, Duration stop) {}

    /**
     * Where the log goes.
     *
     * @param level the least severe event that is logged
     * @param file a second copy of the log; empty: standard output only
     */
    public record Log(Level level, Optional<Path> file) {}

    /**
     * What protects the ports between nodes, of the metadata group and of the management API.
     *
     * @param files the node's certificate, where something else than the cluster's own authority gives it; empty: in the data directory
     * @param lifetime how long the certificates are valid that this node issues
     * @param joinToken file with a token that another node made; read when this one has no certificate yet
     * @param kubernetesAccount service account, {@code NAMESPACE/NAME}, whose pods this member lets in as nodes; empty: none
     */
    public record Security(
            Network network,
            Optional<TlsFiles> files,
            Duration lifetime,
            Optional<Path> joinToken,
            Optional<String> kubernetesAccount) {}

    /** PEM files; certificate and key may be one. */
    public record TlsFiles(Path ca, Path certificate, Path key) {}

    /** All nodes of a cluster alike. */
    public enum Network {
        TLS,
        /** Whoever reaches a port may do everything. */
        PLAINTEXT
    }

    /** Severity; ERROR means that a person must act. */
    public enum Level {
        ERROR,
        WARN,
        INFO,
        DEBUG
    }
}
