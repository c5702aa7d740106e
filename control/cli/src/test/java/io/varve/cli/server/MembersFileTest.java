package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MembersFileTest {
    @TempDir
    Path dir;

    private static GroupMember member(String node, String peer) {
        return GroupMember.newBuilder()
                .setNode(node)
                .setPeer(peer)
                .setRaftAddress("[::1]:7600")
                .setManagementAddress(node + ":7400")
                .build();
    }

    @Test
    void whatWasWrittenIsRead() throws IOException {
        var list = MetadataGroup.newBuilder()
                .setVersion(1_796_023_389_471L)
                .setGroupUuid("a-uuid")
                .addMembers(member("n1", "n1"))
                .addMembers(member("n4", "n4#mx2xya8i"))
                .addJoining(member("n5", "n5#mx2xya8j"))
                .addLeaving("n1")
                .addOthers("n6:7400")
                .build();
        assertThat(MembersFile.read(dir)).isEmpty();
        MembersFile.write(dir, list);
        assertThat(MembersFile.read(dir)).contains(list);
    }

    @Test
    void whatIsNoSuchFileIsRefusedInWords() throws IOException {
        Files.writeString(dir.resolve(MembersFile.NAME), "version 3\nmember n1\n");
        assertThatThrownBy(() -> MembersFile.read(dir))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("put it aside");
    }
}
