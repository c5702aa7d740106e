package io.varve.control.rebuild;

import java.util.HashSet;
import java.util.Set;

/**
 * How one slab stands. A copy is <i>good</i> when it is to stay: not leaving, not given up, not told to go. Reused for every slab of a round.
 */
final class SlabStanding {
    private final Standing standing;
    private final Set<RebuildMemory.CopyName> neverMade;

    VolumeFact volume = VolumeFact.NONE;
    int slab;
    /** Good copies. */
    int good;
    /** Of these, in sync and there. */
    int goodInSync;
    /** In sync and there, whatever becomes of them: what the slab can be read from. */
    int live;
    /** In sync as the truth has it, there or not. */
    int inSet;
    /** There and not in sync: being made, or filled. */
    int filling;
    /** Copies that are to be replaced: given up, or told to go. */
    int unwanted;
    /** Of these, given up. */
    int lost;
    /** Copies that leave and are still in the set. */
    int leavingInSync;
    /** All that leave. */
    int leaving;

    /** {@code neverMade}: copies that their disk groups did not make in time. */
    SlabStanding(Standing standing, Set<RebuildMemory.CopyName> neverMade) {
        this.standing = standing;
        this.neverMade = neverMade;
    }

    SlabStanding of(VolumeFact of, int index) {
        volume = of;
        slab = index;
        good = 0;
        goodInSync = 0;
        live = 0;
        inSet = 0;
        filling = 0;
        unwanted = 0;
        lost = 0;
        leavingInSync = 0;
        leaving = 0;
        for (int copy = of.from(index); copy < of.to(index); copy++) {
            boolean there = standing.isLive(of.group(copy));
            live += there && of.isInSync(copy) ? 1 : 0;
            inSet += of.isInSync(copy) ? 1 : 0;
            if (of.isLeaving(copy)) {
                leaving++;
                leavingInSync += of.isInSync(copy) ? 1 : 0;
                continue;
            }
            filling += there && !of.isInSync(copy) ? 1 : 0;
            if (isGood(copy)) {
                good++;
                goodInSync += there && of.isInSync(copy) ? 1 : 0;
            } else {
                unwanted++;
                lost += isLost(copy) ? 1 : 0;
            }
        }
        return this;
    }

    /** Whether it can be opened, and copies of it filled; else it waits for a copy that is away (as {@code IsrRules.isEnough} has it). */
    boolean canGoOn() {
        return live > 0 && (live >= volume.fewest || live == inSet);
    }

    boolean isGood(int copy) {
        return !volume.isLeaving(copy) && !isLost(copy) && !standing.isOrderedAway(volume.group(copy));
    }

    boolean isLost(int copy) {
        return standing.isLost(volume.group(copy)) || (volume.isNew(copy) && neverMade.contains(name(copy)));
    }

    RebuildMemory.CopyName name(int copy) {
        return new RebuildMemory.CopyName(
                volume.id,
                volume.first + slab,
                standing.group(volume.group(copy)).uuid());
    }

    /** Everything as it should be, and nothing under way. */
    boolean isWhole() {
        return good == volume.replicas && goodInSync == good && unwanted == 0 && leaving == 0;
    }

    /** Good copies that share a zone with another good one, which the slab would rather have elsewhere; by zone, the first of each excepted. */
    int sharedZones() {
        Set<String> zones = new HashSet<>();
        int shared = 0;
        for (int copy = volume.from(slab); copy < volume.to(slab); copy++) {
            String zone = standing.node(volume.group(copy)).zone();
            if (isGood(copy) && !zone.isEmpty() && !zones.add(zone)) {
                shared++;
            }
        }
        return shared;
    }

    /** Whether another good copy lies in that one's zone. */
    boolean sharesZone(int copy) {
        String zone = standing.node(volume.group(copy)).zone();
        for (int other = volume.from(slab); other < volume.to(slab) && !zone.isEmpty(); other++) {
            if (other != copy
                    && isGood(other)
                    && standing.node(volume.group(other)).zone().equals(zone)) {
                return true;
            }
        }
        return false;
    }
}
