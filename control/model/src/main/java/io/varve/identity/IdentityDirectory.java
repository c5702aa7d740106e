package io.varve.identity;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The {@code tls} directory inside of a node's data directory: {@code ca.pem}, whom to trust; {@code node.pem}, the node's certificate with its
 * key; {@code admin.pem}, credentials of whoever is root on this machine; {@code ca.key} on nodes that issue certificates. Blocking.
 */
public record IdentityDirectory(Path path) {
    private static final String AUTHORITIES = "ca.pem";
    private static final String AUTHORITY_KEY = "ca.key";
    private static final String NODE = "node.pem";
    private static final String ADMIN = "admin.pem";

    public static IdentityDirectory of(Path dataDirectory) {
        return new IdentityDirectory(dataDirectory.resolve("tls"));
    }

    public Path authorities() {
        return path.resolve(AUTHORITIES);
    }

    public Path node() {
        return path.resolve(NODE);
    }

    /** Credentials for the command line. */
    public Path admin() {
        return path.resolve(ADMIN);
    }

    public boolean hasIdentity() {
        return Files.exists(node());
    }

    public boolean hasAuthority() {
        return Files.exists(path.resolve(AUTHORITY_KEY));
    }

    /** Reads an identity from files, which may be one and the same; words for people when they do not fit together. */
    public static Identity read(Path authorities, Path certificate, Path key) throws IOException {
        List<X509Certificate> trusted = named(authorities, () -> Pem.certificates(Files.readString(authorities)));
        List<X509Certificate> chain = named(certificate, () -> Pem.certificates(SecretFile.read(certificate)));
        PrivateKey own = named(
                key,
                () -> Pem.privateKey(SecretFile.read(key))
                        .orElseThrow(() -> new IllegalArgumentException("holds no private key")));
        if (trusted.isEmpty()) {
            throw new IOException(authorities + " holds no certificate");
        }
        return named(certificate, () -> Identity.of(chain, own, trusted));
    }

    public Identity readNode() throws IOException {
        return read(authorities(), node(), node());
    }

    /** The authority, on a node that issues. */
    public Optional<CertificateAuthority> readAuthority() throws IOException {
        Path key = path.resolve(AUTHORITY_KEY);
        if (!Files.exists(key)) {
            return Optional.empty();
        }
        X509Certificate certificate = named(authorities(), () -> Pem.certificates(Files.readString(authorities())))
                .getFirst();
        PrivateKey secret = named(
                key,
                () -> Pem.privateKey(SecretFile.read(key))
                        .orElseThrow(() -> new IllegalArgumentException("holds no private key")));
        return Optional.of(new CertificateAuthority(certificate, secret));
    }

    public void writeAuthorities(List<X509Certificate> authorities) throws IOException {
        SecretFile.write(authorities(), authorities.stream().map(Pem::encode).collect(Collectors.joining()));
    }

    public void writeAuthorityKey(PrivateKey key) throws IOException {
        SecretFile.write(path.resolve(AUTHORITY_KEY), Pem.encode(key));
    }

    /** False: there was none. */
    public boolean removeAuthority() throws IOException {
        return Files.deleteIfExists(path.resolve(AUTHORITY_KEY));
    }

    public void writeNode(X509Certificate certificate, PrivateKey key) throws IOException {
        SecretFile.write(node(), Pem.encode(certificate) + Pem.encode(key));
    }

    public void writeAdmin(X509Certificate certificate, PrivateKey key, List<X509Certificate> authorities)
            throws IOException {
        SecretFile.write(
                admin(),
                Pem.encode(certificate)
                        + Pem.encode(key)
                        + authorities.stream().map(Pem::encode).collect(Collectors.joining()));
    }

    /** Certificates for the node and for its root, made here by an authority that is at hand. */
    public void issue(CertificateAuthority authority, String node, Instant now, Duration lifetime) throws IOException {
        List<X509Certificate> trusted = List.of(authority.certificate());
        writeAuthorities(trusted);
        KeyPair admin = CertificateAuthority.newKey();
        writeAdmin(authority.issue(admin.getPublic(), rootOf(node), now, lifetime), admin.getPrivate(), trusted);
        KeyPair own = CertificateAuthority.newKey();
        writeNode(authority.issue(own.getPublic(), Principal.node(node), now, lifetime), own.getPrivate());
    }

    /** Who root on a node's machine is. */
    public static Principal rootOf(String node) {
        return new Principal(Role.ADMIN, "root@" + node);
    }

    private interface Reading<T> {
        T read() throws IOException;
    }

    private static <T> T named(Path file, Reading<T> reading) throws IOException {
        try {
            return reading.read();
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        } catch (java.nio.file.NoSuchFileException e) {
            throw new IOException(file + " does not exist", e);
        }
    }
}
