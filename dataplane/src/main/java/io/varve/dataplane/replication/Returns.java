package io.varve.dataplane.replication;

import io.varve.dataplane.metrics.LatencyHistogram;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies of a volume that are outside of their sets and come back: who begins to learn when, and when again after it was given up. Confined to
 * the volume's loop.
 */
final class Returns {
    /** Learners of a volume at a time: each holds back writes to its slab for a moment when it joins, and takes memory. */
    private static final int MAX_LEARNERS = 4;

    private static final long SECOND_NANOS = 1_000_000_000L;
    private static final long FIRST_PAUSE_NANOS = 1_000_000_000L;
    private static final long LAST_PAUSE_NANOS = 30_000_000_000L;

    private final AccessPointHost host;
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
    private final List<Learner> running = new ArrayList<>();
    private int sessions;
    private long bytesCopied;
    private final RebuildPace pace = new RebuildPace();
    /** Of what clients waited for, up to where it was judged last. */
    private long[] judged = new long[LatencyHistogram.BUCKETS];

    private boolean isTicking;
    private boolean isResumeQueued;
    private boolean ended;

    private record Waiting(SlabHost slab, Member member) {}

    Returns(AccessPointHost host) {
        this.host = host;
    }

    long bytesCopied() {
        return bytesCopied;
    }

    void copied(long bytes) {
        bytesCopied += bytes;
        pace.copied(bytes);
    }

    void limit(long bytesPerSecond) {
        pace.limit(bytesPerSecond);
    }

    /** True if a learner may copy more now; else it is called again when it may. */
    boolean mayCopy() {
        if (pace.mayCopy(host.loop().nanos())) {
            return true;
        }
        if (!isResumeQueued) {
            isResumeQueued = true;
            host.loop().schedule(pace.waitNanos(), this::resume);
        }
        return false;
    }

    private void resume() {
        isResumeQueued = false;
        // Learners end while they advance.
        List.copyOf(running).forEach(Learner::advance);
    }

    private void tickLater() {
        if (!isTicking && !ended && !running.isEmpty()) {
            isTicking = true;
            host.loop().schedule(SECOND_NANOS, this::tick);
        }
    }

    private void tick() {
        isTicking = false;
        boolean isLastCopy = running.stream().anyMatch(learner -> learner.slab().inSet().length == 1);
        pace.second(p99SinceJudged(), isLastCopy && host.replicas() > 1);
        running.forEach(Learner::second);
        tickLater();
    }

    /** What clients waited for since it was asked last; 0: there were none. */
    private long p99SinceJudged() {
        long[] now = host.latencies();
        long[] since = new long[now.length];
        for (int i = 0; i < now.length; i++) {
            since[i] = now[i] - judged[i];
        }
        judged = now;
        return (long) LatencyHistogram.quantileNanos(since, 0.99);
    }

    /** Copies that are being filled, and those that wait for their turn. */
    List<CopyProgress> progress() {
        List<CopyProgress> all = new ArrayList<>();
        running.forEach(learner -> all.add(learner.told()));
        waiting.forEach(
                each -> all.add(new CopyProgress(each.slab.spec.index(), each.member.group, 0, 0, 0, 0, "WAITING")));
        return all;
    }

    /** The copy promised the epoch: it can begin as soon as a place is free, unless it runs, or was given up a moment ago. */
    void promised(SlabHost slab, int index) {
        Member member = slab.point.member(index);
        if (!ended
                && !member.isLeaving
                && slab.learner(index) == null
                && host.loop().nanos() >= member.notBeforeNanos) {
            Waiting one = new Waiting(slab, member);
            if (!waiting.contains(one)) {
                waiting.add(one);
                host.loop().execute(this::startMore);
            }
        }
    }

    private void startMore() {
        while (!ended && running.size() < MAX_LEARNERS && !waiting.isEmpty()) {
            Waiting next = waiting.remove();
            Member member = next.member;
            boolean canLearn = !member.isInSet
                    && !member.isLeaving
                    && !member.isRequired
                    && member.isSealed
                    && member.state != ReplicaState.FAILED
                    && next.slab.point.phase() == AccessPoint.Phase.OPEN
                    && next.slab.learner(member.index) == null;
            if (canLearn) {
                long session = Integer.toUnsignedLong(host.epoch()) << 32 | ++sessions;
                Learner learner = new Learner(this, host, next.slab, member, session);
                next.slab.setLearner(member.index, learner);
                if (running.isEmpty()) {
                    pace.quiet(p99SinceJudged());
                }
                running.add(learner);
                learner.start();
                tickLater();
            }
        }
    }

    /** {@code isIn}: the copy is in the set. Else it begins again after a pause. */
    void ended(Learner learner, boolean isIn) {
        Member member = learner.member();
        running.remove(learner);
        if (running.isEmpty()) {
            // From here on clients are alone: what they feel now is what copying is measured by.
            judged = host.latencies();
        }
        if (learner.slab().learner(member.index) == learner) {
            learner.slab().setLearner(member.index, null);
        }
        if (isIn) {
            member.pauseNanos = 0;
        } else {
            member.pauseNanos =
                    member.pauseNanos == 0 ? FIRST_PAUSE_NANOS : Math.min(2 * member.pauseNanos, LAST_PAUSE_NANOS);
            member.notBeforeNanos = host.loop().nanos() + member.pauseNanos;
            host.loop().schedule(member.pauseNanos, () -> {
                // The timer says that the pause is over, not the clock: by that one it may come a microsecond early,
                // and nothing else would look again.
                member.notBeforeNanos = host.loop().nanos();
                if (member.isSealed) {
                    promised(learner.slab(), member.index);
                }
            });
        }
        host.loop().execute(this::startMore);
    }

    /** The access points have ended, and with them everybody who learns. */
    void end() {
        ended = true;
        waiting.clear();
        running.forEach(Learner::end);
        running.clear();
    }
}
