package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupSighting;
import io.varve.api.Sighting;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SightingsTest {
    private final AtomicLong nanos = new AtomicLong(5_000_000_000L);
    private final Sightings sightings = new Sightings(nanos::get);

    private static Sighting sighting(String node, long millisAgo) {
        return Sighting.newBuilder().setNode(node).setMillisAgo(millisAgo).build();
    }

    @Test
    void countsFromTheLastTime() {
        sightings.seen("n1");
        nanos.addAndGet(3_000_000_000L);
        assertThat(sightings.list()).containsExactly(sighting("n1", 3_000));
    }

    @Test
    void diskGroupsAreHeardOfByThemselves() {
        sightings.seen("n1");
        sightings.seenGroup("g1");
        nanos.addAndGet(3_000_000_000L);
        sightings.seen("n1");
        assertThat(sightings.silentGroups()).contains(Map.of("g1", 3_000L));
        sightings.toldGroup(
                GroupSighting.newBuilder().setGroup("g1").setMillisAgo(500).build());
        assertThat(sightings.groups())
                .containsExactly(GroupSighting.newBuilder()
                        .setGroup("g1")
                        .setMillisAgo(500)
                        .build());
    }

    @Test
    void aMemberThatTellsOfNoGroupsLeavesThemUnknownForAWhile() {
        sightings.seenGroup("g1");
        sightings.groupsUntold();
        nanos.addAndGet(59_000_000_000L);
        assertThat(sightings.silentGroups()).isEmpty();
        nanos.addAndGet(1_000_000_000L);
        assertThat(sightings.silentGroups()).contains(Map.of("g1", 60_000L));
    }

    @Test
    void whatAnotherMemberHeardLaterIsKeptWhenThatOneIsGone() {
        sightings.seen("n1");
        nanos.addAndGet(3_000_000_000L);
        sightings.told(sighting("n1", 500));
        sightings.told(sighting("n2", 9_000));
        nanos.addAndGet(1_000_000_000L);
        assertThat(sightings.list()).containsExactlyInAnyOrder(sighting("n1", 1_500), sighting("n2", 10_000));
        sightings.told(sighting("n1", 60_000));
        assertThat(sightings.list()).contains(sighting("n1", 1_500));
    }
}
