package io.varve.dataplane.replication;

import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * CHANGE_ISR: takes lost members out of the sets of a volume's slabs and learners that are whole into them, one call at a time for all slabs that
 * have something to change (docs/internals/protocol.md, "Changing the ISR"). Confined to the volume's loop.
 */
final class SetChanges {
    /** Between two proposals whose outcome is unknown. */
    private static final long PAUSE_NANOS = 500_000_000L;

    /** Who was answered so lately hears. */
    private static final long HEARS_NANOS = 1_000_000_000L;

    /** After a refusal, which another try hardly changes. */
    private static final long REFUSED_NANOS = 5_000_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(SetChanges.class);

    private final AccessPointHost host;
    private final AttachSpec spec;
    private final Truth truth;
    private final Loop loop;
    private boolean isBusy;
    private String trouble = "";
    /** When the timer that is set proposes again; the latest there is while none is set. */
    private long againAtNanos = Long.MAX_VALUE;

    SetChanges(AccessPointHost host, AttachSpec spec, Truth truth, Loop loop) {
        this.host = host;
        this.spec = spec;
        this.truth = truth;
        this.loop = loop;
    }

    /** For people; empty if nothing is in the way of a change. */
    String trouble() {
        return trouble;
    }

    /** Proposes what there is to change. What comes while a proposal is under way is seen when that has ended. */
    void propose() {
        propose(false);
    }

    private void propose(boolean hears) {
        if (isBusy || host.hasEnded()) {
            return;
        }
        List<Truth.SlabIsr> asked = new ArrayList<>();
        boolean anyLeaves = false;
        for (SlabHost slab : host.slabs()) {
            List<String> wanted = slab.point.canChangeSet() ? wanted(slab) : null;
            if (wanted != null) {
                asked.add(new Truth.SlabIsr(slab.spec.index(), slab.gen, wanted));
                anyLeaves |= leaves(slab, wanted);
            }
        }
        if (asked.isEmpty()) {
            trouble = "";
            return;
        }
        isBusy = true;
        if (anyLeaves && !hears) {
            long askedAt = loop.nanos();
            truth.changeIsr(
                    spec.volume(),
                    spec.epoch(),
                    List.of(),
                    (outcome, answers, message) -> heard(outcome, message, loop.nanos() - askedAt));
            return;
        }
        asked.forEach(this::markProposed);
        truth.changeIsr(spec.volume(), spec.epoch(), asked, this::answered);
    }

    /** From now on the set may be the one asked for: who joins in it is waited for, until a later gen tells. */
    private void markProposed(Truth.SlabIsr asked) {
        SlabHost slab = Objects.requireNonNull(host.find(asked.index()));
        slab.isUnsettled = true;
        for (Member member : slab.point.members()) {
            if (!member.isInSet && !member.isProposed && asked.isr().contains(member.group)) {
                slab.point.set().proposed(member.index);
            }
        }
    }

    /** Only the earliest timer counts: a refusal's long pause must not hold back what comes in the meantime, nor timers gather. */
    private void again(long nanos) {
        long at = loop.nanos() + nanos;
        if (at - againAtNanos >= 0) {
            return;
        }
        againAtNanos = at;
        loop.schedule(nanos, () -> {
            if (againAtNanos == at) {
                againAtNanos = Long.MAX_VALUE;
                propose();
            }
        });
    }

    private static boolean leaves(SlabHost slab, List<String> wanted) {
        for (Member member : slab.point.members()) {
            if (member.isInSet && !wanted.contains(member.group)) {
                return true;
            }
        }
        return false;
    }

    /**
     * The metadata group answered a change of nothing. Whoever does not hear takes everybody for lost, and what it proposes may be carried out all the same: its
     * set would be itself, and nobody could take the volume over while it does not hear. So it has to be answered first.
     */
    private void heard(Truth.Outcome outcome, String message, long nanos) {
        isBusy = false;
        if (host.hasEnded()) {
            return;
        }
        switch (outcome) {
            case STALE_EPOCH -> host.end(true, "a newer attach exists" + (message.isEmpty() ? "" : ": " + message));
            case OK, STALE_GEN -> propose(nanos <= HEARS_NANOS);
            case REFUSED, UNKNOWN -> {
                trouble = "waits for the metadata group: " + message;
                again(PAUSE_NANOS);
            }
        }
    }

