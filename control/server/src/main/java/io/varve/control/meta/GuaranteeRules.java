package io.varve.control.meta;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.Slab;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.model.EventReason;
import io.varve.model.Guarantee;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Room that the copies of thick volumes are guaranteed: docs/internals/thick.md. The disk groups decide whether there is some. */
public final class GuaranteeRules {
    private GuaranteeRules() {}

    /** The volume after a change; from now on what was told before of the room that its copies keep is about something else, if they are to keep other room. */
    static Volume changed(Volume before, Volume after) {
        return before.getThick() == after.getThick() && wantedBytes(before) == wantedBytes(after)
                ? after
                : after.toBuilder()
                        .setGuaranteeVersion(before.getGuaranteeVersion() + 1)
                        .build();
    }

    private static long wantedBytes(Volume volume) {
        return isWanted(volume) ? GrowthRules.targetBytes(volume) : 0;
    }

    private static boolean isWanted(Volume volume) {
        // An access point that counts on it does so until it says that it does not.
        return volume.getThick() || volume.getAttachment().getGuaranteed();
    }

    /** Of that slab, from its begin, what each of its copies is to keep room for, in bytes. */
    public static long wanted(Volume volume, int slab) {
        return isWanted(volume) ? Guarantee.ofSlab(GrowthRules.targetBytes(volume), volume.getSlabBytes(), slab) : 0;
    }

    /** Whether an access point may count on room for all that the volume has: every copy that is written to keeps it. */
    public static boolean isComplete(MetaState state, Volume volume) {
        return isGuaranteed(state.slabs(volume.getId()), volume, volume.getSizeBytes());
    }

    /** Whether the copies of a thick volume that grows keep room for what is added, in the slabs that it has and in the new ones. */
    static boolean isGrown(MetaState state, Volume volume) {
        long bytes = volume.getGrowth().getSizeBytes();
        return !volume.getThick()
                || (isGuaranteed(state.slabs(volume.getId()), volume, bytes)
                        && isGuaranteed(volume.getGrowth().getSlabsList(), volume, bytes));
    }

    private static boolean isGuaranteed(List<Slab> slabs, Volume volume, long bytes) {
        for (Slab slab : slabs) {
            long wanted = Guarantee.ofSlab(bytes, volume.getSlabBytes(), slab.getIndex());
            for (Replica replica : slab.getReplicasList()) {
                if (isWrittenTo(slab, replica) && replica.getGuaranteedBytes() < wanted) {
                    return false;
                }
            }
        }
        return true;
    }

    private static boolean isWrittenTo(Slab slab, Replica replica) {
        return switch (replica.getPhase()) {
            case REPLICA_CREATED -> true;
            case REPLICA_LEAVING -> slab.getIsrList().contains(replica.getGroup());
            case REPLICA_NEW, REPLICA_PHASE_UNSPECIFIED, UNRECOGNIZED -> false;
        };
    }

    /**
     * What the truth may believe of a replica that told so much. A report by another version may be one that came late: then the least is believed, and
     * the group that wants to be believed tells again.
     */
    private static Slab with(Volume volume, Slab slab, ReplicasGuaranteedRequest report, long bytes) {
        Replica known = slab.getReplicas(CopyRules.replicaOf(slab, report.getGroup(), 0));
        boolean isCurrent = report.getGuaranteeVersion() == volume.getGuaranteeVersion();
        return with(slab, report.getGroup(), isCurrent ? bytes : Math.min(bytes, known.getGuaranteedBytes()));
    }

    /** The slab whose replica on that group keeps room for so much. */
    static Slab with(Slab slab, String group, long bytes) {
        int position = CopyRules.replicaOf(slab, group, 0);
        return slab.toBuilder()
                .setReplicas(position, slab.getReplicas(position).toBuilder().setGuaranteedBytes(bytes))
                .build();
    }

    static Outcome guaranteed(MetaState state, long index, ReplicasGuaranteedRequest report) {
        Optional<Volume> found = state.volume(report.getVolume());
        if (found.isEmpty()) {
            return VolumeRules.no(TruthCode.TRUTH_UNKNOWN, index, "there is no volume " + report.getVolume());
        }
        Volume volume = found.get();
        if (volume.getState() == VolumeState.VOLUME_DELETING) {
            return VolumeRules.no(TruthCode.TRUTH_REFUSED, index, "volume '" + volume.getName() + "' is being deleted");
        }
        if (!report.getRefusal().isEmpty()) {
            return refused(state, index, volume, report);
        }
        List<Slab> after = new ArrayList<>();
        for (int i = 0; i < report.getSlabsCount(); i++) {
            Optional<Slab> slab = GrowthRules.anySlab(state, volume, report.getSlabs(i));
            if (slab.isPresent()
                    && CopyRules.replicaOf(
                                    slab.get(), report.getGroup(), CopyRules.creationAt(report.getCreationIdsList(), i))
                            >= 0) {
                after.add(with(volume, slab.get(), report, report.getGuaranteedBytes(i)));
            }
        }
        return VolumeRules.changed(state, index, GrowthRules.put(state, volume, after));
    }

