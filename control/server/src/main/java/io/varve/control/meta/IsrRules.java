package io.varve.control.meta;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpened;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.model.Redundancy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which replicas of an open slab are in sync. Only the access point that opened the slab in the newest epoch knows, so only it is believed: the
 * epoch tells that it was not replaced, the gen that it knew what it changed.
 */
final class IsrRules {
    private IsrRules() {}

    static Outcome changeIsr(MetaState state, long index, ChangeIsr command) {
        Optional<Outcome> objection = AttachRules.unlessAttached(state, index, command.volume(), command.epoch());
        if (objection.isPresent()) {
            return objection.get();
        }
        Volume volume = state.volume(command.volume()).orElseThrow();
        List<SlabOpened> answers = new ArrayList<>();
        CopyChanges changed = new CopyChanges();
        for (SlabIsr asked : command.slabs()) {
            Optional<Slab> found = state.slab(volume.getId(), asked.getIndex());
            if (found.isEmpty()) {
                answers.add(SlabOpened.newBuilder()
                        .setIndex(asked.getIndex())
                        .setCode(TruthCode.TRUTH_UNKNOWN)
                        .build());
                continue;
            }
            Slab slab = found.get();
            TruthCode code = judge(volume, slab, asked);
            if (code == TruthCode.TRUTH_OK && !isRepeated(volume, slab, asked)) {
                Slab after = slab.toBuilder()
                        .setGen(slab.getGen() + 1)
                        .clearIsr()
                        .addAllIsr(asked.getIsrList())
                        .build();
                state.putSlab(volume.getId(), after);
                changed.add(slab, after);
                slab = after;
            }
            answers.add(SlabOpened.newBuilder()
                    .setIndex(asked.getIndex())
                    .setCode(code)
                    .setGen(slab.getGen())
                    .addAllIsr(slab.getIsrList())
                    .build());
        }
        volume = CopyRules.raised(state, volume);
        MetaResult result = MetaResult.ok(index).withSlabs(answers);
        return changed.any()
                ? new Outcome(result, VolumeRules.nodesOf(state, state.withSlabs(volume)), false)
                        .telling(changed.events(state, volume, command.epoch()))
                : Outcome.nobody(result);
    }

    private static TruthCode judge(Volume volume, Slab slab, SlabIsr asked) {
        if (isRepeated(volume, slab, asked)) {
            return TruthCode.TRUTH_OK;
        }
        if (asked.getGen() != slab.getGen()) {
            return TruthCode.TRUTH_STALE_GEN;
        }
        Set<String> isr = new HashSet<>(asked.getIsrList());
        boolean admissible = slab.getOpenedEpoch() == volume.getEpoch()
                && isr.size() == asked.getIsrCount()
                && isEnough(volume, slab, isr)
                && admissible(slab).containsAll(isr);
        return admissible ? TruthCode.TRUTH_OK : TruthCode.TRUTH_REFUSED;
    }

    /**
     * Whether a slab may go on with these. Never fewer than it takes, unless nobody leaves: the set may be smaller than that since the volume was
     * given more replicas.
     */
    static boolean isEnough(Volume volume, Slab slab, Set<String> isr) {
        return isr.size()
                        >= Redundancy.minInSync(volume.getReplicas(), volume.getMinInSync(), volume.getReplicasBefore())
                || (!isr.isEmpty() && isr.containsAll(slab.getIsrList()));
    }

    /** Who may be in the set: whoever is durable on its disk group; one that is to go only if it is there already. */
    private static Set<String> admissible(Slab slab) {
        Set<String> groups = new HashSet<>();
        for (Replica replica : slab.getReplicasList()) {
            boolean stays = replica.getPhase() == ReplicaPhase.REPLICA_LEAVING
                    && slab.getIsrList().contains(replica.getGroup());
            if (stays || replica.getPhase() == ReplicaPhase.REPLICA_CREATED) {
                groups.add(replica.getGroup());
            }
        }
        return groups;
    }

    /** The caller's own earlier attempt, whose answer it did not get: what it wants is what there is. */
    private static boolean isRepeated(Volume volume, Slab slab, SlabIsr asked) {
        return slab.getOpenedEpoch() == volume.getEpoch()
                && slab.getGen() == asked.getGen() + 1
                && slab.getIsrCount() == asked.getIsrCount()
                && new HashSet<>(slab.getIsrList()).equals(new HashSet<>(asked.getIsrList()));
    }
}
