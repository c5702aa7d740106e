package io.varve.identity;

import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;

/**
 * The authority that a cluster's certificates come from: an EC key on P-256 and its self-signed certificate. Whoever has the key can be anyone
 * in the cluster. The clock is the caller's.
 *
 * @param certificate what peers trust
 * @param key never leaves the directories of the nodes that issue
 */
public record CertificateAuthority(X509Certificate certificate, PrivateKey key) {
    /** Longer than a cluster's hardware; a cluster whose authority ends gets a new one by hand. */
    static final Duration LIFETIME = Duration.ofDays(3650);

    /** Certificates are valid from a little before they are made: clocks of nodes differ. */
    static final Duration CLOCK_SKEW = Duration.ofMinutes(5);

    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int SERIAL_BITS = 127;

    private static final String COMMON_NAME = "2.5.4.3";
    private static final String ORGANISATION = "2.5.4.10";
    private static final String BASIC_CONSTRAINTS = "2.5.29.19";
    private static final String KEY_USAGE = "2.5.29.15";
    private static final String EXTENDED_KEY_USAGE = "2.5.29.37";
    private static final String SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
    private static final String SUBJECT_KEY_ID = "2.5.29.14";
    private static final String AUTHORITY_KEY_ID = "2.5.29.35";
    private static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    private static final String ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";

    private static final int DIGITAL_SIGNATURE = 0x80;
    private static final int SIGN_CERTIFICATES = 0x04;
    private static final int URI_NAME = 6;

    /** A new authority. */
    public static CertificateAuthority create(String cluster, Instant now) {
        KeyPair pair = newKey();
        byte[] name = name("Varve CA of " + cluster, cluster);
        byte[] keyId = keyId(pair.getPublic());
        byte[] extensions = Der.sequence(
                extension(BASIC_CONSTRAINTS, true, Der.sequence(Der.isTrue(), Der.integer(BigInteger.ZERO))),
                extension(KEY_USAGE, true, Der.flags(SIGN_CERTIFICATES)),
                extension(SUBJECT_KEY_ID, false, Der.octets(keyId)));
        return new CertificateAuthority(
                signed(
                        name,
                        name,
                        now.minus(CLOCK_SKEW),
                        now.plus(LIFETIME),
                        pair.getPublic(),
                        extensions,
                        pair.getPrivate()),
                pair.getPrivate());
    }

    /**
     * A certificate for a node or a person, valid for {@code lifetime} from now but not longer than the authority's own.
     *
     * @param subject the key of which whoever asked has shown to hold the private half
     */
    public X509Certificate issue(PublicKey subject, Principal principal, Instant now, Duration lifetime) {
        Instant end = now.plus(lifetime);
        Instant last = certificate.getNotAfter().toInstant();
        byte[] extensions = Der.sequence(
                extension(KEY_USAGE, true, Der.flags(DIGITAL_SIGNATURE)),
                extension(EXTENDED_KEY_USAGE, false, Der.sequence(Der.oid(SERVER_AUTH), Der.oid(CLIENT_AUTH))),
                extension(
                        SUBJECT_ALTERNATIVE_NAME,
                        false,
                        Der.sequence(Der.implicit(
                                URI_NAME, principal.uri().getBytes(java.nio.charset.StandardCharsets.US_ASCII)))),
                extension(SUBJECT_KEY_ID, false, Der.octets(keyId(subject))),
                extension(AUTHORITY_KEY_ID, false, Der.sequence(Der.implicit(0, keyId(certificate.getPublicKey())))));
        return signed(
                certificate.getSubjectX500Principal().getEncoded(),
                name(principal.name(), principal.role().text()),
                now.minus(CLOCK_SKEW),
                end.isBefore(last) ? end : last,
                subject,
                extensions,
                key);
    }

    /** A key pair of the kind that this cluster uses. */
    public static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"), RANDOM);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the JDK has no P-256", e);
        }
    }

    /** What a person compares, and a join token pins: SHA-256 of the certificate, in hexadecimal. */
    public static String fingerprint(X509Certificate certificate) {
        try {
            return HexFormat.of().formatHex(sha("SHA-256", certificate.getEncoded()));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("a certificate without an encoding", e);
        }
    }

    private static X509Certificate signed(
            byte[] issuer,
            byte[] subject,
            Instant from,
            Instant to,
            PublicKey subjectKey,
            byte[] extensions,
            PrivateKey by) {
        byte[] algorithm = Der.sequence(Der.oid(ECDSA_WITH_SHA256));
        byte[] content = Der.sequence(
                Der.explicit(0, Der.integer(BigInteger.TWO)), // version 3
                Der.integer(new BigInteger(SERIAL_BITS, RANDOM).setBit(SERIAL_BITS - 1)),
                algorithm,
                issuer,
                Der.sequence(Der.time(from), Der.time(to)),
                subject,
                subjectKey.getEncoded(),
                Der.explicit(3, extensions));
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initSign(by);
            signature.update(content);
            byte[] whole = Der.sequence(content, algorithm, Der.bits(signature.sign()));
            return (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(whole));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot sign a certificate", e);
        }
    }

    private static byte[] name(String commonName, String organisation) {
        return Der.sequence(
                Der.set(Der.sequence(Der.oid(ORGANISATION), Der.text(organisation))),
                Der.set(Der.sequence(Der.oid(COMMON_NAME), Der.text(commonName))));
    }

    private static byte[] extension(String oid, boolean critical, byte[] value) {
        return critical
                ? Der.sequence(Der.oid(oid), Der.isTrue(), Der.octets(value))
                : Der.sequence(Der.oid(oid), Der.octets(value));
    }

    private static byte[] keyId(PublicKey key) {
        try {
            return sha("SHA-1", key.getEncoded()); // RFC 5280, 4.2.1.2: a name, not a protection
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the JDK has no SHA-1", e);
        }
    }

    private static byte[] sha(String algorithm, byte[] data) throws GeneralSecurityException {
        return MessageDigest.getInstance(algorithm).digest(data);
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "authority " + fingerprint(certificate);
    }
}