    /** The first one that has no room decides; what was asked for is undone as a whole. A report of something that is not wanted any more changes nothing. */
    private static Outcome refused(MetaState state, long index, Volume volume, ReplicasGuaranteedRequest report) {
        for (int i = 0; i < report.getSlabsCount(); i++) {
            Optional<Slab> slab = GrowthRules.anySlab(state, volume, report.getSlabs(i));
            int position = slab.isEmpty()
                    ? -1
                    : CopyRules.replicaOf(
                            slab.get(), report.getGroup(), CopyRules.creationAt(report.getCreationIdsList(), i));
            if (position >= 0
                    && report.getGuaranteeVersion() == volume.getGuaranteeVersion()
                    && report.getGuaranteedBytes(i) == wanted(volume, report.getSlabs(i))
                    && slab.get().getReplicas(position).getGuaranteedBytes() < report.getGuaranteedBytes(i)) {
                return undone(state, index, volume, slab.get(), position, report.getRefusal());
            }
        }
        return Outcome.nobody(MetaResult.ok(index).withVolume(state.withSlabs(volume)));
    }

    private static Outcome undone(MetaState state, long index, Volume volume, Slab slab, int position, String refusal) {
        Set<String> before = VolumeRules.nodesOf(state, state.withSlabs(volume));
        boolean isLast = slab.getIndex() == state.slabs(volume.getId()).size() - 1;
        Volume after;
        String what;
        if (volume.getState() == VolumeState.VOLUME_CREATING) {
            after = GrowthRules.abandoned(state, volume).toBuilder()
                    .setState(VolumeState.VOLUME_DELETING)
                    .setRefusal(refusal)
                    .build();
            what = "not created: ";
        } else if (volume.hasGrowth()
                && !volume.getGrowth().getRefused()
                && (isLast || state.slab(volume.getId(), slab.getIndex()).isEmpty())) {
            after = GrowthRules.refused(state, volume, refusal);
            what = "not grown: ";
        } else if (slab.getReplicas(position).getPhase() == ReplicaPhase.REPLICA_NEW) {
            // It may have been made by a later try: so it is deleted as any that was.
            state.putSlab(
                    volume.getId(),
                    CopyRules.withPhase(
                            slab,
                            slab.getReplicas(position).getGroup(),
                            ReplicaPhase.REPLICA_NEW,
                            ReplicaPhase.REPLICA_LEAVING));
            after = volume;
            what = "no copy of slab " + slab.getIndex() + " there: ";
        } else {
            after = changed(
                    volume,
                    volume.toBuilder().setThick(false).setRefusal(refusal).build());
            what = "not made thick: ";
        }
        state.putVolume(after);
        Outcome outcome = VolumeRules.changed(state, index, after);
        before.addAll(outcome.concerned());
        return new Outcome(outcome.result(), before, false)
                .telling(VolumeRules.told(EventReason.VOLUME_NO_ROOM, after, what + refusal));
    }

    /** The same outcome; and if with it the last copy guarantees room, the access point may count on it. */
    static Outcome settled(MetaState state, long id, Outcome outcome) {
        if (!outcome.result().isOk() || !settle(state, id)) {
            return outcome;
        }
        Volume whole = state.withSlabs(state.volume(id).orElseThrow());
        Set<String> concerned = new HashSet<>(outcome.concerned());
        concerned.addAll(VolumeRules.nodesOf(state, whole));
        return new Outcome(
                outcome.result().withVolume(whole), concerned, outcome.concernsAll(), outcome.events(), outcome.told());
    }

    /** Whether an access point may count on it from now on, and could not before. */
    static boolean settle(MetaState state, long id) {
        Volume volume = state.volume(id).orElse(null);
        if (volume == null
                || !volume.getThick()
                || !volume.hasAttachment()
                || volume.getAttachment().getGuaranteed()
                || !isComplete(state, volume)) {
            return false;
        }
        state.putVolume(volume.toBuilder()
                .setAttachment(volume.getAttachment().toBuilder().setGuaranteed(true))
                .build());
        return true;
    }
}
