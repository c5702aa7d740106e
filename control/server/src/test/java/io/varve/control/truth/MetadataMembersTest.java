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
}
