package io.varve.control.meta;

import io.varve.model.EventReason;

/**
 * Something that a command made happen and that people may want to know afterwards. docs/internals/events.md tells how to add one.
 *
 * @param volume its name; empty: it concerns none
 * @param node empty: it concerns none
 * @param message what happened, in words for people
 */
public record ClusterEvent(EventReason reason, String volume, String node, String message) {
    /** As the log of each member has it. */
    public String logLine() {
        return "event reason=" + reason.code() + " volume=" + volume + " node=" + node + " message=\"" + message + "\"";
    }
}
