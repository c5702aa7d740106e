package io.varve.cli.server;

import io.varve.api.AddDiskRequest;
import io.varve.cli.config.Endpoint;
import io.varve.cli.config.FixedConfig;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.config.RestartConfig;
import io.varve.control.ControlConfig;
import io.varve.control.api.Issuing;
import io.varve.control.api.JoinProof;
import io.varve.control.membership.MembershipConfig;
import io.varve.control.membership.MembershipTimes;
import io.varve.control.raft.MetaConfig;
import io.varve.control.truth.MetadataMembers;
import io.varve.dataplane.agent.GroupConfig;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DiskBackend;
import io.varve.dataplane.main.DataPlaneConfig;
import io.varve.identity.LiveIdentity;
import io.varve.model.ByteSize;
import io.vertx.core.net.SocketAddress;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the parts of a node are told, taken from its configuration. Pure. */
final class NodeWiring {
    private NodeWiring() {}

    static ControlConfig control(
            NodeConfig config,
            Optional<NodeCredentials> credentials,
            MetadataMembers members,
            Optional<MetaConfig> metadata,
            long incarnation,
            String version,
            Optional<JoinProof> proof) {
        var management = config.restart().listen().management();
        var identity = credentials.map(NodeCredentials::live);
        return new ControlConfig(
                config.fixed().node(),
                management.host(),
                management.port(),
                members,
                metadata,
                identity,
                credentials.map(own -> issuing(config, own, proof)),
                config.restart().listen().membership().map(listen -> membership(config, listen, incarnation, version)),
                Optional.of(config.dataDir().resolve("audit.log")));
    }

    private static Issuing issuing(NodeConfig config, NodeCredentials credentials, Optional<JoinProof> proof) {
        var members = config.fixed().members();
        var own = members.stream()
                .filter(member -> member.node().equals(config.fixed().node()))
                .map(member -> member.management().toString())
                .findFirst()
                .orElse(config.advertised(config.restart().listen().management())
                        .toString());
        return new Issuing(
                credentials.directory(),
                config.restart().security().lifetime(),
                own,
                members.stream().map(FixedConfig.MetadataMember::node).collect(Collectors.toSet()),
                proof);
    }

    private static MembershipConfig membership(NodeConfig config, Endpoint listen, long incarnation, String version) {
        var restart = config.restart();
        return new MembershipConfig(
                config.fixed().node(),
                incarnation,
                address(listen),
                address(config.advertised(listen)),
                restart.join().stream().map(NodeWiring::address).toList(),
                Map.of(
                        "cluster", config.fixed().cluster(),
                        "zone", restart.zone(),
                        "role", config.isMetadataMember() ? "metadata,data" : "data",
                        "version", version,
                        "management",
                                config.advertised(restart.listen().management()).toString(),
                        "peer", config.advertised(restart.listen().peer()).toString(),
                        "nbd", config.advertised(restart.listen().nbd()).toString()),
                MembershipTimes.USUAL);
    }

    private static MembershipConfig.Address address(Endpoint endpoint) {
        return new MembershipConfig.Address(endpoint.host(), endpoint.port());
    }

    /** Where the truth can be asked at first, the own member first: it does not hang while this node asks, and is not lost with another node. */
    static List<SocketAddress> metadataServersOwnFirst(NodeConfig config) {
        return config.fixed().members().stream()
                .sorted(Comparator.comparing(
                        member -> !member.node().equals(config.fixed().node())))
                .map(member -> SocketAddress.inetSocketAddress(
                        member.management().port(), member.management().host()))
                .toList();
    }

    /**
     * Where this node would be reached as a metadata member: as a first one, by its entry; else at {@code listen.raft}; else at the port that the first ones use, if
     * this node has an address of its own. Empty: it cannot become one.
     */
    static Optional<Endpoint> raft(NodeConfig config) {
        var first = config.fixed().members();
        var own = first.stream()
                .filter(member -> member.node().equals(config.fixed().node()))
                .map(FixedConfig.MetadataMember::raft)
                .findFirst();
        var listen = config.restart().listen();
        return own.or(() -> listen.raft().map(config::advertised))
                .or(() -> Optional.of(new Endpoint(
                                config.advertised(listen.management()).host(),
                                first.getFirst().raft().port()))
                        .filter(usual ->
                                first.stream().noneMatch(member -> member.raft().equals(usual)))
                        .filter(usual -> first.stream()
                                .noneMatch(member -> member.raft().host().equals(usual.host()))));
    }

    static DataPlaneConfig dataPlane(
            NodeConfig config, long incarnation, String version, Optional<LiveIdentity> identity) {
        var restart = config.restart();
        var peer = restart.listen().peer();
        return new DataPlaneConfig(
                config.fixed().node(),
                restart.zone(),
                incarnation,
                config.dataDir(),
                peer.host(),
                config.advertised(peer).host(),
                peer.port(),
                restart.listen().nbd().host(),
                restart.listen().nbd().port(),
                config.advertised(restart.listen().management()).toString(),
                config.isMetadataMember(),
                raft(config).map(Endpoint::toString).orElse(""),
                version,
                restart.groups().stream().map(NodeWiring::group).toList(),
                restart.limits().nbdConnections(),
                restart.limits().queue().bytes(),
                backend(restart.diskIo()),
                identity);
    }

    private static GroupConfig group(RestartConfig.Group group) {
        return new GroupConfig(
                group.name(),
                group.journal().map(ByteSize::bytes).orElse(0L),
                group.devices().stream().map(NodeWiring::device).toList());
    }

    private static GroupConfig.Device device(RestartConfig.Device device) {
        return new GroupConfig.Device(
                device.path(),
                Optional.of(deviceClass(device.kind())),
                device.createSize().map(ByteSize::bytes).orElse(0L),
                device.zeroFill(),
                device.wipe());
    }

    /** What a person asked to be added while the node runs. */
    static GroupConfig group(AddDiskRequest request) {
        var device = new GroupConfig.Device(
                Path.of(request.getPath()),
                deviceClass(request.getDeviceClass()),
                request.getCreateBytes(),
                false,
                request.getWipe());
        return new GroupConfig(request.getGroup(), request.getJournalBytes(), List.of(device));
    }

    private static Optional<DeviceClass> deviceClass(io.varve.api.DeviceClass asked) {
        return switch (asked) {
            case NVME -> Optional.of(DeviceClass.NVME);
            case SSD -> Optional.of(DeviceClass.SSD);
            case HDD -> Optional.of(DeviceClass.HDD);
            case DEVICE_CLASS_UNSPECIFIED, UNRECOGNIZED -> Optional.empty();
        };
    }

    private static DeviceClass deviceClass(RestartConfig.Kind kind) {
        return switch (kind) {
            case NVME -> DeviceClass.NVME;
            case SSD -> DeviceClass.SSD;
            case HDD -> DeviceClass.HDD;
        };
    }

    private static Optional<DiskBackend> backend(RestartConfig.DiskIo io) {
        return switch (io) {
            case AUTO -> Optional.empty();
            case IO_URING -> Optional.of(DiskBackend.IO_URING);
            case THREADS -> Optional.of(DiskBackend.THREAD_POOL);
        };
    }
}
