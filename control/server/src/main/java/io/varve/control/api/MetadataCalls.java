package io.varve.control.api;

import com.google.protobuf.ByteString;
import io.varve.api.BackupPart;
import io.varve.api.ChangeMetadataMembersRequest;
import io.varve.api.GetMembersRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GroupMember;
import io.varve.api.KnownMembers;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MetadataGroup;
import io.varve.api.MetadataMember;
import io.varve.api.MetadataStatus;
import io.varve.api.Node;
import io.varve.api.NodeControlGrpcClient;
import io.varve.api.NodeStats;
import io.varve.api.RecoverMetadataRequest;
import io.varve.api.RecoveryReport;
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthGrpcClient;
import io.varve.api.meta.BackupHead;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.EntryRecord;
import io.varve.control.membership.MembershipKey;
import io.varve.control.meta.FoundCopy;
import io.varve.control.meta.FoundNode;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MemberPlan;
import io.varve.control.meta.MetaCommand.Entry;
import io.varve.control.meta.MetaCommand.RestoreState;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.Recovery;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The metadata group itself: who is in it, its backup, and its recovery after a loss. At one of its members. */
final class MetadataCalls {
    private static final Duration MEMBER_DEADLINE = Duration.ofMillis(1_500);

    /** A node with tens of thousands of copies needs a moment to tell of them. */
    private static final Duration NODE_DEADLINE = Duration.ofSeconds(20);

    private static final String ASKED_FOR = "somebody asked for it";

    private static final int PART_BYTES = 256 << 10;

    /** A command of the log must fit into what Ratis sends at once (4 MiB). */
    private static final int PIECE_BYTES = 512 << 10;

    private final MetaGroup group;
    private final NodeCalls calls;
    private final MetadataMembers members;
    private final MembersLoop loop;

    MetadataCalls(MetaGroup group, NodeCalls calls, MetadataMembers members, MembersLoop loop) {
        this.loop = loop;
        this.group = group;
        this.calls = calls;
        this.members = members;
    }

    // ------------------------------------------------------------------ how it stands

    Future<MetadataStatus> show() {
        List<SocketAddress> asked = members.addresses();
        return answers(asked).compose(answers -> loop.plan().map(plan -> status(asked, answers, plan)));
    }

    /** Whoever has to know why it cannot be, is told by the rules; whom the server shall choose, by the plan. */
    Future<MetadataStatus> changeMembers(ChangeMetadataMembersRequest request) {
        List<Future<Void>> replacesItself = request.getRemoveList().stream()
                .filter(request.getAddList()::contains)
                .map(this::demandIdle)
                .toList();
        return Future.all(replacesItself)
                .compose(idle -> loop.begin(facts -> change(request, facts)))
                .compose(begun -> show());
    }

    /** A node may take its own place when it has lost its storage; one that works would throw its log away for it. */
    private Future<Void> demandIdle(String node) {
        Optional<GroupMember> found = members.group().getMembersList().stream()
                .filter(member -> member.getNode().equals(node))
                .findFirst();
        if (found.isEmpty()) {
            return Future.succeededFuture();
        }
        return calls.ask(
                        Addresses.parse(found.get().getManagementAddress()),
                        NodeControlGrpcClient.GetMembers,
                        GetMembersRequest.getDefaultInstance(),
                        MEMBER_DEADLINE)
                .map(Optional::of)
                .otherwise(Optional.empty())
                .compose(told -> stillWorks(found.get(), told)
                        .map(why -> Future.<Void>failedFuture(new RefusedException(why)))
                        .orElse(Future.succeededFuture()));
    }

    /** Why a member may not be replaced by its own node; {@code told}: what that node says of itself, if it answers. */
    static Optional<String> stillWorks(GroupMember member, Optional<KnownMembers> told) {
        String node = member.getNode();
        if (told.isEmpty()) {
            return Optional.of("node '" + node + "' does not answer: it could not take its own place");
        }
        return told.get().getRunning().equals(member.getPeer())
                ? Optional.of("node '" + node
                        + "' works as a metadata member, and would lose its copy of the metadata: a member"
                        + " is replaced by its own node only when its storage is lost; varve metadata replace " + node
                        + " has another node take its place")
                : Optional.empty();
    }

