package io.varve.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IoLimitsTest {
    @Test
    void readsWhatPeopleWrite() {
        assertThat(IoLimits.parseIops("5000")).hasValue(5000);
        assertThat(IoLimits.parseIops("none")).hasValue(0);
        assertThat(IoLimits.parseBandwidth("100MiB/s")).hasValue(100L << 20);
        assertThat(IoLimits.parseBandwidth("1.5GiB")).hasValue(1536L << 20);
        assertThat(IoLimits.parseBandwidth("none")).hasValue(0);
        assertThat(IoLimits.parseBurst("2s")).hasValue(2_000);
        assertThat(IoLimits.parseBurst("250ms")).hasValue(250);
        assertThat(IoLimits.parseBurst("default")).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "9", "-10", "10000001", "999999999999", "5k", "5000.0", "None"})
    void refusesIopsOutOfRange(String text) {
        assertThat(IoLimits.parseIops(text)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "1023KiB", "100MB/s", "100Mi", "2TiB/s", "-1MiB", "fast", "100MiB/m"})
    void refusesBandwidthOutOfRange(String text) {
        assertThat(IoLimits.parseBandwidth(text)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0s", "99ms", "61s", "1m", "1.5s", "2"})
    void refusesBurstOutOfRange(String text) {
        assertThat(IoLimits.parseBurst(text)).isEmpty();
    }

    @Test
    void objectsToNumbersOutOfRange() {
        assertThat(IoLimits.NONE.objection()).isEmpty();
        assertThat(new IoLimits(10, 1 << 20, 100).objection()).isEmpty();
        assertThat(new IoLimits(10_000_000, 1L << 40, 60_000).objection()).isEmpty();
        assertThat(new IoLimits(9, 0, 0).objection()).contains("IOPS", "10 to 10000000");
        assertThat(new IoLimits(-1, 0, 0).objection()).contains("IOPS");
        assertThat(new IoLimits(0, 1000, 0).objection()).contains("bandwidth", "1MiB/s");
        assertThat(new IoLimits(0, 0, 99).objection()).contains("burst", "100ms");
    }

    @Test
    void isToldForPeople() {
        assertThat(IoLimits.NONE).hasToString("none");
        assertThat(new IoLimits(500, 0, 0)).hasToString("500 IOPS, burst 1s");
        assertThat(new IoLimits(500, 100 << 20, 250)).hasToString("500 IOPS, 100MiB/s, burst 250ms");
    }
}
