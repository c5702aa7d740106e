package io.varve.control.api;

import io.varve.identity.Principal;
import java.util.Optional;

/**
 * Who makes a call.
 *
 * @param principal empty on a plaintext network, where nobody is asked
 * @param via the node that passed it on; empty: it came by itself
 */
record Visitor(Optional<Principal> principal, String via) {
    /** On a plaintext network. */
    static final Visitor ANYONE = new Visitor(Optional.empty(), "");

    /** Bound while a call's answer is begun, on the thread that begins it. */
    static final ScopedValue<Visitor> CURRENT = ScopedValue.newInstance();

    /** As a node passes it on to another one; empty for nobody in particular. */
    static String currentForOthers() {
        return CURRENT.orElse(ANYONE).principal().map(Principal::uri).orElse("");
    }

    /** For logs: {@code admin ann via n4}. */
    @Override
    public String toString() {
        return principal.map(Principal::toString).orElse("anyone") + (via.isEmpty() ? "" : " via " + via);
    }
}
