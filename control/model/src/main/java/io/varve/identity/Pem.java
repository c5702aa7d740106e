package io.varve.identity;

import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Certificates and private keys as text (RFC 7468). Failures are {@link IllegalArgumentException}, with words for people and without the content. */
public final class Pem {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\\s]*)-----END \\1-----");
    private static final Base64.Encoder LINES = Base64.getMimeEncoder(64, new byte[] {'\n'});

    private Pem() {}

    public static String encode(X509Certificate certificate) {
        try {
            return block("CERTIFICATE", certificate.getEncoded());
        } catch (CertificateEncodingException e) {
            throw new IllegalArgumentException("a certificate without an encoding", e);
        }
    }

    public static String encode(PrivateKey key) {
        return block("PRIVATE KEY", key.getEncoded());
    }

    private static String block(String kind, byte[] content) {
        return "-----BEGIN " + kind + "-----\n" + LINES.encodeToString(content) + "\n-----END " + kind + "-----\n";
    }

    /** Every certificate of the text, in order. */
    public static List<X509Certificate> certificates(String text) {
        List<X509Certificate> found = new ArrayList<>();
        Matcher blocks = BLOCK.matcher(text);
        while (blocks.find()) {
            if (blocks.group(1).equals("CERTIFICATE")) {
                found.add(certificate(decode(blocks.group(2))));
            }
        }
        return found;
    }

    /** The one certificate of these bytes. */
    public static X509Certificate certificate(byte[] der) {
        try {
            return (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("holds a certificate that cannot be read: " + e.getMessage(), e);
        }
    }

    /** The first private key of the text. */
    public static Optional<PrivateKey> privateKey(String text) {
        Matcher blocks = BLOCK.matcher(text);
        while (blocks.find()) {
            String kind = blocks.group(1);
            if (kind.equals("PRIVATE KEY")) {
                return Optional.of(privateKey(decode(blocks.group(2))));
            }
            if (kind.endsWith("PRIVATE KEY")) {
                throw new IllegalArgumentException(
                        "holds a key in the form '" + kind + "': convert it with openssl pkcs8 -topk8 -nocrypt");
            }
        }
        return Optional.empty();
    }

    /** A private key in PKCS #8. */
    public static PrivateKey privateKey(byte[] der) {
        for (String algorithm : List.of("EC", "RSA", "Ed25519")) {
            Optional<PrivateKey> key = privateKey(algorithm, der);
            if (key.isPresent()) {
                return key.get();
            }
        }
        throw new IllegalArgumentException("holds a private key that is neither EC nor RSA nor Ed25519");
    }

    private static Optional<PrivateKey> privateKey(String algorithm, byte[] der) {
        try {
            return Optional.of(KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der)));
        } catch (GeneralSecurityException anotherKind) {
            return Optional.empty();
        }
    }

    /** A public key of this cluster's kind, as SubjectPublicKeyInfo. */
    public static PublicKey publicKey(byte[] der) {
        try {
            return KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(der));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("not an EC public key", e);
        }
    }

    private static byte[] decode(String base64) {
        return Base64.getMimeDecoder().decode(base64);
    }
}
