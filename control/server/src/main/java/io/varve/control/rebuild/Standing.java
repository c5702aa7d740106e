package io.varve.control.rebuild;

import io.varve.control.placement.Candidate;
import io.varve.control.rebuild.RebuildTruth.GroupFact;
import io.varve.control.rebuild.RebuildTruth.NodeFact;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Which nodes and disk groups are there, given up, or told to go, in one round. */
final class Standing {
    final RebuildTruth truth;
    final Sighted sighted;
    final Map<String, Long> silentSince;
    final Map<String, Long> groupSilentSince;
    private final boolean[] nodeHeard;
    private final boolean[] nodeLost;
    private final boolean[] groupHeard;
    private final boolean[] groupLost;

    Standing(RebuildTruth truth, Sighted sighted, RebuildMemory memory) {
        this.truth = truth;
        this.sighted = sighted;
        this.silentSince = memory.silentNow(truth, sighted);
        nodeHeard = new boolean[truth.nodes().size()];
        nodeLost = new boolean[truth.nodes().size()];
        for (int i = 0; i < nodeHeard.length; i++) {
            String id = truth.nodes().get(i).id();
            nodeHeard[i] = sighted.isHeard(id);
            Long since = silentSince.get(id);
            nodeLost[i] = since != null
                    && sighted.nowMillis() - since >= truth.settings().graceMillis();
        }
        groupSilentSince = memory.groupsSilentNow(truth, sighted);
        groupHeard = new boolean[truth.groups().size()];
        groupLost = new boolean[truth.groups().size()];
        for (int i = 0; i < groupHeard.length; i++) {
            Long since = groupSilentSince.get(truth.groups().get(i).uuid());
            groupHeard[i] = since == null;
            groupLost[i] = since != null
                    && sighted.nowMillis() - since >= truth.settings().graceMillis();
        }
    }

    NodeFact node(int group) {
        return truth.nodes().get(group(group).node());
    }

    GroupFact group(int group) {
        return truth.groups().get(group);
    }

    /** Can be read from and written to. */
    boolean isLive(int group) {
        return nodeHeard[group(group).node()]
                && groupHeard[group]
                && !group(group).failed();
    }

    /** Is waited for no longer. */
    boolean isLost(int group) {
        return nodeLost[group(group).node()] || groupLost[group] || group(group).failed();
    }

    /** Told by people to go. */
    boolean isOrderedAway(int group) {
        return group(group).evicting() || node(group).draining();
    }

    boolean isNodeHeard(int node) {
        return nodeHeard[node];
    }

    boolean isNodeLost(int node) {
        return nodeLost[node];
    }

    /** All groups as placement sees them, in the order of the truth. */
    List<Candidate> candidates() {
        List<Candidate> candidates = new ArrayList<>(truth.groups().size());
        for (int i = 0; i < truth.groups().size(); i++) {
            GroupFact group = group(i);
            candidates.add(new Candidate(
                            group.uuid(),
                            node(i).id(),
                            node(i).zone(),
                            group.capacityBytes(),
                            group.freeBytes(),
                            truth.placed()[i],
                            isLive(i) && !isOrderedAway(i))
                    .less(truth.claimed()[i]));
        }
        return candidates;
    }
}
