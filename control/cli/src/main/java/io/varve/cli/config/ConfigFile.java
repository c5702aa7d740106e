package io.varve.cli.config;

import io.varve.cli.config.FixedConfig.MetadataMember;
import io.varve.cli.config.RestartConfig.Device;
import io.varve.cli.config.RestartConfig.DiskIo;
import io.varve.cli.config.RestartConfig.Group;
import io.varve.cli.config.RestartConfig.Kind;
import io.varve.cli.config.RestartConfig.Level;
import io.varve.cli.config.RestartConfig.Limits;
import io.varve.cli.config.RestartConfig.Listen;
import io.varve.cli.config.RestartConfig.Log;
import io.varve.cli.config.RestartConfig.Network;
import io.varve.cli.config.RestartConfig.Security;
import io.varve.cli.config.RestartConfig.TlsFiles;
import io.varve.model.ByteSize;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;

/** Reads a node's configuration file: one instance for one reading, on the caller's thread. */
public final class ConfigFile {
    static final ByteSize SMALLEST_DEVICE = ByteSize.parse("512MiB");
    /** Two full NBD requests of 32 MiB for each of four clients, and room to spare. */
    static final ByteSize DEFAULT_QUEUE = ByteSize.parse("128MiB");

    static final ByteSize SMALLEST_QUEUE = ByteSize.parse("64MiB");
    static final ByteSize LARGEST_QUEUE = ByteSize.parse("4GiB");
    /** Metrics neither ask for a password nor encrypt; management does: who wants them on a network says so. */
    static final Endpoint DEFAULT_MANAGEMENT = new Endpoint("127.0.0.1", 7400);

    static final Endpoint DEFAULT_METRICS = new Endpoint("127.0.0.1", 9400);
    static final int DEFAULT_NBD_CONNECTIONS = 4096;
    static final int LARGEST_NBD_CONNECTIONS = 65_536;
    /** A last checkpoint of a full journal takes a few seconds on a slow disk; an orchestrator kills after 30. */
    static final int DEFAULT_STOP_SECONDS = 20;

    static final int LARGEST_STOP_SECONDS = 600;
    /** Renewed when a third is left: a cluster that is off for ten days comes back by itself. */
    static final Duration DEFAULT_LIFETIME = Duration.ofDays(30);

    static final Duration SHORTEST_LIFETIME = Duration.ofSeconds(10);
    static final Duration LONGEST_LIFETIME = Duration.ofDays(825);

    private final List<ConfigProblem> problems = new ArrayList<>();

    /** What the entries of the metadata members say of themselves that is not fixed. */
    private final List<Found> memberships = new ArrayList<>();

    private record Found(Optional<Endpoint> raft, Optional<Endpoint> membership) {}

    private ConfigFile() {}

    /**
     * Reads a file.
     *
     * @throws IOException when it cannot be read at all
     */
    public static ConfigResult read(Path file) throws IOException {
        return parse(Files.readString(file));
    }

    /** Reads the text of a file. */
    public static ConfigResult parse(String text) {
        return new ConfigFile().parseText(text);
    }

    private ConfigResult parseText(String text) {
        Node root;
        try {
            root = new Yaml(new SafeConstructor(new LoaderOptions())).compose(new StringReader(text));
        } catch (MarkedYAMLException e) {
            var mark = e.getProblemMark();
            return rejected(
                    new ConfigProblem(mark == null ? 1 : mark.getLine() + 1, "", "not YAML: " + e.getProblem()));
        } catch (YAMLException e) {
            return rejected(new ConfigProblem(1, "", "not YAML: " + e.getMessage()));
        }
        if (!(root instanceof MappingNode mapping)) {
            return rejected(new ConfigProblem(1, "", "must be a list of 'key: value' lines"));
        }
        var file = new YamlSection("", mapping, problems);
        var fixed = fixed(file);
        var restart = restart(file, fixed.flatMap(ConfigFile::ownManagement));
        if (fixed.isPresent() && restart.isPresent() && problems.isEmpty()) {
            return new ConfigResult.Loaded(new NodeConfig(fixed.get(), restart.get()));
        }
        return new ConfigResult.Rejected(problems.stream()
                .sorted(Comparator.comparingInt(ConfigProblem::line))
                .toList());
    }

    private static ConfigResult rejected(ConfigProblem problem) {
        return new ConfigResult.Rejected(List.of(problem));
    }

