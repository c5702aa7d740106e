package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.rebuild.RebuildPlan.Step;
import io.varve.control.rebuild.RebuildTruth.NodeFact;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Where volumes are open: away from nodes that are drained or lost, and open at all where copies can be filled by nobody else. */
final class Openings {
    /** Volumes opened for nobody but their copies, at a time. */
    static final int MAX_MAINTAINED = 8;

    /** Volumes moved away from nodes that are lost, in one round. */
    private static final int MAX_MOVED = 32;

    /** How the planner's own moves are known: this, the node that is left, and what makes it one of its kind. Names hold no slash. */
    private static final String REQUEST = "leave/";

    private final Standing standing;
    private final Survey survey;
    private final Set<Long> busy;
    private final Map<String, Integer> nodeIndex = new HashMap<>();
    private final Map<String, Integer> wantedOn = new HashMap<>();

    /** {@code busy}: volumes for which something else is begun in this very round. */
    Openings(Standing standing, Survey survey, Set<Long> busy) {
        this.standing = standing;
        this.survey = survey;
        this.busy = busy;
        for (int i = 0; i < standing.truth.nodes().size(); i++) {
            nodeIndex.put(standing.truth.nodes().get(i).id(), i);
        }
        standing.truth.volumes().forEach(volume -> wantedOn.merge(volume.wantedNode, 1, Integer::sum));
    }

    void into(List<Step> steps) {
        Set<String> leaving = underWay();
        int moved = 0;
        long maintained = standing.truth.volumes().stream()
                .filter(each -> each.maintenance)
                .count();
        for (VolumeFact volume : standing.truth.volumes()) {
            if (!volume.settled) {
                continue;
            }
            if (volume.maintenance) {
                maintain(volume, steps);
            } else if (volume.wantedNode.isEmpty()) {
                if (maintained < MAX_MAINTAINED && open(volume, steps)) {
                    maintained++;
                }
            } else if (moved < MAX_MOVED && isToMove(volume, leaving)) {
                moved += move(volume, steps) ? 1 : 0;
                leaving.add(volume.wantedNode);
            }
        }
    }

    /** Nodes from which a volume moves just now by the planner's own will: the next one waits until it is open. */
    private Set<String> underWay() {
        Set<String> nodes = new HashSet<>();
        for (VolumeFact volume : standing.truth.volumes()) {
            boolean arrived = volume.open && volume.attachedNode.equals(volume.wantedNode);
            boolean canArrive = !survey.waiting.contains(volume.id);
            if (volume.moveRequestId.startsWith(REQUEST) && !arrived && canArrive && !volume.wantedNode.isEmpty()) {
                nodes.add(volume.moveRequestId.split("/", 3)[1]);
            }
        }
        return nodes;
    }

    private boolean isToMove(VolumeFact volume, Set<String> leaving) {
        Integer node = nodeIndex.get(volume.wantedNode);
        if (node == null) {
            return false;
        }
        return standing.isNodeLost(node)
                || (standing.truth.nodes().get(node).draining() && !leaving.contains(volume.wantedNode));
    }

    private boolean move(VolumeFact volume, List<Step> steps) {
        Optional<String> to = best(volume);
        if (to.isEmpty()) {
            return false;
        }
        wantedOn.merge(to.get(), 1, Integer::sum);
        // The epoch makes it another request when the volume comes back to that node later.
        String request = REQUEST + volume.wantedNode + "/" + to.get() + "/" + volume.epoch;
        steps.add(new Step(
                new MoveVolume(volume.id, volume.wantedNode, to.get(), request), "its node is drained or lost"));
        return true;
    }

    private boolean open(VolumeFact volume, List<Step> steps) {
        if (!volume.attachedNode.isEmpty() || !survey.toServe.contains(volume.id)) {
            return false;
        }
        Optional<String> node = best(volume);
        node.ifPresent(id -> {
            wantedOn.merge(id, 1, Integer::sum);
            steps.add(new Step(new WantNode(volume.id, id, true), "nobody has it attached and its copies need work"));
        });
        return node.isPresent();
    }

    private void maintain(VolumeFact volume, List<Step> steps) {
        if (volume.wantedNode.isEmpty()) {
            return; // It is being let go of.
        }
        if (!survey.toServe.contains(volume.id) && !busy.contains(volume.id)) {
            steps.add(new Step(new WantNode(volume.id, "", true), "its copies are as they should be"));
            return;
        }
        Integer node = nodeIndex.get(volume.wantedNode);
        if (node == null
                || !standing.isNodeHeard(node)
                || standing.truth.nodes().get(node).draining()) {
            best(volume)
                    .filter(id -> !id.equals(volume.wantedNode))
                    .ifPresent(id ->
                            steps.add(new Step(new WantNode(volume.id, id, true), "its node is drained or not there")));
        }
    }

    /** A node that is there and stays: with the most copies in sync, then the fewest volumes, then the first by name. */
    private Optional<String> best(VolumeFact volume) {
        List<NodeFact> nodes = standing.truth.nodes();
        int[] inSync = new int[nodes.size()];
        for (int copy = 0; copy < volume.copies(); copy++) {
            if (volume.isInSync(copy) && !volume.isLeaving(copy)) {
                inSync[standing.group(volume.group(copy)).node()]++;
            }
        }
        int best = -1;
        for (int i = 0; i < inSync.length; i++) {
            NodeFact node = nodes.get(i);
            if (standing.isNodeHeard(i)
                    && !node.draining()
                    && node.hasDisks()
                    && (best < 0 || isBetter(i, best, inSync))) {
                best = i;
            }
        }
        return best < 0 ? Optional.empty() : Optional.of(nodes.get(best).id());
    }

    private boolean isBetter(int node, int than, int[] inSync) {
        if (inSync[node] != inSync[than]) {
            return inSync[node] > inSync[than];
        }
        return wanted(node) < wanted(than);
    }

    private int wanted(int node) {
        return wantedOn.getOrDefault(standing.truth.nodes().get(node).id(), 0);
    }
}