    /**
     * The set that the slab should have; null if it has it, for certain. After an unknown outcome something is always proposed: only a later
     * gen settles it, and the same set again is a change too.
     */
    private static @Nullable List<String> wanted(SlabHost slab) {
        List<String> wanted = new ArrayList<>();
        boolean differs = slab.isUnsettled;
        int staying = 0;
        for (Member member : slab.point.members()) {
            // One that has not been heard since the last beat may be lost too: then nobody leaves, or the set would be
            // one that cannot go on either.
            staying += member.isInSet && !member.isLost && member.silentBeats == 0 ? 1 : 0;
        }
        boolean mayShrink = staying >= slab.minInSync();
        int readable = readable(slab);
        for (Member member : slab.point.members()) {
            Learner learner = slab.learner(member.index);
            if (member.isInSet && member.isLeaving && !member.isLost && readable > needed(slab)) {
                readable--;
                differs = true;
            } else if (member.isInSet && !(member.isLost && mayShrink)) {
                wanted.add(member.group);
            } else if (member.isInSet) {
                differs = true;
            } else if (!member.isLeaving && learner != null && learner.isWhole() && member.isSealed && !member.isLost) {
                wanted.add(member.group);
                differs = true;
            }
        }
        return differs ? wanted : null;
    }

    /** Members of the set that can stand in for one that is to go. */
    private static int readable(SlabHost slab) {
        int readable = 0;
        for (Member member : slab.point.members()) {
            readable += member.isReadable() && !member.isLost ? 1 : 0;
        }
        return readable;
    }

    /** As many have to stay when one that is to go is taken out: what there should be, as far as it is there, and never fewer than it takes. */
    private static int needed(SlabHost slab) {
        int remaining = 0;
        for (Member member : slab.point.members()) {
            remaining += member.isLeaving ? 0 : 1;
        }
        return Math.max(Math.max(1, slab.minInSync()), Math.min(slab.replicas(), remaining));
    }

    private void answered(Truth.Outcome outcome, List<Truth.SlabOpened> answers, String message) {
        isBusy = false;
        if (host.hasEnded()) {
            return;
        }
        switch (outcome) {
            case STALE_EPOCH -> host.end(true, "a newer attach exists" + (message.isEmpty() ? "" : ": " + message));
            case REFUSED -> {
                trouble = "the metadata group refuses to change the set: " + message;
                LOG.error("set not changed volume={} epoch={} reason=\"{}\"", spec.volume(), spec.epoch(), message);
                again(REFUSED_NANOS);
            }
            case UNKNOWN -> {
                trouble = "waits for the metadata group: " + message;
                again(PAUSE_NANOS);
            }
            case OK, STALE_GEN -> {
                boolean allSettled = true;
                for (Truth.SlabOpened answer : answers) {
                    allSettled &= settled(answer);
                }
                host.setChanged();
                trouble = allSettled ? "" : "the metadata group refuses to change the set of a slab";
                // What came meanwhile, or is still to be settled.
                again(allSettled ? 0 : REFUSED_NANOS);
            }
        }
    }

    /** In this epoch nobody else changes the set: a later gen is our own earlier proposal, whose answer was lost. */
    private boolean settled(Truth.SlabOpened answer) {
        SlabHost slab = host.find(answer.index());
        if (slab == null || host.hasEnded() || answer.gen() <= slab.gen) {
            LOG.error("set not changed volume={} answer=\"{}\"", spec.volume(), answer);
            return false;
        }
        slab.isUnsettled = false;
        LOG.info(
                "set changed volume={} slab={} epoch={} gen={} set={}",
                spec.volume(),
                answer.index(),
                spec.epoch(),
                answer.gen(),
                answer.isr());
        slab.setChanged(answer.gen(), answer.isr());
        return true;
    }
}