    private Optional<FixedConfig> fixed(YamlSection file) {
        var cluster = file.required("cluster", ConfigValues::name);
        var node = file.required("node", ConfigValues::name);
        if (!file.has("metadata")) {
            file.problem("metadata", "missing");
        }
        var members = file.section("metadata").map(this::members).orElse(List.of());
        if (cluster.isEmpty() || node.isEmpty() || members.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new FixedConfig(cluster.get(), node.get(), members));
    }

    /** Where the membership of each metadata member is: as its entry says, else on its Raft host at the port that this node uses. */
    private List<Endpoint> join(Endpoint own) {
        return memberships.stream()
                .flatMap(found -> found.membership.or(() -> found.raft.map(raft -> own.onHost(raft.host()))).stream())
                .toList();
    }

    private List<MetadataMember> members(YamlSection metadata) {
        var sections = metadata.requiredList("members");
        var members = new ArrayList<MetadataMember>();
        var names = new HashSet<String>();
        for (var section : sections) {
            var node = section.required("node", ConfigValues::name);
            var raft = section.required("raft", Endpoint::parse);
            var management = section.required("management", Endpoint::parse);
            memberships.add(new Found(raft, section.optional("membership", Endpoint::parse)));
            if (node.isPresent() && !names.add(node.get())) {
                section.problem("node", "'" + node.get() + "' is named twice");
            }
            if (node.isPresent() && raft.isPresent() && management.isPresent()) {
                members.add(new MetadataMember(node.get(), raft.get(), management.get()));
            }
        }
        if (!sections.isEmpty() && (sections.size() > 5 || sections.size() % 2 == 0)) {
            metadata.problem("members", "there are " + sections.size() + "; name one, three or five");
        }
        return members;
    }

    /** Where the others reach this node's management API, by its own entry of the metadata members; empty when it is none. */
    private static Optional<Endpoint> ownManagement(FixedConfig fixed) {
        return fixed.members().stream()
                .filter(member -> member.node().equals(fixed.node()))
                .map(MetadataMember::management)
                .findFirst();
    }

    private Optional<RestartConfig> restart(YamlSection file, Optional<Endpoint> ownManagement) {
        var dataDir = file.required("dataDir", ConfigValues::absolutePath);
        var zone = file.optional("zone", ConfigValues::name).orElse("");
        var advertise = file.optional("advertise", ConfigValues::host).orElse("");
        if (!file.has("listen")) {
            file.problem("listen", "missing");
        }
        var listen = file.section("listen").flatMap(section -> listen(section, ownManagement));
        if (advertise.isEmpty() && listen.isPresent() && listensOnWildcard(listen.get())) {
            file.problem("advertise", "needed because listen names a wildcard address: others must know a real host");
        }
        var diskIo = file.optional("diskIo", text -> ConfigValues.oneOf(DiskIo.class, text))
                .orElse(DiskIo.AUTO);
        var groups = file.has("disks") ? groups(file) : List.<Group>of();
        var limits = file.section("limits").map(ConfigFile::limits).orElse(defaultLimits());
        var log = file.section("log").map(ConfigFile::log).orElse(new Log(Level.INFO, Optional.empty()));
        var security = security(file);
        if (dataDir.isEmpty() || listen.isEmpty()) {
            return Optional.empty();
        }
        var join = listen.get().membership().map(this::join).orElse(List.of());
        return Optional.of(new RestartConfig(
                dataDir.get(), zone, advertise, listen.get(), diskIo, groups, limits, log, security, join));
    }

    private static Security security(YamlSection file) {
        var network = file.optional("network", text -> ConfigValues.oneOf(Network.class, text))
                .orElse(Network.TLS);
        var tls = file.section("tls");
        var token = file.section("join").flatMap(section -> section.required("token", ConfigValues::absolutePath));
        if (network == Network.PLAINTEXT && (tls.isPresent() || file.has("join"))) {
            file.problem(
                    tls.isPresent() ? "tls" : "join",
                    "of no use with 'network: plaintext': say 'network: tls', or leave it out");
        }
        return new Security(
                network,
                tls.flatMap(ConfigFile::tlsFiles),
                tls.flatMap(section -> section.optional(
                                "lifetime", text -> ConfigValues.duration(text, SHORTEST_LIFETIME, LONGEST_LIFETIME)))
                        .orElse(DEFAULT_LIFETIME),
                token,
                tls.flatMap(section -> section.optional("kubernetesAccount", ConfigValues::account)));
    }

    /** All three or none. */
    private static Optional<TlsFiles> tlsFiles(YamlSection section) {
        if (!section.has("ca") && !section.has("certificate") && !section.has("key")) {
            return Optional.empty();
        }
        var ca = section.required("ca", ConfigValues::absolutePath);
        var certificate = section.required("certificate", ConfigValues::absolutePath);
        var key = section.required("key", ConfigValues::absolutePath);
        return ca.isPresent() && certificate.isPresent() && key.isPresent()
                ? Optional.of(new TlsFiles(ca.get(), certificate.get(), key.get()))
                : Optional.empty();
    }

