package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.KnownMembers;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MetadataCallsTest {
    private static final GroupMember MEMBER =
            GroupMember.newBuilder().setNode("n1").setPeer("n1").build();

    private static Optional<String> refusal(String running) {
        return MetadataCalls.stillWorks(
                MEMBER,
                Optional.of(KnownMembers.newBuilder().setRunning(running).build()));
    }

    @Test
    void aMemberThatWorksDoesNotTakeItsOwnPlace() {
        assertThat(refusal("n1").orElseThrow()).contains("would lose its copy", "varve metadata replace n1");
    }

    @Test
    void oneThatLostItsStorageMay() {
        assertThat(refusal("")).isEmpty();
    }

    @Test
    void oneThatDoesNotAnswerMayNot() {
        assertThat(MetadataCalls.stillWorks(MEMBER, Optional.empty()).orElseThrow())
                .contains("does not answer");
    }
}
