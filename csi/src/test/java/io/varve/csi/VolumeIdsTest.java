package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.VolumeName;
import org.junit.jupiter.api.Test;

class VolumeIdsTest {
    @Test
    void aNameThatCanBeOneStays() {
        assertThat(VolumeIds.of("pvc-0b2f6c1e-8f0e-4a61-9f3e-5f0f8a7d6c5b"))
                .isEqualTo("pvc-0b2f6c1e-8f0e-4a61-9f3e-5f0f8a7d6c5b");
    }

    @Test
    void anyOtherOneGetsOneThatFollowsFromIt() {
        String id = VolumeIds.of("Volume ".repeat(18) + "é");
        assertThat(VolumeName.isValid(id)).isTrue();
        assertThat(id).isEqualTo(VolumeIds.of("Volume ".repeat(18) + "é")).isNotEqualTo(VolumeIds.of("Volume"));
        assertThat(VolumeIds.of("../etc")).startsWith("csi-");
    }
}
