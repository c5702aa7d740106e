package io.varve.control.api;

import io.varve.api.GetMembersRequest;
import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.NodeControlGrpcClient;
import io.varve.api.Sighting;
import io.varve.control.meta.MemberPlan;
import io.varve.control.meta.MemberPlan.Change;
import io.varve.control.meta.MemberPlan.Facts;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeMembers.Step;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.Settings;
import io.varve.control.raft.MetaConfig.Member;
import io.varve.control.raft.MetaMember;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes who is in the metadata group, at its leader: begins what {@link MemberPlan} finds, and carries out what was begun. Each step is a comparison, in
 * the truth or in Raft, so that two that both believe to lead do no harm. On one event loop.
 */
final class MembersLoop {
    private static final Logger LOG = LoggerFactory.getLogger(MembersLoop.class);

    private static final Duration CALL_DEADLINE = Duration.ofMillis(1_500);

    /** A node that joins and is not heard from for so long will not. */
    private static final long JOINS_WITHIN_SILENCE_MILLIS = 60_000;

    /** To get the key, start, and be sent all of the metadata. */
    private static final long JOINS_WITHIN_MILLIS = 180_000;

    private static final long UNFIT_MILLIS = 600_000;

    /** A process that was stopped for a while knows of nobody; the others tell it within seconds. */
    private static final long GAP_MILLIS = 10_000;

    private static final long SETTLED_MILLIS = 20_000;

    private static final long LOST_EVERY_MILLIS = 5_000;

    private final MetaGroup group;
    private final MetaMember member;
    private final Sightings sightings;
    private final NodeCalls calls;
    private final MetadataMembers known;
    private final Map<String, Long> unfitUntil = new HashMap<>();

    private Set<String> lost = Set.of();
    private long lookedForLost;
    private long watchedSince = nowMillis();
    private long lastRound = nowMillis();
    private boolean running;
    private long changeVersion;
    private long changeSeen;
    private @Nullable CompletableFuture<Void> reconfiguration;

    private record Truth(boolean initialised, MetadataGroup group, List<Node> nodes, Settings settings) {
        static Truth of(MetaState state) {
            return new Truth(
                    state.cluster().isPresent(),
                    state.metadata().orElse(MetadataGroup.getDefaultInstance()),
                    state.nodes(),
                    Settings.of(state.cluster()));
        }
    }

    MembersLoop(MetaGroup group, MetaMember member, Sightings sightings, NodeCalls calls, MetadataMembers known) {
        this.group = group;
        this.member = member;
        this.sightings = sightings;
        this.calls = calls;
        this.known = known;
    }

    private static long nowMillis() {
        return System.nanoTime() / 1_000_000;
    }

    /** What is needed now, and why it cannot be; for people, at any member. */
    Future<MemberPlan> plan() {
        return group.look(Truth::of)
                .map(truth -> unrecorded(truth)
                        .map(why -> new MemberPlan(Optional.empty(), why))
                        .orElseGet(() -> MemberPlan.of(facts(truth))));
    }

    /** Begins a change that somebody wants, if the rules allow it. */
    Future<Void> begin(Wish wanted) {
        return group.lookUpToDate(Truth::of).compose(truth -> {
            Optional<String> unrecorded = unrecorded(truth);
            if (unrecorded.isPresent()) {
                return Future.failedFuture(new RefusedException(unrecorded.get()));
            }
            Change change;
            try {
                change = wanted.change(facts(truth));
            } catch (RefusedException refused) {
                return Future.failedFuture(refused);
            }
            return group.propose(change.begin(truth.group, System.currentTimeMillis()))
                    .compose(Failures::demandOk)
                    .mapEmpty();
        });
    }

    /** What somebody wants, by what is known. */
    @FunctionalInterface
    interface Wish {
        Change change(Facts facts) throws RefusedException;
    }

    private Facts facts(Truth truth) {
        long now = nowMillis();
        unfitUntil.values().removeIf(until -> now > until);
        Map<String, Long> silent = new HashMap<>();
        // Whom nobody heard of yet is silent since this member looks, and is not taken for one that is there.
        long watched = Math.max(now - watchedSince, MemberPlan.THERE_MILLIS);
        truth.nodes.forEach(node -> silent.put(node.getId(), watched));
        for (Sighting sighting : sightings.list()) {
            silent.put(sighting.getNode(), sighting.getMillisAgo());
        }
        int wanted = truth.settings.members();
        return new Facts(
                truth.group,
                truth.nodes,
                silent,
                group.leader().orElse(""),
                new HashSet<>(unfitUntil.keySet()),
                truth.settings.memberGraceMillis(),
                wanted == 0 ? OptionalInt.empty() : OptionalInt.of(wanted),
                lost);
    }

