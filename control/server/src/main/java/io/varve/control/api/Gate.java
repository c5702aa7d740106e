package io.varve.control.api;

import io.varve.control.truth.NodeCalls;
import io.varve.identity.Principal;
import io.varve.identity.Revocations;
import io.varve.identity.Role;
import io.vertx.core.Future;
import io.vertx.core.http.HttpConnection;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.server.GrpcServerRequest;
import java.security.cert.X509Certificate;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whom this node's management address lets in, and to which calls. Every call passes here, in {@link CallBinding}. On the server's event loop. */
final class Gate {
    private static final Logger LOG = LoggerFactory.getLogger(Gate.class);

    private static final String BEARER = "Bearer ";

    private final boolean asks;
    private final Function<String, Future<Optional<Principal>>> tokens;
    private final Supplier<Revocations> revocations;

    private Gate(
            boolean asks, Function<String, Future<Optional<Principal>>> tokens, Supplier<Revocations> revocations) {
        this.asks = asks;
        this.tokens = tokens;
        this.revocations = revocations;
    }

    /** On a plaintext network: everybody may do everything. */
    static Gate open() {
        return new Gate(false, token -> Future.succeededFuture(Optional.empty()), () -> Revocations.NONE);
    }

    /** {@code tokens}: who has an API token; {@code revocations}: as they are now, since connections outlive the handshake that they began with. */
    static Gate asking(Function<String, Future<Optional<Principal>>> tokens, Supplier<Revocations> revocations) {
        return new Gate(true, tokens, revocations);
    }

    /** Who makes the call; fails with the reason when it may not be made. */
    Future<Visitor> admit(GrpcServerRequest<?, ?> request, String method) {
        if (!asks) {
            return Future.succeededFuture(Visitor.ANYONE);
        }
        Optional<Role> required = Permissions.required(method);
        if (required.isEmpty()) {
            return Future.succeededFuture(Visitor.ANYONE);
        }
        return visitor(request)
                .compose(visitor -> visitor.principal()
                                .filter(who -> Permissions.allows(who.role(), method))
                                .isPresent()
                        ? Future.succeededFuture(visitor)
                        : Future.failedFuture(new RefusedException(
                                GrpcStatus.PERMISSION_DENIED,
                                visitor + " may not call " + method + ": it needs the role "
                                        + required.get().text())))
                .onFailure(refused -> tell(request, method, refused));
    }

    /** Fails when a node speaks for another one. */
    static Optional<RefusedException> objection(Visitor visitor, Object question) {
        return visitor.principal()
                .flatMap(who -> Permissions.impersonation(who, question))
                .map(reason -> {
                    LOG.warn("call refused caller=\"{}\" reason=\"{}\"", visitor, reason);
                    return new RefusedException(GrpcStatus.PERMISSION_DENIED, reason);
                });
    }

    private Future<Visitor> visitor(GrpcServerRequest<?, ?> request) {
        Optional<X509Certificate> certificate = certificate(request.connection());
        Optional<String> revoked = certificate.flatMap(revocations.get()::objection);
        if (revoked.isPresent()) {
            return Future.failedFuture(new RefusedException(GrpcStatus.PERMISSION_DENIED, revoked.get()));
        }
        Optional<Principal> shown = certificate.flatMap(Principal::of);
        if (shown.isPresent()) {
            return passedOn(shown.get(), request.headers().get(NodeCalls.ON_BEHALF));
        }
        String authorization = request.headers().get("authorization");
        if (authorization == null || !authorization.startsWith(BEARER)) {
            return Future.failedFuture(
                    new RefusedException(
                            GrpcStatus.UNAUTHENTICATED,
                            "show a certificate of this cluster or an API token: say --credentials FILE (varve help credentials)"));
        }
        return tokens.apply(authorization.substring(BEARER.length()))
                .compose(
                        who -> who.isPresent()
                                ? Future.succeededFuture(new Visitor(who, ""))
                                : Future.failedFuture(
                                        new RefusedException(
                                                GrpcStatus.UNAUTHENTICATED,
                                                "the API token is not known here: it was revoked, has ended, or is of another cluster")));
    }

    /** Nodes pass on what people ask, and say who that was; nobody else is believed that. */
    private static Future<Visitor> passedOn(Principal shown, @org.jspecify.annotations.Nullable String onBehalf) {
        if (onBehalf == null) {
            return Future.succeededFuture(new Visitor(Optional.of(shown), ""));
        }
        Optional<Principal> person = Principal.parse(onBehalf).filter(who -> who.role() != Role.NODE);
        return shown.role() == Role.NODE && person.isPresent()
                ? Future.succeededFuture(new Visitor(person, shown.name()))
                : Future.failedFuture(new RefusedException(
                        GrpcStatus.PERMISSION_DENIED, shown + " may not call on behalf of " + onBehalf));
    }

    private static Optional<X509Certificate> certificate(HttpConnection connection) {
        if (!connection.isSsl()) {
            return Optional.empty();
        }
        try {
            return connection.sslSession().getPeerCertificates()[0] instanceof X509Certificate certificate
                    ? Optional.of(certificate)
                    : Optional.empty();
        } catch (SSLPeerUnverifiedException noneShown) {
            return Optional.empty();
        }
    }

    private static void tell(GrpcServerRequest<?, ?> request, String method, Throwable refused) {
        LOG.warn(
                "call refused peer={} method={} reason=\"{}\"",
                request.connection().remoteAddress(),
                method,
                refused.getMessage());
    }
}
