package io.varve.simulator;

/** The run shows something that must not be. */
final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String rule;

    /** {@code rule}: a few words, the same whenever the same promise is broken: shrinking goes by it. */
    Violation(String rule, String what) {
        super(rule + ": " + what);
        this.rule = rule;
    }

    String rule() {
        return rule;
    }
}
