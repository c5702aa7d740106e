package io.varve.cli.server;

import io.varve.api.GetMembersRequest;
import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.NodeControlGrpcClient;
import io.varve.cli.config.Endpoint;
import io.varve.cli.config.NodeConfig;
import io.varve.control.ControlServer;
import io.varve.control.meta.MemberPlan;
import io.varve.control.raft.MetaConfig;
import io.varve.control.truth.Founding;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.varve.control.truth.TruthClient;
import io.varve.identity.LiveIdentity;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The part of this node in the metadata group, as the newest list of its members says: none, one that joins, a member. What it does is done by one thread of
 * its own, one step after the other: docs/internals/metadata-group.md.
 */
final class MemberPart implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MemberPart.class);

    private static final String STORAGE = "metadata";
    private static final String RETIRED = "metadata-retired";

    /** A node on which nothing happens is answered by the end of its long poll at the latest: after 10 s, or 13 s when the member hesitates. */
    static final Duration LOST = Duration.ofSeconds(15);

    private static final Duration SEARCHES_EVERY = Duration.ofSeconds(3);

    private static final Duration FOUNDS_EVERY = Duration.ofMillis(300);

    private static final Duration CALL_LIMIT = Duration.ofMillis(1_500);

    private static final Duration FIRST_CALL_LIMIT = Duration.ofSeconds(10);

    private final NodeConfig config;
    private final MetadataMembers members;
    private final MemberSteps steps = new MemberSteps();

    /** First members that are being asked. */
    private final Set<String> asking = ConcurrentHashMap.newKeySet();

    // Of the thread alone, once it runs.
    private Optional<String> running;
    private boolean serving;
    private long savedVersion;

    private MemberPart(NodeConfig config, MetadataMembers members) {
        this.config = config;
        this.members = members;
        this.running = Optional.empty();
        this.savedVersion = members.group().getVersion();
    }

    /**
     * Finds what this node knew last.
     *
     * @throws IOException when that cannot be read
     */
    static MemberPart open(NodeConfig config) throws IOException {
        var known = MembersFile.read(config.dataDir()).orElseGet(() -> configured(config));
        var part = new MemberPart(
                config, new MetadataMembers(config.fixed().node(), NodeWiring.metadataServersOwnFirst(config), known));
        part.retireAllBut(part.listed(known).map(GroupMember::getPeer));
        return part;
    }

    /** The first members, as long as nothing newer is known. */
    private static MetadataGroup configured(NodeConfig config) {
        var group = MetadataGroup.newBuilder();
        for (var member : config.fixed().members()) {
            group.addMembers(GroupMember.newBuilder()
                    .setNode(member.node())
                    .setPeer(member.node())
                    .setRaftAddress(member.raft().toString())
                    .setManagementAddress(member.management().toString()));
        }
        return group.build();
    }

    MetadataMembers members() {
        return members;
    }

    /** The part to begin with at the node's start: that of a member, since others count on it. */
    Optional<MetaConfig> first(Optional<LiveIdentity> identity) throws IOException {
        var group = members.group();
        var own = own(group.getMembersList());
        if (own.isEmpty()) {
            return Optional.empty();
        }
        var others = group.getMembersList().stream()
                .map(GroupMember::getNode)
                .filter(node -> !node.equals(own.get().getNode()))
                .collect(Collectors.toSet());
        if (group.getVersion() == 0 && !hasStorage(group, own.get()) && !others.isEmpty()) {
            members.awaits(new Founding(others));
            waitFor(others);
            return Optional.empty();
        }
        if (hasLost(group, own.get())) {
            return Optional.empty();
        }
        running = own.map(GroupMember::getPeer);
        serving = true;
        return Optional.of(part(group, own.get(), identity));
    }

    /** With an empty log and an old name it could elect a leader that lacks what it once acknowledged. */
    private boolean hasLost(MetadataGroup group, GroupMember own) {
        if (hasStorage(group, own)) {
            return false;
        }
        var founding = members.founding();
        if (founding.isEmpty()) {
            return group.getVersion() > 0 && standAside(own);
        }
        if (founding.get().mayBegin()) {
            return false;
        }
        if (founding.get().knownBy().isPresent()) {
            return standAside(own);
        }
        waitFor(founding.get().missing());
        return true;
    }

    private boolean standAside(GroupMember own) {
        if (!members.lost().equals(own.getPeer())) {
            LOG.error(
                    "metadata storage is lost peer={}: this node takes no part in the metadata group, which takes it in anew by itself when a"
                            + " majority is there, or another one in its place (varve metadata replace {})",
                    own.getPeer(),
                    own.getNode());
            members.standAside(
                    "node " + own.getNode() + " has lost its storage of the metadata group, and takes no part in it"
                            + " until it is taken in anew: ask another member",
                    own.getPeer());
        }
        return true;
    }

    /** Who has no storage may be one that lost it, as long as not every other one has said that there is no group. */
    private void waitFor(Set<String> missing) {
        var why = "node " + config.fixed().node()
                + " has no storage of the metadata group: it takes part when all first"
                + " members of metadata.members have told that they know of none, and " + String.join(", ", missing)
                + (missing.size() == 1 ? " does" : " do") + " not answer yet";
        if (!members.aside().equals(why)) {
            LOG.info("metadata part waits for=\"{}\"", missing);
            members.standAside(why, "");
        }
    }

    /** That of this very group: a new file system has a lost+found, and an earlier group had a log of its own. */
    private boolean hasStorage(MetadataGroup group, GroupMember own) {
        return Files.isDirectory(
                storage(own.getPeer()).resolve(uuid(group, all(group, own)).toString()));
    }

    private Optional<GroupMember> own(List<GroupMember> list) {
        return list.stream()
                .filter(member -> member.getNode().equals(config.fixed().node()))
                .findFirst();
    }

    /**
     * As what this node is listed: as a member, or as one that joins. When as both, it is to take its own place because it lost its storage; as long as that is
     * there it stays what it is, since others count on its log.
     */
    private Optional<GroupMember> listed(MetadataGroup group) {
        var member = own(group.getMembersList());
        return member.isPresent() && hasStorage(group, member.get())
                ? member
                : own(group.getJoiningList()).or(() -> member);
    }

    private MetaConfig part(MetadataGroup group, GroupMember own, Optional<LiveIdentity> identity) {
        var all = all(group, own);
        return new MetaConfig(
                own.getPeer(),
                all,
                uuid(group, all),
                isLater(own.getPeer()),
                storage(own.getPeer()),
                MetaConfig.SNAPSHOT_EVERY,
                identity,
                members::nodes);
    }

    private static List<MetaConfig.Member> all(MetadataGroup group, GroupMember own) {
        var isListed = group.getMembersList().stream().anyMatch(own::equals);
        return (isListed ? group.getMembersList() : MemberPlan.after(group))
                .stream().map(MemberPart::member).toList();
    }

    private static UUID uuid(MetadataGroup group, List<MetaConfig.Member> all) {
        return group.getGroupUuid().isEmpty() ? MetaConfig.groupOf(all) : UUID.fromString(group.getGroupUuid());
    }

    private static MetaConfig.Member member(GroupMember member) {
        var address = Endpoint.parse(member.getRaftAddress());
        return new MetaConfig.Member(member.getPeer(), address.host(), address.port());
    }

    private static boolean isLater(String peer) {
        return !MemberPlan.nodeOf(peer).equals(peer);
    }

    private Path storage(String peer) {
        return config.dataDir()
                .resolve(isLater(peer) ? STORAGE + "-" + peer.substring(peer.indexOf('#') + 1) : STORAGE);
    }

    // ------------------------------------------------------------------ while the node runs

    /** Follows the list from now on. */
    void follow(ControlServer control, Optional<NodeCredentials> credentials, TruthClient client, Vertx vertx) {
        var identity = credentials.map(NodeCredentials::live);
        members.onChange(group -> steps.next(() -> settle(control, credentials, identity)));
        steps.next(() -> settle(control, credentials, identity));
        var calls = new NodeCalls(vertx, identity);
        members.founding()
                .ifPresent(founding -> vertx.setPeriodic(0, FOUNDS_EVERY.toMillis(), fired -> {
                    if (members.founding().isEmpty() || founding.knownBy().isPresent()) {
                        vertx.cancelTimer(fired);
                    } else if (founding.mayBegin()) { // whoever asked has told it too
                        steps.next(() -> settle(control, credentials, identity));
                    } else {
                        askFirst(calls, founding, () -> steps.next(() -> settle(control, credentials, identity)));
                    }
                }));
        vertx.setPeriodic(SEARCHES_EVERY.toMillis(), fired -> {
            if (client.unanswered().compareTo(LOST) > 0) {
                ask(calls, members.everybody());
            } else if (members.isDoubtful()) {
                ask(calls, members.addresses());
            }
        });
    }

    /** Each of the other first members, and by the way tells it that this one has nothing. */
    private void askFirst(NodeCalls calls, Founding founding, Runnable heard) {
        var waits =
                GetMembersRequest.newBuilder().setWaiting(config.fixed().node()).build();
        for (var member : config.fixed().members()) {
            // One at a time: on a busy machine a handshake takes longer than the pause, and must not be given up for
            // the next.
            if (founding.missing().contains(member.node()) && asking.add(member.node())) {
                var address = SocketAddress.inetSocketAddress(
                        member.management().port(), member.management().host());
                calls.ask(address, NodeControlGrpcClient.GetMembers, waits, FIRST_CALL_LIMIT)
                        .onComplete(answered -> asking.remove(member.node()))
                        .onSuccess(told -> {
                            founding.heard(member.node(), told);
                            members.told(address, told.getGroup());
                            heard.run();
                        });
            }
        }
    }

    /** None of the members that are known answers: any node may know of newer ones, but only who was one of them is believed. */
    private void ask(NodeCalls calls, List<SocketAddress> nodes) {
        for (var address : nodes) {
            calls.ask(address, NodeControlGrpcClient.GetMembers, GetMembersRequest.getDefaultInstance(), CALL_LIMIT)
                    .onSuccess(told -> members.told(address, told.getGroup()));
        }
    }

    private void settle(ControlServer control, Optional<NodeCredentials> credentials, Optional<LiveIdentity> identity) {
        try {
            var group = members.group();
            if (group.getVersion() == 0) {
                if (members.founding().isPresent() && running.isEmpty()) {
                    begin(control, group, identity);
                }
                return;
            }
            if (group.getVersion() >= savedVersion) {
                MembersFile.write(config.dataDir(), group);
                savedVersion = group.getVersion();
            }
            var wanted = listed(group);
            var peer = wanted.map(GroupMember::getPeer);
            if (running.isPresent() && !running.equals(peer)) {
                LOG.info("metadata part ends peer={}: another one took its place", running.get());
                control.leaveGroup();
                running = Optional.empty();
                serving = false;
            }
            if (running.isEmpty()) {
                retireAllBut(peer);
            }
            if (wanted.isEmpty()) {
                if (!members.aside().isEmpty()) {
                    LOG.info("metadata part is another one's now, this node takes none");
                    members.waitsNoMore();
                    control.leaveGroup();
                }
                if (credentials.isPresent()) {
                    credentials.get().dropAuthority();
                }
                return;
            }
            boolean isMember = group.getMembersList().contains(wanted.get());
            if (running.isEmpty()) {
                if (isMember && hasLost(group, wanted.get())) {
                    return;
                }
                if (credentials.isPresent()) {
                    credentials.get().fetchAuthority(members.addresses());
                }
                control.join(part(group, wanted.get(), identity));
                running = peer;
                members.waitsNoMore();
            }
            if (isMember && !serving) {
                control.serveAsMember();
                serving = true;
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("metadata part is not as it should be, it is tried again reason=\"{}\"", e.getMessage());
            steps.again(() -> settle(control, credentials, identity));
        }
    }

    /** As one of the first members of a group that is not there yet. */
    private void begin(ControlServer control, MetadataGroup group, Optional<LiveIdentity> identity) throws IOException {
        var own = own(group.getMembersList()).orElseThrow();
        if (!hasLost(group, own)) {
            control.join(part(group, own, identity));
            control.serveAsMember();
            running = Optional.of(own.getPeer());
            serving = true;
            members.waitsNoMore();
        }
    }

    /** What is left of a part that this node has no more: kept once, under a name under which nothing starts it. */
    private void retireAllBut(Optional<String> peer) throws IOException {
        var kept = peer.map(this::storage);
        List<Path> found;
        try (Stream<Path> entries = Files.list(config.dataDir())) {
            found = entries.filter(Files::isDirectory)
                    .filter(path -> path.getFileName().toString().equals(STORAGE)
                            || path.getFileName().toString().startsWith(STORAGE + "-"))
                    .filter(path -> !path.getFileName().toString().equals(RETIRED))
                    .filter(path -> kept.filter(path::equals).isEmpty())
                    .toList();
        }
        for (var path : found) {
            var retired = config.dataDir().resolve(RETIRED);
            delete(retired);
            Files.move(path, retired);
            LOG.info("metadata storage retired directory={}", path.getFileName());
        }
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        List<Path> all;
        try (Stream<Path> entries = Files.walk(directory)) {
            all = entries.sorted(Comparator.reverseOrder()).toList();
        }
        for (var path : all) {
            Files.delete(path);
        }
    }

    /** Begins nothing more. */
    @Override
    public void close() {
        steps.close();
    }
}
