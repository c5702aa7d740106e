package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.AttachRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.Varve;
import io.varve.api.WatchNodeRequest;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PermissionsTest {
    @Test
    void everyCallThatThereIsNeedsARoleButJoining() {
        Varve.getDescriptor()
                .getServices()
                .forEach(service -> service.getMethods().forEach(method -> {
                    String name = service.getFullName() + "/" + method.getName();
                    Optional<Role> required = Permissions.required(name);
                    assertThat(required.isEmpty()).as(name).isEqualTo(name.equals("varve.v1.Identity/Join"));
                    if (!service.getName().equals("Management") && required.isPresent()) {
                        assertThat(required).as(name).contains(Role.NODE);
                    }
                    if (method.getName()
                                    .matches(
                                            "(Create|Delete|Move|Attach|Detach|Add|Init|Revoke|Verify|Set|Remove|Drain).*")
                            && service.getName().equals("Management")) {
                        assertThat(required.orElseThrow()).as(name).isNotEqualTo(Role.READ_ONLY);
                        assertThat(Permissions.changes(name)).as(name).isTrue();
                    }
                }));
    }

    @Test
    void whatNobodyThoughtOfIsClosed() {
        assertThat(Permissions.required("varve.v1.Management/Explode")).contains(Role.ADMIN);
        assertThat(Permissions.required("varve.v1.Other/GetAnything")).contains(Role.NODE);
        assertThat(Permissions.required("nonsense")).contains(Role.NODE);
        assertThat(Permissions.required("varve.v1.Management/ListTokens")).contains(Role.ADMIN);
    }

    @Test
    void nodesAskEachOtherForFiguresAndNothingElseOfWhatPeopleAsk() {
        assertThat(Permissions.allows(Role.NODE, "varve.v1.Management/GetNodeStats"))
                .isTrue();
        assertThat(Permissions.allows(Role.NODE, "varve.v1.Management/GetStatus"))
                .isFalse();
        assertThat(Permissions.allows(Role.NODE, "varve.v1.Management/DeleteVolume"))
                .isFalse();
        assertThat(Permissions.allows(Role.READ_ONLY, "varve.v1.Management/GetNodeStats"))
                .isTrue();
        assertThat(Permissions.allows(Role.ADMIN, "varve.v1.Truth/Attach")).isFalse();
    }

    @Test
    void aNodeSpeaksForItselfOnly() {
        for (Object question : List.of(
                WatchNodeRequest.newBuilder().setNode("n2").build(),
                ReportEventRequest.newBuilder().setNode("n2").build(),
                AttachRequest.newBuilder().setNode("n2").build())) {
            assertThat(Permissions.impersonation(Principal.node("n1"), question))
                    .isPresent();
            assertThat(Permissions.impersonation(Principal.node("n2"), question))
                    .isEmpty();
        }
    }
}
