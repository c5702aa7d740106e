package io.varve.control.meta;

import io.varve.api.DiskGroup;
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
import java.util.TreeSet;

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
        Changed changed = new Changed(state);
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
        MetaResult result = MetaResult.ok(index).withSlabs(answers);
        return changed.slabs.isEmpty()
                ? Outcome.nobody(result)
                : new Outcome(
                        result,
                        VolumeRules.nodesOf(state, state.withSlabs(volume)),
                        false,
                        changed.event(volume, command.epoch()));
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
                && isr.size() >= Redundancy.minInSync(volume.getReplicas())
                && created(slab).containsAll(isr);
        return admissible ? TruthCode.TRUTH_OK : TruthCode.TRUTH_REFUSED;
    }

    private static Set<String> created(Slab slab) {
        Set<String> groups = new HashSet<>();
        for (Replica replica : slab.getReplicasList()) {
            if (replica.getPhase() == ReplicaPhase.REPLICA_CREATED) {
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

    /** What one command did, for the log. */
    private static final class Changed {
        private final MetaState state;
        private final List<Integer> slabs = new ArrayList<>();
        private final Set<String> left = new TreeSet<>();
        private final Set<String> joined = new TreeSet<>();

        Changed(MetaState state) {
            this.state = state;
        }

        void add(Slab before, Slab after) {
            slabs.add(before.getIndex());
            for (String group : before.getIsrList()) {
                if (!after.getIsrList().contains(group)) {
                    left.add(named(group));
                }
            }
            for (String group : after.getIsrList()) {
                if (!before.getIsrList().contains(group)) {
                    joined.add(named(group));
                }
            }
        }

        private String named(String uuid) {
            return state.group(uuid).map(Changed::named).orElse(uuid);
        }

        private static String named(DiskGroup group) {
            return group.getNode() + "/" + (group.getName().isEmpty() ? group.getUuid() : group.getName());
        }

        String event(Volume volume, int epoch) {
            return "in-sync copies changed volume=" + volume.getName() + " epoch=" + epoch + " slabs=" + ranges()
                    + " left=" + String.join(",", left) + " joined=" + String.join(",", joined);
        }

        /** As short as can be: a node that is lost takes a copy of every slab of a volume with it. */
        private String ranges() {
            StringBuilder text = new StringBuilder();
            List<Integer> sorted = slabs.stream().sorted().toList();
            for (int i = 0; i < sorted.size(); i++) {
                int first = sorted.get(i);
                int last = first;
                while (i + 1 < sorted.size() && sorted.get(i + 1) == last + 1) {
                    last = sorted.get(++i);
                }
                text.append(text.isEmpty() ? "" : ",").append(first).append(last > first ? "-" + last : "");
            }
            return text.toString();
        }
    }
}
