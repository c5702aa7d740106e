package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.placement.Candidate;
import io.varve.control.placement.Placement;
import io.varve.control.rebuild.RebuildMemory.CopyName;
import io.varve.control.rebuild.RebuildPlan.Step;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Copies of slabs that nobody has opened yet. They hold nothing, so one that is lost is not filled from the others but made elsewhere: without that
 * a volume that is being made or grows would wait for a node that never comes back. One copy of a slab in a round.
 */
final class Beginnings {
    /** In one round, for each volume. */
    private static final int MAX_PLACED = 256;

    private final Standing standing;
    private final SlabStanding slab;
    private final List<Candidate> candidates;
    private final Map<String, Long> placed = new HashMap<>();
    /** What copies placed in this round are going to keep, by group. */
    private final Map<String, Long> claimed = new HashMap<>();

    private int placeless;

    Beginnings(Standing standing, Set<CopyName> neverMade) {
        this.standing = standing;
        this.slab = new SlabStanding(standing, neverMade);
        this.candidates = standing.candidates();
        candidates.forEach(candidate -> placed.put(candidate.group(), candidate.placed()));
    }

    /** Slabs with a lost copy for which there is no other place. */
    int placeless() {
        return placeless;
    }

    void into(List<Step> steps) {
        for (VolumeFact volume : standing.truth.volumes()) {
            List<AnewCopy> copies = new ArrayList<>();
            for (int i = 0; i < volume.slabs() && copies.size() < MAX_PLACED; i++) {
                if (volume.isUntouched(i) && (volume.isBeingMade || volume.settled)) {
                    change(slab.of(volume, i)).ifPresent(copies::add);
                }
            }
            if (!copies.isEmpty()) {
                steps.add(new Step(new PlaceAnew(volume.id, copies), "a copy that holds nothing yet is lost"));
            }
        }
    }

    private Optional<AnewCopy> change(SlabStanding slab) {
        VolumeFact volume = slab.volume;
        if (volume.isBeingMade && slab.good + slab.unwanted > volume.replicas) {
            return superfluous(slab).stream().mapToObj(copy -> anew(copy, "")).findFirst();
        }
        // Where others can be opened, the slab is filled from them like any.
        OptionalInt lost = volume.isBeingMade || !slab.canGoOn() ? lost(slab) : OptionalInt.empty();
        if (lost.isEmpty()) {
            return Optional.empty();
        }
        Optional<Candidate> to = choose(lost.getAsInt());
        if (to.isEmpty()) {
            placeless++;
            return Optional.empty();
        }
        placed.merge(to.get().group(), 1L, Long::sum);
        claimed.merge(to.get().group(), volume.guaranteedBytes(slab.slab), Long::sum);
        return Optional.of(anew(lost.getAsInt(), to.get().group()));
    }

    private AnewCopy anew(int copy, String to) {
        VolumeFact volume = slab.volume;
        return new AnewCopy(
                volume.first + slab.slab,
                volume.gen(slab.slab),
                standing.group(volume.group(copy)).uuid(),
                to);
    }

    private static OptionalInt lost(SlabStanding slab) {
        for (int copy = slab.volume.from(slab.slab); copy < slab.volume.to(slab.slab); copy++) {
            if (!slab.volume.isLeaving(copy) && slab.isLost(copy)) {
                return OptionalInt.of(copy);
            }
        }
        return OptionalInt.empty();
    }

    /** There are to be fewer now: one that is lost goes, else one that is away, else one that is yet to be made. */
    private OptionalInt superfluous(SlabStanding slab) {
        int worst = -1;
        for (int copy = slab.volume.from(slab.slab); copy < slab.volume.to(slab.slab); copy++) {
            if (!slab.volume.isLeaving(copy) && (worst < 0 || rank(slab, copy) > rank(slab, worst))) {
                worst = copy;
            }
        }
        return worst < 0 ? OptionalInt.empty() : OptionalInt.of(worst);
    }

    private int rank(SlabStanding slab, int copy) {
        if (slab.isLost(copy)) {
            return 3;
        }
        if (!standing.isLive(slab.volume.group(copy))) {
            return 2;
        }
        return slab.volume.isNew(copy) ? 1 : 0;
    }

    private Optional<Candidate> choose(int lost) {
        VolumeFact volume = slab.volume;
        Set<String> taken = new HashSet<>();
        List<Candidate> kept = new ArrayList<>();
        for (int copy = volume.from(slab.slab); copy < volume.to(slab.slab); copy++) {
            taken.add(standing.group(volume.group(copy)).uuid());
            if (copy != lost && !volume.isLeaving(copy)) {
                kept.add(candidates.get(volume.group(copy)));
            }
        }
        if (taken.size() >= Placements.MAX_MEMBERS) {
            return Optional.empty();
        }
        List<Candidate> open = candidates.stream()
                .filter(candidate -> !taken.contains(candidate.group()))
                .map(candidate -> candidate.less(claimed.getOrDefault(candidate.group(), 0L)))
                .toList();
        return Placement.another(open, kept, Placement.FULL_PERCENT, volume.guaranteedBytes(slab.slab), placed);
    }
}