    private static Optional<Listen> listen(YamlSection section, Optional<Endpoint> ownManagement) {
        var management = section.optional("management", Endpoint::parse).orElse(DEFAULT_MANAGEMENT);
        if (!section.has("management")) {
            ownManagement
                    .filter(address -> !address.equals(DEFAULT_MANAGEMENT))
                    .ifPresent(address -> section.problem(
                            "management",
                            "needed because metadata.members says that others reach this node at " + address
                                    + "; left out, it is " + DEFAULT_MANAGEMENT));
        }
        var peer = section.required("peer", Endpoint::parse);
        var raft = section.optional("raft", Endpoint::parse);
        var nbd = section.required("nbd", Endpoint::parse);
        var metrics = section.optional("metrics", Endpoint::parse).orElse(DEFAULT_METRICS);
        var membership = section.optional("membership", ConfigValues::closedAddress);
        if (peer.isEmpty() || nbd.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new Listen(management, peer.get(), raft, nbd.get(), metrics, membership));
    }

    private static boolean listensOnWildcard(Listen listen) {
        return listen.management().isWildcard()
                || listen.peer().isWildcard()
                || listen.nbd().isWildcard();
    }

    private static List<Group> groups(YamlSection file) {
        var groups = new ArrayList<Group>();
        var names = new HashSet<String>();
        var paths = new HashSet<Path>();
        for (var section : file.requiredList("disks")) {
            var name = section.required("group", ConfigValues::name);
            if (name.isPresent() && !names.add(name.get())) {
                section.problem("group", "'" + name.get() + "' is named twice");
            }
            var journal = section.optional("journal", ConfigValues::journal);
            var devices = devices(section, paths);
            if (!devices.isEmpty() && devices.getFirst().kind() == Kind.HDD && hasFlash(devices)) {
                section.problem("devices", "put a flash device first: it holds the journal and the index");
            }
            name.ifPresent(text -> groups.add(new Group(text, journal, devices)));
        }
        return groups;
    }

    private static boolean hasFlash(List<Device> devices) {
        return devices.stream().anyMatch(device -> device.kind() != Kind.HDD);
    }

    private static List<Device> devices(YamlSection group, Set<Path> paths) {
        var devices = new ArrayList<Device>();
        for (var section : group.requiredList("devices")) {
            var path = section.required("path", ConfigValues::absolutePath);
            var kind = section.required("class", text -> ConfigValues.oneOf(Kind.class, text));
            var size = section.optional("size", ConfigFile::deviceSize);
            var zeroFill = section.optional("zeroFill", ConfigValues::flag).orElse(false);
            var wipe = section.optional("wipe", ConfigValues::flag).orElse(false);
            if (path.isPresent() && !paths.add(path.get())) {
                section.problem("path", "'" + path.get() + "' is named twice");
            }
            if (path.isPresent() && kind.isPresent()) {
                devices.add(new Device(path.get(), kind.get(), size, zeroFill, wipe));
            }
        }
        return devices;
    }

    /** The size of a file that is made to be a device. */
    public static ByteSize deviceSize(String text) {
        return ConfigValues.size(text, SMALLEST_DEVICE, new ByteSize(Long.MAX_VALUE));
    }

    private static Limits limits(YamlSection section) {
        return new Limits(
                section.optional("queueBytes", text -> ConfigValues.size(text, SMALLEST_QUEUE, LARGEST_QUEUE))
                        .orElse(DEFAULT_QUEUE),
                section.optional("nbdConnections", text -> ConfigValues.number(text, 1, LARGEST_NBD_CONNECTIONS))
                        .orElse(DEFAULT_NBD_CONNECTIONS),
                Duration.ofSeconds(
                        section.optional("stopSeconds", text -> ConfigValues.number(text, 1, LARGEST_STOP_SECONDS))
                                .orElse(DEFAULT_STOP_SECONDS)));
    }

    private static Limits defaultLimits() {
        return new Limits(DEFAULT_QUEUE, DEFAULT_NBD_CONNECTIONS, Duration.ofSeconds(DEFAULT_STOP_SECONDS));
    }

    private static Log log(YamlSection section) {
        return new Log(
                section.optional("level", text -> ConfigValues.oneOf(Level.class, text))
                        .orElse(Level.INFO),
                section.optional("file", ConfigValues::absolutePath));
    }
}
