package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeMembers.Step;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.RemoveNode;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Nodes n1 to n6, of which n1 to n3 are the first members; n6 has no Raft address. */
class GroupRulesTest {
    private final Truths truths = Truths.ofNodes(6);

    @BeforeEach
    void record() {
        for (int n = 1; n <= 5; n++) {
            truths.must(new RegisterNode(node("n" + n), ""));
        }
        truths.must(new ChangeMembers(
                Step.RECORD,
                0,
                10,
                List.of(member("n1", "n1"), member("n2", "n2"), member("n3", "n3")),
                List.of(),
                "",
                "uuid"));
    }

    private static Node node(String id) {
        return Truths.node(id, 1).toBuilder().setRaftAddress(id + ":7600").build();
    }

    private static GroupMember member(String node, String peer) {
        return GroupMember.newBuilder()
                .setNode(node)
                .setPeer(peer)
                .setRaftAddress(node + ":7600")
                .setManagementAddress(node + ":7400")
                .build();
    }

    private MetadataGroup group() {
        return truths.state.metadata().orElseThrow();
    }

    private ChangeMembers begin(List<GroupMember> joining, List<String> leaving) {
        return new ChangeMembers(
                Step.BEGIN, group().getVersion(), group().getVersion() + 1, joining, leaving, "test", "");
    }

    private ChangeMembers end(Step step) {
        return ChangeMembers.end(step, group().getVersion(), group().getVersion() + 1, "test");
    }

    private List<String> members() {
        return truths.state.nodes().stream()
                .filter(Node::getMetadataMember)
                .map(Node::getId)
                .toList();
    }

    private void refuses(ChangeMembers command, String why) {
        assertThat(truths.refuses(command, TruthCode.TRUTH_REFUSED).message()).contains(why);
    }

    @Test
    void aMemberIsReplacedInTwoSteps() {
        ChangeMembers begun = begin(List.of(member("n4", "n4#b")), List.of("n3"));
        truths.must(begun);
        truths.must(begun);
        assertThat(members()).as("until it is done").containsExactly("n1", "n2", "n3");
        refuses(begin(List.of(member("n5", "n5#c")), List.of("n2")), "another change");
        ChangeMembers finished = end(Step.FINISH);
        truths.must(finished);
        truths.must(finished);
        assertThat(members()).containsExactly("n1", "n2", "n4");
        assertThat(group().getMembersList()).extracting(GroupMember::getPeer).containsExactly("n1", "n2", "n4#b");
        assertThat(group().getJoiningCount() + group().getLeavingCount()).isZero();
        assertThat(group().getGroupUuid()).isEqualTo("uuid");
    }

