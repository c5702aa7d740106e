package io.varve.identity;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Somebody that the cluster knows: a role and a name. In a certificate it is the subject alternative name {@code varve:ROLE:NAME}, a URI;
 * whatever else a certificate says about its subject is for people.
 */
public record Principal(Role role, String name) {
    private static final String SCHEME = "varve:";
    private static final int URI_NAME = 6; // RFC 5280, GeneralName
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._@-]{0,126}");

    public Principal {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("'" + name
                    + "' is not a name: use letters, digits, '-', '_', '.' and '@', beginning with a letter or digit");
        }
    }

    public static Principal node(String name) {
        return new Principal(Role.NODE, name);
    }

    /** As it stands in a certificate. */
    public String uri() {
        return SCHEME + role.text() + ":" + name;
    }

    /** Whom {@link #uri} named; empty for any other text. */
    public static Optional<Principal> parse(String uri) {
        String[] parts = uri.startsWith(SCHEME) ? uri.substring(SCHEME.length()).split(":", -1) : new String[0];
        if (parts.length != 2 || !NAME.matcher(parts[1]).matches()) {
            return Optional.empty();
        }
        return Role.of(parts[0]).map(role -> new Principal(role, parts[1]));
    }

    /** Whom a certificate is for; empty when it names nobody, or more than one: who could be two is nobody. */
    public static Optional<Principal> of(X509Certificate certificate) {
        Collection<List<?>> names;
        try {
            names = certificate.getSubjectAlternativeNames();
        } catch (CertificateParsingException e) {
            return Optional.empty();
        }
        if (names == null) {
            return Optional.empty();
        }
        List<Principal> found = names.stream()
                .filter(name -> name.getFirst().equals(URI_NAME))
                .flatMap(name -> parse(String.valueOf(name.get(1))).stream())
                .toList();
        return found.size() == 1 ? Optional.of(found.getFirst()) : Optional.empty();
    }

    /** For people and logs: {@code node n1}. */
    @Override
    public String toString() {
        return role.text() + " " + name;
    }
}
