package io.varve.model;

import java.util.regex.Pattern;

/**
 * The name of a node, chosen by the operator and unique in its cluster: 1 to 63 letters, digits, {@code -}, {@code _} and
 * {@code .}, beginning with a letter or digit. Zones have the same shape.
 */
public record NodeName(String text) {
    private static final Pattern SHAPE = Pattern.compile("[A-Za-z0-9][-_.A-Za-z0-9]{0,62}");

    /** @throws IllegalArgumentException with a message for people */
    public NodeName {
        if (!isValid(text)) {
            throw new IllegalArgumentException(
                    "'" + text.substring(0, Math.min(text.length(), 63))
                            + "' is not a node name: use 1 to 63 letters, digits, '-', '_' and '.', beginning with a letter or digit");
        }
    }

    public static boolean isValid(String text) {
        return SHAPE.matcher(text).matches();
    }

    @Override
    public String toString() {
        return text;
    }
}
