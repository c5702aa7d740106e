package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.varve.api.Certificates;
import io.varve.api.CreateJoinTokenRequest;
import io.varve.api.JoinRequest;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.IdentityDirectory;
import io.varve.identity.JoinToken;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** n1 is a first member; whatever has a dot in it proves any node. */
class CertificateCallsTest {
    private static final String PROOF = "pod.";

    private final Vertx vertx = Vertx.vertx();
    private final CertificateAuthority authority = CertificateAuthority.create("lab", Instant.now());
    private final Set<String> members = new HashSet<>(Set.of("n1"));

    /** What happens between the proof and the answer. */
    private Runnable meanwhile = () -> {};

    @TempDir
    private Path directory;

    @BeforeEach
    void writeAuthority() throws IOException {
        IdentityDirectory issuer = IdentityDirectory.of(directory);
        issuer.writeAuthorities(List.of(authority.certificate()));
        issuer.writeAuthorityKey(authority.key());
    }

    @AfterEach
    void close() {
        vertx.close().await();
    }

    private CertificateCalls calls() {
        JoinProof proof = (node, secret) -> {
            meanwhile.run();
            return Optional.empty();
        };
        return new CertificateCalls(
                vertx,
                new Issuing(
                        IdentityDirectory.of(directory),
                        Duration.ofHours(1),
                        "127.0.0.1:7400",
                        Set.of("n1"),
                        Optional.of(proof)),
                members::contains);
    }

    private static Certificates join(CertificateCalls calls, String node, String secret) throws Exception {
        ByteString key =
                ByteString.copyFrom(CertificateAuthority.newKey().getPublic().getEncoded());
        return calls.join(JoinRequest.newBuilder()
                        .setNode(node)
                        .setSecret(secret)
                        .setNodeKey(key)
                        .setAdminKey(key)
                        .build())
                .toCompletionStage()
                .toCompletableFuture()
                .get();
    }

    private static String token(CertificateCalls calls, String node) throws Exception {
        return JoinToken.parse(calls.createJoinToken(CreateJoinTokenRequest.newBuilder()
                                .setNode(node)
                                .build())
                        .toCompletionStage()
                        .toCompletableFuture()
                        .get()
                        .getToken())
                .secret();
    }

    @Test
    void anotherProofLetsNoMemberInWhetherFirstOrLater() throws Exception {
        CertificateCalls calls = calls();
        assertThat(join(calls, "n4", PROOF).getAuthorityKey().isEmpty()).isTrue();
        members.add("n4");
        assertThatThrownBy(() -> join(calls, "n4", PROOF)).hasMessageContaining("not known here, was used");
        members.remove("n1");
        assertThatThrownBy(() -> join(calls, "n1", PROOF))
                .as("the configuration still names it")
                .hasMessageContaining("not known here, was used");
    }

    @Test
    void onlyAJoinTokenBringsTheAuthoritysKey() throws Exception {
        CertificateCalls calls = calls();
        members.add("n4");
        assertThat(join(calls, "n4", token(calls, "n4")).getAuthorityKey())
                .isEqualTo(ByteString.copyFrom(authority.key().getEncoded()));
        meanwhile = () -> members.add("n5");
        assertThat(join(calls, "n5", PROOF).getAuthorityKey().isEmpty())
                .as("it was taken in while it was proven")
                .isTrue();
        assertThat(join(calls, "n6", token(calls, "n6")).getAuthorityKey().isEmpty())
                .isTrue();
    }
}