    private static MemberPlan.Change change(ChangeMetadataMembersRequest request, MemberPlan.Facts facts)
            throws RefusedException {
        List<GroupMember> leaving = new ArrayList<>();
        for (String name : request.getRemoveList()) {
            leaving.add(facts.group().getMembersList().stream()
                    .filter(member -> member.getNode().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new RefusedException(
                            GrpcStatus.NOT_FOUND, "node '" + name + "' is no member of the metadata group")));
        }
        if (request.getChoose()) {
            if (leaving.size() != 1 || request.getAddCount() > 0) {
                throw new RefusedException(GrpcStatus.INVALID_ARGUMENT, "one node at a time is replaced");
            }
            MemberPlan plan = MemberPlan.replace(facts, leaving.getFirst(), ASKED_FOR);
            return plan.change().orElseThrow(() -> new RefusedException(plan.obstacle()));
        }
        List<Node> joining = new ArrayList<>();
        for (String name : request.getAddList()) {
            Node node = facts.nodes().stream()
                    .filter(each -> each.getId().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new RefusedException(
                            GrpcStatus.NOT_FOUND,
                            "there is no node '" + name + "': varve node list shows those that there are"));
            if (facts.silentMillis().getOrDefault(name, Long.MAX_VALUE) >= MemberPlan.THERE_MILLIS) {
                throw new RefusedException("node '" + name + "' is not there: it could not join");
            }
            joining.add(node);
        }
        return new MemberPlan.Change(joining, leaving, ASKED_FOR);
    }

    /** One answer for each member, in their order; empty where there is none. */
    private Future<List<Optional<SightingsResponse>>> answers(List<SocketAddress> servers) {
        List<Future<Optional<SightingsResponse>>> asked = servers.stream()
                .map(member -> calls.ask(
                                member,
                                TruthGrpcClient.Sightings,
                                SightingsRequest.getDefaultInstance(),
                                MEMBER_DEADLINE)
                        .map(Optional::of)
                        .otherwise(Optional.empty()))
                .toList();
        return Future.all(asked).map(all -> asked.stream().map(Future::result).toList());
    }

    private MetadataStatus status(
            List<SocketAddress> servers, List<Optional<SightingsResponse>> answers, MemberPlan plan) {
        long furthest = answers.stream()
                .flatMap(Optional::stream)
                .mapToLong(SightingsResponse::getAppliedIndex)
                .max()
                .orElse(0);
        String leader = group.leader().orElse("");
        MetadataStatus.Builder status = MetadataStatus.newBuilder().setLeader(leader);
        int up = 0;
        for (int i = 0; i < answers.size(); i++) {
            MetadataMember.Builder member =
                    MetadataMember.newBuilder().setAddress(servers.get(i).toString());
            nameOf(servers.get(i)).ifPresent(member::setNode);
            Optional<SightingsResponse> answer = answers.get(i);
            if (answer.isPresent()) {
                up++;
                member.setNode(answer.get().getMember())
                        .setAnswers(true)
                        .setLeads(answer.get().getMember().equals(leader))
                        .setAppliedIndex(answer.get().getAppliedIndex())
                        .setBehind(furthest - answer.get().getAppliedIndex());
            }
            status.addMembers(member);
        }
        MetadataGroup now = members.group();
        now.getJoiningList().forEach(each -> status.addJoining(each.getNode()));
        now.getLeavingList().forEach(peer -> status.addLeaving(MemberPlan.nodeOf(peer)));
        int needed = servers.size() / 2 + 1;
        return status.setChange(now.getWhy().isEmpty() ? plan.obstacle() : now.getWhy())
                .setNeeded(needed)
                .setSafe(up > needed && !leader.isEmpty())
                .setHealth(health(up, servers.size(), needed, leader))
                .build();
    }

    private static String health(int up, int total, int needed, String leader) {
        String counted = up + " of " + total + " members answer";
        if (up < needed) {
            return counted + ", " + needed + " must for a decision: nothing can change, volumes that are open go on";
        }
        if (leader.isEmpty()) {
            return counted + ", and none leads yet";
        }
        if (up == needed) {
            return counted + ": it decides, and none of them may go";
        }
        return counted + ": " + (up - needed) + " more may go";
    }

