package io.varve.control.meta;

import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.api.meta.ClusterRecord;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.model.NodeName;
import java.util.Optional;

/** Who belongs to the cluster: its name, its nodes, their disk groups. */
final class MemberRules {
    private MemberRules() {}

    static Outcome initCluster(MetaState state, long index, InitCluster command) {
        Optional<ClusterRecord> existing = state.cluster();
        if (existing.isPresent()) {
            ClusterRecord cluster = existing.get();
            if (!cluster.getName().equals(command.name())) {
                return refused(index, "this cluster is already initialised under the name '" + cluster.getName() + "'");
            }
            return Outcome.nobody(MetaResult.ok(index).withCluster(cluster.getUuid()));
        }
        if (!NodeName.isValid(command.name())) {
            return refused(
                    index,
                    "'" + command.name() + "' cannot name a cluster: use 1 to 63 letters, digits, '-', '_' and '.'");
        }
        state.putCluster(ClusterRecord.newBuilder()
                .setUuid(command.uuid())
                .setName(command.name())
                .setNextVolume(1)
                .setNextCreation(1)
                .build());
        return Outcome.all(MetaResult.ok(index).withCluster(command.uuid()));
    }

    static Outcome registerNode(MetaState state, long index, RegisterNode command) {
        Node node = command.node();
        ClusterRecord cluster = state.cluster().orElseThrow();
        if (!command.clusterUuid().isEmpty() && !command.clusterUuid().equals(cluster.getUuid())) {
            return refused(
                    index,
                    "node '" + node.getId() + "' belongs to cluster " + command.clusterUuid() + ", this is "
                            + cluster.getUuid() + " ('" + cluster.getName() + "')");
        }
        if (!NodeName.isValid(node.getId()) || !(node.getZone().isEmpty() || NodeName.isValid(node.getZone()))) {
            return refused(index, "node and zone names are 1 to 63 letters, digits, '-', '_' and '.'");
        }
        Optional<Node> known = state.node(node.getId());
        if (known.isPresent() && known.get().getIncarnation() > node.getIncarnation()) {
            return refused(
                    index,
                    "node '" + node.getId() + "' already runs as incarnation "
                            + known.get().getIncarnation() + " at "
                            + known.get().getManagementAddress() + ", this is the older "
                            + node.getIncarnation() + ": give every node a name and a data directory of its own");
        }
        if (known.isPresent()
                && known.get().getIncarnation() == node.getIncarnation()
                && !known.get().getManagementAddress().equals(node.getManagementAddress())) {
            return refused(
                    index,
                    "node '" + node.getId() + "' already runs at " + known.get().getManagementAddress()
                            + ": give every node a name of its own");
        }
        Node stored = node.toBuilder().clearLastSeenUnixMillis().build();
        MetaResult ok = MetaResult.ok(index).withCluster(cluster.getUuid());
        if (known.isPresent() && known.get().equals(stored)) {
            return Outcome.nobody(ok);
        }
        state.putNode(stored);
        closeFormerAttachments(state, stored);
        return Outcome.all(ok);
    }

    /** What an older incarnation of this node had attached is open no longer: that process is gone. */
    private static void closeFormerAttachments(MetaState state, Node node) {
        for (Volume volume : state.volumes()) {
            if (!AttachRules.isAttachedToFormer(volume, node)) {
                continue;
            }
            if (volume.getWantedNode().isEmpty()) {
                state.putVolume(AttachRules.withoutAttachment(volume));
            } else {
                state.putVolume(volume.toBuilder()
                        .setState(VolumeState.VOLUME_ATTACHING)
                        .setAttachment(volume.getAttachment().toBuilder()
                                .setOpen(false)
                                .clearNbdUri())
                        .build());
            }
        }
    }

    static Outcome registerGroup(MetaState state, long index, RegisterGroup command) {
        DiskGroup group = command.group();
        Optional<Node> node = state.node(group.getNode());
        if (node.isEmpty()) {
            return no(TruthCode.TRUTH_UNKNOWN, index, "node '" + group.getNode() + "' is not registered");
        }
        if (group.getUuid().isEmpty()) {
            return refused(index, "a disk group needs a uuid");
        }
        if (node.get().getIncarnation() != command.incarnation()) {
            return refused(
                    index,
                    "node '" + group.getNode() + "' runs as incarnation "
                            + node.get().getIncarnation() + ", not " + command.incarnation());
        }
        Optional<DiskGroup> known = state.group(group.getUuid());
        if (known.isPresent() && !known.get().getNode().equals(group.getNode())) {
            return refused(
                    index,
                    "disk group " + group.getUuid() + " belongs to node '"
                            + known.get().getNode() + "': disks cannot be moved to another node, nor copied");
        }
        if (known.isPresent() && known.get().equals(group)) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        state.putGroup(group);
        // Space alone wakes nobody; a new address does, because others hold replicas of the same volumes.
        boolean seenByOthers = known.isEmpty() || !known.get().getPeerAddress().equals(group.getPeerAddress());
        MetaResult ok = MetaResult.ok(index);
        return seenByOthers ? Outcome.all(ok) : Outcome.nobody(ok);
    }

    private static Outcome refused(long index, String message) {
        return no(TruthCode.TRUTH_REFUSED, index, message);
    }

    private static Outcome no(TruthCode code, long index, String message) {
        return Outcome.nobody(MetaResult.no(code, index, message));
    }
}
