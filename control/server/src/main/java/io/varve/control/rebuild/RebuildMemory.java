package io.varve.control.rebuild;

import io.varve.control.rebuild.RebuildTruth.GroupFact;
import io.varve.control.rebuild.RebuildTruth.NodeFact;
import java.util.HashMap;
import java.util.Map;

/**
 * What the planner remembers from one round to the next, in the leader's memory only: a new leader begins with none. Then every grace time begins
 * anew, which makes a rebuild later, never wrong; all else stands in the truth.
 *
 * @param begunMillis when this memory began: nothing is older
 * @param silentSince nodes that are not heard from
 * @param groupSilentSince disk groups (uuid) that are not heard of
 * @param newSince copies that their disk group has yet to make
 * @param quietSince since when nothing is under way
 * @param balancing copies are being moved until disk groups are nearly level; else only when they differ much
 * @param balanceRestsUntil nothing could be moved for the better: looked at again then
 */
public record RebuildMemory(
        long begunMillis,
        Map<String, Long> silentSince,
        Map<String, Long> groupSilentSince,
        Map<CopyName, Long> newSince,
        long quietSince,
        boolean balancing,
        long balanceRestsUntil) {
    public RebuildMemory {
        silentSince = Map.copyOf(silentSince);
        groupSilentSince = Map.copyOf(groupSilentSince);
        newSince = Map.copyOf(newSince);
    }

    /** One copy of a slab; {@code group} is a uuid. */
    public record CopyName(long volume, int slab, String group) {}

    /** That of a leader that has just begun. */
    public static RebuildMemory begun(long nowMillis) {
        return new RebuildMemory(nowMillis, Map.of(), Map.of(), Map.of(), nowMillis, false, nowMillis);
    }

    /** The nodes that are silent now, each with the moment since which it is known to be. */
    Map<String, Long> silentNow(RebuildTruth truth, Sighted sighted) {
        Map<String, Long> silent = new HashMap<>();
        for (NodeFact node : truth.nodes()) {
            if (!sighted.isHeard(node.id())) {
                Long millis = sighted.silentMillis().get(node.id());
                long lastHeard = millis == null ? begunMillis : sighted.nowMillis() - millis;
                silent.put(node.id(), Math.max(begunMillis, lastHeard));
            }
        }
        return silent;
    }

    /** The same of disk groups. */
    Map<String, Long> groupsSilentNow(RebuildTruth truth, Sighted sighted) {
        Map<String, Long> silent = new HashMap<>();
        for (GroupFact group : truth.groups()) {
            if (!sighted.isGroupHeard(group.uuid())) {
                Long millis = sighted.silentGroups().orElseThrow().get(group.uuid());
                long lastHeard = millis == null ? begunMillis : sighted.nowMillis() - millis;
                silent.put(group.uuid(), Math.max(begunMillis, lastHeard));
            }
        }
        return silent;
    }
}
