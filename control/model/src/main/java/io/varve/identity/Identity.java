package io.varve.identity;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a process shows of itself and whom it trusts.
 *
 * @param chain its certificate first, then those between it and an authority, if any; empty: it shows none (a person with an API token)
 * @param key of the first certificate; empty exactly when the chain is
 * @param authorities whose certificates it takes
 */
public record Identity(List<X509Certificate> chain, Optional<PrivateKey> key, List<X509Certificate> authorities) {
    public Identity {
        chain = List.copyOf(chain);
        authorities = List.copyOf(authorities);
        if (authorities.isEmpty()) {
            throw new IllegalArgumentException("there is no certificate of an authority");
        }
        if (chain.isEmpty() != key.isEmpty()) {
            throw new IllegalArgumentException("there is a certificate without a private key, or the other way round");
        }
    }

    /**
     * Checked, so that a mistake is found at start.
     *
     * @throws IllegalArgumentException in words for people: the key is not that of the certificate, or the certificate names nobody
     */
    public static Identity of(List<X509Certificate> chain, PrivateKey key, List<X509Certificate> authorities) {
        if (chain.isEmpty()) {
            throw new IllegalArgumentException("there is no certificate");
        }
        if (!belongTogether(chain.getFirst(), key)) {
            throw new IllegalArgumentException("the private key is not that of the certificate");
        }
        if (Principal.of(chain.getFirst()).isEmpty()) {
            throw new IllegalArgumentException(
                    "the certificate of " + chain.getFirst().getSubjectX500Principal()
                            + " names nobody: it needs exactly one subject alternative name like URI:varve:node:NAME");
        }
        return new Identity(chain, Optional.of(key), authorities);
    }

    /** Trusts these, and shows no certificate. */
    public static Identity withoutCertificate(List<X509Certificate> authorities) {
        return new Identity(List.of(), Optional.empty(), authorities);
    }

    /** Certificates and key of one text, in which the own certificate is the one that the key belongs to and all others are authorities. */
    public static Identity ofBundle(String text) {
        List<X509Certificate> all = Pem.certificates(text);
        Optional<PrivateKey> key = Pem.privateKey(text);
        if (key.isEmpty()) {
            return withoutCertificate(all);
        }
        X509Certificate own = all.stream()
                .filter(certificate -> belongTogether(certificate, key.get()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no certificate belongs to the private key"));
        List<X509Certificate> others = new ArrayList<>(all);
        others.remove(own);
        return of(List.of(own), key.get(), others);
    }

    private static boolean belongTogether(X509Certificate certificate, PrivateKey key) {
        byte[] probe = {1, 2, 3};
        String algorithm = switch (key.getAlgorithm()) {
            case "EC" -> "SHA256withECDSA";
            case "RSA" -> "SHA256withRSA";
            default -> key.getAlgorithm();
        };
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(probe);
            byte[] signed = signature.sign();
            signature.initVerify(certificate.getPublicKey());
            signature.update(probe);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    /** Who this is; empty without a certificate. */
    public Optional<Principal> principal() {
        return chain.isEmpty() ? Optional.empty() : Principal.of(chain.getFirst());
    }

    /** When a third of the certificate's life is left: time to get the next one. */
    public Instant renewAt() {
        Instant made = chain.getFirst().getNotBefore().toInstant().plus(CertificateAuthority.CLOCK_SKEW);
        Instant to = chain.getFirst().getNotAfter().toInstant();
        return to.minusMillis(Math.max(0, to.toEpochMilli() - made.toEpochMilli()) / 3);
    }

    /** End of the certificate. */
    public Instant endsAt() {
        return chain.getFirst().getNotAfter().toInstant();
    }

    /** Without the key. */
    @Override
    public String toString() {
        return principal().map(Principal::toString).orElse("nobody") + (chain.isEmpty() ? "" : " until " + endsAt());
    }
}
