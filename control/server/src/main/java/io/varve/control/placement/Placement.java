package io.varve.control.placement;

import io.varve.model.ByteSize;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Chooses the disk groups of a new volume's slabs. Replicas of a slab lie on distinct nodes always, and in distinct zones when
 * there are enough of them. Among what is allowed the group with the most free space for each replica it would then hold
 * wins (highest averages), so that groups fill in proportion to their free space; ties go to the lower uuid.
 * Deterministic: the same question gives the same answer.
 *
 * <p>Volumes are thin: a slab takes no space when it is placed, so space is a weight here, not a condition. Only groups above the
 * watermark take nothing new.
 */
public final class Placement {
    /** No new placement on a group that is fuller: what is left is for volumes that are there already. */
    public static final int FULL_PERCENT = 85;

    /** A copy that is missing may go up to here: clients are refused growth earlier, what is left is for this. */
    public static final int REBUILD_FULL_PERCENT = 95;

    /**
     * Volumes up to so many slabs (128 GiB) keep one replica of every slab on the same group, so that one node can serve all
     * reads locally; beyond, one group would carry too much of it.
     */
    static final int HOME_SLABS = 16;

    private Placement() {}

    /** Where the slabs go, or why they cannot. */
    public sealed interface Answer {
        /**
         * A place for everything.
         *
         * @param slabs for each slab the uuids of its groups; the first is the volume's home as far as that goes
         */
        record Placed(List<List<String>> slabs) implements Answer {}

        /**
         * There is no place.
         *
         * @param reason what is missing, for people
         */
        record Impossible(String reason) implements Answer {}
    }

    /**
     * Places a volume.
     *
     * @param slabs how many, at least 1
     * @param replicas of each, at least 1
     */
    public static Answer place(List<Candidate> candidates, int slabs, int replicas) {
        return place(candidates, slabs, replicas, Wish.NONE);
    }

    /**
     * Places a volume, and one copy of each slab where the wish says when there is {@linkplain #near room}; that is then the volume's home, however large
     * it is.
     */
    public static Answer place(List<Candidate> candidates, int slabs, int replicas, Wish wish) {
        List<Candidate> open = open(candidates, wish);
        return missing(candidates, open, replicas, wish)
                .<Answer>map(Answer.Impossible::new)
                .orElseGet(() -> new Answer.Placed(places(
                        open, slabs, replicas, near(open, replicas, wish), slabs <= HOME_SLABS, Optional.empty())));
    }

    /**
     * Places what a volume grows by. One that has a copy of everything where the wish says keeps that, when there is room; else one that stays small keeps
     * its home, if it has one with room.
     *
     * @param present the groups of each slab that it has
     * @param slabs how many more, at least 1
     */
    public static Answer grow(
            List<Candidate> candidates, List<List<String>> present, int slabs, int replicas, Wish wish) {
        List<Candidate> open = open(candidates, wish);
        Optional<String> missing = missing(candidates, open, replicas, wish);
        if (missing.isPresent()) {
            return new Answer.Impossible(missing.get());
        }
        Set<String> there = candidates.stream()
                .filter(candidate -> candidate.node().equals(wish.node()))
                .map(Candidate::group)
                .collect(Collectors.toSet());
        boolean isThere = present.stream().allMatch(groups -> groups.stream().anyMatch(there::contains));
        List<Candidate> near = isThere ? near(open, replicas, wish) : List.of();
        boolean keepsHome = present.size() + slabs <= HOME_SLABS;
        Optional<Candidate> home = open.stream()
                .filter(candidate -> keepsHome
                        && near.isEmpty()
                        && present.stream().allMatch(groups -> groups.contains(candidate.group())))
                .findFirst();
        return new Answer.Placed(places(open, slabs, replicas, near, keepsHome, home));
    }

    private static List<Candidate> open(List<Candidate> candidates, Wish wish) {
        return candidates.stream()
                .filter(candidate -> candidate.usable() && candidate.usedPercent() < FULL_PERCENT)
                .filter(candidate -> !wish.distinctZones() || !candidate.zone().isEmpty())
                .sorted(Comparator.comparing(Candidate::group))
                .toList();
    }

    /**
     * Where one copy of each slab is wanted: the groups of that node, else of its zone; none when there is too little room. Enough is room for the whole
     * volume, or half of what the roomiest node has: a thin volume may be larger than any node, and is then no worse off there than elsewhere.
     */
    private static List<Candidate> near(List<Candidate> open, int replicas, Wish wish) {
        boolean byZone = zonesSuffice(open, replicas);
        List<Candidate> allowed = open.stream()
                .filter(candidate -> !byZone || !candidate.zone().isEmpty())
                .toList();
        long roomiest = open.stream()
                .collect(Collectors.groupingBy(Candidate::node, Collectors.summingLong(Placement::room)))
                .values()
                .stream()
                .max(Comparator.naturalOrder())
                .orElse(0L);
        long enough = Math.min(wish.bytes(), roomiest / 2);
        List<Candidate> onNode = having(allowed, Candidate::node, wish.node());
        if (!onNode.isEmpty() && room(onNode) >= enough) {
            return onNode;
        }
        List<Candidate> inZone = having(allowed, Candidate::zone, wish.zone());
        return room(inZone) >= enough ? inZone : List.of();
    }

    /** None when nothing is wanted. */
    private static List<Candidate> having(List<Candidate> from, Function<Candidate, String> place, String wanted) {
        return from.stream()
                .filter(candidate -> !wanted.isEmpty() && place.apply(candidate).equals(wanted))
                .toList();
    }

