package io.varve.control.meta;

import java.util.Set;

/**
 * What applying one command gave: the result for the proposer, and whom to wake.
 *
 * @param concerned nodes whose view changed
 * @param concernsAll every node's view may have changed; {@code concerned} is then empty
 */
public record Outcome(MetaResult result, Set<String> concerned, boolean concernsAll) {
    public Outcome {
        concerned = Set.copyOf(concerned);
    }

    static Outcome nobody(MetaResult result) {
        return new Outcome(result, Set.of(), false);
    }

    static Outcome all(MetaResult result) {
        return new Outcome(result, Set.of(), true);
    }
}
