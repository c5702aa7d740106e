package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.Node;
import io.varve.control.raft.MetaConfig.Member;
import java.util.List;
import org.junit.jupiter.api.Test;

class MembersLoopTest {
    private static final List<Member> CONFIGURATION =
            List.of(new Member("n1", "h1", 7600), new Member("n2", "h2", 7600), new Member("n3", "h3", 7600));

    private static Node node(String name) {
        return Node.newBuilder()
                .setId(name)
                .setRaftAddress(name + ":7600")
                .setManagementAddress(name + ":7400")
                .build();
    }

    /** It was dead before the others were upgraded. */
    @Test
    void aMemberThatHasNotToldItsAddressIsNamed() {
        Node former = node("n3").toBuilder().clearRaftAddress().build();
        assertThat(MembersLoop.unrecorded(CONFIGURATION, List.of(node("n1"), node("n2"), former))
                        .orElseThrow())
                .contains("n3 has not", "before all have started once with this version");
        assertThat(MembersLoop.unrecorded(CONFIGURATION, List.of(node("n1"))).orElseThrow())
                .contains("n2, n3 have not");
    }

    @Test
    void nothingIsMissingWhenAllHave() {
        assertThat(MembersLoop.unrecorded(CONFIGURATION, List.of(node("n1"), node("n2"), node("n3"))))
                .isEmpty();
    }
}
