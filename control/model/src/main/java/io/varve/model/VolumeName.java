package io.varve.model;

import java.util.regex.Pattern;

/**
 * The name of a volume: what people type, the NBD export name, later a Kubernetes object's name. 1 to 63 characters,
 * lower-case letters, digits, {@code -} and {@code .}, beginning and ending with a letter or digit. That excludes path
 * separators, {@code ..} and everything that a shell or a URI would need to quote.
 */
public record VolumeName(String text) {
    public static final int MAX_LENGTH = 63;

    private static final Pattern SHAPE = Pattern.compile("[a-z0-9]([-.a-z0-9]*[a-z0-9])?");

    /** @throws IllegalArgumentException with a message for people */
    public VolumeName {
        if (!isValid(text)) {
            throw new IllegalArgumentException("'" + text.substring(0, Math.min(text.length(), MAX_LENGTH))
                    + "' is not a volume name: use 1 to 63 lower-case letters, digits, '-' and single '.',"
                    + " beginning and ending with a letter or digit");
        }
    }

    public static boolean isValid(String text) {
        return text.length() <= MAX_LENGTH && SHAPE.matcher(text).matches() && !text.contains("..");
    }

    @Override
    public String toString() {
        return text;
    }
}
