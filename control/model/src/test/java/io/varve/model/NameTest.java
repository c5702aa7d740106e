package io.varve.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NameTest {
    @ParameterizedTest
    @ValueSource(strings = {"a", "pg-data", "db.2", "0"})
    void takesPlainVolumeNames(String name) {
        assertThat(new VolumeName(name).text()).isEqualTo(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "A", "-a", "a-", "a/b", "../x", "a..b", "a b", "ä", "a\n"})
    void refusesVolumeNamesThatWouldNeedQuoting(String name) {
        assertThatThrownBy(() -> new VolumeName(name)).hasMessageContaining("not a volume name");
        assertThat(VolumeName.isValid("x".repeat(64))).isFalse();
    }

    @Test
    void nodeNamesMayHaveUpperCaseAndUnderscore() {
        assertThat(NodeName.isValid("Rack_1.node-2")).isTrue();
        assertThatThrownBy(() -> new NodeName("a/b")).hasMessageContaining("not a node name");
    }
}
