package io.varve.control.placement;

import io.varve.model.ByteSize;
import io.varve.model.Guarantee;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.IntToLongFunction;
import java.util.stream.Collectors;

/**
 * Chooses the disk groups of a new volume's slabs. Replicas of a slab lie on distinct nodes always, and in distinct zones when
 * there are enough of them. Among what is allowed the group with the most free space for each replica it would then hold
 * wins (highest averages), so that groups fill in proportion to their free space; ties go to the lower uuid.
 * Deterministic: the same question gives the same answer.
 *
 * <p>A slab of a thin volume takes no space when it is placed, so space is a weight here, not a condition: only groups above the
 * watermark take nothing new. What a thick one is guaranteed must fit below the watermark.
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

    /** By which part of its capacity a disk group may have less free space than it told last: then it would only refuse the copy. */
    private static final int TOLD_PARTS = 100;

    private static final int MIB_SHIFT = 20;

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
        return place(candidates, slabs, replicas, wish, Placement::thin);
    }

    /** {@code guaranteed}: bytes of each slab that every copy of it keeps room for. */
    public static Answer place(
            List<Candidate> candidates, int slabs, int replicas, Wish wish, IntToLongFunction guaranteed) {
        List<Candidate> open = open(candidates, wish);
        Optional<String> missing = missing(candidates, open, replicas, wish);
        return missing.isPresent()
                ? new Answer.Impossible(missing.get())
                : answer(
                        open,
                        places(
                                open,
                                new Wanted(0, slabs, replicas, guaranteed),
                                near(open, replicas, wish),
                                slabs <= HOME_SLABS,
                                Optional.empty()));
    }

    private static long thin(int slab) {
        return 0;
    }

    private static Answer answer(List<Candidate> open, List<List<String>> places) {
        return places.isEmpty()
                ? new Answer.Impossible("finds no room for all of it in distinct places, below " + FULL_PERCENT
                        + " % full; there is for new data"
                        + list(": ", rooms(open)))
                : new Answer.Placed(places);
    }

    /** "n1 (12GiB)", by node. */
    private static Map<String, String> rooms(List<Candidate> open) {
        Map<String, String> rooms = new TreeMap<>();
        open.forEach(candidate ->
                rooms.merge(candidate.node(), new ByteSize(room(candidate)).rounded(), (a, b) -> a + " + " + b));
        return rooms;
    }

    private record Wanted(int firstSlab, int slabs, int replicas, IntToLongFunction guaranteed) {}

    /**
     * Places what a volume grows by. One that has a copy of everything where the wish says keeps that, when there is room; else one that stays small keeps
     * its home, if it has one with room.
     *
     * @param present the groups of each slab that it has
     * @param slabs how many more, at least 1
     */
    public static Answer grow(
            List<Candidate> candidates, List<List<String>> present, int slabs, int replicas, Wish wish) {
        return grow(candidates, present, slabs, replicas, wish, Placement::thin);
    }

    /** {@code guaranteed}: as with {@link #place}, by the slab's number in the volume. */
    public static Answer grow(
            List<Candidate> candidates,
            List<List<String>> present,
            int slabs,
            int replicas,
            Wish wish,
            IntToLongFunction guaranteed) {
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
        Wanted wanted = new Wanted(present.size(), slabs, replicas, guaranteed);
        return answer(open, places(open, wanted, near, keepsHome, home));
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
        return candidate.room(FULL_PERCENT);
    }

    /**
     * {@code near}: where the first copy of each slab goes; empty: to the home, or anywhere. What is guaranteed may find room only where the volume has no
     * such place. Empty: there is none at all.
     */
    private static List<List<String>> places(
            List<Candidate> open,
            Wanted wanted,
            List<Candidate> near,
            boolean keepsHome,
            Optional<Candidate> firstHome) {
        List<List<String>> answer = tryPlaces(open, wanted, near, keepsHome, firstHome);
        return answer.isEmpty() ? tryPlaces(open, wanted, List.of(), false, Optional.empty()) : answer;
    }

    private static List<List<String>> tryPlaces(
            List<Candidate> open,
            Wanted wanted,
            List<Candidate> near,
            boolean keepsHome,
            Optional<Candidate> firstHome) {
        Map<String, Long> placed = new HashMap<>();
        Map<String, Candidate> left = new TreeMap<>();
        open.forEach(candidate -> {
            placed.put(candidate.group(), candidate.placed());
            left.put(candidate.group(), candidate);
        });
        boolean byZone = zonesSuffice(open, wanted.replicas);
        List<List<String>> answer = new ArrayList<>(wanted.slabs);
        Optional<String> home = firstHome.map(Candidate::group);
        for (int slab = 0; slab < wanted.slabs; slab++) {
            long bytes = wanted.guaranteed.applyAsLong(wanted.firstSlab + slab);
            List<Candidate> chosen = new ArrayList<>(wanted.replicas);
            if (!near.isEmpty()) {
                List<Candidate> nearest = near.stream()
                        .map(candidate -> left.get(candidate.group()))
                        .toList();
                best(roomy(nearest, bytes), chosen, false, placed).ifPresent(chosen::add);
            } else if (keepsHome) {
                home.map(left::get)
                        .filter(candidate -> room(candidate) >= bytes)
                        .ifPresent(chosen::add);
            }
            List<Candidate> allowed = roomy(left.values(), bytes);
            while (chosen.size() < wanted.replicas) {
                Optional<Candidate> next = best(allowed, chosen, byZone, placed);
                if (next.isEmpty()) {
                    return List.of();
                }
                chosen.add(next.get());
            }
            home = Optional.of(chosen.getFirst().group());
            chosen.forEach(candidate -> {
                placed.merge(candidate.group(), 1L, Long::sum);
                left.put(candidate.group(), candidate.less(bytes));
            });
            answer.add(chosen.stream().map(Candidate::group).toList());
        }
        return List.copyOf(answer);
    }

    private static List<Candidate> roomy(Collection<Candidate> from, long bytes) {
        return bytes == 0
                ? List.copyOf(from)
                : from.stream().filter(candidate -> room(candidate) >= bytes).toList();
    }

    /** The most that a new thick volume could have, in whole MiB. */
    public static long largest(List<Candidate> candidates, int replicas, Wish wish, long slabBytes, long mostBytes) {
        long low = 0;
        long high = Math.min(mostBytes, room(candidates)) >> MIB_SHIFT;
        while (low < high) {
            long middle = low + (high - low + 1) / 2;
            long bytes = middle << MIB_SHIFT;
            Answer answer = place(
                    candidates,
                    (int) Math.ceilDiv(bytes, slabBytes),
                    replicas,
                    wish,
                    slab -> Guarantee.ofSlab(bytes, slabBytes, slab));
            if (answer instanceof Answer.Placed) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low << MIB_SHIFT;
    }

    /**
     * Another disk group for a slab that has copies: on another node than these, and in another zone when there is one with room.
     *
     * @param others what the slab keeps
     * @param fullPercent no group that is fuller: {@link #FULL_PERCENT}, or more for a copy that is badly needed
     * @param guaranteed bytes that the copy keeps room for; 0: it is thin
     * @param placed for each group the replicas that it has; what is chosen is not added
     */
    public static Optional<Candidate> another(
            List<Candidate> candidates,
            List<Candidate> others,
            int fullPercent,
            long guaranteed,
            Map<String, Long> placed) {
        List<Candidate> open = candidates.stream()
                .filter(candidate -> candidate.usable() && candidate.usedPercent() < fullPercent)
                .filter(candidate -> guaranteed == 0
                        || candidate.room(fullPercent) >= guaranteed + candidate.capacityBytes() / TOLD_PARTS)
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
