package io.varve.control.meta;

import io.varve.api.Departure;
import io.varve.api.DiskGroup;
import io.varve.api.Node;
import io.varve.api.TruthCode;
import io.varve.api.meta.RemovedRecord;
import io.varve.api.meta.RevokedRecord;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.model.EventReason;
import java.util.Optional;

/** How nodes and disk groups leave: first what they hold is told to go elsewhere, then they are struck off, and stay so. */
final class DepartureRules {
    private DepartureRules() {}

    static Outcome drain(MetaState state, long index, DrainNode command) {
        Optional<Node> found = state.node(command.node());
        if (found.isEmpty()) {
            return unknownNode(state, index, command.node());
        }
        if (found.get().getDraining() == command.on()) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        state.putNode(found.get().toBuilder().setDraining(command.on()).build());
        return told(
                index,
                EventReason.NODE_DRAINED,
                command.node(),
                command.on() ? "its copies and volumes move to other nodes" : "is drained no longer");
    }

    static Outcome evict(MetaState state, long index, EvictGroup command) {
        Optional<DiskGroup> found = state.group(command.group());
        if (found.isEmpty()) {
            return unknownGroup(state, index, command.group());
        }
        DiskGroup group = found.get();
        if (group.getEvicting() == command.on()) {
            return Outcome.nobody(MetaResult.ok(index));
        }
        state.putGroup(group.toBuilder().setEvicting(command.on()).build());
        return told(
                index,
                EventReason.GROUP_EVICTED,
                group.getNode(),
                "disk group " + nameOf(group) + (command.on() ? ": its copies move away" : " is evicted no longer"));
    }

    static Outcome removeNode(MetaState state, long index, long unixMillis, RemoveNode command) {
        Optional<Node> found = state.node(command.node());
        if (found.isEmpty()) {
            return state.removedNode(command.node()).isPresent()
                    ? Outcome.nobody(MetaResult.ok(index))
                    : unknownNode(state, index, command.node());
        }
        Node node = found.get();
        Optional<String> objection = objection(Departures.of(state, node));
        if (objection.isPresent()) {
            return refused(index, "node '" + node.getId() + "' stays: " + objection.get());
        }
        for (DiskGroup group : state.groups()) {
            if (group.getNode().equals(node.getId())) {
                state.buryGroup(group.getUuid(), tombOf(group, index));
            }
        }
        state.buryNode(
                node.getId(),
                RemovedRecord.newBuilder()
                        .setName(node.getId())
                        .setRemovedAtIndex(index)
                        .setIncarnation(node.getIncarnation())
                        .build());
        state.putRevoked(RevokedRecord.newBuilder()
                .setName(node.getId())
                .setUnixMillis(unixMillis)
                .build());
        return told(index, EventReason.NODE_REMOVED, node.getId(), "was removed from the cluster");
    }

    static Outcome removeGroup(MetaState state, long index, RemoveGroup command) {
        Optional<DiskGroup> found = state.group(command.group());
        if (found.isEmpty()) {
            return state.removedGroup(command.group()).isPresent()
                    ? Outcome.nobody(MetaResult.ok(index))
                    : unknownGroup(state, index, command.group());
        }
        DiskGroup group = found.get();
        Optional<String> objection = objection(Departures.of(state, group));
        if (objection.isPresent()) {
            return refused(
                    index, "disk group '" + group.getNode() + "/" + nameOf(group) + "' stays: " + objection.get());
        }
        state.buryGroup(group.getUuid(), tombOf(group, index));
        return told(index, EventReason.GROUP_REMOVED, group.getNode(), "disk group " + nameOf(group) + " was removed");
    }

    private static Optional<String> objection(Departure departure) {
        if (!departure.getSafe()) {
            return Optional.of(String.join("; ", departure.getReasonsList()));
        }
        return departure.getCopiesToDelete() > 0
                ? Optional.of(departure.getCopiesToDelete()
                        + " copies that are needed no longer are still to be deleted there")
                : Optional.empty();
    }

    /** Why this node is let in no more; empty when it is, or is a new one under an old name. */
    static Optional<String> removed(MetaState state, Node node) {
        // The first start on an empty data directory: whoever was removed had at least one before.
        boolean isNew = node.getIncarnation() == 1;
        return state.removedNode(node.getId())
                .filter(tomb -> !isNew)
                .map(tomb -> "node '" + node.getId()
                        + "' was removed from this cluster: to join it again it needs an empty data"
                        + " directory and wiped disks");
    }

    static Optional<String> removed(MetaState state, DiskGroup group) {
        return state.removedGroup(group.getUuid())
                .map(tomb -> "disk group '" + tomb.getName()
                        + "' was removed from this cluster, and what its disks hold is void: take it out of the node's"
                        + " configuration, and add the disks as new ones (varve disk add --wipe)");
    }

    private static RemovedRecord tombOf(DiskGroup group, long index) {
        return RemovedRecord.newBuilder()
                .setName(group.getNode() + "/" + nameOf(group))
                .setRemovedAtIndex(index)
                .build();
    }

    private static String nameOf(DiskGroup group) {
        return group.getName().isEmpty() ? group.getUuid() : group.getName();
    }

    private static Outcome told(long index, EventReason reason, String node, String message) {
        return Outcome.all(MetaResult.ok(index)).telling(new ClusterEvent(reason, "", node, message));
    }

    private static Outcome unknownNode(MetaState state, long index, String node) {
        return no(
                index,
                state.removedNode(node).isPresent()
                        ? "node '" + node + "' was removed from this cluster"
                        : "there is no node '" + node + "' in this cluster");
    }

    private static Outcome unknownGroup(MetaState state, long index, String group) {
        return no(
                index,
                state.removedGroup(group).isPresent()
                        ? "disk group " + group + " was removed from this cluster"
                        : "there is no disk group " + group + " in this cluster");
    }

    private static Outcome no(long index, String message) {
        return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_UNKNOWN, index, message));
    }

    private static Outcome refused(long index, String message) {
        return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_REFUSED, index, message));
    }
}
