package io.varve.control.rebuild;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A copy under way, as the truth tells it: without memory, so that whoever is asked answers the same.
 *
 * @param target uuid of the disk group that gets the copy
 * @param from the copy in whose place it comes, as people know it; empty: in nobody's
 * @param why in words
 * @param made the disk group has made it, and it is filled; else it is yet to be made
 * @param servedBy the node whose access point fills it; empty: none, yet
 * @param live copies of the slab that are in sync and there
 */
public record RebuildMove(
        long volume,
        String volumeName,
        int slab,
        String target,
        String to,
        String from,
        String why,
        boolean made,
        String servedBy,
        int live) {
    /** All copies under way, volume by volume. */
    public static List<RebuildMove> of(RebuildTruth truth, Sighted sighted, RebuildMemory memory) {
        Standing standing = new Standing(truth, sighted, memory);
        SlabStanding slab = new SlabStanding(standing, Set.of());
        List<RebuildMove> moves = new ArrayList<>();
        for (VolumeFact volume : truth.volumes()) {
            for (int i = 0; volume.settled && i < volume.slabs(); i++) {
                if (slab.of(volume, i).filling > 0) {
                    add(standing, slab, moves);
                }
            }
        }
        return moves;
    }

    private static void add(Standing standing, SlabStanding slab, List<RebuildMove> moves) {
        VolumeFact volume = slab.volume;
        for (int copy = volume.from(slab.slab); copy < volume.to(slab.slab); copy++) {
            int group = volume.group(copy);
            if (volume.isLeaving(copy) || volume.isInSync(copy) || !standing.isLive(group) || !slab.isGood(copy)) {
                continue;
            }
            int replaced = replaced(standing, slab, copy);
            moves.add(new RebuildMove(
                    volume.id,
                    volume.name,
                    slab.slab,
                    standing.group(group).uuid(),
                    standing.group(group).told(standing.truth.nodes()),
                    replaced < 0 ? "" : standing.group(replaced).told(standing.truth.nodes()),
                    why(standing, slab, replaced),
                    !volume.isNew(copy),
                    volume.open ? volume.attachedNode : "",
                    slab.live));
        }
    }

    /** The disk group of the copy that goes when this one is there, or -1. */
    private static int replaced(Standing standing, SlabStanding slab, int filling) {
        VolumeFact volume = slab.volume;
        int worst = -1;
        for (int copy = volume.from(slab.slab); copy < volume.to(slab.slab); copy++) {
            if (copy == filling || volume.isLeaving(copy)) {
                continue;
            }
            if (!slab.isGood(copy)) {
                return volume.group(copy);
            }
            boolean fuller = worst < 0
                    || standing.group(volume.group(copy)).usedPercent()
                            > standing.group(volume.group(worst)).usedPercent();
            worst = fuller ? copy : worst;
        }
        return slab.good > volume.replicas && worst >= 0 ? volume.group(worst) : -1;
    }

    private static String why(Standing standing, SlabStanding slab, int replaced) {
        if (replaced < 0) {
            return "it was away, or there are to be more";
        }
        String node = standing.node(replaced).id();
        if (standing.group(replaced).failed()) {
            return "disk group failed";
        }
        if (standing.isLost(replaced)) {
            return standing.isNodeLost(standing.group(replaced).node())
                    ? "node " + node + " is lost"
                    : "disk group tells nothing any more";
        }
        if (standing.node(replaced).draining()) {
            return "node " + node + " is drained";
        }
        if (standing.group(replaced).evicting()) {
            return "disk group is evicted";
        }
        return slab.sharedZones() > 0 ? "zones" : "balance";
    }
}
