package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.config.NodeConfig;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.IdentityDirectory;
import io.varve.identity.JoinToken;
import io.varve.identity.SecretFile;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeCredentialsTest {
    private static final Duration HOUR = Duration.ofHours(1);

    private final Vertx vertx = Vertx.vertx();
    private final CertificateAuthority authority = CertificateAuthority.create("lab", Instant.now());

    @TempDir
    private Path directory;

    @AfterEach
    void close() {
        vertx.close().await();
    }

    private NodeConfig config(String further) {
        var text = """
                cluster: lab
                node: n1
                dataDir: "%s"
                listen: {peer: "127.0.0.1:7500", nbd: "127.0.0.1:10809"}
                metadata:
                  members:
                    - {node: n1, raft: "127.0.0.1:7600", management: "127.0.0.1:7400"}
                %s
                """.formatted(directory, further);
        return switch (ConfigFile.parse(text)) {
            case ConfigResult.Loaded(var config) -> config;
            case ConfigResult.Rejected(var problems) -> throw new AssertionError(problems.toString());
        };
    }

    @Test
    void aNodeWithoutACertificateSaysEveryWayToOne() {
        assertThatThrownBy(() -> NodeCredentials.open(config(""), vertx))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("varve cluster create-ca")
                .hasMessageContaining("varve node token n1")
                .hasMessageContaining("network: plaintext");
    }

    @Test
    void plaintextNeedsNone() throws IOException {
        assertThat(NodeCredentials.open(config("network: plaintext"), vertx)).isEmpty();
    }

    @Test
    void findsItsCertificateAgain() throws IOException {
        var files = IdentityDirectory.of(directory);
        files.issue(authority, "n1", Instant.now(), HOUR);
        var found = NodeCredentials.open(config(""), vertx).orElseThrow().live().now();
        assertThat(found).isEqualTo(files.readNode());
    }

    @Test
    void doesNotStartWithTheCertificateOfAnotherNode() throws IOException {
        IdentityDirectory.of(directory).issue(authority, "n2", Instant.now(), HOUR);
        assertThatThrownBy(() -> NodeCredentials.open(config(""), vertx))
                .hasMessageContaining("is of node n2, this is node n1");
    }

    @Test
    void aMemberWhoseCertificateEndedMakesItsNextOne() throws IOException {
        var files = IdentityDirectory.of(directory);
        files.writeAuthorityKey(authority.key());
        files.issue(authority, "n1", Instant.now().minus(HOUR), Duration.ofMinutes(1));
        var found = NodeCredentials.open(config(""), vertx).orElseThrow().live().now();
        assertThat(found.endsAt()).isAfter(Instant.now());
    }

    @Test
    void anotherNodeWhoseCertificateEndedAsksForAToken() throws IOException {
        IdentityDirectory.of(directory).issue(authority, "n1", Instant.now().minus(HOUR), Duration.ofMinutes(1));
        assertThatThrownBy(() -> NodeCredentials.open(config(""), vertx))
                .hasMessageContaining("has ended")
                .hasMessageContaining("varve node token n1");
    }

    @Test
    void refusesATokenOfAnotherNodeWithoutShowingIt() throws IOException {
        var token = new JoinToken("n2", "127.0.0.1:1", JoinToken.newSecret(), authority.certificate());
        var file = directory.resolve("token");
        SecretFile.write(file, token.encode());
        assertThatThrownBy(() -> NodeCredentials.open(config("join: {token: \"" + file + "\"}"), vertx))
                .hasMessageContaining("the token is for node n2, this is node n1")
                .hasMessageNotContaining(token.secret());
    }
}
