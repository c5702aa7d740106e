package io.varve.cli.server;

import io.varve.cli.config.FixedConfig;

/**
 * The form in which a node remembers what is fixed for the cluster's life: one line for each fact, so that the line that
 * differs can be shown. Members' management addresses are left out: they may change.
 */
final class FixedText {
    private FixedText() {}

    static String of(FixedConfig fixed) {
        var text = new StringBuilder();
        text.append("cluster: ").append(fixed.cluster()).append('\n');
        text.append("node: ").append(fixed.node()).append('\n');
        for (var member : fixed.members()) {
            text.append("metadata member: ")
                    .append(member.node())
                    .append(" at ")
                    .append(member.raft())
                    .append('\n');
        }
        return text.toString();
    }

    /** The first line that is not the same, as it was and as it is. */
    static String firstDifference(String before, String now) {
        var old = before.lines().toList();
        var fresh = now.lines().toList();
        for (var index = 0; index < Math.max(old.size(), fresh.size()); index++) {
            var left = index < old.size() ? old.get(index) : "nothing";
            var right = index < fresh.size() ? fresh.get(index) : "nothing";
            if (!left.equals(right)) {
                return "'" + left + "' became '" + right + "'";
            }
        }
        return "line ends";
    }
}
