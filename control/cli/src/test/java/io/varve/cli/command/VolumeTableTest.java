package io.varve.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Label;
import io.varve.api.PlacementWish;
import io.varve.api.Volume;
import java.util.List;
import org.junit.jupiter.api.Test;

class VolumeTableTest {
    private static Volume volume(String name, Label... labels) {
        return Volume.newBuilder().setName(name).addAllLabels(List.of(labels)).build();
    }

    private static Label label(String key, String value) {
        return Label.newBuilder().setKey(key).setValue(value).build();
    }

    @Test
    void theListSaysWhichClaimAVolumeIs() {
        Volume byHand = volume("db");
        Volume claimed = volume("pvc-1", label("kubernetes.namespace", "shop"), label("kubernetes.claim", "data-db-0"));
        assertThat(VolumeTable.of(List.of(byHand, claimed)).lines())
                .anySatisfy(line -> assertThat(line).matches("pvc-1 +shop/data-db-0 .*"))
                .anySatisfy(line -> assertThat(line).matches("db +- .*"));
        assertThat(VolumeTable.of(List.of(byHand)))
                .as("no column for what nobody has")
                .doesNotContain("CLAIM");
    }

    @Test
    void aVolumeTellsWhereACopyWasWanted() {
        PlacementWish wish = PlacementWish.newBuilder()
                .setNode("n1")
                .setZone("z1")
                .setDistinctZones(true)
                .build();
        assertThat(VolumeTable.describe(volume("db").toBuilder().setWish(wish).build()))
                .contains("Wanted    a copy on n1, distinct zones\n");
        assertThat(VolumeTable.describe(volume("db"))).doesNotContain("Wanted");
    }
}
