package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.control.meta.MemberPlan.Change;
import io.varve.control.meta.MemberPlan.Facts;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MemberPlanTest {
    private static final long GRACE = 60_000;

    private final List<Node> nodes = new ArrayList<>();
    private final Map<String, Long> silent = new HashMap<>();
    private MetadataGroup group = members("n1", "n2", "n3");
    private OptionalInt wanted = OptionalInt.empty();
    private Set<String> unfit = Set.of();
    private Set<String> lost = Set.of();

    MemberPlanTest() {
        node("n1", "a");
        node("n2", "b");
        node("n3", "c");
        node("n4", "a");
        node("n5", "c");
        node("n6", "b");
    }

    private void node(String id, String zone) {
        nodes.removeIf(node -> node.getId().equals(id));
        nodes.add(Node.newBuilder()
                .setId(id)
                .setZone(zone)
                .setRaftAddress(id + ":7600")
                .build());
        silent.put(id, 1_000L);
    }

    private void change(String id, java.util.function.UnaryOperator<Node.Builder> change) {
        nodes.replaceAll(
                node -> node.getId().equals(id) ? change.apply(node.toBuilder()).build() : node);
    }

    private static MetadataGroup members(String... names) {
        return MetadataGroup.newBuilder()
                .setVersion(7)
                .addAllMembers(Stream.of(names)
                        .map(name -> GroupMember.newBuilder()
                                .setNode(name)
                                .setPeer(name)
                                .build())
                        .toList())
                .build();
    }

    private MemberPlan plan() {
        return MemberPlan.of(new Facts(group, nodes, silent, "n1", unfit, GRACE, wanted, lost));
    }

    private String told() {
        return plan().change().map(MemberPlanTest::told).orElse("nothing");
    }

    private static String told(Change change) {
        return "+" + change.joining().stream().map(Node::getId).toList() + " -"
                + change.leaving().stream().map(GroupMember::getNode).toList();
    }

    @Test
    void nothingIsDoneWhileAllAreThere() {
        assertThat(told()).isEqualTo("nothing");
        silent.put("n3", GRACE - 1);
        assertThat(told()).as("within the grace").isEqualTo("nothing");
        assertThat(plan().obstacle()).isEmpty();
    }

    @Test
    void whoIsSilentForLongIsReplacedInItsZone() {
        silent.put("n3", GRACE);
        assertThat(told()).as("n4 would be a second one in zone a").isEqualTo("+[n5] -[n3]");
        assertThat(plan().change().orElseThrow().why()).contains("n3", "60 s");
    }

    @Test
    void anotherZoneWillDoWhenThereIsNoBetterOne() {
        silent.put("n3", GRACE);
        silent.put("n5", MemberPlan.THERE_MILLIS);
        assertThat(told()).isEqualTo("+[n4] -[n3]");
    }

    @Test
    void nobodyJoinsWhoIsAwayOrDrainedOrCannotOrDidNot() {
        silent.put("n3", GRACE);
        silent.remove("n4");
        change("n5", node -> node.setDraining(true));
        change("n6", Node.Builder::clearRaftAddress);
        assertThat(told()).isEqualTo("nothing");
        assertThat(plan().obstacle()).contains("n3", "no other node can take part");
        node("n4", "a");
        assertThat(told()).isEqualTo("+[n4] -[n3]");
        unfit = Set.of("n4");
        assertThat(told()).isEqualTo("nothing");
    }

    @Test
    void whoWasToldToGoIsFirstThenWhoIsSilentLongest() {
        silent.put("n1", GRACE + 5_000);
        silent.put("n2", GRACE + 9_000);
        assertThat(told()).isEqualTo("+[n6] -[n2]");
        change("n3", node -> node.setDraining(true));
        assertThat(told()).isEqualTo("+[n5] -[n3]");
        nodes.removeIf(node -> node.getId().equals("n1"));
        assertThat(told()).isEqualTo("+[n4] -[n1]");
    }

    @Test
    void aSingleMemberIsNotReplacedUntilThereAreThree() {
        group = members("n1");
        change("n1", node -> node.setDraining(true));
        assertThat(told()).isEqualTo("nothing");
        assertThat(plan().obstacle()).contains("n1 is drained", "metadata.members=3");
        wanted = OptionalInt.of(3);
        assertThat(told()).isEqualTo("+[n2, n3] -[]");
    }

    @Test
    void whoHasLostItsStorageTakesItsOwnPlaceAtOnce() {
        lost = Set.of("n2");
        assertThat(told()).isEqualTo("+[n2] -[n2]");
        assertThat(plan().change().orElseThrow().why()).isEqualTo("node n2 has lost its storage");
        unfit = Set.of("n2");
        assertThat(told()).as("it did not come").isEqualTo("+[n6] -[n2]");
        unfit = Set.of();
        silent.put("n2", MemberPlan.THERE_MILLIS);
        assertThat(told()).as("it is not there").isEqualTo("+[n6] -[n2]");
        silent.put("n2", 0L);
        change("n3", node -> node.setDraining(true));
        assertThat(told()).as("who was told to go is first").isEqualTo("+[n5] -[n3]");
        lost = Set.of("n2#former");
        change("n3", node -> node.setDraining(false));
        assertThat(told()).as("the peer before").isEqualTo("nothing");
    }

    @Test
    void oneChangeAtATime() {
        silent.put("n3", GRACE);
        group = group.toBuilder().addLeaving("n2").build();
        assertThat(told()).isEqualTo("nothing");
    }

    @Test
    void theNumberIsReachedByTwoAtOnce() {
        wanted = OptionalInt.of(5);
        assertThat(told()).as("both in zones that have one each").isEqualTo("+[n4, n5] -[]");
        silent.put("n5", GRACE);
        silent.put("n6", GRACE);
        assertThat(told()).isEqualTo("nothing");
        assertThat(plan().obstacle()).contains("metadata.members is 5, there are 3");
    }

    @Test
    void ofThoseThatLeaveTheAbsentAreFirstAndTheLeaderLast() {
        group = members("n1", "n2", "n3", "n4", "n5");
        wanted = OptionalInt.of(3);
        assertThat(told()).as("one of each zone stays, and n1 leads").isEqualTo("+[] -[n5, n4]");
        silent.put("n2", 20_000L);
        assertThat(told()).isEqualTo("+[] -[n2, n5]");
    }

    /** Nobody has to be found for them: they need no successors. */
    @Test
    void fiveBecomeThreeWithoutThoseThatAreGoneOrDrained() {
        nodes.removeIf(node -> node.getId().equals("n6"));
        group = members("n1", "n2", "n3", "n4", "n5");
        wanted = OptionalInt.of(3);
        change("n1", node -> node.setDraining(true));
        silent.put("n2", 20_000L);
        assertThat(told()).as("n1 leads, and is to go").isEqualTo("+[] -[n1, n2]");
        silent.put("n3", GRACE);
        assertThat(told()).isEqualTo("+[] -[n3, n1]");
    }

    @Test
    void aNodeThatJoinsIsAPeerThatNeverWas() {
        silent.put("n3", GRACE);
        ChangeMembers first = plan().change().orElseThrow().begin(group, 1_000_000);
        assertThat(first.expectedVersion()).isEqualTo(7);
        assertThat(first.version()).isEqualTo(1_000_000);
        String peer = first.members().getFirst().getPeer();
        assertThat(MemberPlan.nodeOf(peer)).isEqualTo("n5");
        ChangeMembers behind = plan().change()
                .orElseThrow()
                .begin(group.toBuilder().setVersion(2_000_000).build(), 1_000_000);
        assertThat(behind.version()).as("a clock that is behind").isEqualTo(2_000_001);
        assertThat(behind.members().getFirst().getPeer()).isNotEqualTo(peer);
    }
}
