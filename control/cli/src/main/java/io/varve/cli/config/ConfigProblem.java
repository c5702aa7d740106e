package io.varve.cli.config;

/**
 * One thing that is wrong with a configuration file.
 *
 * @param line counted from 1
 * @param key the full path of the key, such as {@code listen.management}; empty for the file as a whole
 * @param message what is wrong and what would be right
 */
public record ConfigProblem(int line, String key, String message) {
    @Override
    public String toString() {
        return "line " + line + ": " + (key.isEmpty() ? "" : key + ": ") + message;
    }
}
