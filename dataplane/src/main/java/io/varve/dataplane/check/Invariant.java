package io.varve.dataplane.check;

/**
 * Checks that stay on in production. A broken invariant means that data in hand is doubtful, so the process must not go on
 * serving it: {@link Violation} is an {@link Error}, and the event loop's handler halts the process when it sees one.
 */
public final class Invariant {
    private Invariant() {}

    /** A broken invariant. Never caught by code that could go on serving data. */
    public static final class Violation extends AssertionError {
        private static final long serialVersionUID = 1L;

        Violation(String message) {
            super(message);
        }
    }

    public static void check(boolean holds, String what) {
        if (!holds) {
            throw new Violation(what);
        }
    }

    /** The variant with a number, so that the caller builds no string while the invariant holds. */
    public static void check(boolean holds, String what, long value) {
        if (!holds) {
            throw new Violation(what + ": " + value);
        }
    }

    public static void check(boolean holds, String what, long left, long right) {
        if (!holds) {
            throw new Violation(what + ": " + left + ", " + right);
        }
    }
}
