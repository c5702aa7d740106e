package io.varve.control.api;

import com.google.protobuf.Message;
import io.varve.api.AttachRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.WatchNodeRequest;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import java.util.Optional;
import java.util.Set;

/** Which role a call needs. Pure. What is not named here needs the highest one of its service: a new call is closed until somebody opens it. */
final class Permissions {
    private static final String PACKAGE = "varve.v1.";

    /** What a driver that hands out volumes does, besides looking. */
    private static final Set<String> CSI = Set.of(
            "CreateVolume",
            "DeleteVolume",
            "ResizeVolume",
            "PublishVolume",
            "SetReplicas",
            "AttachVolume",
            "MoveVolume",
            "DetachVolume");

    /** Of what people call, what metadata members ask of the nodes themselves: the planner's figures. */
    private static final Set<String> NODES_TOO = Set.of(PACKAGE + "Management/GetNodeStats");

    private Permissions() {}

    /** Whether that role may make the call. */
    static boolean allows(Role role, String fullMethodName) {
        return required(fullMethodName).map(role::includes).orElse(true)
                || (role == Role.NODE && NODES_TOO.contains(fullMethodName));
    }

    /** The role that a call needs; empty: none, the call brings its own proof. */
    static Optional<Role> required(String fullMethodName) {
        String service = fullMethodName.substring(0, Math.max(0, fullMethodName.indexOf('/')));
        String method = fullMethodName.substring(fullMethodName.indexOf('/') + 1);
        if (!service.equals(PACKAGE + "Management")) {
            return service.equals(PACKAGE + "Identity") && method.equals("Join")
                    ? Optional.empty()
                    : Optional.of(Role.NODE);
        }
        if (CSI.contains(method)) {
            return Optional.of(Role.CSI);
        }
        return Optional.of(
                (method.startsWith("Get") || method.startsWith("List") || method.startsWith("Check"))
                                && !method.equals("ListTokens")
                        ? Role.READ_ONLY
                        : Role.ADMIN);
    }

    /** Whether a call changes something, so that it is kept who made it. */
    static boolean changes(String fullMethodName) {
        return fullMethodName.startsWith(PACKAGE + "Management/")
                && required(fullMethodName)
                        .filter(role -> role != Role.READ_ONLY)
                        .isPresent()
                && !fullMethodName.endsWith("/ListTokens");
    }

    /** What is wrong with a node's message: it speaks for another node. */
    static Optional<String> impersonation(Principal caller, Object question) {
        if (caller.role() != Role.NODE || !(question instanceof Message)) {
            return Optional.empty();
        }
        String spoken = switch (question) {
            case RegisterNodeRequest register -> register.getNode().getId();
            case RegisterGroupRequest register -> register.getGroup().getNode();
            case WatchNodeRequest watch -> watch.getNode();
            case AttachRequest attach -> attach.getNode();
            case ReportEventRequest report -> report.getNode();
            default -> caller.name();
        };
        return spoken.equals(caller.name())
                ? Optional.empty()
                : Optional.of(
                        "the certificate is of node " + caller.name() + ", but the call speaks for node " + spoken);
    }
}
