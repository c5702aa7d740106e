package io.varve.control.api;

import com.google.protobuf.ByteString;
import io.varve.api.AuthorityKey;
import io.varve.api.Certificates;
import io.varve.api.CreateJoinTokenRequest;
import io.varve.api.JoinRequest;
import io.varve.api.JoinTokenText;
import io.varve.api.RenewRequest;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.IdentityDirectory;
import io.varve.identity.JoinToken;
import io.varve.identity.Pem;
import io.varve.identity.Principal;
import io.varve.model.NodeName;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Gives certificates to nodes, on a node that has the authority's key. Needs no metadata group: it is there before it. */
final class CertificateCalls {
    private static final Logger LOG = LoggerFactory.getLogger(CertificateCalls.class);

    private static final Duration USUAL_VALIDITY = Duration.ofHours(24);
    private static final Duration LONGEST_VALIDITY = Duration.ofDays(30);

    private final Vertx vertx;
    private final Issuing issuing;
    private final JoinTokens tokens;
    private final Predicate<String> isMember;

    /** {@code isMember}: whether a node is a metadata member, or is being taken in. */
    CertificateCalls(Vertx vertx, Issuing issuing, Predicate<String> isMember) {
        this.isMember = isMember;
        this.vertx = vertx;
        this.issuing = issuing;
        this.tokens = new JoinTokens(issuing.directory().path().resolve("join-tokens"));
    }

    boolean hasAuthority() {
        return issuing.directory().hasAuthority();
    }

    Future<JoinTokenText> createJoinToken(CreateJoinTokenRequest request) {
        Duration validity = request.getValidSeconds() == 0
                ? USUAL_VALIDITY
                : Duration.ofSeconds(Integer.toUnsignedLong(request.getValidSeconds()));
        if (!NodeName.isValid(request.getNode()) || validity.compareTo(LONGEST_VALIDITY) > 0) {
            return Future.failedFuture(
                    new RefusedException(
                            GrpcStatus.INVALID_ARGUMENT,
                            "a node's name has 1 to 63 letters, digits, '-', '_' and '.'; a join token is good for 30 days at most"));
        }
        return blocking(() -> {
            CertificateAuthority authority = authority();
            Instant now = Instant.now();
            String secret = JoinToken.newSecret();
            if (!tokens.add(secret, request.getNode(), now, now.plus(validity))) {
                throw new RefusedException(
                        GrpcStatus.RESOURCE_EXHAUSTED,
                        JoinTokens.MAX_WAITING + " join tokens wait to be used: use them, or wait until they end");
            }
            JoinToken token = new JoinToken(request.getNode(), issuing.address(), secret, authority.certificate());
            return JoinTokenText.newBuilder()
                    .setNode(request.getNode())
                    .setToken(token.encode())
                    .setExpiresUnixMillis(now.plus(validity).toEpochMilli())
                    .build();
        });
    }

    /** The token is used up before the certificates are made: a second node that shows it gets nothing. */
    Future<Certificates> join(JoinRequest request) {
        return blocking(() -> {
            CertificateAuthority authority = authority();
            boolean isValid = NodeName.isValid(request.getNode());
            boolean hasToken = isValid && tokens.use(request.getSecret(), request.getNode(), Instant.now());
            if (!hasToken && !(isValid && isProven(request.getNode(), request.getSecret()))) {
                LOG.warn(
                        "join refused node=\"{}\" reason=\"the token is not known, was used, or has ended\"",
                        printable(request.getNode()));
                throw new RefusedException(
                        GrpcStatus.UNAUTHENTICATED,
                        "the join token is not known here, was used, or has ended: make another one with varve node token NAME");
            }
            return issue(
                    authority,
                    request.getNode(),
                    request.getNodeKey(),
                    request.getAdminKey(),
                    hasToken && isMember.test(request.getNode()));
        });
    }

    /** Members have the authority's key: nothing but a join token makes one. */
    private boolean isProven(String node, String secret) throws IOException, RefusedException {
        boolean isOther = secret.indexOf('.') >= 0; // a join token's secret has none
        boolean mayHaveKey = isMember.test(node) || issuing.members().contains(node);
        if (!isOther || issuing.proof().isEmpty() || mayHaveKey) {
            return false;
        }
        Optional<String> refusal = issuing.proof().get().refusal(node, secret);
        if (refusal.isPresent()) {
            LOG.warn("join refused node=\"{}\" reason=\"{}\"", node, refusal.get());
            throw new RefusedException(GrpcStatus.UNAUTHENTICATED, refusal.get());
        }
        return true;
    }