    @Test
    void whoWasAMemberMayBeRemovedAndWhoIsOneMayNot() {
        assertThat(truths.refuses(new RemoveNode("n3"), TruthCode.TRUTH_REFUSED).message())
                .contains("varve node drain");
        truths.must(begin(List.of(member("n4", "n4#b")), List.of("n3")));
        truths.must(end(Step.FINISH));
        truths.must(new RemoveNode("n3"));
        truths.refuses(new RemoveNode("n4"), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void whoJoinsMayNotBeRemoved() {
        truths.must(begin(List.of(member("n4", "n4#b")), List.of("n3")));
        assertThat(truths.refuses(new RemoveNode("n4"), TruthCode.TRUTH_REFUSED).message())
                .contains("metadata group");
        truths.must(end(Step.ABANDON));
        truths.must(new RemoveNode("n4"));
    }

    @Test
    void whoIsDrainedDoesNotJoin() {
        truths.must(new DrainNode("n4", true));
        refuses(begin(List.of(member("n4", "n4#b")), List.of("n3")), "node 'n4' is drained");
    }

    /** What its configuration says is how the group began. */
    @Test
    void aNodeThatStartsIsAMemberByTheListAndNotByItsOwnWord() {
        truths.must(new RegisterNode(
                node("n5").toBuilder().setIncarnation(2).setMetadataMember(true).build(), ""));
        truths.must(new RegisterNode(
                node("n1").toBuilder()
                        .setIncarnation(2)
                        .setMetadataMember(false)
                        .build(),
                ""));
        assertThat(members()).containsExactly("n1", "n2", "n3");
    }

    @Test
    void aChangeThatIsGivenUpLeavesTheMembers() {
        truths.must(begin(List.of(member("n4", "n4#b"), member("n5", "n5#b")), List.of()));
        truths.must(end(Step.ABANDON));
        assertThat(members()).containsExactly("n1", "n2", "n3");
        refuses(end(Step.FINISH), "no change");
    }

    @Test
    void threeBecomeFiveAndFiveThree() {
        truths.must(begin(List.of(member("n4", "n4#b"), member("n5", "n5#b")), List.of()));
        truths.must(end(Step.FINISH));
        assertThat(members()).hasSize(5);
        truths.must(begin(List.of(), List.of("n1", "n4#b")));
        truths.must(end(Step.FINISH));
        assertThat(members()).containsExactly("n2", "n3", "n5");
        refuses(begin(List.of(), List.of("n2", "n3")), "would have 1 members");
    }

    @Test
    void refusesWhatWouldNotBeAGroup() {
        refuses(begin(List.of(), List.of()), "nobody");
        refuses(begin(List.of(member("n4", "n4#b")), List.of()), "would have 4 members");
        refuses(begin(List.of(), List.of("n3")), "would have 2 members");
        refuses(begin(List.of(member("n4", "n4#b")), List.of("n9")), "no member");
        refuses(begin(List.of(member("n2", "n2#b")), List.of("n3")), "is a member already");
        refuses(begin(List.of(member("n9", "n9#b")), List.of("n3")), "there is no node 'n9'");
        refuses(begin(List.of(member("n6", "n6#b")), List.of("n3")), "listen.raft");
        refuses(begin(List.of(member("n4", "n3")), List.of("n3")), "only once");
    }

    @Test
    void aSingleMemberGrowsBeforeItIsReplaced() {
        truths.must(new ChangeMembers(Step.RECORD, 10, 11, List.of(member("n1", "n1")), List.of(), "", "uuid"));
        refuses(begin(List.of(member("n4", "n4#b")), List.of("n1")), "metadata.members=3");
        truths.must(begin(List.of(member("n4", "n4#b"), member("n5", "n5#b")), List.of()));
        truths.must(end(Step.FINISH));
        truths.must(begin(List.of(member("n2", "n2#c")), List.of("n1")));
    }

    /** It lost its storage: as another peer, with an empty log, it is one like others. */
    @Test
    void aNodeMayTakeItsOwnPlace() {
        truths.must(begin(List.of(member("n3", "n3#b")), List.of("n3")));
        truths.must(end(Step.FINISH));
        assertThat(group().getMembersList()).extracting(GroupMember::getPeer).containsExactly("n1", "n2", "n3#b");
    }

    @Test
    void refusesWhoSawAnotherList() {
        refuses(
                new ChangeMembers(Step.BEGIN, 9, 11, List.of(member("n4", "n4#b")), List.of("n3"), "test", ""),
                "changed meanwhile");
        refuses(
                new ChangeMembers(Step.BEGIN, 10, 9, List.of(member("n4", "n4#b")), List.of("n3"), "test", ""),
                "version");
    }

    @Test
    void everyNodeHearsWhoTheMembersAreAndWhomElseToAsk() {
        MetadataGroup told = NodeViews.of(truths.state, "n6", 0).getMetadata();
        assertThat(told.getMembersList()).extracting(GroupMember::getNode).containsExactly("n1", "n2", "n3");
        assertThat(told.getOthersList()).containsExactly("n4:7400", "n5:7400", "n6:7400");
    }
}