    /** Begins a round unless one is under way or another member leads. */
    void round() {
        long now = nowMillis();
        if (now - lastRound > GAP_MILLIS) {
            watchedSince = now;
        }
        lastRound = now;
        if (running || !group.leads()) {
            return;
        }
        running = true;
        group.look(Truth::of)
                .compose(truth -> truth.initialised ? step(truth, now) : Future.succeededFuture())
                .onFailure(
                        failure -> LOG.info("metadata members round ended early reason=\"{}\"", failure.getMessage()))
                .onComplete(ended -> running = false);
    }

    private Future<Void> step(Truth truth, long now) {
        Optional<List<Member>> configuration = member.configuration();
        if (configuration.isEmpty()) {
            return Future.succeededFuture();
        }
        if (MemberPlan.isUnderWay(truth.group)) {
            return carryOut(truth, configuration.get(), now);
        }
        if (!peers(truth.group.getMembersList()).equals(ids(configuration.get()))) {
            return record(truth, configuration.get());
        }
        if (now - watchedSince < SETTLED_MILLIS) {
            return Future.succeededFuture();
        }
        if (now - lookedForLost >= LOST_EVERY_MILLIS) {
            lookedForLost = now;
            return lookForLost(truth.group);
        }
        return MemberPlan.of(facts(truth))
                .change()
                .map(change -> propose(change.begin(truth.group, System.currentTimeMillis())))
                .orElse(Future.succeededFuture());
    }

    /** Asks every member whether its storage is there. */
    private Future<Void> lookForLost(MetadataGroup group) {
        List<Future<String>> asked = group.getMembersList().stream()
                .filter(each -> !each.getPeer().equals(member.peer()))
                .map(each -> calls.ask(
                                Addresses.parse(each.getManagementAddress()),
                                NodeControlGrpcClient.GetMembers,
                                GetMembersRequest.getDefaultInstance(),
                                CALL_DEADLINE)
                        .map(told -> told.getLost().equals(each.getPeer()) ? each.getPeer() : "")
                        .otherwise(""))
                .toList();
        return Future.all(asked).map(all -> {
            lost = asked.stream()
                    .map(Future::result)
                    .filter(peer -> !peer.isEmpty())
                    .collect(Collectors.toSet());
            return null;
        });
    }

    /** Sets the list to what Raft has. Only when every member knows the command: its node has told a Raft address. */
    private Future<Void> record(Truth truth, List<Member> configuration) {
        List<GroupMember> members = new ArrayList<>();
        for (Member each : configuration) {
            String name = MemberPlan.nodeOf(each.id());
            Optional<Node> node = registered(truth.nodes, name);
            if (node.isEmpty()) {
                return Future.succeededFuture();
            }
            members.add(GroupMember.newBuilder()
                    .setNode(name)
                    .setPeer(each.id())
                    .setRaftAddress(
                            (each.host().indexOf(':') >= 0 ? "[" + each.host() + "]" : each.host()) + ":" + each.port())
                    .setManagementAddress(node.get().getManagementAddress())
                    .build());
        }
        return propose(new ChangeMembers(
                Step.RECORD,
                truth.group.getVersion(),
                MemberPlan.nextVersion(truth.group, System.currentTimeMillis()),
                members,
                List.of(),
                "",
                member.groupUuid().toString()));
    }

    private static Optional<Node> registered(List<Node> nodes, String name) {
        return nodes.stream()
                .filter(found -> found.getId().equals(name)
                        && !found.getRaftAddress().isEmpty()
                        && !found.getManagementAddress().isEmpty())
                .findFirst();
    }

    private Optional<String> unrecorded(Truth truth) {
        return truth.initialised && truth.group.getMembersCount() == 0
                ? unrecorded(member.configuration().orElse(List.of()), truth.nodes)
                : Optional.empty();
    }