    /** {@code stillBelongs}: whether a node of that name may stay. */
    Future<Certificates> renew(RenewRequest request, Predicate<String> stillBelongs) {
        Optional<Principal> who = Visitor.CURRENT.orElse(Visitor.ANYONE).principal();
        if (who.isEmpty()) {
            return Future.failedFuture(new RefusedException("there are no certificates on a plaintext network"));
        }
        return blocking(() -> {
            if (!stillBelongs.test(who.get().name())) {
                throw new RefusedException(
                        GrpcStatus.PERMISSION_DENIED, "node " + who.get().name() + " is no longer of this cluster");
            }
            return issue(authority(), who.get().name(), request.getNodeKey(), request.getAdminKey(), false);
        });
    }

    /** The authority's key, for a node that asks for itself. {@code members}: nodes that are members or become such, by the newest truth. */
    Future<AuthorityKey> authorityFor(Supplier<Future<Set<String>>> members) {
        Optional<Principal> who = Visitor.CURRENT.orElse(Visitor.ANYONE).principal();
        if (who.isEmpty()) {
            return Future.failedFuture(new RefusedException("there are no certificates on a plaintext network"));
        }
        String node = who.get().name();
        return members.get().compose(allowed -> {
            if (!allowed.contains(node)) {
                LOG.warn("authority's key refused node={} reason=\"it is no metadata member\"", node);
                return Future.failedFuture(new RefusedException(
                        GrpcStatus.PERMISSION_DENIED, "node " + node + " is no member of the metadata group"));
            }
            return blocking(() -> {
                LOG.info("authority's key given node={}", node);
                return AuthorityKey.newBuilder()
                        .setKey(ByteString.copyFrom(authority().key().getEncoded()))
                        .build();
            });
        });
    }

    private static String printable(String name) {
        return NodeName.isValid(name) ? name : "(no name)";
    }

    private CertificateAuthority authority() throws IOException, RefusedException {
        return issuing.directory()
                .readAuthority()
                .orElseThrow(
                        () -> new RefusedException(
                                "this node does not have the authority's key: certificates come from elsewhere (tls.ca in the configuration)"));
    }

    private Certificates issue(
            CertificateAuthority authority, String node, ByteString nodeKey, ByteString adminKey, boolean withKey) {
        Instant now = Instant.now();
        X509Certificate certificate =
                authority.issue(Pem.publicKey(nodeKey.toByteArray()), Principal.node(node), now, issuing.lifetime());
        X509Certificate admin = authority.issue(
                Pem.publicKey(adminKey.toByteArray()), IdentityDirectory.rootOf(node), now, issuing.lifetime());
        LOG.info(
                "certificate issued node={} ends={} authorityKey={}",
                node,
                certificate.getNotAfter().toInstant(),
                withKey);
        Certificates.Builder answer = Certificates.newBuilder()
                .setNode(encoded(certificate))
                .setAdmin(encoded(admin))
                .addAuthorities(encoded(authority.certificate()));
        if (withKey) {
            answer.setAuthorityKey(ByteString.copyFrom(authority.key().getEncoded()));
        }
        return answer.build();
    }

    static ByteString encoded(X509Certificate certificate) {
        try {
            return ByteString.copyFrom(certificate.getEncoded());
        } catch (CertificateEncodingException e) {
            throw new IllegalArgumentException("a certificate without an encoding", e);
        }
    }

    private <T> Future<T> blocking(Callable<T> work) {
        return vertx.executeBlocking(work, false).map(Objects::requireNonNull).recover(failure -> switch (failure) {
            case IllegalArgumentException wrong ->
                Future.failedFuture(
                        new RefusedException(GrpcStatus.INVALID_ARGUMENT, String.valueOf(wrong.getMessage())));
            case IOException storage ->
                Future.failedFuture(new RefusedException(
                        GrpcStatus.INTERNAL, "the authority cannot be used: " + storage.getMessage()));
            default -> Future.failedFuture(failure);
        });
    }
}
