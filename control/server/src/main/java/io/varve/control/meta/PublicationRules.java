package io.varve.control.meta;

import io.varve.api.Publication;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.model.EventReason;
import java.util.Optional;
import java.util.Set;

/**
 * Which node may use a volume, as an orchestrator decides: one at a time, and another one only when that one has let go, or is fenced.
 *
 * <p>Every publication, and every end of one, takes the next epoch of the volume. So the access point of the newest epoch has learnt with it who may
 * use the volume, and every other one is fenced when the volume is opened again.
 */
final class PublicationRules {
    private PublicationRules() {}

    static Outcome publish(MetaState state, long index, PublishVolume command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + command.volume());
        }
        Volume volume = found.get();
        return switch (command.state()) {
            case PUBLISHED -> published(state, index, volume, command);
            case STAGED -> staged(state, index, volume, command.node(), true);
            case UNSTAGED ->
                isAt(volume, command.node())
                        ? staged(state, index, volume, command.node(), false)
                        : unchanged(state, index, volume);
            case NOT_PUBLISHED -> withdrawn(state, index, volume, command.node());
            case FENCED -> fenced(state, index, volume, command.node());
            case STATE_UNSPECIFIED, UNRECOGNIZED -> refused(index, volume, "a state is missing");
        };
    }

    private static Outcome published(MetaState state, long index, Volume volume, PublishVolume command) {
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return refused(index, volume, "it is being deleted");
        }
        if (state.node(command.node()).isEmpty()) {
            return VolumeRules.no(
                    TruthCode.TRUTH_UNKNOWN, index, "there is no node '" + command.node() + "' in this cluster");
        }
        if (!volume.hasPublication()) {
            Volume after = inNextEpoch(volume);
            return stored(
                    state,
                    index,
                    volume,
                    after.toBuilder()
                            .setPublication(Publication.newBuilder()
                                    .setNode(command.node())
                                    .setReadOnly(command.readOnly())
                                    .setEpoch(after.getEpoch()))
                            .build());
        }
        if (!isAt(volume, command.node())) {
            return refused(
                    index,
                    volume,
                    "it is published to node " + volume.getPublication().getNode() + ", and to one node at a time");
        }
        return volume.getPublication().getReadOnly() == command.readOnly()
                ? unchanged(state, index, volume)
                : refused(
                        index,
                        volume,
                        "it is published there already, " + (command.readOnly() ? "writable" : "read only"));
    }

    private static Outcome staged(MetaState state, long index, Volume volume, String node, boolean staged) {
        if (!isAt(volume, node)) {
            return refused(index, volume, "it is not published to node " + node);
        }
        return volume.getPublication().getStaged() == staged
                ? unchanged(state, index, volume)
                : stored(
                        state,
                        index,
                        volume,
                        volume.toBuilder()
                                .setPublication(
                                        volume.getPublication().toBuilder().setStaged(staged))
                                .build());
    }

    private static Outcome withdrawn(MetaState state, long index, Volume volume, String node) {
        if (!isAt(volume, node)) {
            return unchanged(state, index, volume);
        }
        return volume.getPublication().getStaged()
                ? refused(index, volume, "node " + node + " has not said that it let go")
                : stored(
                        state,
                        index,
                        volume,
                        inNextEpoch(volume).toBuilder().clearPublication().build());
    }

    /** Nobody serves it until it is wanted again: what serves it now may be on that very node, and not be there. */
    private static Outcome fenced(MetaState state, long index, Volume volume, String node) {
        if (!isAt(volume, node)) {
            return unchanged(state, index, volume);
        }
        Volume after = inNextEpoch(volume).toBuilder()
                .clearPublication()
                .clearWantedNode()
                .clearMoveRequestId()
                .clearMaintenance()
                .build();
        String message = "node " + node + " may use it no more, whether it is off or not, epoch=" + after.getEpoch();
        return stored(state, index, volume, after)
                .telling(new ClusterEvent(EventReason.VOLUME_FENCED, volume.getName(), node, message));
    }

    /** Whoever serves it sees that its epoch is over, and lets go; until then it serves whom it served before. */
    private static Volume inNextEpoch(Volume volume) {
        Volume free = volume.hasAttachment() ? AttachRules.withoutAttachment(volume) : volume;
        return free.toBuilder().setEpoch(volume.getEpoch() + 1).build();
    }

    private static boolean isAt(Volume volume, String node) {
        return volume.hasPublication() && volume.getPublication().getNode().equals(node);
    }

    private static Outcome unchanged(MetaState state, long index, Volume volume) {
        return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
    }

    private static Outcome stored(MetaState state, long index, Volume before, Volume after) {
        Set<String> concerned = VolumeRules.nodesOf(state, state.withSlabs(before));
        state.putVolume(after);
        Outcome outcome = VolumeRules.changed(state, index, after);
        concerned.addAll(outcome.concerned());
        return new Outcome(outcome.result(), concerned, false);
    }

    private static Outcome refused(long index, Volume volume, String why) {
        return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, "volume '" + volume.getName() + "': " + why);
    }
}
