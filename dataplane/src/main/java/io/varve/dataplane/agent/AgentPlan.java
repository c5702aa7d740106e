package io.varve.dataplane.agent;

import io.varve.api.NodeView;
import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What this node has to do, from what the truth wants and what is here. A pure function: same view, same node, same plan.
 *
 * <p>The view may be old. Nothing here relies on it being new: every action asks the truth again by compare-and-set, and an action that has
 * become wrong is refused there.
 */
final class AgentPlan {
    private AgentPlan() {}

    /**
     * @param node this node's id
     * @param groups UUIDs of the disk groups open here
     * @param attached volumes served here, with the epoch in which they were attached
     */
    static List<AgentAction> of(NodeView view, String node, Set<String> groups, Map<Long, Integer> attached) {
        List<AgentAction> actions = new ArrayList<>();
        Set<Long> known = new HashSet<>();
        for (Volume volume : view.getVolumesList()) {
            known.add(volume.getId());
            replicas(volume, groups, actions);
            attachment(volume, node, attached.get(volume.getId()), actions);
        }
        attached.forEach((volume, epoch) -> {
            if (!known.contains(volume)) {
                actions.add(new AgentAction.Detach(volume, epoch, false, false));
            }
        });
        return actions;
    }

    private static void replicas(Volume volume, Set<String> groups, List<AgentAction> actions) {
        for (String group : groups) {
            if (volume.getState() == VolumeState.VOLUME_DELETING) {
                List<Slab> here = slabsWith(volume, group, null);
                if (!here.isEmpty()) {
                    actions.add(new AgentAction.DeleteReplicas(volume, group, here));
                }
            } else {
                List<Slab> missing = slabsWith(volume, group, ReplicaPhase.REPLICA_NEW);
                if (!missing.isEmpty()) {
                    actions.add(new AgentAction.CreateReplicas(volume, group, missing));
                }
                // In the in-sync set it is counted on: its access point takes it out first, and then it never comes in
                // again.
                List<Slab> leaving = slabsWith(volume, group, ReplicaPhase.REPLICA_LEAVING).stream()
                        .filter(slab -> !slab.getIsrList().contains(group))
                        .toList();
                if (!leaving.isEmpty()) {
                    actions.add(new AgentAction.DeleteReplicas(volume, group, leaving));
                }
                List<Slab> unlike = slabsWith(volume, group, null).stream()
                        .filter(slab -> !missing.contains(slab) && !leaving.contains(slab))
                        .filter(slab -> isUnlike(volume, group, slab))
                        .toList();
                if (!unlike.isEmpty()) {
                    actions.add(new AgentAction.GuaranteeReplicas(volume, group, unlike));
                }
            }
        }
    }

    /** The replica keeps more or less room than the truth wants, as far as its group has told. */
    private static boolean isUnlike(Volume volume, String group, Slab slab) {
        return slab.getReplicasList().stream()
                .anyMatch(replica -> replica.getGroup().equals(group)
                        && replica.getGuaranteedBytes() != LocalReplicas.guaranteedBytes(volume, slab));
    }

    private static void attachment(
            Volume volume,
            String node,
            @org.jspecify.annotations.Nullable Integer servedEpoch,
            List<AgentAction> actions) {
        boolean wanted = volume.getWantedNode().equals(node) && canServe(volume.getState());
        if (servedEpoch == null) {
            if (wanted) {
                actions.add(new AgentAction.Attach(volume));
            } else if (volume.hasAttachment()
                    && volume.getAttachment().getNode().equals(node)) {
                actions.add(new AgentAction.ReleaseStale(
                        volume.getId(), volume.getAttachment().getEpoch()));
            }
        } else if (!wanted || volume.getEpoch() > servedEpoch) {
            boolean moved = volume.getEpoch() > servedEpoch
                    || !(volume.getWantedNode().isEmpty()
                            || volume.getWantedNode().equals(node));
            actions.add(new AgentAction.Detach(volume.getId(), servedEpoch, true, moved));
        }
    }

    private static boolean canServe(VolumeState state) {
        return switch (state) {
            case VOLUME_DETACHED, VOLUME_ATTACHING, VOLUME_ATTACHED -> true;
            case VOLUME_CREATING, VOLUME_DELETING, VOLUME_STATE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    private static List<Slab> slabsWith(
            Volume volume, String group, @org.jspecify.annotations.Nullable ReplicaPhase phase) {
        List<Slab> all = new ArrayList<>(volume.getSlabsList());
        all.addAll(volume.getGrowth().getSlabsList());
        List<Slab> slabs = new ArrayList<>();
        for (Slab slab : all) {
            for (Replica replica : slab.getReplicasList()) {
                if (replica.getGroup().equals(group) && (phase == null || replica.getPhase() == phase)) {
                    slabs.add(slab);
                }
            }
        }
        return slabs;
    }
}
