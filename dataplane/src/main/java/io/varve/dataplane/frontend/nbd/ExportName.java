package io.varve.dataplane.frontend.nbd;

import org.jspecify.annotations.Nullable;

/**
 * What a client asked for: {@code VOLUME}, or {@code VOLUME@CLIENT} of a client that may come back and repeat what was not answered. No
 * volume's name holds an {@code @}.
 *
 * @param volume empty for the only one
 * @param client null: nobody in particular, so that several connections may be open at once
 */
record ExportName(String volume, @Nullable String client) {
    /** Longest name of a client: a UUID and some words. */
    static final int MAX_CLIENT_CHARS = 64;

    /** Null if the part behind the first {@code @} is not 1 to 64 letters, digits and {@code -}. */
    static @Nullable ExportName parse(String text) {
        int at = text.indexOf('@');
        if (at < 0) {
            return new ExportName(text, null);
        }
        int chars = text.length() - at - 1;
        if (chars < 1 || chars > MAX_CLIENT_CHARS) {
            return null;
        }
        for (int i = at + 1; i < text.length(); i++) {
            if (!isAllowed(text.charAt(i))) {
                return null;
            }
        }
        return new ExportName(text.substring(0, at), text.substring(at + 1));
    }

    private static boolean isAllowed(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    }
}
