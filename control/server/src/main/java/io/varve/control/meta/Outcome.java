package io.varve.control.meta;

import java.util.Set;

/**
 * What applying one command gave: the result for the proposer, and whom to wake.
 *
 * @param concerned nodes whose view changed
 * @param concernsAll every node's view may have changed; {@code concerned} is then empty
 * @param event one line for the log of each member, {@code what happened key=value}; empty: nothing worth one
 */
public record Outcome(MetaResult result, Set<String> concerned, boolean concernsAll, String event) {
    public Outcome {
        concerned = Set.copyOf(concerned);
    }

    public Outcome(MetaResult result, Set<String> concerned, boolean concernsAll) {
        this(result, concerned, concernsAll, "");
    }

    static Outcome nobody(MetaResult result) {
        return new Outcome(result, Set.of(), false);
    }

    static Outcome all(MetaResult result) {
        return new Outcome(result, Set.of(), true);
    }
}
