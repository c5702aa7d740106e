package io.varve.simulator;

import io.varve.api.NodeView;
import io.varve.api.WatchNodeRequest;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.NodeViews;
import io.varve.control.meta.Outcome;
import io.varve.control.raft.Changes;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.SimulatedLoop;
import io.varve.dataplane.time.SimulatedScheduler;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The metadata group: the real rules over one map for each member, and in place of Raft what Raft promises. One log; a command is carried out
 * once a leader and a majority can talk; members other than the leader follow late; an answer may get lost, before the command was carried
 * out, after it, or long before it. Members live on nodes and are away with them, their maps are not.
 */
final class Metadata {
    private static final long MILLI = 1_000_000L;
    private static final long SECOND = 1_000 * MILLI;

    /** As a client's deadline. */
    private static final long SHORTEST_TIMEOUT = SECOND;

    private static final long LONGEST_TIMEOUT = 3 * SECOND;

    /** What is carried out although its answer was given up: at most so much later. */
    private static final long LATEST_COMMIT = 5 * SECOND;

    private final SimulatedScheduler scheduler;
    private final SimulatedLoop loop;
    private final SplittableRandom random;
    private final Reach reach;
    private final Committed committed;
    private final List<byte[]> log = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();
    private int leader;
    private long electedNanos;
    private int underWay;

    /** One of so many answers is lost; 0: none. */
    int losesOneIn;

    /** Nobody is answered. */
    boolean isAway;

    /** Whatever is asked takes up to so much longer. */
    long slowNanos;

    /** Members follow the leader up to so much later. */
    long lagNanos;

    /** Nodes that do not reach any member. */
    final Set<String> cutOff = new HashSet<>();

    /** Whether one node can talk to another, and both run. */
    @FunctionalInterface
    interface Reach {
        boolean between(String node, String other);
    }

    /** Told of each command as it is carried out, by the leader, in order. */
    @FunctionalInterface
    interface Committed {
        void committed(MetaCommand command, Outcome outcome);
    }

    private static final class Member {
        final String node;
        private final List<byte[]> touched = new ArrayList<>();
        final MetaState state = new MetaState(new NotedKeys(new MapKeyValues(), touched));
        final Changes changes = new Changes();
        int applied;
        boolean isFollowing;

        Member(String node) {
            this.node = node;
            changes.loaded(0);
        }

        Outcome apply(byte[] bytes) {
            int index = ++applied;
            CommandCodec.Proposed proposed = CommandCodec.decode(bytes);
            Outcome outcome = MetaRules.apply(state, index, proposed.unixMillis(), proposed.command());
            state.putApplied(new MetaState.Applied(1, index));
            changes.applied(index, outcome, touched);
            touched.clear();
            return outcome;
        }

        /** As a member's endpoint answers. */
        NodeView view(WatchNodeRequest request) {
            String node = request.getNode();
            long share = NodeViews.copyShare(state);
            Optional<Changes.Since> since =
                    request.getHolds() ? changes.since(request.getAfterIndex()) : Optional.empty();
            return since.flatMap(news ->
                            NodeViews.since(state, node, share, news.index(), news.volumes(), NodeViews.PART_BYTES))
                    .orElseGet(() -> NodeViews.of(state, node, share));
        }
    }

    /** What a node is told, and what it must have then. */
    record Told(NodeView answer, NodeView whole) {}

    Metadata(SimulatedScheduler scheduler, List<String> nodes, Reach reach, Committed committed) {
        this.scheduler = scheduler;
        this.loop = scheduler.newLoop("metadata");
        this.random = scheduler.newRandom();
        this.reach = reach;
        this.committed = committed;
        nodes.forEach(node -> members.add(new Member(node)));
    }

    /** What the newest committed command left: for those who judge the run, not for those who are judged. */
    MetaState truth() {
        Member newest = members.getFirst();
        for (Member member : members) {
            newest = member.applied > newest.applied ? member : newest;
        }
        return newest.state;
    }

    /** The index of that command: what was read of the truth is as new as it. */
    int newestIndex() {
        int newest = 0;
        for (Member member : members) {
            newest = Math.max(newest, member.applied);
        }
        return newest;
    }

    /** The node whose member leads and is reached; null while there is none. */
    @Nullable String leads() {
        Member now = isAway ? null : leader();
        return now == null ? null : now.node;
    }

    /** Whether any member hears from the node just now. */
    boolean hears(String node) {
        return !isAway
                && !cutOff.contains(node)
                && members.stream().anyMatch(member -> reach.between(node, member.node));
    }

    /** The copy of the member on that node; {@code lags}: of whichever, which may be old. */
    MetaState stateOf(String node, boolean lags) {
        if (lags) {
            return members.get(random.nextInt(members.size())).state;
        }
        return members.stream()
                .filter(member -> member.node.equals(node))
                .findFirst()
                .orElseThrow()
                .state;
    }

    /** Proposes a command from a node. The future fails when it is not known whether it was, or will be, carried out. */
    Future<MetaResult> propose(String from, Loop caller, MetaCommand command) {
        Promise<MetaResult> answer = Promise.promise();
        byte[] bytes = CommandCodec.encode(new CommandCodec.Proposed(scheduler.unixMillis(), command));
        boolean isLost = losesOneIn > 0 && random.nextInt(losesOneIn) == 0;
        underWay++;
        loop.schedule(delay(), () -> {
            if (isAway || !reachesLeader(from) || (isLost && random.nextBoolean())) {
                underWay--;
                timeOut(caller, answer);
                return;
            }
            if (isLost) {
                timeOut(caller, answer);
            }
            long later = isLost && random.nextBoolean() ? random.nextLong(LATEST_COMMIT) : delay();
            loop.schedule(later, () -> {
                underWay--;
                Member now = leader();
                if (now != null) {
                    MetaResult result = commit(now, bytes, command);
                    if (isLost) {
                        return;
                    }
                    // Whoever was cut off by what followed from the command does not hear that it was carried out.
                    if (reachesLeader(from)) {
                        answer(caller, answer, result);
                    } else {
                        timeOut(caller, answer);
                    }
                } else if (!isLost) {
                    timeOut(caller, answer);
                }
            });
        });
        return answer.future();
    }

