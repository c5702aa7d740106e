package io.varve.control.membership;

import static io.varve.control.membership.Gathering.sight;
import static io.varve.control.membership.Gathering.until;
import static io.varve.control.membership.Gathering.untilTogether;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import io.varve.api.NodeLoad;
import io.varve.api.Sight;
import java.io.Serializable;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Real members on loopback. */
@Tag("slow")
final class MembershipTest {
    @Test
    @Tag("long") // a member is missed after some silence, which a busy machine stretches beyond any bound
    void nodesSeeOneAnotherTellTheirLoadAndSuspectWhoLeavesWithoutAWord() throws Exception {
        try (Gathering gathering = new Gathering(3)) {
            Membership first = gathering.start(0);
            Membership second = gathering.start(1);
            Membership third = gathering.start(2);
            untilTogether(first, second, third);
            assertThat(sight(first, "n2")).isEqualTo(Sight.SIGHT_TOGETHER);
            assertThat(sight(first, "never-seen")).isEqualTo(Sight.SIGHT_UNSPECIFIED);

            until(
                    "loads of all, with rates",
                    () -> second.loads().getNodesList().stream()
                                    .filter(load -> load.getWritesPerSecond() > 0)
                                    .count()
                            == 3);
            NodeLoad load = second.loads().getNodes(0);
            assertThat(load.getNode()).isEqualTo("n0");
            assertThat(load.getGroups(0).getJournalUsedBytes()).isEqualTo(40);
            assertThat(second.loads().getSilentList()).isEmpty();

            third.member().orElseThrow().stop(); // As a process that is killed: it says nothing.
            until("n2 suspected", () -> sight(first, "n2") == Sight.SIGHT_SUSPECTED);
            assertThat(sight(second, "n1")).isEqualTo(Sight.SIGHT_TOGETHER);

            second.close(); // It says goodbye.
            until("n1 gone", () -> sight(first, "n1") == Sight.SIGHT_UNSPECIFIED);
            assertThat(sight(first, "n2")).isNotEqualTo(Sight.SIGHT_UNSPECIFIED);
        }
    }

    /** What stands for every reason for which Hazelcast does not start, another minor version among them. */
    @Test
    void whoCannotStartSaysSoAndTriesAgain() throws Exception {
        try (Gathering gathering = new Gathering(1)) {
            Membership membership;
            try (ServerSocket taken =
                    new ServerSocket(gathering.listen(0).port(), 1, InetAddress.getLoopbackAddress())) {
                membership = gathering.start(0);
                until("failed", () -> membership.told().getState().equals("FAILED"));
                assertThat(taken.isBound()).isTrue();
                assertThat(membership.told().getDetail()).isNotEmpty();
                assertThat(membership.loads().getNodesList()).isEmpty();
                assertThat(membership.view().volume("db", 0).get(1, TimeUnit.SECONDS))
                        .isEmpty();
            }
            untilTogether(membership);
            until("its load", () -> membership.loads().getNodesCount() == 1);
        }
    }

    @Test
    void whoHasAnotherKeyStaysOutAndWhoHasNoneIsNotHeard() throws Exception {
        try (Gathering gathering = new Gathering(2)) {
            byte[] other = Gathering.SECRET.clone();
            other[0]++;
            Membership ours = gathering.start(0);
            untilTogether(ours);
            Membership stranger = gathering.start(1, other);
            untilTogether(stranger);
            until("our load", () -> ours.loads().getNodesCount() == 1);
            assertThat(ours.told().getTogether()).isEqualTo(1);
            stranger.close();

            // It knows the name, from the wire, but not the key.
            HazelcastInstance intruder = Hazelcast.newHazelcastInstance(
                    HazelcastSettings.of(gathering.config(1), new MembershipKey(Gathering.SECRET)));
            try {
                assertThat(intruder.getCluster().getMembers()).hasSize(2);
                byte[] genuine = java.util.Objects.requireNonNull(
                        intruder.<String, byte[]>getMap(HazelcastSettings.LOADS).get("n0"));
                intruder.getMap(HazelcastSettings.LOADS).set("n7", genuine); // Good, but not there.
                intruder.getMap(HazelcastSettings.LOADS).set("n8", new byte[] {1, 2, 3});
                intruder.getMap(HazelcastSettings.VIEW).set("v/db", new byte[64]);
                intruder.getMap(HazelcastSettings.VIEW)
                        .set(ViewPlan.HEAD, "head".getBytes(java.nio.charset.StandardCharsets.US_ASCII));

                assertThat(ours.loads().getNodesList())
                        .extracting(NodeLoad::getNode)
                        .containsExactly("n0");
                assertThat(ours.view().volume("db", 0).get(5, TimeUnit.SECONDS)).isEmpty();
                assertThat(ours.view().all()).isEmpty();
                assertThat(ours.told().getViewIndex()).isZero();
                assertThat(ours.figures().foreign()).isGreaterThanOrEqualTo(4);
            } finally {
                intruder.getLifecycleService().terminate();
            }
        }
    }

    @Test
    void anObjectThatIsNoBytesIsNotMade() throws Exception {
        try (Gathering gathering = new Gathering(1)) {
            HazelcastInstance member = Hazelcast.newHazelcastInstance(
                    HazelcastSettings.of(gathering.config(0), new MembershipKey(Gathering.SECRET)));
            try {
                member.getMap("any").set("place", new Payload("x"));
                assertThatThrownBy(() -> member.getMap("any").get("place")).hasStackTraceContaining("not allowed");
                assertThat(Payload.made).isZero();
            } finally {
                member.getLifecycleService().terminate();
            }
        }
    }

    /** As an attacker would send it: reading it runs code. */
    private static final class Payload implements Serializable {
        private static final long serialVersionUID = 1;
        static int made;
        private final String what;

        Payload(String what) {
            this.what = what;
        }

        private Object readResolve() {
            made++;
            return what;
        }
    }

    @Test
    void aNodeWithoutMembershipAnswersThatItHasNone() {
        try (Membership off = Membership.off()) {
            off.begin(Gathering.SECRET);

            assertThat(off.told().getState()).isEqualTo("OFF");
            assertThat(off.told().getDetail()).contains("listen.membership");
            assertThat(off.loads().getNodesList()).isEmpty();
            assertThat(off.view().all()).isEmpty();
        }
    }
}
