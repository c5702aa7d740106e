package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GroupConfigTest {
    @Test
    void theJournalGrowsWithTheDeviceWithinBounds() {
        assertThat(GroupConfig.journalFor(512L << 20)).isEqualTo(256L << 20);
        assertThat(GroupConfig.journalFor(4L << 30)).isEqualTo(256L << 20);
        assertThat(GroupConfig.journalFor((20L << 30) + 12_345)).isEqualTo(1280L << 20);
        assertThat(GroupConfig.journalFor(1L << 40)).isEqualTo(4L << 30);
        assertThat(GroupConfig.journalFor(Long.MAX_VALUE)).isEqualTo(4L << 30);
    }
}
