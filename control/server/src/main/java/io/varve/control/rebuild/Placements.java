package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.placement.Candidate;
import io.varve.control.placement.Placement;
import io.varve.control.rebuild.RebuildMemory.CopyName;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.control.rebuild.Survey.Need;
import io.varve.control.rebuild.Survey.Reason;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** New copies for slabs that need one: one for each slab in a round, and no more than may be under way. */
final class Placements {
    /** Moves into another zone lose nothing when they wait: they take no more than a quarter of what may be under way. */
    private static final int MAX_FOR_ZONES = RebuildPlan.MAX_MOVING / 4;

    /** Slabs with one copy left, or none that is there, do not wait for others to end. */
    private static final int MAX_FOR_ENDANGERED = 2 * RebuildPlan.MAX_MOVING;

    /** As the rules of the truth have it. */
    static final int MAX_MEMBERS = 6;

    private final Standing standing;
    private final Survey survey;
    private final SlabStanding slab;
    private final List<Candidate> candidates;
    private final Map<String, Long> placed = new HashMap<>();
    /** What copies placed in this round are going to keep, by group. */
    private final Map<String, Long> claimed = new HashMap<>();

    private int waiting;
    private int placeless;

    Placements(Standing standing, Survey survey, Set<CopyName> neverMade) {
        this.standing = standing;
        this.survey = survey;
        this.candidates = standing.candidates();
        this.slab = new SlabStanding(standing, neverMade);
        candidates.forEach(candidate -> placed.put(candidate.group(), candidate.placed()));
    }

    /** Slabs that go without in this round, though they need a copy. */
    int waiting() {
        return waiting;
    }

    int placeless() {
        return placeless;
    }

    void into(List<Step> steps, Set<Long> busy) {
        int moving = survey.moving;
        Map<VolumeFact, List<PlacedCopy>> byVolume = new LinkedHashMap<>();
        Map<VolumeFact, String> why = new HashMap<>();
        for (Need need : survey.needs) {
            if (standing.truth.settings().paused() || moving >= limit(need)) {
                waiting += need.reason() == Reason.ZONES ? 0 : 1;
                continue;
            }
            Optional<Candidate> chosen = choose(need);
            if (chosen.isEmpty()) {
                if (need.reason() != Reason.ZONES) {
                    waiting++;
                    placeless++;
                }
                continue;
            }
            String group = chosen.get().group();
            placed.merge(group, 1L, Long::sum);
            claimed.merge(group, need.volume().guaranteedBytes(need.slab()), Long::sum);
            byVolume.computeIfAbsent(need.volume(), volume -> new ArrayList<>())
                    .add(new PlacedCopy(need.slab(), group));
            why.putIfAbsent(need.volume(), told(need.reason()));
            moving++;
        }
        byVolume.forEach((volume, copies) -> {
            busy.add(volume.id);
            steps.add(new Step(new PlaceCopies(volume.id, copies), why.getOrDefault(volume, "")));
        });
    }

    private static int limit(Need need) {
        if (need.reason() == Reason.ZONES) {
            return MAX_FOR_ZONES;
        }
        return need.live() <= 1 && need.reason() == Reason.MISSING ? MAX_FOR_ENDANGERED : RebuildPlan.MAX_MOVING;
    }

    /** Where the slab's next copy goes; empty: nowhere, or nothing can fill it now, or enough of it is on its way. */
    private Optional<Candidate> choose(Need need) {
        VolumeFact volume = need.volume();
        slab.of(volume, need.slab());
        if (!slab.canGoOn() || volume.to(need.slab()) - volume.from(need.slab()) >= MAX_MEMBERS) {
            return Optional.empty();
        }
        Set<String> taken = new HashSet<>();
        Set<String> nodes = new HashSet<>();
        List<Candidate> kept = new ArrayList<>();
        for (int copy = volume.from(need.slab()); copy < volume.to(need.slab()); copy++) {
            int group = volume.group(copy);
            taken.add(standing.group(group).uuid());
            if (slab.isGood(copy)) {
                kept.add(candidates.get(group));
            } else if (volume.isInSync(copy)
                    && !volume.isLeaving(copy)
                    && !standing.group(group).evicting()) {
                // Of two copies on one node one counts; a disk group that is evicted makes way for its neighbour.
                nodes.add(standing.node(group).id());
            }
        }
        List<Candidate> open = candidates.stream()
                .filter(candidate -> !taken.contains(candidate.group()) && !nodes.contains(candidate.node()))
                .map(candidate -> candidate.less(claimed.getOrDefault(candidate.group(), 0L)))
                .toList();
        long bytes = volume.guaranteedBytes(need.slab());
        return switch (need.reason()) {
            case MISSING -> {
                Optional<Candidate> roomy = Placement.another(open, kept, Placement.FULL_PERCENT, bytes, placed);
                yield roomy.isPresent()
                        ? roomy
                        : Placement.another(open, kept, Placement.REBUILD_FULL_PERCENT, bytes, placed);
            }
            case ORDERED, TOO_FEW -> Placement.another(open, kept, Placement.FULL_PERCENT, bytes, placed);
            case ZONES ->
                Placement.another(open, kept, Placement.FULL_PERCENT, bytes, placed)
                        .filter(candidate -> !candidate.zone().isEmpty()
                                && kept.stream().noneMatch(copy -> copy.zone().equals(candidate.zone())));
        };
    }

    private static String told(Reason reason) {
        return switch (reason) {
            case MISSING -> "a copy is missing";
            case ORDERED -> "its node is drained or its disk group evicted";
            case TOO_FEW -> "there are fewer than there should be";
            case ZONES -> "two are in one zone";
        };
    }
}
