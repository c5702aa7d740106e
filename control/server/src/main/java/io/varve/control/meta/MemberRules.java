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
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.model.EventReason;
import io.varve.model.NodeName;
import java.util.ArrayList;
import java.util.List;
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
        if (state.restoring().isPresent()) {
            // A restore was given up half-way.
            state.clear();
        }
        state.putCluster(ClusterRecord.newBuilder()
                .setUuid(command.uuid())
                .setName(command.name())
                .setMembershipKey(command.membershipKey())
                .setNextVolume(1)
                .setNextCreation(1)
                .build());
        return Outcome.all(MetaResult.ok(index).withCluster(command.uuid()))
                .telling(new ClusterEvent(
                        EventReason.CLUSTER_MADE,
                        "",
                        "",
                        "cluster " + command.name() + " was made: " + command.uuid()));
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
        Optional<String> removed = known.isPresent() ? Optional.empty() : DepartureRules.removed(state, node);
        if (removed.isPresent()) {
            return refused(index, removed.get());
        }
        // What people told about the node is not the node's to say.
        Node stored = node.toBuilder()
                .clearLastSeenUnixMillis()
                .setMetadataMember(state.metadata()
                        .map(group -> GroupRules.isMember(group, node.getId()))
                        .orElse(node.getMetadataMember()))
                .setDraining(known.map(Node::getDraining).orElse(false))
                .build();
        MetaResult ok = MetaResult.ok(index).withCluster(cluster.getUuid());
        if (known.isPresent() && known.get().equals(stored)) {
            return Outcome.nobody(ok);
        }
        state.putNode(stored);
        state.forgetRemovedNode(node.getId());
        Outcome outcome = Outcome.all(ok);
        if (known.isEmpty() || known.get().getIncarnation() != stored.getIncarnation()) {
            outcome = outcome.telling(started(stored, known));
        }
        return outcome.telling(closeFormerAttachments(state, stored));
    }

    private static ClusterEvent started(Node node, Optional<Node> known) {
        String version = node.getVersion().isEmpty() ? "" : ", version " + node.getVersion();
        boolean isOther = known.isPresent() && !known.get().getVersion().equals(node.getVersion());
        return new ClusterEvent(
                known.isEmpty() ? EventReason.NODE_JOINED : EventReason.NODE_STARTED,
                "",
                node.getId(),
                (known.isEmpty() ? "joined the cluster" : "started, start " + node.getIncarnation())
                        + version
                        + (isOther ? ", before " + known.get().getVersion() : ""));
    }

    /** What an older incarnation of this node had attached is open no longer: that process is gone. */
    private static List<ClusterEvent> closeFormerAttachments(MetaState state, Node node) {
        List<ClusterEvent> events = new ArrayList<>();
        for (Volume volume : state.volumes()) {
            if (!AttachRules.isAttachedToFormer(volume, node)) {
                continue;
            }
            if (volume.getWantedNode().isEmpty()) {
                state.putVolume(AttachRules.withoutAttachment(volume));
                events.add(new ClusterEvent(
                        EventReason.VOLUME_DETACHED, volume.getName(), node.getId(), "its node started anew"));
                events.addAll(GrowthRules.settled(state, volume.getId(), Outcome.nobody(MetaResult.ok(0)))
                        .events());
            } else {
                if (volume.getAttachment().getOpen()) {
                    events.add(new ClusterEvent(
                            EventReason.VOLUME_INTERRUPTED,
                            volume.getName(),
                            node.getId(),
                            "the node that served it started anew; it is opened again on " + volume.getWantedNode()));
                }
                state.putVolume(volume.toBuilder()
                        .setState(VolumeState.VOLUME_ATTACHING)
                        .setAttachment(volume.getAttachment().toBuilder()
                                .setOpen(false)
                                .clearNbdUri())
                        .build());
            }
        }
        return events;
    }

    /** Only people look at it: whether a node is there is decided nowhere by this. */
    static Outcome tellSilence(MetaState state, long index, TellSilence command) {
        if (state.node(command.node()).isEmpty()) {
            return no(TruthCode.TRUTH_UNKNOWN, index, "node '" + command.node() + "' is not registered");
        }
        Outcome ok = Outcome.nobody(MetaResult.ok(index));
        if (state.isSilent(command.node()) == command.silent()) {
            return ok;
        }
        state.putSilent(command.node(), command.silent());
        return ok.telling(
                command.silent()
                        ? new ClusterEvent(
                                EventReason.NODE_SILENT,
                                "",
                                command.node(),
                                "was not heard from for " + command.seconds() + " s")
                        : new ClusterEvent(EventReason.NODE_BACK, "", command.node(), "was heard from again"));
    }

    static Outcome registerGroup(MetaState state, long index, RegisterGroup command) {
        Optional<DiskGroup> known = state.group(command.group().getUuid());
        DiskGroup group = command.group().toBuilder()
                .setEvicting(known.map(DiskGroup::getEvicting).orElse(false))
                .build();
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
        Optional<String> removed = DepartureRules.removed(state, group);
        if (removed.isPresent()) {
            return refused(index, removed.get());
        }
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
        return (seenByOthers ? Outcome.all(ok) : Outcome.nobody(ok)).telling(GroupEvents.of(known, group));
    }

    private static Outcome refused(long index, String message) {
        return no(TruthCode.TRUTH_REFUSED, index, message);
    }

    private static Outcome no(TruthCode code, long index, String message) {
        return Outcome.nobody(MetaResult.no(code, index, message));
    }
}
