package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random lives of one slab, at whose end the metadata is lost: copies leave the set and come back, are filled, fall behind, attaches succeed and break off. Of what the
 * disks then know, the recovery has to find everybody who matters. What fails prints its seed.
 */
class RecoveryPropertyTest {
    private static final int LIVES = 400;
    private static final int STEPS = 120;
    private static final int GROUPS = 5;

    static LongStream seeds() {
        Long fixed = Long.getLong("varve.seed");
        long first = fixed == null ? new Random().nextLong(1L << 40) : fixed;
        return LongStream.range(first, first + LIVES);
    }

    private static final class Copy {
        int epoch;
        int promised;
        long last;
        long commit;
        boolean complete = true;
    }

    private final Map<String, Copy> copies = new TreeMap<>();
    private final Set<String> set = new TreeSet<>();
    /** Beyond the set, whom the access point waits for. */
    private final Set<String> growing = new TreeSet<>();

    private int epoch;
    private long head;
    private long acked;
    private boolean isOpen;

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void whoeverHasAllAcknowledgedWritesIsAmongTheCandidates(long seed) {
        Random random = new Random(seed);
        for (int g = 0; g < 1 + random.nextInt(3); g++) {
            copies.put("g" + g, new Copy());
            set.add("g" + g);
        }
        for (int step = 0; step < STEPS; step++) {
            step(random);
        }
        List<FoundCopy> found = new ArrayList<>();
        copies.forEach((group, copy) -> found.add(
                new FoundCopy(group, 1 << 16, 1, 1, copy.promised, copy.epoch, copy.last, copy.commit, copy.complete)));
        Set<String> candidates = RecoveredSlab.candidates(found);
        String where = "seed " + seed + ": set " + set + " of " + found + ", acknowledged up to " + acked;
        Set<String> met = new HashSet<>(candidates);
        met.retainAll(set);
        assertThat(met).as(where).isNotEmpty();
        long recovered =
                candidates.stream().mapToLong(group -> copy(group).last).max().orElseThrow();
        assertThat(recovered).as(where).isGreaterThanOrEqualTo(acked);
        assertThat(candidates.stream().map(group -> copy(group).epoch).distinct())
                .as("one history, " + where)
                .hasSize(1);
        assertThat(candidates).as(where).allMatch(group -> copy(group).complete);
    }

    private void step(Random random) {
        if (!isOpen) {
            attach(random);
            return;
        }
        switch (random.nextInt(12)) {
            case 0 -> attach(random);
            case 1 -> shrink(random);
            case 2 -> join(random);
            case 3 -> filled(random);
            case 4 -> grow();
            case 5 -> {
                // A copy that was filled is lost before anybody said that it is in the set.
                growing.clear();
            }
            default -> write(random);
        }
    }

    private Copy copy(String group) {
        return Objects.requireNonNull(copies.get(group));
    }

    private Set<String> required() {
        Set<String> required = new TreeSet<>(set);
        required.addAll(growing);
        return required;
    }

    private void write(Random random) {
        head += random.nextInt(4);
        for (String group : required()) {
            Copy copy = copy(group);
            copy.last += random.nextLong(head - copy.last + 1);
        }
        acknowledge();
        for (String group : required()) {
            Copy copy = copy(group);
            copy.commit = Math.max(copy.commit, Math.min(copy.last, acked - random.nextInt(3)));
        }
    }

    private void acknowledge() {
        boolean allBegun = required().stream().allMatch(group -> copy(group).epoch == epoch);
        if (allBegun) {
            acked = Math.max(
                    acked,
                    required().stream()
                            .mapToLong(group -> copy(group).last)
                            .min()
                            .orElseThrow());
        }
    }

    /** Committed first; then its acknowledgement is waited for no more. */
    private void shrink(Random random) {
        if (set.size() > 1) {
            set.remove(List.copyOf(set).get(random.nextInt(set.size())));
            acknowledge();
        }
    }

    /** Empty, or behind: from now on it has every record, and misses what was before. */
    private void join(Random random) {
        String group = "g" + random.nextInt(GROUPS);
        if (!set.contains(group) && !growing.contains(group)) {
            Copy copy = copies.computeIfAbsent(group, fresh -> new Copy());
            copy.complete = false;
            copy.epoch = epoch;
            copy.promised = epoch;
            copy.last = head;
            growing.add(group);
        }
    }

    private void filled(Random random) {
        for (String group : growing) {
            Copy copy = copy(group);
            copy.complete |= random.nextBoolean() && copy.last >= acked;
        }
    }

    private void grow() {
        for (String group : Set.copyOf(growing)) {
            if (copy(group).complete) {
                growing.remove(group);
                set.add(group);
            }
        }
    }

    /** SEAL, recover, OPEN, EPOCH_START; it may break off anywhere. */
    private void attach(Random random) {
        isOpen = false;
        growing.clear();
        int next = epoch + 1 + random.nextInt(3);
        epoch = next;
        Set<String> answered = new TreeSet<>();
        for (String group : set) {
            if (random.nextInt(6) > 0) {
                copy(group).promised = next;
                answered.add(group);
            }
        }
        if (answered.isEmpty() || random.nextInt(5) == 0) {
            return;
        }
        int newest =
                answered.stream().mapToInt(group -> copy(group).epoch).max().orElseThrow();
        long recovered = answered.stream()
                .filter(group -> copy(group).epoch == newest)
                .mapToLong(group -> copy(group).last)
                .max()
                .orElseThrow();
        for (String group : answered) {
            copy(group).last = recovered;
            copy(group).epoch = newest;
        }
        set.retainAll(answered);
        head = recovered + 1;
        for (String group : set) {
            if (random.nextInt(8) == 0) {
                return; // it died while it told them of the epoch
            }
            copy(group).epoch = next;
            copy(group).last = head;
        }
        isOpen = true;
        acknowledge();
    }
}
