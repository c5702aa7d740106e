package io.varve.identity;

import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Judges the certificate that the other side shows: issued by an authority of this cluster, valid now, for somebody whose role may be at the other
 * end. Host names are not compared: addresses of nodes change, names of nodes do not, and it is these that the protocols above compare.
 */
public final class TrustedPeers extends X509ExtendedTrustManager {
    private final Supplier<Identity> identity;
    private final Supplier<Revocations> revocations;
    private final Set<Role> roles;
    private final Clock clock;

    TrustedPeers(Supplier<Identity> identity, Supplier<Revocations> revocations, Set<Role> roles, Clock clock) {
        this.identity = identity;
        this.revocations = revocations;
        this.roles = Set.copyOf(roles);
        this.clock = clock;
    }

    /** Why this chain is not taken; empty when it is. */
    public Optional<String> objection(X509Certificate @Nullable [] chain) {
        if (chain == null || chain.length == 0) {
            return Optional.of("no certificate was shown");
        }
        X509Certificate leaf = chain[0];
        Instant now = clock.instant();
        Optional<Principal> principal = Principal.of(leaf);
        String shown = "certificate of "
                + principal
                        .map(Principal::toString)
                        .orElse(leaf.getSubjectX500Principal().getName());
        if (now.isAfter(leaf.getNotAfter().toInstant())) {
            return Optional.of(shown + " ended at " + leaf.getNotAfter().toInstant()
                    + (isIssuedHere(chain, leaf.getNotAfter()) ? "" : ", and is of a foreign authority"));
        }
        if (now.isBefore(leaf.getNotBefore().toInstant())) {
            return Optional.of(shown + " begins only at " + leaf.getNotBefore().toInstant()
                    + ": compare the clocks of the two machines");
        }
        if (!isIssuedHere(chain, Date.from(now))) {
            return Optional.of(shown + " was not issued by this cluster's authority");
        }
        if (principal.isEmpty()) {
            return Optional.of(shown + " names neither a node nor a person of this cluster");
        }
        if (!roles.contains(principal.get().role())) {
            return Optional.of(shown + " is not taken here, only one of "
                    + roles.stream().map(Role::text).sorted().collect(Collectors.joining(", ")));
        }
        return revocations.get().objection(leaf);
    }

    /** Whether an authority's signature is on it, directly or through those between, at that time. */
    private boolean isIssuedHere(X509Certificate[] chain, Date at) {
        try {
            PKIXParameters parameters = new PKIXParameters(identity.get().authorities().stream()
                    .map(authority -> new TrustAnchor(authority, null))
                    .collect(Collectors.toSet()));
            parameters.setRevocationEnabled(false);
            parameters.setDate(at);
            CertPathValidator.getInstance("PKIX")
                    .validate(
                            CertificateFactory.getInstance("X.509").generateCertPath(Arrays.asList(chain)), parameters);
            return true;
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private void demand(X509Certificate[] chain) throws CertificateException {
        Optional<String> objection = objection(chain);
        if (objection.isPresent()) {
            // The other side is told at least this much, by an alert of its own.
            throw chain.length > 0
                            && clock.instant().isAfter(chain[0].getNotAfter().toInstant())
                    ? new CertificateExpiredException(objection.get())
                    : new CertificateException(objection.get());
        }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        demand(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        demand(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, @Nullable Socket socket)
            throws CertificateException {
        demand(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, @Nullable Socket socket)
            throws CertificateException {
        demand(chain);
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        demand(chain);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        demand(chain);
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return identity.get().authorities().toArray(X509Certificate[]::new);
    }
}
