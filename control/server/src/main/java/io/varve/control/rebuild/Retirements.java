package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.rebuild.RebuildMemory.CopyName;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.control.rebuild.Survey.Place;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Copies that are to go, because as many as there should be are in sync and there without them. Never before. */
final class Retirements {
    /** In one round: a command is of some size, and what was decided now is better looked at again soon. */
    private static final int MAX_RETIRED = 256;

    private final Standing standing;
    private final Survey survey;
    private final Set<CopyName> neverMade;

    Retirements(Standing standing, Survey survey, Set<CopyName> neverMade) {
        this.standing = standing;
        this.survey = survey;
        this.neverMade = neverMade;
    }

    void into(List<Step> steps, Set<Long> busy) {
        SlabStanding slab = new SlabStanding(standing, neverMade);
        Map<VolumeFact, List<RetiredCopy>> byVolume = new LinkedHashMap<>();
        int retired = 0;
        for (Place place : survey.surplus) {
            if (retired == MAX_RETIRED) {
                break;
            }
            int copy = victim(slab.of(place.volume(), place.slab()));
            if (copy >= 0) {
                byVolume.computeIfAbsent(place.volume(), volume -> new ArrayList<>())
                        .add(new RetiredCopy(
                                place.slab(),
                                place.volume().gen(place.slab()),
                                standing.group(place.volume().group(copy)).uuid()));
                retired++;
            }
        }
        byVolume.forEach((volume, copies) -> {
            busy.add(volume.id);
            steps.add(new Step(new RetireCopies(volume.id, copies), "enough others are in sync"));
        });
    }

    /** All that are not in sync where enough others are. */
    List<MetaCommand> unfilled(VolumeFact volume) {
        SlabStanding slab = new SlabStanding(standing, neverMade);
        List<RetiredCopy> copies = new ArrayList<>();
        for (int i = 0; i < volume.slabs(); i++) {
            slab.of(volume, i);
            for (int copy = volume.from(i); copy < volume.to(i) && slab.goodInSync >= volume.replicas; copy++) {
                if (!volume.isLeaving(copy) && !volume.isInSync(copy)) {
                    copies.add(new RetiredCopy(
                            i, volume.gen(i), standing.group(volume.group(copy)).uuid()));
                }
            }
        }
        List<MetaCommand> commands = new ArrayList<>();
        for (int from = 0; from < copies.size(); from += MAX_RETIRED) {
            int to = Math.min(copies.size(), from + MAX_RETIRED);
            commands.add(new RetireCopies(volume.id, copies.subList(from, to)));
        }
        return commands;
    }

    /** The copy that goes first, or -1: one of a slab in a round. */
    private int victim(SlabStanding slab) {
        if (slab.goodInSync < slab.volume.replicas) {
            return -1;
        }
        int worst = -1;
        for (int copy = slab.volume.from(slab.slab); copy < slab.volume.to(slab.slab); copy++) {
            if (mayGo(slab, copy) && (worst < 0 || rank(slab, copy) > rank(slab, worst))) {
                worst = copy;
            }
        }
        return worst;
    }

    private boolean mayGo(SlabStanding slab, int copy) {
        if (slab.volume.isLeaving(copy)) {
            return false;
        }
        if (!slab.isGood(copy)) {
            return true;
        }
        boolean counts = slab.volume.isInSync(copy) && standing.isLive(slab.volume.group(copy));
        if (counts) {
            return slab.goodInSync > slab.volume.replicas;
        }
        return slab.good > slab.volume.replicas && !isOfUse(slab, copy);
    }

    /** Whether the copy, which is still being filled, will stand better than one of those that there are: then it is waited for. */
    private boolean isOfUse(SlabStanding slab, int copy) {
        if (!standing.isLive(slab.volume.group(copy))) {
            return false;
        }
        if (!slab.sharesZone(copy) && slab.sharedZones() > 0) {
            return true;
        }
        double fullest = 0;
        for (int other = slab.volume.from(slab.slab); other < slab.volume.to(slab.slab); other++) {
            if (other != copy && slab.isGood(other)) {
                fullest = Math.max(
                        fullest, standing.group(slab.volume.group(other)).usedPercent());
            }
        }
        return standing.group(slab.volume.group(copy)).usedPercent() < fullest;
    }

    /**
     * Told to go, then given up, then away, then still to be filled, then in a zone with another, then on the fullest disk group; of equally full ones
     * that beside the access point, which is read, stays.
     */
    private double rank(SlabStanding slab, int copy) {
        int group = slab.volume.group(copy);
        boolean local = standing.node(group).id().equals(slab.volume.wantedNode);
        double fullness = (Math.min(standing.group(group).usedPercent(), 100) - (local ? 0.1 : 0)) / 1_000;
        if (standing.isOrderedAway(group)) {
            return 5 + fullness;
        }
        if (slab.isLost(copy)) {
            return 4 + fullness;
        }
        if (!standing.isLive(group)) {
            return 3 + fullness;
        }
        if (!slab.volume.isInSync(copy)) {
            return 2 + fullness;
        }
        return (slab.sharesZone(copy) ? 1 : 0) + fullness;
    }
}
