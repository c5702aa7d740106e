package io.varve.control.rebuild;

import io.varve.control.rebuild.RebuildMemory.CopyName;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** One look at every slab: what is under way, who needs a copy, which volumes need an access point. */
final class Survey {
    /** Copies that are there and not in sync, and can be filled. */
    int moving;
    /** Copies that are to go, anywhere. */
    int leaving;

    /** Slabs with something to place, the most endangered first. */
    final List<Need> needs = new ArrayList<>();
    /** Slabs with a copy that may have to go. */
    final List<Place> surplus = new ArrayList<>();
    /** Volumes for whose copies an access point has something to do. */
    final Set<Long> toServe = new HashSet<>();
    /** Volumes that cannot be opened until a copy that is away comes back. */
    final Set<Long> waiting = new HashSet<>();

    /** A slab. */
    record Place(VolumeFact volume, int slab) {}

    /** A slab that needs another copy. */
    record Need(VolumeFact volume, int slab, int live, Reason reason) {}

    /** Why, in the order of urgency. */
    enum Reason {
        MISSING,
        ORDERED,
        TOO_FEW,
        ZONES
    }

    private Survey() {}

    static Survey of(Standing standing, Set<CopyName> neverMade) {
        Survey survey = new Survey();
        SlabStanding slab = new SlabStanding(standing, neverMade);
        for (VolumeFact volume : standing.truth.volumes()) {
            for (int i = 0; volume.settled && i < volume.slabs(); i++) {
                survey.add(slab.of(volume, i));
            }
        }
        survey.needs.sort(Comparator.comparingInt(Need::live)
                .thenComparing(Need::reason)
                .thenComparingLong(need -> need.volume.id)
                .thenComparingInt(Need::slab));
        return survey;
    }

    private void add(SlabStanding slab) {
        VolumeFact volume = slab.volume;
        if (!slab.canGoOn()) {
            waiting.add(volume.id);
        }
        moving += slab.canGoOn() ? slab.filling : 0;
        leaving += slab.leaving;
        if (slab.good < volume.replicas) {
            Reason reason = slab.lost > 0 ? Reason.MISSING : slab.unwanted > 0 ? Reason.ORDERED : Reason.TOO_FEW;
            needs.add(new Need(volume, slab.slab, slab.live, reason));
        } else if (slab.isWhole() && slab.sharedZones() > 0) {
            needs.add(new Need(volume, slab.slab, slab.live, Reason.ZONES));
        }
        if (slab.good > volume.replicas || slab.unwanted > 0) {
            surplus.add(new Place(volume, slab.slab));
        }
        if (slab.canGoOn() && (slab.filling > 0 || slab.leavingInSync > 0)) {
            toServe.add(volume.id);
        }
    }
}
