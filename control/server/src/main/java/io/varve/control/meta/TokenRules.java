package io.varve.control.meta;

import io.varve.api.ApiToken;
import io.varve.api.TruthCode;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.RevokeToken;
import io.varve.identity.Role;
import io.varve.model.NodeName;
import java.util.Optional;

/** API tokens: of each a name, a role and the hash of its secret. Whether one has ended is for the clock of whoever is shown it. */
final class TokenRules {
    /** All are looked through when one is shown. */
    static final int MAX_TOKENS = 1_000;

    private TokenRules() {}

    static Outcome create(MetaState state, long index, CreateToken command) {
        ApiToken token = command.token();
        if (!NodeName.isValid(token.getName())) {
            return refused(
                    index,
                    "'" + token.getName() + "' cannot name a token: use 1 to 63 letters, digits, '-', '_' and '.'");
        }
        if (Role.of(token.getRole()).filter(role -> role != Role.NODE).isEmpty()) {
            return refused(index, "'" + token.getRole() + "' is no role of a token: admin, csi or read-only");
        }
        Optional<ApiToken> known = state.token(token.getName());
        if (known.isPresent()) {
            return known.get().equals(token)
                    ? Outcome.nobody(MetaResult.ok(index))
                    : refused(
                            index,
                            "there is a token '" + token.getName() + "' already: revoke it, or take another name");
        }
        if (state.tokens().size() >= MAX_TOKENS) {
            return refused(index, "there are " + MAX_TOKENS + " tokens already: revoke some (varve token list)");
        }
        state.putToken(token);
        return Outcome.nobody(MetaResult.ok(index));
    }

    /** One that is gone already was revoked: said, but the same for whoever asks twice because the first answer was lost. */
    static Outcome revoke(MetaState state, long index, RevokeToken command) {
        if (state.token(command.name()).isEmpty()) {
            return Outcome.nobody(MetaResult.no(
                    TruthCode.TRUTH_UNKNOWN,
                    index,
                    "there is no token '" + command.name() + "': varve token list shows them"));
        }
        state.removeToken(command.name());
        return Outcome.nobody(MetaResult.ok(index));
    }

    private static Outcome refused(long index, String message) {
        return Outcome.nobody(MetaResult.no(TruthCode.TRUTH_REFUSED, index, message));
    }
}
