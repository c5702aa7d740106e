package io.varve.control.meta;

import io.varve.api.Replica;
import io.varve.api.ReplicaPhase;
import io.varve.api.Slab;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * One slab as it comes out of a recovery: which copies there are, and which of them may have been in the set that was lost: all of those have to be there at the
 * next Open. Why that is enough: docs/internals/metadata-group.md.
 *
 * @param heardNothing copies that the backup names, on disk groups that are left out
 */
record RecoveredSlab(Slab slab, int found, int heardNothing, boolean wholeCopyFound) {
    /** Above what any slab counts up while nobody makes a backup. */
    static final int GEN_STEP = 1 << 16;

    /**
     * Decides.
     *
     * @param before as the backup has it; without replicas when it has none
     * @param copies of this slab, of all disk groups that are open
     * @param leftOut disk groups that nothing was heard of
     */
    static RecoveredSlab of(Slab before, List<FoundCopy> copies, Set<String> leftOut) {
        List<FoundCopy> sorted =
                copies.stream().sorted(Comparator.comparing(FoundCopy::group)).toList();
        List<Replica> placed = new ArrayList<>();
        sorted.forEach(copy -> placed.add(replica(copy.group(), copy.creationId(), copy.guaranteedBytes())));
        int silent = 0;
        for (Replica replica : before.getReplicasList()) {
            if (leftOut.contains(replica.getGroup())) {
                // What it keeps room for, it tells when it is back.
                placed.add(replica(replica.getGroup(), replica.getCreationId(), 0));
                silent++;
            }
        }
        Set<String> candidates = candidates(sorted);
        Slab.Builder slab = before.toBuilder()
                .setGen(before.getGen() + GEN_STEP)
                .clearAddedEpoch()
                // The copies that are left may end before the last start, and first_open_needs is what guards them.
                .clearEpochStartSeq()
                .clearReplicas()
                .addAllReplicas(placed)
                .clearIsr()
                .addAllIsr(candidates)
                // One that was in the set is among them; which one, nobody knows.
                .setFirstOpenNeeds(candidates.size());
        return new RecoveredSlab(slab.build(), sorted.size(), silent, !candidates.isEmpty());
    }

    /** Those of which every member of the lost set is one, as far as it was found. Empty when none of it was. */
    static Set<String> candidates(List<FoundCopy> copies) {
        long committed = copies.stream().mapToLong(FoundCopy::commitSeq).max().orElse(0);
        List<FoundCopy> whole = copies.stream().filter(FoundCopy::complete).toList();
        int newest = whole.stream()
                .map(FoundCopy::lastEpoch)
                .max(Integer::compareUnsigned)
                .orElse(0);
        // A whole copy that ends before what another one knows to be committed is an old one: served, it would be stale
        // without a word.
        Set<String> candidates = new TreeSet<>();
        for (FoundCopy copy : whole) {
            if (copy.lastEpoch() == newest && copy.lastSeq() >= committed) {
                candidates.add(copy.group());
            }
        }
        return candidates;
    }

    private static Replica replica(String group, long creationId, long guaranteedBytes) {
        return Replica.newBuilder()
                .setGroup(group)
                .setCreationId(creationId)
                .setPhase(ReplicaPhase.REPLICA_CREATED)
                .setGuaranteedBytes(guaranteedBytes)
                .build();
    }
}
