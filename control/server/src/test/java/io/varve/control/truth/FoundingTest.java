package io.varve.control.truth;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.KnownMembers;
import io.varve.api.MetadataGroup;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** n1, which has no storage, among n2 and n3. */
class FoundingTest {
    private static final KnownMembers NOTHING =
            KnownMembers.newBuilder().setTellsCluster(true).build();
    private static final KnownMembers CLUSTER =
            NOTHING.toBuilder().setRunning("n2").setHasCluster(true).build();

    private final Founding founding = new Founding(Set.of("n2", "n3"));

    @Test
    void beginsWhenAllOthersKnowOfNothing() {
        founding.heard("n2", NOTHING);
        assertThat(founding.mayBegin()).as("n3 may know of a group").isFalse();
        assertThat(founding.missing()).containsExactly("n3");
        founding.heard("n3", NOTHING.toBuilder().setRunning("n3").build());
        assertThat(founding.mayBegin()).isTrue();
        assertThat(founding.knownBy()).isEmpty();
    }

    @Test
    void neverWhenOneOfThemHasACluster() {
        founding.heard("n2", CLUSTER);
        founding.heard("n3", NOTHING);
        assertThat(founding.mayBegin()).isFalse();
        assertThat(founding.knownBy()).contains("n2");
    }

    @Test
    void neverWhenOneOfThemHasAListOrHasLostItsOwnStorage() {
        founding.heard(
                "n2",
                KnownMembers.newBuilder()
                        .setGroup(MetadataGroup.newBuilder().setVersion(3))
                        .build());
        assertThat(founding.knownBy()).contains("n2");
        Founding other = new Founding(Set.of("n2", "n3"));
        other.heard("n3", NOTHING.toBuilder().setLost("n3").build());
        other.heard("n2", NOTHING);
        assertThat(other.mayBegin()).isFalse();
    }

    @Test
    void anOlderVersionHasNotAnsweredUnlessItHasAList() {
        KnownMembers older = KnownMembers.newBuilder().setRunning("n2").build();
        founding.heard("n2", older);
        founding.heard("n3", NOTHING);
        assertThat(founding.missing()).containsExactly("n2");
        founding.heard(
                "n2",
                older.toBuilder()
                        .setGroup(MetadataGroup.newBuilder().setVersion(1))
                        .build());
        assertThat(founding.knownBy()).contains("n2");
    }

    /** It is the last to begin: the others, which asked it before they did, have made the cluster meanwhile. */
    @Test
    void whoWasHeardToHaveNothingMayHaveAClusterLater() {
        founding.waits("n2");
        founding.waits("n3");
        founding.heard("n2", CLUSTER);
        assertThat(founding.mayBegin()).isTrue();
        assertThat(founding.knownBy()).isEmpty();
    }

    @Test
    void strangersHaveNoSay() {
        founding.waits("n9");
        founding.heard("n9", CLUSTER);
        assertThat(founding.missing()).containsExactly("n2", "n3");
        assertThat(founding.knownBy()).isEmpty();
    }
}
