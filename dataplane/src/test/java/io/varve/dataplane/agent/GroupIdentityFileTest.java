package io.varve.dataplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GroupIdentityFileTest {
    @TempDir
    Path directory;

    @Test
    void keepsTheUuidThatItMadeFirst() throws IOException {
        GroupIdentityFile first = GroupIdentityFile.load(directory);
        assertThat(first.formatted()).isFalse();
        assertThat(GroupIdentityFile.load(directory)).isEqualTo(first);
        first.nowFormatted().store(directory);
        assertThat(GroupIdentityFile.load(directory)).isEqualTo(new GroupIdentityFile(first.group(), true));
    }

    @Test
    void refusesADamagedFileByName() throws IOException {
        Files.writeString(directory.resolve("group"), "nonsense");
        assertThatThrownBy(() -> GroupIdentityFile.load(directory))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(directory.resolve("group").toString());
    }
}
