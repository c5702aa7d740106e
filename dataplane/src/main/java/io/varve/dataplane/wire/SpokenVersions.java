package io.varve.dataplane.wire;

import java.util.OptionalInt;

/**
 * The versions of the wire protocol that one side speaks, as its HELLO says. Both sides then speak the highest that both know. docs/internals/compatibility.md
 * tells what may change from one to the next. The frame of a HELLO itself always bears version 1, so that any two versions can tell one another.
 */
public record SpokenVersions(int lowest, int highest) {
    /** This program's: each later one speaks at least one version that the one before it spoke. */
    public static final SpokenVersions HERE = new SpokenVersions(Header.VERSION, Header.VERSION);

    static SpokenVersions of(Message.Hello hello) {
        return new SpokenVersions(hello.minVersion(), hello.maxVersion());
    }

    /** The highest that both speak; empty: there is none. */
    OptionalInt common(SpokenVersions other) {
        int both = Math.min(highest, other.highest);
        return both >= Math.max(lowest, other.lowest) ? OptionalInt.of(both) : OptionalInt.empty();
    }

    /** Why this side cannot speak with the other, in words for people. */
    String refusal(SpokenVersions other) {
        String remedy = highest < other.lowest
                ? "this node is too old for that one: upgrade it, one version after the other"
                : "that node is too old for this one: upgrade it, one version after the other";
        return "no common version of the wire protocol: this node speaks " + this + ", the other one " + other + "; "
                + remedy;
    }

    @Override
    public String toString() {
        return lowest == highest ? "version " + lowest : "versions " + lowest + " to " + highest;
    }
}
