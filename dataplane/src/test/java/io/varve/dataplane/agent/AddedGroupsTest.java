package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.dataplane.disk.DeviceClass;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AddedGroupsTest {
    @TempDir
    Path directory;

    @Test
    void remembersGroupsInOrderOfTheirNames() throws IOException {
        AddedGroups added = new AddedGroups(directory);
        assertThat(added.load()).isEmpty();
        added.remember(group("second", Optional.of(DeviceClass.HDD)));
        added.remember(group("first", Optional.empty()));
        assertThat(new AddedGroups(directory).load())
                .containsExactly(group("first", Optional.empty()), group("second", Optional.of(DeviceClass.HDD)));
    }

    @Test
    void namesADamagedFile() throws IOException {
        AddedGroups added = new AddedGroups(directory);
        added.remember(group("g", Optional.empty()));
        Files.writeString(directory.resolve("groups/g/added"), "path=/dev/x\njournalBytes=many\n");
        assertThatThrownBy(added::load).isInstanceOf(IOException.class).hasMessageContaining("groups/g/added");
    }

    private static GroupConfig group(String name, Optional<DeviceClass> deviceClass) {
        return new GroupConfig(
                name, 1 << 30, List.of(new GroupConfig.Device(Path.of("/dev/x"), deviceClass, 4096, false, false)));
    }
}
