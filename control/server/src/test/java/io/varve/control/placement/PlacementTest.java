package io.varve.control.placement;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.control.placement.Placement.Answer.Impossible;
import io.varve.control.placement.Placement.Answer.Placed;
import io.varve.model.Guarantee;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PlacementTest {
    private static final long GIB = 1L << 30;

    private static Candidate group(String group, String node, String zone, long freeGib) {
        return new Candidate(group, node, zone, 100 * GIB, freeGib * GIB, 0, true);
    }

    private static List<List<String>> placed(List<Candidate> candidates, int slabs, int replicas) {
        return ((Placed) Placement.place(candidates, slabs, replicas)).slabs();
    }

    private static String reason(List<Candidate> candidates, int replicas) {
        return ((Impossible) Placement.place(candidates, 1, replicas)).reason();
    }

    @Test
    void takesDistinctNodesEvenWhenOneHasMoreRoom() {
        List<Candidate> candidates =
                List.of(group("a1", "a", "", 90), group("a2", "a", "", 90), group("b1", "b", "", 20));
        assertThat(placed(candidates, 1, 2)).containsExactly(List.of("a1", "b1"));
    }

    @Test
    void takesDistinctZonesWhenThereAreEnough() {
        List<Candidate> candidates =
                List.of(group("a", "na", "z1", 90), group("b", "nb", "z1", 90), group("c", "nc", "z2", 20));
        assertThat(placed(candidates, 1, 2)).containsExactly(List.of("a", "c"));
        assertThat(placed(candidates, 1, 3))
                .as("two zones do for three replicas")
                .hasSize(1);
    }

    private static Placement.Answer thick(List<Candidate> candidates, long gib, int replicas) {
        return Placement.place(
                candidates,
                (int) Math.ceilDiv(gib, 8),
                replicas,
                Wish.NONE,
                slab -> Guarantee.ofSlab(gib * GIB, 8 * GIB, slab));
    }

    @Test
    void whatIsGuaranteedMustFitBelowTheWatermark() {
        // 25, 15 and 5 GiB are left below 85 %.
        List<Candidate> candidates =
                List.of(group("a", "na", "", 40), group("b", "nb", "", 30), group("c", "nc", "", 20));
        assertThat(thick(candidates, 15, 2)).isInstanceOf(Placed.class);
        assertThat(thick(candidates, 16, 2))
                .isInstanceOfSatisfying(
                        Impossible.class,
                        no -> assertThat(no.reason())
                                .isEqualTo(
                                        "finds no room for all of it in distinct places, below 85 % full; there is for new data:"
                                                + " na (25GiB), nb (15GiB), nc (5GiB)"));
        assertThat(Placement.largest(candidates, 2, Wish.NONE, 8 * GIB, 1_000 * GIB))
                .isEqualTo(15 * GIB);
        assertThat(Placement.largest(candidates, 1, Wish.NONE, 8 * GIB, 1_000 * GIB))
                .isEqualTo(39 * GIB);
        assertThat(Placement.largest(candidates, 3, Wish.NONE, 8 * GIB, 1_000 * GIB))
                .isEqualTo(5 * GIB);
    }

    @Test
    void aHomeThatIsTooSmallIsNone() {
        List<Candidate> candidates = List.of(group("a", "na", "", 30), group("b", "nb", "", 30));
        assertThat(thick(candidates, 20, 1))
                .isInstanceOfSatisfying(
                        Placed.class,
                        placed -> assertThat(placed.slabs()).containsExactly(List.of("a"), List.of("b"), List.of("b")));
    }

    @Test
    void anotherPlaceForAThickCopyHasRoomForAllOfIt() {
        List<Candidate> candidates = List.of(group("a", "na", "", 24), group("b", "nb", "", 23));
        assertThat(Placement.another(candidates, List.of(), Placement.FULL_PERCENT, 8 * GIB, Map.of()))
                .map(Candidate::group)
                .contains("a");
        assertThat(Placement.another(candidates, List.of(), Placement.FULL_PERCENT, 9 * GIB, Map.of()))
                .isEmpty();
        assertThat(Placement.another(candidates, List.of(), Placement.REBUILD_FULL_PERCENT, 9 * GIB, Map.of()))
                .isPresent();
    }

    @Test
    void keepsOneCopyOfASmallVolumeOnOneNode() {
        List<Candidate> candidates =
                List.of(group("a", "na", "", 90), group("b", "nb", "", 90), group("c", "nc", "", 90));
        List<List<String>> slabs = placed(candidates, Placement.HOME_SLABS, 2);
        assertThat(slabs).allSatisfy(slab -> assertThat(slab.getFirst()).isEqualTo("a"));
        assertThat(slabs).extracting(List::getLast).contains("b", "c");
    }

    @Test
    void aNewVolumeGoesWhereLeastWasPlaced() {
        Candidate busy = new Candidate("a", "na", "", 100 * GIB, 100 * GIB, 50, true);
        assertThat(placed(List.of(busy, group("b", "nb", "", 100), group("c", "nc", "", 100)), 1, 2))
                .containsExactly(List.of("b", "c"));
    }

    @Test
    void saysWhatIsMissing() {
        List<Candidate> candidates = List.of(
                group("a", "na", "", 20),
                group("b", "nb", "", 9),
                new Candidate("c", "nc", "", 100 * GIB, 100 * GIB, 0, false));
        assertThat(reason(candidates, 2))
                .isEqualTo("needs 2 nodes with a disk group that is below 85 % full, found 1: na (20GiB free);"
                        + " not: nb (91 % full), nc (not there)");
        assertThat(reason(List.of(), 1)).isEqualTo("needs 1 node with a disk group that is below 85 % full, found 0");
    }

    @Test
    void aGroupWithoutCapacityTakesNothing() {
        assertThat(Placement.place(List.of(new Candidate("a", "n", "", 0, 0, 0, true)), 1, 1))
                .isInstanceOf(Impossible.class);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void keepsTheRulesForAnyCluster(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            List<Candidate> candidates = anyCluster(random);
            int replicas = 1 + random.nextInt(3);
            int slabs = 1 + random.nextInt(40);
            String where = "seed " + seed + " round " + round + " " + candidates;
            Wish wish = new Wish(
                    random.nextBoolean() ? "n" + random.nextInt(8) : "", "", random.nextInt(1_000) * GIB, false);
            Placement.Answer answer = Placement.place(candidates, slabs, replicas, wish);
            assertThat(Placement.place(candidates, slabs, replicas, wish))
                    .as(where)
                    .isEqualTo(answer);
            long nodes = candidates.stream()
                    .filter(PlacementTest::mayTake)
                    .map(Candidate::node)
                    .distinct()
                    .count();
            switch (answer) {
                case Impossible impossible -> assertThat(nodes).as(where).isLessThan(replicas);
                case Placed placed -> {
                    assertThat(placed.slabs()).as(where).hasSize(slabs);
                    placed.slabs().forEach(slab -> checkSlab(slab, candidates, replicas, where));
                }
            }
        }
    }

    private static boolean mayTake(Candidate candidate) {
        return candidate.usable() && candidate.usedPercent() < Placement.FULL_PERCENT;
    }

    private static void checkSlab(List<String> slab, List<Candidate> candidates, int replicas, String where) {
        assertThat(slab).as(where).hasSize(replicas);
        Set<String> nodes = new HashSet<>();
        Set<String> zones = new HashSet<>();
        for (String uuid : slab) {
            Candidate candidate = candidates.stream()
                    .filter(one -> one.group().equals(uuid))
                    .findFirst()
                    .orElseThrow();
            assertThat(mayTake(candidate)).as(where).isTrue();
            nodes.add(candidate.node());
            zones.add(candidate.zone());
        }
        assertThat(nodes).as(where).hasSize(replicas);
        Set<String> allZones = new HashSet<>();
        candidates.stream().filter(PlacementTest::mayTake).map(Candidate::zone).forEach(allZones::add);
        allZones.remove("");
        if (allZones.size() >= replicas) {
            assertThat(zones).as(where).hasSize(replicas).doesNotContain("");
        }
    }

    private static List<Candidate> anyCluster(Random random) {
        List<Candidate> candidates = new ArrayList<>();
        int nodes = random.nextInt(7);
        boolean zoned = random.nextBoolean();
        for (int node = 0; node < nodes; node++) {
            String zone = zoned && random.nextInt(8) != 0 ? "z" + random.nextInt(4) : "";
            for (int group = 0; group <= random.nextInt(3); group++) {
                long capacity = random.nextInt(20) == 0 ? 0 : (1 + random.nextInt(1_000)) * GIB;
                candidates.add(new Candidate(
                        "g" + node + "-" + group,
                        "n" + node,
                        zone,
                        capacity,
                        (long) (capacity * random.nextDouble()),
                        random.nextInt(100),
                        random.nextInt(10) != 0));
            }
        }
        return candidates;
    }

    @Test
    void fillsGroupsInProportionToTheirFreeSpace() {
        List<Candidate> candidates = List.of(
                new Candidate("a", "na", "", 400 * GIB, 400 * GIB, 0, true),
                new Candidate("b", "nb", "", 200 * GIB, 200 * GIB, 0, true),
                new Candidate("c", "nc", "", 200 * GIB, 200 * GIB, 0, true));
        Map<String, Integer> count = new HashMap<>();
        for (List<String> slab : placed(candidates, 400, 1)) {
            count.merge(slab.getFirst(), 1, Integer::sum);
        }
        assertThat(count).isEqualTo(Map.of("a", 200, "b", 100, "c", 100));
    }

    private static List<List<String>> near(List<Candidate> candidates, int slabs, int replicas, Wish wish) {
        return ((Placed) Placement.place(candidates, slabs, replicas, wish)).slabs();
    }

    private static Wish on(String node, String zone, long gib) {
        return new Wish(node, zone, gib * GIB, false);
    }

    @Test
    void aCopyOfEverySlabIsWhereItIsUsedHoweverLargeTheVolume() {
        List<Candidate> candidates = List.of(
                group("a1", "na", "z1", 60),
                group("a2", "na", "z1", 60),
                group("b", "nb", "z1", 100),
                group("c", "nc", "z2", 100),
                group("d", "nd", "z2", 100));
        for (int slabs : List.of(1, Placement.HOME_SLABS, 4 * Placement.HOME_SLABS)) {
            List<List<String>> placed = near(candidates, slabs, 2, on("na", "z1", 80));
            assertThat(placed).as(slabs + " slabs").hasSize(slabs).allSatisfy(slab -> {
                assertThat(slab.getFirst()).startsWith("a");
                assertThat(slab.getLast()).as("another zone").isIn("c", "d");
            });
        }
        assertThat(near(candidates, 8, 2, on("na", "z1", 80)))
                .as("both of its disk groups")
                .extracting(List::getFirst)
                .contains("a1", "a2");
    }

    @Test
    void withoutRoomThereItGoesToThatZoneElseAnywhere() {
        List<Candidate> candidates =
                List.of(group("a", "na", "z1", 30), group("b", "nb", "z1", 60), group("c", "nc", "z2", 100));
        assertThat(near(candidates, 1, 1, on("na", "z1", 15))).containsExactly(List.of("a"));
        assertThat(near(candidates, 1, 1, on("na", "z1", 16)))
                .as("15 GiB are left on na below the watermark")
                .containsExactly(List.of("b"));
        assertThat(near(candidates, 1, 1, on("na", "", 16))).containsExactly(List.of("c"));
        assertThat(near(candidates, 1, 1, on("nx", "zx", 1)))
                .as("nobody knows that node")
                .containsExactly(List.of("c"));
    }

    /** It is thin: there is no reason to have it elsewhere, unless that has much more room. */
    @Test
    void aVolumeThatIsTooLargeForAnyNodeIsWhereItIsUsedAllTheSame() {
        List<Candidate> candidates = List.of(group("a", "na", "", 60), group("b", "nb", "", 100));
        assertThat(near(candidates, 1, 1, on("na", "", 5_000))).containsExactly(List.of("a"));
        List<Candidate> nearlyFull = List.of(group("a", "na", "", 50), group("b", "nb", "", 100));
        assertThat(near(nearlyFull, 1, 1, on("na", "", 5_000))).containsExactly(List.of("b"));
    }

    @Test
    void aNodeInNoZoneDoesNotCostTheOthersTheirZones() {
        List<Candidate> candidates =
                List.of(group("a", "na", "", 100), group("b", "nb", "z1", 50), group("c", "nc", "z2", 50));
        assertThat(near(candidates, 1, 2, on("na", "", 1)).getFirst()).containsExactlyInAnyOrder("b", "c");
    }

    @Test
    void distinctZonesAreAConditionWhereTheyAreWished() {
        Wish distinct = new Wish("na", "z1", GIB, true);
        List<Candidate> one = List.of(
                group("a", "na", "z1", 90),
                group("b", "nb", "z1", 90),
                group("c", "nc", "", 90),
                group("d", "nd", "z2", 9));
        assertThat(Placement.place(one, 1, 2, distinct))
                .isEqualTo(new Impossible("needs 2 zones with a disk group that is below 85 % full, found 1:"
                        + " z1 (90GiB free + 90GiB free); not: nc (in no zone), nd (91 % full)"));
        assertThat(Placement.grow(one, List.of(List.of("a", "d")), 1, 2, distinct))
                .isInstanceOf(Impossible.class);
        assertThat(Placement.place(one, 1, 2)).isInstanceOf(Placed.class);
        List<Candidate> two =
                List.of(group("a", "na", "z1", 90), group("b", "nb", "z1", 90), group("d", "nd", "z2", 20));
        assertThat(near(two, 3, 2, distinct)).containsOnly(List.of("a", "d"));
    }

    @Test
    void whatItGrowsByIsWhereTheRestIs() {
        List<Candidate> candidates =
                List.of(group("a", "na", "", 90), group("b", "nb", "", 95), group("c", "nc", "", 95));
        int large = 2 * Placement.HOME_SLABS;
        assertThat(grown(candidates, List.of(List.of("b", "a"), List.of("c", "a")), large, on("na", "", 5)))
                .allSatisfy(slab -> assertThat(slab.getFirst()).isEqualTo("a"));
        assertThat(grown(candidates, List.of(List.of("b", "a"), List.of("c", "b")), large, on("na", "", 5)))
                .as("one slab has none there any more")
                .extracting(List::getFirst)
                .contains("b", "c");
        assertThat(grown(candidates, List.of(List.of("c", "a"), List.of("c", "b")), 1, Wish.NONE))
                .as("a small one keeps its home")
                .allSatisfy(slab -> assertThat(slab.getFirst()).isEqualTo("c"));
    }

    private static List<List<String>> grown(
            List<Candidate> candidates, List<List<String>> present, int slabs, Wish wish) {
        return ((Placed) Placement.grow(candidates, present, slabs, 2, wish)).slabs();
    }
}