    /** What was carried out is carried out once more: an earlier attempt of its proposer, whose answer was lost, comes late. */
    void again(MetaCommand command, long nanos) {
        byte[] bytes = CommandCodec.encode(new CommandCodec.Proposed(scheduler.unixMillis(), command));
        underWay++;
        loop.schedule(nanos, () -> {
            underWay--;
            Member now = leader();
            if (now != null) {
                commit(now, bytes, command);
            }
        });
    }

    /** False while something that was proposed may still be carried out. */
    boolean isQuiet() {
        return underWay == 0;
    }

    /** Reads the copy of the member that the node asks, which may lag. */
    <T> Future<T> look(String from, Loop caller, Function<MetaState, T> question) {
        Promise<T> answer = Promise.promise();
        loop.schedule(delay(), () -> {
            Member member = isAway ? null : memberFor(from);
            if (member == null) {
                timeOut(caller, answer);
            } else {
                answer(caller, answer, question.apply(member.state));
            }
        });
        return answer.future();
    }

    /** Waits at one member until something that concerns the node is newer than the index; null: nothing was in that time. */
    Future<@Nullable Told> watch(Loop caller, WatchNodeRequest request) {
        String node = request.getNode();
        Promise<@Nullable Told> answer = Promise.promise();
        loop.schedule(delay(), () -> {
            Member member = isAway ? null : memberFor(node);
            if (member == null) {
                timeOut(caller, answer);
                return;
            }
            Loop.Timer timer = loop.schedule(
                    request.getWaitMillis() * MILLI, () -> answerFrom(member, node, caller, answer, null));
            var _ = member.changes
                    .newerThan(node, request.getAfterIndex())
                    .orElseThrow()
                    .thenRun(() -> loop.schedule(delay(), () -> {
                        timer.cancel();
                        NodeView whole = NodeViews.of(member.state, node, NodeViews.copyShare(member.state));
                        answerFrom(member, node, caller, answer, new Told(member.view(request), whole));
                    }));
        });
        return answer.future();
    }

    private <T> void answerFrom(
            Member member, String node, Loop caller, Promise<@Nullable T> answer, @Nullable T result) {
        if (isAway || cutOff.contains(node) || !reach.between(node, member.node)) {
            timeOut(caller, answer);
        } else {
            Metadata.<@Nullable T>answer(caller, answer, result);
        }
    }

    private static <T extends @Nullable Object> void answer(Loop caller, Promise<T> answer, T result) {
        caller.execute(() -> answer.tryComplete(result));
    }

    private void timeOut(Loop caller, Promise<?> answer) {
        loop.schedule(
                random.nextLong(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
                () -> caller.execute(() -> answer.tryFail("no answer of the metadata group")));
    }

    private long delay() {
        return random.nextLong(100_000, 2 * MILLI)
                + (random.nextInt(20) == 0 ? random.nextLong(200 * MILLI) : 0)
                + (slowNanos == 0 ? 0 : random.nextLong(slowNanos));
    }

    // ------------------------------------------------------------------------------------------------ what stands for
    // Raft

    /** The member that a node asks: its own, else one that it reaches. */
    private @Nullable Member memberFor(String from) {
        if (cutOff.contains(from)) {
            return null;
        }
        Member found = null;
        for (Member member : members) {
            if (member.node.equals(from)) {
                return reach.between(from, from) ? member : null;
            }
            if (reach.between(from, member.node) && (found == null || random.nextBoolean())) {
                found = member;
            }
        }
        return found;
    }

    private boolean reachesLeader(String from) {
        Member asked = memberFor(from);
        Member now = leader();
        return asked != null && now != null && reach.between(asked.node, now.node);
    }

    /** Null while there is none: an election takes a second or two. */
    private @Nullable Member leader() {
        if (hasMajority(members.get(leader))) {
            return scheduler.nanos() >= electedNanos ? members.get(leader) : null;
        }
        for (int i = 0; i < members.size(); i++) {
            if (hasMajority(members.get(i))) {
                leader = i;
                electedNanos = scheduler.nanos() + SECOND + random.nextLong(SECOND);
                break;
            }
        }
        return null;
    }

    private boolean hasMajority(Member member) {
        int reached = 0;
        for (Member other : members) {
            reached += reach.between(member.node, other.node) ? 1 : 0;
        }
        return reached > members.size() / 2;
    }

    private MetaResult commit(Member now, byte[] bytes, MetaCommand command) {
        catchUp(now);
        log.add(bytes);
        Outcome outcome = now.apply(bytes);
        committed.committed(command, outcome);
        for (Member member : members) {
            if (member != now) {
                follow(member);
            }
        }
        return CommandCodec.decodeResult(CommandCodec.encode(outcome.result()));
    }

    private void catchUp(Member member) {
        while (member.applied < log.size()) {
            member.apply(log.get(member.applied));
        }
    }

    private void follow(Member member) {
        if (!member.isFollowing) {
            member.isFollowing = true;
            loop.schedule(delay() + (lagNanos == 0 ? 0 : random.nextLong(lagNanos)), () -> {
                member.isFollowing = false;
                if (reach.between(members.get(leader).node, member.node)) {
                    catchUp(member);
                } else {
                    loop.schedule(SECOND / 5, () -> follow(member));
                }
            });
        }
    }
}
