package io.varve.control.api;

import io.varve.api.ApiToken;
import io.varve.api.CreateTokenRequest;
import io.varve.api.CreatedToken;
import io.varve.api.ListTokensResponse;
import io.varve.api.RevokeTokenRequest;
import io.varve.api.RevokeTokenResponse;
import io.varve.api.WhoIsRequest;
import io.varve.api.WhoIsResponse;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.RevokeToken;
import io.varve.control.meta.MetaState;
import io.varve.identity.JoinToken;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import io.vertx.core.Future;
import io.vertx.grpc.common.GrpcStatus;
import java.util.List;
import java.util.Optional;

/** API tokens, at a metadata member. The group keeps the hash of each; the secret is told once, to whoever had it made. */
final class TokenCalls {
    private static final String PREFIX = "varve-token-";

    private final MetaGroup group;
    private final Optional<LiveIdentity> identity;

    TokenCalls(MetaGroup group, Optional<LiveIdentity> identity) {
        this.group = group;
        this.identity = identity;
    }

    Future<CreatedToken> create(CreateTokenRequest request) {
        if (identity.isEmpty()) {
            return Future.failedFuture(new RefusedException(
                    "the network is plaintext: nobody is asked for a token, and it would be sent for all to read"));
        }
        if (Role.of(request.getRole()).filter(role -> role != Role.NODE).isEmpty()) {
            return Future.failedFuture(new RefusedException(
                    GrpcStatus.INVALID_ARGUMENT,
                    "'" + request.getRole() + "' is no role of a token: admin, csi or read-only"));
        }
        String secret = PREFIX + JoinToken.newSecret();
        long now = System.currentTimeMillis();
        ApiToken token = ApiToken.newBuilder()
                .setName(request.getName())
                .setRole(request.getRole())
                .setSha256(JoinToken.hash(secret))
                .setCreatedUnixMillis(now)
                .setExpiresUnixMillis(request.getValidSeconds() == 0 ? 0 : now + request.getValidSeconds() * 1_000)
                .build();
        return group.propose(new CreateToken(token)).compose(Failures::demandOk).map(done -> {
            CreatedToken.Builder created =
                    CreatedToken.newBuilder().setToken(withoutHash(token)).setSecret(secret);
            identity.get()
                    .now()
                    .authorities()
                    .forEach(authority -> created.addAuthorities(CertificateCalls.encoded(authority)));
            return created.build();
        });
    }

    Future<ListTokensResponse> list() {
        return group.lookUpToDate(MetaState::tokens)
                .map(tokens -> ListTokensResponse.newBuilder()
                        .addAllTokens(
                                tokens.stream().map(TokenCalls::withoutHash).toList())
                        .build());
    }

    Future<RevokeTokenResponse> revoke(RevokeTokenRequest request) {
        return group.propose(new RevokeToken(request.getName()))
                .compose(Failures::demandOk)
                .map(done -> RevokeTokenResponse.getDefaultInstance());
    }

    /**
     * Who has that secret, by the local copy of the truth, and when that does not know it, by what the group knows: the token may have been made a
     * moment ago through another member. One that was revoked a moment ago may still be good at a member that lags.
     */
    Future<Optional<Principal>> whoHas(String secret) {
        String hash = JoinToken.hash(secret);
        return group.look(state -> find(state.tokens(), hash, System.currentTimeMillis()))
                .compose(known -> known.isPresent()
                        ? Future.succeededFuture(known)
                        : group.lookUpToDate(state -> find(state.tokens(), hash, System.currentTimeMillis())));
    }

    static Optional<Principal> find(List<ApiToken> tokens, String hash, long nowMillis) {
        return tokens.stream()
                .filter(token -> token.getSha256().equals(hash))
                .filter(token -> token.getExpiresUnixMillis() == 0 || nowMillis < token.getExpiresUnixMillis())
                .flatMap(token -> Role.of(token.getRole()).stream().map(role -> new Principal(role, token.getName())))
                .findFirst();
    }

    Future<WhoIsResponse> whoIs(WhoIsRequest request) {
        return whoHas(request.getSecret())
                .map(who -> WhoIsResponse.newBuilder()
                        .setPrincipal(who.map(Principal::uri).orElse(""))
                        .build());
    }

    private static ApiToken withoutHash(ApiToken token) {
        return token.toBuilder().clearSha256().build();
    }
}