    private Optional<String> nameOf(SocketAddress address) {
        return members.group().getMembersList().stream()
                .filter(member -> Addresses.parse(member.getManagementAddress()).equals(address))
                .map(GroupMember::getNode)
                .findFirst();
    }

    // ------------------------------------------------------------------ backup

    Future<Void> backup(Function<BackupPart, Future<Void>> report) {
        return group.lookUpToDate(MetadataCalls::content)
                .compose(content -> content.head().getClusterUuid().isEmpty()
                        ? Future.failedFuture(new RefusedException(
                                "there is no cluster yet, and so nothing to keep: varve cluster init"))
                        : group.work(() -> BackupFile.encode(content)))
                .compose(file -> file.length > BackupFile.MAX_BYTES
                        ? Future.failedFuture(new RefusedException(
                                GrpcStatus.RESOURCE_EXHAUSTED,
                                "the backup would have " + file.length + " bytes, " + BackupFile.MAX_BYTES
                                        + " can be restored"))
                        : send(file, 0, report));
    }

    private static BackupFile.Content content(MetaState state) {
        MapKeyValues entries = new MapKeyValues();
        state.eachEntry(entries::put);
        ClusterRecord cluster = state.cluster().orElse(ClusterRecord.getDefaultInstance());
        MetaState.Applied applied = state.applied();
        BackupHead head = BackupHead.newBuilder()
                .setClusterUuid(cluster.getUuid())
                .setName(cluster.getName())
                .setTerm(applied.term())
                .setIndex(Math.max(0, applied.index()))
                .setUnixMillis(System.currentTimeMillis())
                .setEntries(entries.size())
                .build();
        return new BackupFile.Content(head, entries);
    }

    private static Future<Void> send(byte[] file, int from, Function<BackupPart, Future<Void>> report) {
        int length = Math.min(PART_BYTES, file.length - from);
        BackupPart part = BackupPart.newBuilder()
                .setContent(ByteString.copyFrom(file, from, length))
                .setTotalBytes(file.length)
                .build();
        return report.apply(part)
                .compose(sent ->
                        from + length < file.length ? send(file, from + length, report) : Future.succeededFuture());
    }

    // ------------------------------------------------------------------ recovery

    Future<RecoveryReport> recover(RecoverMetadataRequest request) {
        return group.lookUpToDate(MetaState::cluster)
                .compose(cluster -> cluster.isEmpty()
                        ? backupOf(request)
                        : Future.failedFuture(new RefusedException("this is cluster '"
                                + cluster.get().getName()
                                + "', and it runs: metadata is recovered only into a group that has none")))
                .compose(backup -> nodes(backup)
                        .compose(this::ask)
                        .compose(found -> group.work(() -> Recovery.plan(backup.entries(), asked(request), found))
                                .compose(plan -> carryOut(request, backup.head(), found, plan))));
    }

    private Future<BackupFile.Content> backupOf(RecoverMetadataRequest request) {
        if (request.getBackup().isEmpty()) {
            return Future.succeededFuture(new BackupFile.Content(BackupHead.getDefaultInstance(), new MapKeyValues()));
        }
        return group.work(() -> {
                    try {
                        return Future.succeededFuture(
                                BackupFile.decode(request.getBackup().toByteArray()));
                    } catch (BackupFile.BadBackupException e) {
                        return Future.<BackupFile.Content>failedFuture(
                                new RefusedException(GrpcStatus.INVALID_ARGUMENT, String.valueOf(e.getMessage())));
                    }
                })
                .compose(decoded -> decoded);
    }

    private static Recovery.Asked asked(RecoverMetadataRequest request) {
        byte[] key = new byte[MembershipKey.BYTES];
        new SecureRandom().nextBytes(key);
        return new Recovery.Asked(request.getName(), new HashSet<>(request.getWithoutList()), ByteString.copyFrom(key));
    }

    /** Management addresses by node: those of the backup, and those that wait for a cluster, who know better. */
    private Future<Map<String, String>> nodes(BackupFile.Content backup) {
        Map<String, String> nodes = new TreeMap<>();
        for (Node node : new MetaState(backup.entries()).nodes()) {
            nodes.put(node.getId(), node.getManagementAddress());
        }
        return answers(members.addresses()).map(answers -> {
            answers.stream()
                    .flatMap(Optional::stream)
                    .flatMap(answer -> answer.getWaitingList().stream())
                    .forEach(node -> nodes.put(node.getId(), node.getManagementAddress()));
            return nodes;
        });
    }

