package io.varve.control.truth;

import io.varve.api.KnownMembers;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Whether one of the first members of a metadata group, which finds no storage of its own, may begin with an empty one: only when there is no group yet. Else it
 * has lost what it promised, and its vote could undo what others were told (docs/internals/metadata-group.md). Each of the other first members must once have had
 * no cluster, at any moment since this process began: a group that was there before is known to one of them at least, at every such moment. Safe from any thread.
 */
public final class Founding {
    private final Set<String> others;
    private final Set<String> empty = new TreeSet<>();
    private String knownBy = "";

    /** {@code others}: the nodes of the other first members. */
    public Founding(Set<String> others) {
        this.others = Set.copyOf(others);
    }

    /** That node asked, and waits for the same: it has nothing. It begins only after everybody has heard that. */
    public synchronized void waits(String node) {
        if (others.contains(node)) {
            empty.add(node);
        }
    }

    /** What that node answered. Once it had nothing, a cluster that it has later is one that began since. */
    public synchronized void heard(String node, KnownMembers told) {
        if (!others.contains(node) || empty.contains(node)) {
            return;
        }
        // An older version has no word for a cluster without a list.
        if (!told.getTellsCluster() && told.getGroup().getVersion() == 0) {
            return;
        }
        boolean isThere = told.getHasCluster()
                || told.getGroup().getVersion() > 0
                || !told.getLost().isEmpty();
        if (isThere) {
            knownBy = node;
        } else {
            empty.add(node);
        }
    }

    public synchronized boolean mayBegin() {
        return empty.containsAll(others);
    }

    /** The node that knows of a group; empty: none so far. */
    public synchronized Optional<String> knownBy() {
        return knownBy.isEmpty() ? Optional.empty() : Optional.of(knownBy);
    }

    /** Those that have not said yet that they have nothing. */
    public synchronized Set<String> missing() {
        Set<String> missing = new TreeSet<>(others);
        missing.removeAll(empty);
        return missing;
    }
}
