package io.varve.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdentityTest {
    private static final Instant NOW = Instant.parse("2026-11-29T12:00:00Z");
    private static final Duration MONTH = Duration.ofDays(30);

    private final CertificateAuthority authority = CertificateAuthority.create("lab", NOW);
    private final KeyPair key = CertificateAuthority.newKey();

    @TempDir
    private Path directory;

    private Revocations revoked = Revocations.NONE;

    private X509Certificate issued(Principal principal) {
        return authority.issue(key.getPublic(), principal, NOW, MONTH);
    }

    private Optional<String> objection(X509Certificate shown, Instant at, Role... roles) {
        return new TrustedPeers(
                        () -> Identity.withoutCertificate(List.of(authority.certificate())),
                        () -> revoked,
                        Set.of(roles),
                        Clock.fixed(at, ZoneOffset.UTC))
                .objection(new X509Certificate[] {shown});
    }

    @Test
    void aCertificateSaysForWhomItIsAndForHowLong() throws Exception {
        X509Certificate certificate = issued(Principal.node("n1"));
        assertThat(Principal.of(certificate)).contains(Principal.node("n1"));
        assertThat(certificate.getNotAfter().toInstant()).isEqualTo(NOW.plus(MONTH));
        certificate.verify(authority.certificate().getPublicKey());
        authority.certificate().verify(authority.certificate().getPublicKey());
        assertThat(authority.certificate().getBasicConstraints()).isZero();
        assertThat(certificate.getBasicConstraints()).isEqualTo(-1);
    }

    @Test
    void noCertificateOutlivesItsAuthority() {
        X509Certificate certificate =
                authority.issue(key.getPublic(), Principal.node("n1"), NOW, Duration.ofDays(9000));
        assertThat(certificate.getNotAfter()).isEqualTo(authority.certificate().getNotAfter());
    }

    @Test
    void datesFrom2050OnAreReadBackToo() {
        Instant later = Instant.parse("2051-02-03T04:05:06Z");
        CertificateAuthority late = CertificateAuthority.create("late", later);
        assertThat(late.certificate().getNotBefore().toInstant())
                .isEqualTo(later.minus(CertificateAuthority.CLOCK_SKEW));
    }

    @Test
    void takesWhomItsAuthorityNamed() {
        assertThat(objection(issued(Principal.node("n1")), NOW, Role.NODE)).isEmpty();
    }

    @Test
    void refusesWhatHasEndedOrNotBegun() {
        X509Certificate certificate = issued(Principal.node("n1"));
        assertThat(objection(certificate, NOW.plus(MONTH).plusSeconds(1), Role.NODE))
                .hasValue("certificate of node n1 ended at 2026-12-29T12:00:00Z");
        assertThat(objection(certificate, NOW.minusSeconds(3600), Role.NODE).orElse(""))
                .contains("begins only at");
    }

    @Test
    void refusesForeignAuthorities() {
        CertificateAuthority foreign = CertificateAuthority.create("lab", NOW);
        X509Certificate certificate = foreign.issue(key.getPublic(), Principal.node("n1"), NOW, MONTH);
        assertThat(objection(certificate, NOW, Role.NODE))
                .hasValue("certificate of node n1 was not issued by this cluster's authority");
    }

    @Test
    void refusesWhatANodeSignedForAnother() {
        X509Certificate node = issued(Principal.node("n1"));
        X509Certificate forged = new CertificateAuthority(node, key.getPrivate())
                .issue(CertificateAuthority.newKey().getPublic(), Principal.node("n2"), NOW, MONTH);
        TrustedPeers peers = new TrustedPeers(
                () -> Identity.withoutCertificate(List.of(authority.certificate())),
                () -> revoked,
                Set.of(Role.NODE),
                Clock.fixed(NOW, ZoneOffset.UTC));
        assertThat(peers.objection(new X509Certificate[] {forged, node})).isPresent();
    }

    @Test
    void refusesRolesThatHaveNoBusinessHere() {
        assertThat(objection(issued(new Principal(Role.ADMIN, "ann")), NOW, Role.NODE)
                        .orElse(""))
                .contains("admin ann")
                .contains("only one of node");
    }

    @Test
    void takesNoCertificateOfARemovedNodeButThoseThatItsSuccessorGot() {
        X509Certificate before = issued(Principal.node("n1"));
        X509Certificate after = authority.issue(key.getPublic(), Principal.node("n1"), NOW.plusSeconds(2), MONTH);
        revoked = new Revocations(Map.of("n1", NOW.plusSeconds(1)));
        assertThat(objection(before, NOW.plusSeconds(3), Role.NODE).orElse(""))
                .contains("certificate of node n1 is revoked");
        assertThat(objection(after, NOW.plusSeconds(3), Role.NODE)).isEmpty();
        assertThat(objection(issued(Principal.node("n2")), NOW.plusSeconds(3), Role.NODE))
                .isEmpty();
        assertThat(objection(issued(new Principal(Role.ADMIN, "n1")), NOW.plusSeconds(3), Role.ADMIN))
                .as("a person of the same name")
                .isEmpty();
    }

    @Test
    void refusesACertificateThatNamesNobody() {
        assertThat(objection(authority.certificate(), NOW, Role.NODE).orElse(""))
                .contains("names neither");
        assertThat(new TrustedPeers(
                                () -> Identity.withoutCertificate(List.of(authority.certificate())),
                                () -> revoked,
                                Set.of(),
                                Clock.systemUTC())
                        .objection(new X509Certificate[0]))
                .hasValue("no certificate was shown");
    }

    @Test
    void namesAreReadStrictly() {
        assertThat(Principal.parse("varve:node:n1")).contains(Principal.node("n1"));
        for (String wrong :
                List.of("varve:node:", "varve:node:a:b", "varve:root:n1", "node:n1", "varve:node:n1/..", "")) {
            assertThat(Principal.parse(wrong)).as(wrong).isEmpty();
        }
    }

    @Test
    void aRoleIncludesWhatIsLessButANodeIsNoPerson() {
        assertThat(Role.ADMIN.includes(Role.CSI)).isTrue();
        assertThat(Role.CSI.includes(Role.ADMIN)).isFalse();
        assertThat(Role.READ_ONLY.includes(Role.CSI)).isFalse();
        assertThat(Role.ADMIN.includes(Role.NODE)).isFalse();
        assertThat(Role.NODE.includes(Role.READ_ONLY)).isFalse();
    }

    @Test
    void filesAreForTheirOwnerAndReadBack() throws IOException {
        IdentityDirectory files = IdentityDirectory.of(directory);
        files.writeAuthorityKey(authority.key());
        files.issue(authority, "n1", Instant.now(), MONTH);
        assertThat(files.readNode().principal()).contains(Principal.node("n1"));
        assertThat(files.readAuthority().orElseThrow().key()).isEqualTo(authority.key());
        assertThat(Identity.ofBundle(SecretFile.read(files.admin())).principal())
                .contains(new Principal(Role.ADMIN, "root@n1"));
        try (var all = Files.list(files.path())) {
            for (Path file : all.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as(file.toString())
                        .isEqualTo("rw-------");
            }
        }
    }

    @Test
    void refusesASecretThatOthersMayRead() throws IOException {
        IdentityDirectory files = IdentityDirectory.of(directory);
        files.issue(authority, "n1", Instant.now(), MONTH);
        Files.setPosixFilePermissions(files.node(), PosixFilePermissions.fromString("rw-r-----"));
        assertThatThrownBy(files::readNode).hasMessageContaining("chmod 600");
    }

    @Test
    void refusesAKeyOfAnotherCertificate() throws IOException {
        IdentityDirectory files = IdentityDirectory.of(directory);
        files.issue(authority, "n1", Instant.now(), MONTH);
        files.writeNode(
                issued(Principal.node("n1")), CertificateAuthority.newKey().getPrivate());
        assertThatThrownBy(files::readNode).hasMessageContaining("the private key is not that of the certificate");
    }

    @Test
    void nothingThatIsPrintedHoldsAKey() throws IOException {
        Identity identity =
                Identity.of(List.of(issued(Principal.node("n1"))), key.getPrivate(), List.of(authority.certificate()));
        assertThat(identity.toString()).isEqualTo("node n1 until 2026-12-29T12:00:00Z");
        assertThat(authority.toString()).startsWith("authority ").hasSize("authority ".length() + 64);
    }

    @Test
    void isRenewedWhenAThirdOfItsLifeIsLeft() {
        Identity identity =
                Identity.of(List.of(issued(Principal.node("n1"))), key.getPrivate(), List.of(authority.certificate()));
        assertThat(identity.renewAt()).isEqualTo(NOW.plus(Duration.ofDays(20)));
    }

    @Test
    void aJoinTokenIsReadBackAndShowsItsSecretToNobody() {
        JoinToken token = new JoinToken("n2", "10.0.0.1:7400", JoinToken.newSecret(), authority.certificate());
        assertThat(JoinToken.parse(token.encode() + "\n")).isEqualTo(token);
        assertThat(token.toString()).doesNotContain(token.secret());
        String damaged = token.encode().substring(0, 300);
        for (String wrong : List.of("", "varve-join-1-", damaged, "varve-join-1-&&&")) {
            assertThatThrownBy(() -> JoinToken.parse(wrong))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageNotContaining(token.secret());
        }
    }

    @Test
    void theNextIdentityIsShownFromThenOn() {
        Identity first =
                Identity.of(List.of(issued(Principal.node("n1"))), key.getPrivate(), List.of(authority.certificate()));
        LiveIdentity live = new LiveIdentity(first);
        String alias = String.valueOf(live.keys().chooseEngineServerAlias("EC", null, null));
        X509Certificate next = issued(Principal.node("n1"));
        live.replace(Identity.of(List.of(next), key.getPrivate(), List.of(authority.certificate())));
        assertThat(live.keys().getCertificateChain(alias))
                .containsExactly(first.chain().getFirst());
        String later = String.valueOf(live.keys().chooseEngineServerAlias("EC", null, null));
        assertThat(live.keys().getCertificateChain(later)).containsExactly(next);
        assertThat(live.keys().chooseEngineServerAlias("RSA", null, null)).isNull();
    }
}
