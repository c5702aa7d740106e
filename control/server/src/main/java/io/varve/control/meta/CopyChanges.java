package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Which copies left the in-sync sets of a volume's slabs by one command, and which joined: for the events that tell of it. */
final class CopyChanges {
    private final Map<String, List<Integer>> left = new TreeMap<>();
    private final Map<String, List<Integer>> joined = new TreeMap<>();
    private boolean any;

    void add(Slab before, Slab after) {
        any = true;
        for (String group : before.getIsrList()) {
            if (!after.getIsrList().contains(group)) {
                left.computeIfAbsent(group, first -> new ArrayList<>()).add(before.getIndex());
            }
        }
        for (String group : after.getIsrList()) {
            if (!before.getIsrList().contains(group)) {
                joined.computeIfAbsent(group, first -> new ArrayList<>()).add(before.getIndex());
            }
        }
    }

    /** Whether any slab was changed. */
    boolean any() {
        return any;
    }

    List<ClusterEvent> events(MetaState state, Volume volume, int epoch) {
        List<ClusterEvent> events = new ArrayList<>();
        left.forEach((group, slabs) -> events.add(event(
                EventReason.COPIES_LEFT,
                state,
                volume,
                group,
                " is out of sync: slabs=" + LogNames.ranges(slabs) + " go on without it, epoch=" + epoch)));
        joined.forEach((group, slabs) -> events.add(event(
                EventReason.COPIES_JOINED,
                state,
                volume,
                group,
                " is in sync again: slabs=" + LogNames.ranges(slabs) + " epoch=" + epoch)));
        return events;
    }

    private static ClusterEvent event(
            EventReason reason, MetaState state, Volume volume, String uuid, String whatHappened) {
        String node = state.group(uuid).map(DiskGroup::getNode).orElse("");
        return new ClusterEvent(reason, volume.getName(), node, LogNames.group(state, uuid) + whatHappened);
    }
}