    private Future<List<FoundNode>> ask(Map<String, String> nodes) {
        List<Future<Optional<FoundNode>>> asked = new ArrayList<>();
        nodes.forEach((node, address) -> asked.add(calls.ask(
                        Addresses.parse(address),
                        ManagementGrpcClient.GetNodeStats,
                        GetNodeStatsRequest.getDefaultInstance(),
                        NODE_DEADLINE)
                .map(stats -> stats.getNode().equals(node) ? Optional.of(found(stats)) : Optional.<FoundNode>empty())
                .otherwise(Optional.empty())));
        return Future.all(asked)
                .map(all -> asked.stream()
                        .map(Future::result)
                        .flatMap(Optional::stream)
                        .toList());
    }

    private static FoundNode found(NodeStats stats) {
        Set<String> open = stats.getGroupsList().stream()
                .filter(disks -> !disks.getFailed())
                .map(disks -> disks.getGroup())
                .collect(Collectors.toSet());
        List<FoundCopy> copies = stats.getReplicasList().stream()
                .filter(copy -> open.contains(copy.getGroup()))
                .map(copy -> new FoundCopy(
                        copy.getGroup(),
                        copy.getStream(),
                        copy.getCreationId(),
                        copy.getBlocks(),
                        copy.getPromisedEpoch(),
                        copy.getLastEpoch(),
                        copy.getLastSeq(),
                        copy.getCommitSeq(),
                        copy.getGuaranteedBytes(),
                        !copy.getIncomplete()))
                .toList();
        return new FoundNode(
                stats.getNode(),
                stats.getClusterUuid(),
                stats.getFollowing(),
                stats.getDisksOpen(),
                open,
                copies,
                stats.getLabelsList().stream()
                        .map(label -> new FoundNode.Label(
                                label.getVolume(), label.getName(), label.getSizeBytes(), label.getReplicas()))
                        .toList());
    }

    private Future<RecoveryReport> carryOut(
            RecoverMetadataRequest request, BackupHead head, List<FoundNode> found, Recovery.Plan plan) {
        ClusterRecord cluster = plan.cluster();
        RecoveryReport.Builder report = RecoveryReport.newBuilder()
                .setClusterUuid(cluster.getUuid())
                .setName(cluster.getName())
                .setBackupIndex(head.getIndex())
                .setBackupUnixMillis(head.getUnixMillis())
                .addAllNodes(found.stream().map(FoundNode::node).sorted().toList())
                .addAllVolumes(plan.volumes())
                .addAllWarnings(plan.warnings())
                .addAllObjections(plan.objections());
        if (request.getDryRun() || !plan.objections().isEmpty()) {
            return Future.succeededFuture(report.build());
        }
        return restore(UUID.randomUUID().toString(), 0, pieces(plan.map()))
                .map(done -> report.setDone(true).build());
    }

    /** The cluster's record last: until then there is no cluster. */
    private static List<List<Entry>> pieces(MapKeyValues map) {
        List<List<Entry>> pieces = new ArrayList<>();
        List<Entry> piece = new ArrayList<>();
        long bytes = 0;
        Entry cluster = null;
        for (EntryRecord record : map.records()) {
            Entry entry = new Entry(record.getKey(), record.getValue());
            if (Recovery.isCluster(record.getKey())) {
                cluster = entry;
                continue;
            }
            if (bytes > PIECE_BYTES) {
                pieces.add(piece);
                piece = new ArrayList<>();
                bytes = 0;
            }
            piece.add(entry);
            bytes += record.getSerializedSize();
        }
        pieces.add(piece);
        pieces.add(List.of(java.util.Objects.requireNonNull(cluster)));
        return pieces;
    }

    private Future<Void> restore(String id, int number, List<List<Entry>> pieces) {
        boolean isLast = number == pieces.size() - 1;
        return group.propose(new RestoreState(id, number, pieces.get(number), isLast))
                .compose(Failures::demandOk)
                .compose(done -> isLast ? Future.succeededFuture() : restore(id, number + 1, pieces));
    }
}
