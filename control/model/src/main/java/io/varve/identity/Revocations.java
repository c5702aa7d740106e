package io.varve.identity;

import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * Certificates that are taken no more although they have not ended: those of nodes that were removed from the cluster. A node is known by its name, which a new one
 * may get: so a certificate is judged by when it was made.
 *
 * @param removed by name: when the node of that name was removed last
 */
public record Revocations(Map<String, Instant> removed) {
    public static final Revocations NONE = new Revocations(Map.of());

    public Revocations {
        removed = Map.copyOf(removed);
    }

    /** Why this certificate, which is good otherwise, is not taken; empty when it is. */
    public Optional<String> objection(X509Certificate leaf) {
        return Principal.of(leaf)
                .filter(principal -> principal.role() == Role.NODE)
                .filter(principal -> {
                    Instant since = removed.get(principal.name());
                    return since != null && !madeAt(leaf).isAfter(since);
                })
                .map(principal -> "certificate of " + principal
                        + " is revoked: that node was removed from the cluster at " + removed.get(principal.name()));
    }

    /** Certificates begin that much before they are made. */
    private static Instant madeAt(X509Certificate leaf) {
        return leaf.getNotBefore().toInstant().plus(CertificateAuthority.CLOCK_SKEW);
    }
}