    /** What may still be written there before nothing new is placed on it. */
    private static long room(List<Candidate> groups) {
        return groups.stream().mapToLong(Placement::room).sum();
    }

    private static long room(Candidate candidate) {
        long used = candidate.capacityBytes() - candidate.freeBytes();
        return Math.max(0, candidate.capacityBytes() / 100 * FULL_PERCENT - used);
    }

    /** {@code near}: where the first copy of each slab goes; empty: to the home, or anywhere. */
    private static List<List<String>> places(
            List<Candidate> open,
            int slabs,
            int replicas,
            List<Candidate> near,
            boolean keepsHome,
            Optional<Candidate> firstHome) {
        Map<String, Long> placed = new HashMap<>();
        open.forEach(candidate -> placed.put(candidate.group(), candidate.placed()));
        boolean byZone = zonesSuffice(open, replicas);
        List<List<String>> answer = new ArrayList<>(slabs);
        Optional<Candidate> home = firstHome;
        for (int slab = 0; slab < slabs; slab++) {
            List<Candidate> chosen = new ArrayList<>(replicas);
            if (!near.isEmpty()) {
                chosen.add(best(near, chosen, false, placed).orElseThrow());
            } else if (keepsHome) {
                home.ifPresent(chosen::add);
            }
            while (chosen.size() < replicas) {
                chosen.add(best(open, chosen, byZone, placed).orElseThrow());
            }
            home = Optional.of(chosen.getFirst());
            chosen.forEach(candidate -> placed.merge(candidate.group(), 1L, Long::sum));
            answer.add(chosen.stream().map(Candidate::group).toList());
        }
        return List.copyOf(answer);
    }

    /**
     * Another disk group for a slab that has copies: on another node than these, and in another zone when there is one with room.
     *
     * @param others what the slab keeps
     * @param fullPercent no group that is fuller: {@link #FULL_PERCENT}, or more for a copy that is badly needed
     * @param placed for each group the replicas that it has; what is chosen is not added
     */
    public static Optional<Candidate> another(
            List<Candidate> candidates, List<Candidate> others, int fullPercent, Map<String, Long> placed) {
        List<Candidate> open = candidates.stream()
                .filter(candidate -> candidate.usable() && candidate.usedPercent() < fullPercent)
                .sorted(Comparator.comparing(Candidate::group))
                .toList();
        Optional<Candidate> elsewhere = best(open, others, true, placed);
        return elsewhere.isPresent() ? elsewhere : best(open, others, false, placed);
    }

    /** Nodes without a zone each count as a zone of their own only when no node has one. */
    private static boolean zonesSuffice(List<Candidate> open, int replicas) {
        return open.stream()
                        .map(Candidate::zone)
                        .filter(zone -> !zone.isEmpty())
                        .distinct()
                        .count()
                >= replicas;
    }

    private static Optional<Candidate> best(
            List<Candidate> open, List<Candidate> chosen, boolean byZone, Map<String, Long> placed) {
        Set<String> nodes = chosen.stream().map(Candidate::node).collect(Collectors.toSet());
        Set<String> zones = byZone ? chosen.stream().map(Candidate::zone).collect(Collectors.toSet()) : new HashSet<>();
        return open.stream()
                .filter(candidate -> !nodes.contains(candidate.node()))
                .filter(candidate -> !byZone || !(candidate.zone().isEmpty() || zones.contains(candidate.zone())))
                // In order of uuid, and only a better one replaces: the first of equals wins.
                .reduce((a, b) -> score(b, placed) > score(a, placed) ? b : a);
    }

    private static double score(Candidate candidate, Map<String, Long> placed) {
        return (double) candidate.freeBytes() / (1 + placed.getOrDefault(candidate.group(), 0L));
    }

    /** "needs 2 nodes with a disk group below 85 % full, found 1: n1 (20GiB free); not: n2 (91 % full), n3 (not there)"; empty when there are enough. */
    private static Optional<String> missing(List<Candidate> candidates, List<Candidate> open, int replicas, Wish wish) {
        Function<Candidate, String> place = wish.distinctZones() ? Candidate::zone : Candidate::node;
        if (open.stream().map(place).distinct().count() >= replicas) {
            return Optional.empty();
        }
        Map<String, String> good = new TreeMap<>();
        for (Candidate candidate : open) {
            String free = new ByteSize(candidate.freeBytes()).rounded() + " free";
            good.merge(place.apply(candidate), free, (a, b) -> a + " + " + b);
        }
        Set<String> goodNodes = open.stream().map(Candidate::node).collect(Collectors.toSet());
        Map<String, String> bad = new TreeMap<>();
        for (Candidate candidate : candidates) {
            if (!goodNodes.contains(candidate.node())) {
                bad.merge(candidate.node(), why(candidate), (a, b) -> a.equals(b) ? a : a + " + " + b);
            }
        }
        String kind = wish.distinctZones() ? " zone" : " node";
        return Optional.of("needs " + replicas + kind + (replicas == 1 ? "" : "s")
                + " with a disk group that is below " + FULL_PERCENT + " % full, found " + good.size()
                + list(": ", good) + list("; not: ", bad));
    }

    private static String why(Candidate candidate) {
        if (!candidate.usable()) {
            return "not there";
        }
        return candidate.usedPercent() < FULL_PERCENT ? "in no zone" : candidate.usedPercent() + " % full";
    }

    private static String list(String before, Map<String, String> nodes) {
        if (nodes.isEmpty()) {
            return "";
        }
        return nodes.entrySet().stream()
                .map(node -> node.getKey() + " (" + node.getValue() + ")")
                .collect(Collectors.joining(", ", before, ""));
    }
}
