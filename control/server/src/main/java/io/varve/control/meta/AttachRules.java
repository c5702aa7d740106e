package io.varve.control.meta;

import io.varve.api.Attachment;
import io.varve.api.Node;
import io.varve.api.Slab;
import io.varve.api.SlabOpen;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Who may write a volume, and which replicas are in sync. Every change of epoch, gen or ISR here has compared the caller's
 * epoch, and for a slab its gen too: that comparison is what fences an access point that was replaced.
 */
final class AttachRules {
    private AttachRules() {}

    static Outcome wantNode(MetaState state, long index, WantNode command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return unknown(index, command.volume());
        }
        Volume volume = found.get();
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return refused(index, "volume '" + volume.getName() + "' is being deleted");
        }
        Set<String> before = VolumeRules.nodesOf(state, state.withSlabs(volume));
        if (command.maintenance()
                && !volume.getMaintenance()
                && !volume.getWantedNode().isEmpty()) {
            return refused(
                    index,
                    "volume '" + volume.getName() + "' is wanted on " + volume.getWantedNode()
                            + " by somebody: maintenance waits");
        }
        Volume after = wanted(volume, command.node(), "").toBuilder()
                // What is still let go of stays anybody's until it is.
                .setMaintenance(
                        command.node().isEmpty()
                                ? volume.getMaintenance() && volume.hasAttachment()
                                : command.maintenance())
                .build();
        List<ClusterEvent> detached = List.of();
        if (command.node().isEmpty()) {
            // Nobody is left to say Detached when who was attached is a former incarnation.
            Optional<Node> attached = state.node(volume.getAttachment().getNode());
            if (attached.isPresent() && isAttachedToFormer(volume, attached.get())) {
                after = withoutAttachment(after);
                detached = List.of(new ClusterEvent(
                        EventReason.VOLUME_DETACHED,
                        volume.getName(),
                        volume.getAttachment().getNode(),
                        "detached"));
            }
        } else {
            if (state.node(command.node()).isEmpty()) {
                return noNode(index, command.node());
            }
            String attachedTo = volume.getAttachment().getNode();
            boolean moving = volume.getWantedNode().equals(command.node());
            // What is attached for maintenance only is anybody's: the next epoch fences it, as with a move.
            if (!attachedTo.isEmpty() && !attachedTo.equals(command.node()) && !moving && !volume.getMaintenance()) {
                return refused(
                        index,
                        "volume '" + volume.getName() + "' is attached to " + attachedTo + ": varve volume move "
                                + volume.getName() + " --to " + command.node() + " takes it from there");
            }
            if (moving) {
                after = volume.getMaintenance() && !command.maintenance() ? withTarget(volume) : volume;
            }
        }
        return wantedNow(state, index, before, after).telling(detached);
    }

    /**
     * Nothing is asked of the node that has it attached, which may be gone: the next attach fences it. When it is there it sees that it is wanted
     * no longer and lets go, which only makes that quicker.
     */
    static Outcome moveVolume(MetaState state, long index, MoveVolume command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return unknown(index, command.volume());
        }
        Volume volume = found.get();
        String name = "volume '" + volume.getName() + "' ";
        if (command.requestId().isEmpty()) {
            return refused(index, "a move needs an id, so that it can be repeated");
        }
        if (volume.getMoveRequestId().equals(command.requestId())) {
            return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
        }
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return refused(index, name + "is being deleted");
        }
        if (state.node(command.to()).isEmpty()) {
            return noNode(index, command.to());
        }
        if (!volume.getWantedNode().equals(command.from())) {
            return refused(
                    index,
                    "somebody else was quicker: " + name + "is now wanted "
                            + (volume.getWantedNode().isEmpty() ? "nowhere" : "on " + volume.getWantedNode())
                            + ", and was not moved to " + command.to());
        }
        Set<String> before = VolumeRules.nodesOf(state, state.withSlabs(volume));
        String message = "is to be served by " + command.to()
                + (command.from().isEmpty() ? "" : " instead of " + command.from());
        Volume after = wanted(volume, command.to(), command.requestId()).toBuilder()
                .clearMaintenance()
                .build();
        return wantedNow(state, index, before, after)
                .telling(new ClusterEvent(EventReason.VOLUME_MOVED, volume.getName(), command.to(), message));
    }

    /** Somebody wants what was attached there for maintenance only: it is open when its target is, of which the node has yet to tell. */
    private static Volume withTarget(Volume volume) {
        Volume.Builder after = volume.toBuilder().clearMaintenance();
        if (volume.hasAttachment()) {
            after.setState(VolumeState.VOLUME_ATTACHING)
                    .setAttachment(
                            volume.getAttachment().toBuilder().setOpen(false).clearNbdUri());
        }
        return after.build();
    }

    private static Volume wanted(Volume volume, String node, String moveRequestId) {
        return volume.toBuilder()
                .setWantedNode(node)
                .setMoveRequestId(moveRequestId)
                .build();
    }

    private static Outcome wantedNow(MetaState state, long index, Set<String> before, Volume after) {
        state.putVolume(after);
        Outcome outcome = VolumeRules.changed(state, index, after);
        before.addAll(outcome.concerned());
        return new Outcome(outcome.result(), before, false);
    }

    private static Outcome noNode(long index, String node) {
        return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no node '" + node + "' in this cluster");
    }

    static Outcome attach(MetaState state, long index, Attach command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return unknown(index, command.volume());
        }
        Volume volume = found.get();
        Attachment attachment = volume.getAttachment();
        if (!command.attachId().isEmpty()
                && attachment.getAttachId().equals(command.attachId())
                && attachment.getNode().equals(command.node())) {
            return attachedAs(state, index, volume);
        }
        Optional<String> objection = objection(state, volume, command);
        if (objection.isPresent()) {
            return refused(index, objection.get());
        }
        if (command.expectedEpoch() != volume.getEpoch()) {
            return stale(index, volume, command.expectedEpoch());
        }
        Set<String> before = VolumeRules.nodesOf(state, state.withSlabs(volume));
        Volume taken = volume.toBuilder()
                .setEpoch(volume.getEpoch() + 1)
                .setState(VolumeState.VOLUME_ATTACHING)
                .setAttachment(Attachment.newBuilder()
                        .setEpoch(volume.getEpoch() + 1)
                        .setNode(command.node())
                        .setIncarnation(command.incarnation())
                        .setAttachId(command.attachId())
                        .setGuaranteed(volume.getThick() && GuaranteeRules.isComplete(state, volume)))
                .build();
        Volume after = GuaranteeRules.changed(volume, taken);
        state.putVolume(after);
        Outcome outcome = attachedAs(state, index, after);
        before.addAll(outcome.concerned());
        return new Outcome(outcome.result(), before, false).telling(takenFrom(attachment, after));
    }

    /** Nothing to tell when nobody had it: that it is open is told when it is. */
    private static List<ClusterEvent> takenFrom(Attachment former, Volume after) {
        String node = after.getAttachment().getNode();
        String name = after.getName();
        if (!former.getNode().isEmpty() && !former.getNode().equals(node)) {
            String message =
                    node + " takes it from " + former.getNode() + ", which is fenced, epoch=" + after.getEpoch();
            return List.of(new ClusterEvent(EventReason.VOLUME_TAKEN_OVER, name, node, message));
        }
        return former.getOpen()
                ? List.of(new ClusterEvent(
                        EventReason.VOLUME_INTERRUPTED,
                        name,
                        node,
                        "what served it there ended; it is opened again, epoch=" + after.getEpoch()))
                : List.of();
    }

    /** Why this node must not attach the volume, whatever the epoch; empty when it may. */
    private static Optional<String> objection(MetaState state, Volume volume, Attach command) {
        String name = "volume '" + volume.getName() + "' ";
        if (command.attachId().isEmpty()) {
            return Optional.of("an attach needs an id, so that it can be repeated");
        }
        if (volume.getState() == VolumeState.VOLUME_CREATING) {
            return Optional.of(name + "is being created: not every replica has been reported yet");
        }
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return Optional.of(name + "is being deleted");
        }
        if (!volume.getWantedNode().equals(command.node())) {
            return Optional.of(name + "is wanted "
                    + (volume.getWantedNode().isEmpty() ? "nowhere" : "on " + volume.getWantedNode()) + ", not on "
                    + command.node());
        }
        Optional<Node> node = state.node(command.node());
        if (node.isEmpty() || node.get().getIncarnation() != command.incarnation()) {
            return Optional.of(
                    "node '" + command.node() + "' is not registered as incarnation " + command.incarnation());
        }
        return state.slabs(volume.getId()).stream()
                .filter(AnewRules::isNowhereYet)
                .findFirst()
                .map(slab ->
                        name + "cannot be opened yet: the copies of slab " + slab.getIndex() + " are being made anew");
    }

    /** The answer to an attach: gen and ISR of every slab, and where the replicas are, as of this very command. */
    private static Outcome attachedAs(MetaState state, long index, Volume volume) {
        Outcome outcome = VolumeRules.changed(state, index, volume);
        List<Slab> slabs = state.slabs(volume.getId());
        return new Outcome(outcome.result().withGroups(state.groupsOf(slabs)), outcome.concerned(), false);
    }

    static Outcome open(MetaState state, long index, Open command) {
        Optional<Outcome> objection = unlessAttached(state, index, command.volume(), command.epoch());
        if (objection.isPresent()) {
            return objection.get();
        }
        Volume volume = state.volume(command.volume()).orElseThrow();
        List<SlabOpened> answers = new ArrayList<>();
        CopyChanges changed = new CopyChanges();
        for (SlabOpen asked : command.slabs()) {
            Optional<Slab> slab = state.slab(volume.getId(), asked.getIndex());
            if (slab.isEmpty()) {
                answers.add(SlabOpened.newBuilder()
                        .setIndex(asked.getIndex())
                        .setCode(TruthCode.TRUTH_UNKNOWN)
                        .build());
                continue;
            }
            TruthCode code = judge(volume, slab.get(), asked);
            Slab after = slab.get();
            if (code == TruthCode.TRUTH_OK && !isRepeated(volume, after, asked)) {
                after = after.toBuilder()
                        .setGen(after.getGen() + 1)
                        .clearIsr()
                        .addAllIsr(asked.getIsrList())
                        .setEpochStartSeq(asked.getStartSeq())
                        .setOpenedEpoch(volume.getEpoch())
                        .clearFirstOpenNeeds()
                        .build();
                state.putSlab(volume.getId(), after);
                changed.add(slab.get(), after);
            }
            answers.add(SlabOpened.newBuilder()
                    .setIndex(asked.getIndex())
                    .setCode(code)
                    .setGen(after.getGen())
                    .addAllIsr(after.getIsrList())
                    .build());
        }
        Outcome outcome = VolumeRules.changed(state, index, volume);
        return new Outcome(outcome.result().withSlabs(answers), changed.any() ? outcome.concerned() : Set.of(), false)
                .telling(changed.events(state, volume, command.epoch()));
    }

    /** Why whoever holds that epoch has no say any more; empty when the volume is attached in it. */
    static Optional<Outcome> unlessAttached(MetaState state, long index, long id, int epoch) {
        Optional<Volume> found = state.volume(id);
        if (found.isEmpty()) {
            return Optional.of(unknown(index, id));
        }
        if (epoch != found.get().getEpoch()) {
            return Optional.of(stale(index, found.get(), epoch));
        }
        return found.get().hasAttachment()
                ? Optional.empty()
                : Optional.of(refused(index, "volume '" + found.get().getName() + "' is detached"));
    }

    private static TruthCode judge(Volume volume, Slab slab, SlabOpen asked) {
        if (isRepeated(volume, slab, asked)) {
            return TruthCode.TRUTH_OK;
        }
        if (asked.getGen() != slab.getGen()) {
            return TruthCode.TRUTH_STALE_GEN;
        }
        Set<String> isr = new HashSet<>(asked.getIsrList());
        boolean admissible = isr.size() == asked.getIsrCount()
                && IsrRules.isEnough(volume, slab, isr)
                // After a recovery: so many that one of them was in the set that was lost.
                && isr.size() >= slab.getFirstOpenNeeds()
                // Only who was in sync can be found to hold everything; others come back through a resync.
                && new HashSet<>(slab.getIsrList()).containsAll(isr)
                // A start below the last one would be a history that lost something.
                && asked.getStartSeq() > 0
                && Long.compareUnsigned(asked.getStartSeq(), slab.getEpochStartSeq()) >= 0;
        return admissible ? TruthCode.TRUTH_OK : TruthCode.TRUTH_REFUSED;
    }

    /** The caller's own earlier attempt, whose answer it did not get. */
    private static boolean isRepeated(Volume volume, Slab slab, SlabOpen asked) {
        return slab.getOpenedEpoch() == volume.getEpoch()
                && slab.getGen() == asked.getGen() + 1
                && slab.getIsrList().equals(asked.getIsrList())
                && slab.getEpochStartSeq() == asked.getStartSeq();
    }

    static Outcome opened(MetaState state, long index, Opened command) {
        Optional<Outcome> objection = unlessAttached(state, index, command.volume(), command.epoch());
        if (objection.isPresent()) {
            return objection.get();
        }
        Volume volume = state.volume(command.volume()).orElseThrow();
        for (Slab slab : state.slabs(volume.getId())) {
            if (slab.getOpenedEpoch() != command.epoch() && slab.getAddedEpoch() != command.epoch()) {
                return refused(
                        index,
                        "slab " + slab.getIndex() + " of volume '" + volume.getName() + "' is not open in epoch "
                                + command.epoch());
            }
        }
        boolean countsNoMore = !volume.getThick()
                && command.uncounting()
                && command.guaranteeVersion() == volume.getGuaranteeVersion();
        Volume open = volume.toBuilder()
                .setState(VolumeState.VOLUME_ATTACHED)
                .setAttachment(volume.getAttachment().toBuilder()
                        .setOpen(true)
                        .setGuaranteed(volume.getAttachment().getGuaranteed() && !countsNoMore)
                        .setNbdUri(volume.getMaintenance() ? "" : command.nbdUri())
                        // What was told late must not undo what was told since: within an epoch it only grows.
                        .setSizeBytes(Math.max(volume.getAttachment().getSizeBytes(), command.sizeBytes())))
                .build();
        Volume after = GuaranteeRules.changed(volume, open);
        state.putVolume(after);
        Outcome outcome = VolumeRules.changed(state, index, after);
        return volume.getAttachment().getOpen()
                ? outcome
                : outcome.telling(new ClusterEvent(
                        EventReason.VOLUME_OPENED,
                        volume.getName(),
                        volume.getAttachment().getNode(),
                        "open on " + volume.getAttachment().getNode() + ", epoch=" + volume.getEpoch()));
    }

    static Outcome detached(MetaState state, long index, Detached command) {
        Optional<Volume> found = state.volume(command.volume());
        if (found.isEmpty()) {
            return unknown(index, command.volume());
        }
        Volume volume = found.get();
        if (command.epoch() != volume.getEpoch()) {
            return stale(index, volume, command.epoch());
        }
        if (!volume.hasAttachment()) {
            return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
        }
        Set<String> before = VolumeRules.nodesOf(state, state.withSlabs(volume));
        Volume after = withoutAttachment(volume);
        state.putVolume(after);
        Outcome outcome = VolumeRules.changed(state, index, after);
        String node = volume.getAttachment().getNode();
        return new Outcome(outcome.result(), before, false)
                .telling(new ClusterEvent(EventReason.VOLUME_DETACHED, volume.getName(), node, "closed on " + node));
    }

    /** Whether an older incarnation of that node attached the volume. */
    static boolean isAttachedToFormer(Volume volume, Node node) {
        return volume.hasAttachment()
                && volume.getAttachment().getNode().equals(node.getId())
                && volume.getAttachment().getIncarnation() < node.getIncarnation();
    }

    /** The epoch stays: it only ever rises. */
    static Volume withoutAttachment(Volume volume) {
        return GuaranteeRules.changed(
                volume,
                volume.toBuilder()
                        .setState(VolumeState.VOLUME_DETACHED)
                        .clearAttachment()
                        .setMaintenance(volume.getMaintenance()
                                && !volume.getWantedNode().isEmpty())
                        .build());
    }

    private static Outcome stale(long index, Volume volume, int epoch) {
        return VolumeRules.no(
                TruthCode.TRUTH_STALE_EPOCH,
                index,
                "volume '" + volume.getName() + "' is at epoch " + volume.getEpoch() + ", not " + epoch);
    }

    private static Outcome unknown(long index, long volume) {
        return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + volume);
    }

    private static Outcome refused(long index, String message) {
        return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, message);
    }
}
