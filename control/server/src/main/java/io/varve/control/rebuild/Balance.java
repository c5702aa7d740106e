package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.placement.Placement;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.control.rebuild.RebuildTruth.GroupFact;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Moves copies from the fullest disk group to the emptiest, one at a time and only while nothing else is under way. Begins late and ends early, and
 * moves nothing that would make the emptier one the fuller: so no copy goes back where it came from.
 *
 * @param move the copy to place, if any
 * @param balancing goes on until disk groups are nearly level
 * @param restsUntil nothing is looked at before
 * @param bytesWanted the group whose copies' sizes are needed first
 */
record Balance(Optional<Step> move, boolean balancing, long restsUntil, Optional<String> bytesWanted) {
    /** Points of fullness between the fullest and the emptiest at which moving begins. */
    static final double BEGINS_POINTS = 15;

    /** And at which it has done enough. */
    static final double ENDS_POINTS = 5;

    /** Disk groups tell their free space every few seconds: what was just moved must have been told. */
    static final long SETTLE_MILLIS = 10_000;

    /** When nothing can be moved for the better, until it is looked at again. */
    static final long REST_MILLIS = 600_000;

    /** A copy that holds less is not worth moving: a part of the group, but no more than a gibibyte. */
    private static final long CRUMB_PARTS = 4_096;

    private static final long CRUMB_BYTES = 1L << 30;

    static Balance of(Standing standing, RebuildMemory memory, boolean quiet, long quietSince) {
        long now = standing.sighted.nowMillis();
        Balance unchanged =
                new Balance(Optional.empty(), memory.balancing(), memory.balanceRestsUntil(), Optional.empty());
        boolean allowed = standing.truth.settings().balance()
                && !standing.truth.settings().paused();
        if (!allowed || !quiet || now - quietSince < SETTLE_MILLIS || now < memory.balanceRestsUntil()) {
            return unchanged;
        }
        List<Integer> byFullness = IntStream.range(0, standing.truth.groups().size())
                .filter(group -> standing.isLive(group) && !standing.isOrderedAway(group))
                .filter(group -> standing.group(group).capacityBytes() > 0)
                .boxed()
                .sorted(Comparator.comparingDouble(
                        group -> standing.group(group).usedPercent()))
                .toList();
        if (byFullness.size() < 2) {
            return unchanged;
        }
        int fullest = byFullness.getLast();
        double gap = gap(standing, fullest, byFullness.getFirst());
        if (gap <= (memory.balancing() ? ENDS_POINTS : BEGINS_POINTS)) {
            return new Balance(Optional.empty(), false, memory.balanceRestsUntil(), Optional.empty());
        }
        GroupFact from = standing.group(fullest);
        Map<Long, Long> bytes = standing.sighted.bytesOf().get(from.uuid());
        if (bytes == null) {
            return new Balance(Optional.empty(), true, memory.balanceRestsUntil(), Optional.of(from.uuid()));
        }
        for (int emptier : byFullness) {
            if (gap(standing, fullest, emptier) <= ENDS_POINTS) {
                break;
            }
            Optional<Step> move = bestMove(standing, fullest, emptier, bytes);
            if (move.isPresent()) {
                return new Balance(move, true, memory.balanceRestsUntil(), Optional.empty());
            }
        }
        return new Balance(Optional.empty(), false, now + REST_MILLIS, Optional.empty());
    }

    private static double gap(Standing standing, int fuller, int emptier) {
        return standing.group(fuller).usedPercent() - standing.group(emptier).usedPercent();
    }

    /** The largest copy that leaves the fuller one at least as full as the emptier. */
    private static Optional<Step> bestMove(Standing standing, int from, int to, Map<Long, Long> bytes) {
        GroupFact source = standing.group(from);
        GroupFact target = standing.group(to);
        long crumb = Math.min(CRUMB_BYTES, source.capacityBytes() / CRUMB_PARTS);
        SlabStanding slab = new SlabStanding(standing, Set.of());
        Optional<Step> best = Optional.empty();
        long bestSize = crumb;
        for (VolumeFact volume : standing.truth.volumes()) {
            for (int i = 0; volume.settled && i < volume.slabs(); i++) {
                long size = bytes.getOrDefault(volume.id << 16 | i, 0L);
                if (size <= bestSize || !holds(volume, i, from)) {
                    continue;
                }
                double sourceAfter = source.usedPercent() - 100.0 * size / source.capacityBytes();
                double targetAfter = target.usedPercent() + 100.0 * size / target.capacityBytes();
                boolean fits = targetAfter <= sourceAfter && targetAfter < Placement.FULL_PERCENT;
                if (fits && slab.of(volume, i).isWhole() && isAllowed(standing, slab, from, to)) {
                    bestSize = size;
                    best = Optional.of(new Step(
                            new PlaceCopies(volume.id, List.of(new PlacedCopy(i, target.uuid()))),
                            "balance from=" + source.told(standing.truth.nodes()) + " to="
                                    + target.told(standing.truth.nodes())));
                }
            }
        }
        return best;
    }

    private static boolean holds(VolumeFact volume, int slab, int group) {
        for (int copy = volume.from(slab); copy < volume.to(slab); copy++) {
            if (volume.group(copy) == group) {
                return true;
            }
        }
        return false;
    }

    /** Whether the slab may have a copy there in place of the other: distinct nodes, and no fewer zones. */
    private static boolean isAllowed(Standing standing, SlabStanding slab, int from, int to) {
        String zone = standing.node(to).zone();
        for (int copy = slab.volume.from(slab.slab); copy < slab.volume.to(slab.slab); copy++) {
            int group = slab.volume.group(copy);
            if (standing.group(group).node() == standing.group(to).node()) {
                return false;
            }
            if (group != from && !zone.isEmpty() && standing.node(group).zone().equals(zone)) {
                return false;
            }
        }
        // Without a zone it would be in no distinct one.
        return !zone.isEmpty() || standing.node(from).zone().isEmpty();
    }
}
