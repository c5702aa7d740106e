package io.varve.control.meta;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What applying one command gave: the result for the proposer, and whom to wake.
 *
 * @param concerned nodes whose view changed
 * @param concernsAll every node's view may have changed; {@code concerned} is then empty
 * @param events what people may want to know of it; empty when nothing was changed
 * @param told an event was written that is not among these: a report
 */
public record Outcome(
        MetaResult result, Set<String> concerned, boolean concernsAll, List<ClusterEvent> events, boolean told) {
    public Outcome {
        concerned = Set.copyOf(concerned);
        events = List.copyOf(events);
    }

    public Outcome(MetaResult result, Set<String> concerned, boolean concernsAll) {
        this(result, concerned, concernsAll, List.of(), false);
    }

    static Outcome nobody(MetaResult result) {
        return new Outcome(result, Set.of(), false);
    }

    static Outcome all(MetaResult result) {
        return new Outcome(result, Set.of(), true);
    }

    /** The same, with one more event. */
    Outcome telling(ClusterEvent event) {
        return telling(List.of(event));
    }

    /** The same, with further events. */
    Outcome telling(List<ClusterEvent> further) {
        List<ClusterEvent> all = new ArrayList<>(events);
        all.addAll(further);
        return new Outcome(result, concerned, concernsAll, all, told);
    }

    Outcome havingTold() {
        return new Outcome(result, concerned, concernsAll, events, true);
    }

    /** Whether whoever waits for events has something to read. */
    public boolean hasNews() {
        return told || !events.isEmpty();
    }
}