    /** Why there is no list of the members yet, for people; empty: there will be one at once. */
    static Optional<String> unrecorded(List<Member> configuration, List<Node> nodes) {
        List<String> missing = configuration.stream()
                .map(each -> MemberPlan.nodeOf(each.id()))
                .filter(name -> registered(nodes, name).isEmpty())
                .sorted()
                .toList();
        return missing.isEmpty()
                ? Optional.empty()
                : Optional.of("no member can be replaced before all have started once with this version, and "
                        + String.join(", ", missing) + (missing.size() == 1 ? " has" : " have")
                        + " not: start it with what it had");
    }

    private Future<Void> carryOut(Truth truth, List<Member> configuration, long now) {
        MetadataGroup change = truth.group;
        if (changeVersion != change.getVersion()) {
            changeVersion = change.getVersion();
            changeSeen = now;
        }
        List<GroupMember> after = MemberPlan.after(change);
        if (peers(after).equals(ids(configuration))) {
            return end(change, Step.FINISH, "");
        }
        CompletableFuture<Void> underWay = reconfiguration;
        if (underWay != null && !underWay.isDone()) {
            return Future.succeededFuture();
        }
        Optional<String> reason = hopeless(change, now);
        if (reason.isPresent()) {
            change.getJoiningList().forEach(each -> unfitUntil.put(each.getNode(), now + UNFIT_MILLIS));
            return end(change, Step.ABANDON, reason.get());
        }
        // Who joins has to let this node in: it must have heard of the present list, too.
        known.heard(change);
        List<Future<Boolean>> ready =
                change.getJoiningList().stream().map(this::isReady).toList();
        return Future.all(ready).compose(asked -> {
            if (ready.stream().allMatch(Future::result)) {
                List<Member> wanted = after.stream().map(MembersLoop::member).toList();
                LOG.info("metadata configuration changes from={} to={}", ids(configuration), ids(wanted));
                CompletableFuture<Void> begun = member.reconfigure(configuration, wanted);
                var _ = begun.whenComplete((done, failure) -> {
                    if (failure != null) {
                        LOG.info("metadata configuration not changed reason=\"{}\"", failure.getMessage());
                    }
                });
                reconfiguration = begun;
            }
            return Future.succeededFuture();
        });
    }

    private Optional<String> hopeless(MetadataGroup change, long now) {
        if (change.getJoiningCount() == 0) {
            return Optional.empty();
        }
        if (now - changeSeen > JOINS_WITHIN_MILLIS) {
            return Optional.of("it was not ready within " + JOINS_WITHIN_MILLIS / 1_000 + " s");
        }
        Map<String, Long> silent = new HashMap<>();
        sightings.list().forEach(sighting -> silent.put(sighting.getNode(), sighting.getMillisAgo()));
        return change.getJoiningList().stream()
                .filter(each -> Math.min(now - changeSeen, silent.getOrDefault(each.getNode(), Long.MAX_VALUE))
                        > JOINS_WITHIN_SILENCE_MILLIS)
                .findFirst()
                .map(each -> "node " + each.getNode() + " is not heard from");
    }

    private Future<Boolean> isReady(GroupMember joining) {
        return calls.ask(
                        Addresses.parse(joining.getManagementAddress()),
                        NodeControlGrpcClient.GetMembers,
                        GetMembersRequest.getDefaultInstance(),
                        CALL_DEADLINE)
                .map(told -> told.getRunning().equals(joining.getPeer()))
                .otherwise(false);
    }

    private Future<Void> end(MetadataGroup change, Step step, String why) {
        return propose(ChangeMembers.end(
                step, change.getVersion(), MemberPlan.nextVersion(change, System.currentTimeMillis()), why));
    }

    private Future<Void> propose(ChangeMembers command) {
        return group.propose(command).map(result -> {
            LOG.info(
                    "metadata members step={} joining={} leaving={} why=\"{}\" answer=\"{}\"",
                    command.step(),
                    peers(command.members()),
                    command.leaving(),
                    command.why(),
                    result.isOk() ? "done" : result.message());
            return null;
        });
    }

    private static Member member(GroupMember member) {
        var address = Addresses.parse(member.getRaftAddress());
        return new Member(member.getPeer(), address.host(), address.port());
    }

    private static Set<String> peers(List<GroupMember> members) {
        return members.stream().map(GroupMember::getPeer).collect(Collectors.toSet());
    }

    private static Set<String> ids(List<Member> members) {
        return members.stream().map(Member::id).collect(Collectors.toSet());
    }
}
