package io.varve.control.truth;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.vertx.core.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MetadataMembersTest {
    private static final SocketAddress FIRST = SocketAddress.inetSocketAddress(7400, "n1");

    private final MetadataMembers members =
            new MetadataMembers("n4", List.of(FIRST), MetadataGroup.getDefaultInstance());

    private static MetadataGroup list(long version, String... nodes) {
        MetadataGroup.Builder list = MetadataGroup.newBuilder().setVersion(version);
        for (String node : nodes) {
            list.addMembers(member(node));
        }
        return list.build();
    }

    private static GroupMember member(String node) {
        return GroupMember.newBuilder()
                .setNode(node)
                .setPeer(node)
                .setManagementAddress(node + ":7400")
                .build();
    }

    private List<String> hosts() {
        return members.addresses().stream().map(SocketAddress::host).toList();
    }

    @Test
    void theConfigurationHoldsUntilSomethingIsHeard() {
        assertThat(members.addresses()).containsExactly(FIRST);
        members.heard(list(5, "n2", "n3", "n4"));
        assertThat(hosts()).as("the own one first").containsExactly("n4", "n2", "n3");
    }

    @Test
    void anOlderListChangesNothing() {
        members.heard(list(5, "n2", "n3", "n4"));
        members.heard(list(4, "n1", "n2", "n3"));
        members.heard(list(9));
        assertThat(members.nodes()).containsExactlyInAnyOrder("n2", "n3", "n4");
    }

    @Test
    void whoJoinsIsLetInButNotAskedYet() {
        members.heard(
                list(5, "n1", "n2", "n3").toBuilder().addJoining(member("n5")).build());
        assertThat(members.nodes()).contains("n5");
        assertThat(hosts()).doesNotContain("n5");
    }

    @Test
    void everybodyWhoMayKnowIsAskedWhenNobodyAnswers() {
        members.heard(list(5, "n2", "n3", "n4").toBuilder().addOthers("n6:7400").build());
        members.heard(list(6, "n3", "n4", "n5"));
        assertThat(members.everybody().stream().map(SocketAddress::host))
                .as("members, the first ones, and nodes of which a view told before")
                .containsExactlyInAnyOrder("n3", "n4", "n5", "n1", "n6");
    }

    @Test
    void newsIsToldOnce() {
        List<Long> told = new ArrayList<>();
        members.onChange(list -> told.add(list.getVersion()));
        members.heard(list(5, "n1"));
        members.heard(list(5, "n1"));
        members.heard(list(6, "n1"));
        assertThat(told).containsExactly(5L, 6L);
    }

    private static SocketAddress at(String node) {
        return SocketAddress.inetSocketAddress(7400, node);
    }

    private List<String> asked() {
        return members.toAsk().stream().map(SocketAddress::host).toList();
    }

    /** Who leaves the group deletes its key and puts its log aside: not because some node says so. */
    @Test
    void whatANodeSaysThatWasNoMemberOnlyTellsWhomToAsk() {
        members.heard(list(5, "n2", "n3", "n4"));
        List<Long> told = new ArrayList<>();
        members.onChange(list -> told.add(list.getVersion()));
        members.told(at("n6"), list(9, "n6", "n7", "n8"));
        assertThat(told).isEmpty();
        assertThat(members.nodes()).containsExactlyInAnyOrder("n2", "n3", "n4");
        assertThat(members.group().getVersion()).isEqualTo(5);
        assertThat(hosts()).containsExactly("n4", "n2", "n3");
        assertThat(asked()).containsExactly("n4", "n2", "n3", "n6", "n7", "n8");
        assertThat(members.isDoubtful()).isTrue();
        members.told(at("n7"), list(9, "n6", "n7", "n8"));
        assertThat(members.nodes()).as("nor because those say so whom it named").contains("n4");
        members.told(at("n3"), list(9, "n6", "n7", "n8"));
        assertThat(told).containsExactly(9L);
        assertThat(hosts()).containsExactly("n6", "n7", "n8");
        assertThat(members.isDoubtful()).isFalse();
    }

    @Test
    void whomAnotherNodeNamedIsForgottenWhenAMemberKnowsBetter() {
        members.heard(list(5, "n2", "n3", "n4"));
        members.told(at("n6"), list(9, "n6", "n7", "n8"));
        members.told(at("n2"), list(8, "n2", "n3", "n5"));
        assertThat(asked()).contains("n6");
        members.told(at("n5"), list(10, "n2", "n3", "n9"));
        assertThat(asked()).containsExactly("n2", "n3", "n9");
    }

    @Test
    void aListWithAnAddressThatIsNoneChangesNothing() {
        members.heard(list(5, "n2", "n3", "n4"));
        MetadataGroup odd = list(9, "n2", "n3").toBuilder()
                .addMembers(member("n5").toBuilder().setManagementAddress("nowhere"))
                .build();
        members.heard(odd);
        members.heard(list(9, "n2").toBuilder().addOthers("n6:x").build());
        members.told(at("n6"), odd);
        assertThat(members.group().getVersion()).isEqualTo(5);
        assertThat(members.isDoubtful()).isFalse();
        assertThat(hosts()).containsExactly("n4", "n2", "n3");
    }
}
