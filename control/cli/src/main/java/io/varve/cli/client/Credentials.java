package io.varve.cli.client;

import io.varve.identity.Identity;
import io.varve.identity.LiveIdentity;
import io.varve.identity.SecretFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a caller of the management API shows: a certificate, or an API token; and whom it believes. A file of PEM text holds it: the authority's
 * certificate, and either a certificate with its private key or a line {@code token: TEXT}.
 *
 * @param identity empty: plaintext
 * @param token empty: none
 */
public record Credentials(Optional<LiveIdentity> identity, Optional<String> token) {
    /** Speaks plaintext, and shows nothing. */
    public static final Credentials NONE = new Credentials(Optional.empty(), Optional.empty());

    /** Written for {@link #NONE} where a file is meant. */
    private static final String PLAINTEXT = "none";

    private static final Pattern TOKEN = Pattern.compile("(?m)^token:[ \\t]*(\\S+)[ \\t]*$");

    /**
     * From the file named, else from the first of the usual places where there is one, else {@link #NONE}.
     *
     * @param named may be empty; {@code none} for plaintext
     * @throws IOException in words for people: it cannot be read, or is no such file
     */
    public static Credentials find(String named) throws IOException {
        if (named.equals(PLAINTEXT)) {
            return NONE;
        }
        if (!named.isEmpty()) {
            return read(Path.of(named));
        }
        for (Path usual : usualPlaces()) {
            if (Files.isReadable(usual)) {
                return read(usual);
            }
        }
        return NONE;
    }

    /** The user's own, then those of root on a node whose data directory is where the documentation puts it. */
    public static List<Path> usualPlaces() {
        return List.of(
                Path.of(System.getProperty("user.home", "/"), ".varve", "credentials"),
                Path.of("/var/lib/varve/tls/admin.pem"));
    }

    public static Credentials read(Path file) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException(file + " does not exist");
        }
        String text = SecretFile.read(file);
        Matcher token = TOKEN.matcher(text);
        try {
            return new Credentials(
                    Optional.of(new LiveIdentity(Identity.ofBundle(text))),
                    token.find() ? Optional.of(token.group(1)) : Optional.empty());
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    /** Without the secrets. */
    @Override
    public String toString() {
        return identity.map(shown -> shown.now().toString()).orElse("plaintext")
                + (token.isPresent() ? " with a token" : "");
    }
}
