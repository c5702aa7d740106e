package io.varve.cli.server;

/**
 * Whether the node can serve, and if not, what it waits for.
 *
 * @param detail for people; empty when ready
 */
record Readiness(boolean ready, String detail) {
    static final Readiness READY = new Readiness(true, "");

    static Readiness waiting(String detail) {
        return new Readiness(false, detail);
    }
}
