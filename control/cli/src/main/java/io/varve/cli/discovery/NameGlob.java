package io.varve.cli.discovery;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;

/** A pattern of a shell for names in {@code /dev/disk/by-id}, such as {@code nvme-SAMSUNG*}. */
record NameGlob(String text, PathMatcher matcher) {
    /**
     * Reads a pattern.
     *
     * @throws IllegalArgumentException in words for people
     */
    static NameGlob parse(String text) {
        if (text.isEmpty() || text.contains("/")) {
            throw new IllegalArgumentException(
                    "'" + text + "' is no pattern for names in /dev/disk/by-id: give the name alone, such as nvme-*");
        }
        try {
            return new NameGlob(text, FileSystems.getDefault().getPathMatcher("glob:" + text));
        } catch (java.util.regex.PatternSyntaxException e) {
            throw new IllegalArgumentException("'" + text + "' is no pattern: " + e.getDescription(), e);
        }
    }

    boolean matches(String name) {
        return matcher.matches(Path.of(name));
    }

    @Override
    public String toString() {
        return text;
    }
}
