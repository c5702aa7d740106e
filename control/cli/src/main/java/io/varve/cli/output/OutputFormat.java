package io.varve.cli.output;

/** How a command prints what it found. */
public enum OutputFormat {
    TABLE,
    JSON,
    YAML
}
