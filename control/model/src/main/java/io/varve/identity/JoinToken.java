package io.varve.identity;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;

/**
 * What lets one node into the cluster, once: where to ask, whom to believe there, and the secret that proves it was sent. One line of text, to be
 * carried to the node in a file.
 *
 * @param node the node that it is for
 * @param address management address of the node that made it, which alone knows it
 * @param secret random
 * @param authority the cluster's; the joining node talks to nobody else
 */
public record JoinToken(String node, String address, String secret, X509Certificate authority) {
    private static final String PREFIX = "varve-join-1-";
    private static final int SECRET_BYTES = 32;
    private static final SecureRandom RANDOM = new SecureRandom();

    /** Random text for a secret: 256 bits. */
    public static String newSecret() {
        byte[] bytes = new byte[SECRET_BYTES];
        RANDOM.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** What is kept of a secret: SHA-256, in hexadecimal. From 256 random bits nothing can be guessed back. */
    public static String hash(String secret) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the JDK has no SHA-256", e);
        }
    }

    public String encode() {
        try {
            String fields = String.join(
                    "\n", node, address, secret, Base64.getEncoder().encodeToString(authority.getEncoded()));
            return PREFIX
                    + Base64.getUrlEncoder().withoutPadding().encodeToString(fields.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("a certificate without an encoding", e);
        }
    }

    /** Reads a token back; {@link IllegalArgumentException} in words for people, which do not repeat the token. */
    public static JoinToken parse(String text) {
        String trimmed = text.strip();
        if (!trimmed.startsWith(PREFIX)) {
            throw new IllegalArgumentException("not a join token: it begins with " + PREFIX);
        }
        List<String> fields;
        try {
            byte[] decoded = Base64.getUrlDecoder().decode(trimmed.substring(PREFIX.length()));
            fields = List.of(new String(decoded, StandardCharsets.UTF_8).split("\n", -1));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("a damaged join token: copy it whole, on one line", e);
        }
        if (fields.size() != 4) {
            throw new IllegalArgumentException("a damaged join token: copy it whole, on one line");
        }
        return new JoinToken(
                fields.get(0),
                fields.get(1),
                fields.get(2),
                Pem.certificate(Base64.getDecoder().decode(fields.get(3))));
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return "join token for node " + node + " at " + address;
    }
}
