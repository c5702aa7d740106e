package io.varve.dataplane.frontend.nbd;

import org.jspecify.annotations.Nullable;

/**
 * What a client asked for: {@code VOLUME}, or {@code VOLUME@CLIENT} of a client that may come back and repeat what was not answered. No
 * volume's name holds an {@code @}. A client that uses the volume under a publication calls itself {@code pEPOCH-…}, by the epoch that the publication took.
 *
 * @param volume empty for the only one
 * @param client null: nobody in particular, so that several connections may be open at once
 * @param publication unsigned; 0: none is shown
 */
record ExportName(String volume, @Nullable String client, int publication) {
    /** Longest name of a client: a UUID and some words. */
    static final int MAX_CLIENT_CHARS = 64;

    private static final char PUBLICATION = 'p';

    /** Null if the part behind the first {@code @} is not 1 to 64 letters, digits and {@code -}. */
    static @Nullable ExportName parse(String text) {
        int at = text.indexOf('@');
        if (at < 0) {
            return new ExportName(text, null, 0);
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
        String client = text.substring(at + 1);
        return new ExportName(text.substring(0, at), client, publicationOf(client));
    }

    private static boolean isAllowed(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    }

    /** Of any other name it is 0: who does not know of publications shows none. */
    private static int publicationOf(String client) {
        int dash = client.indexOf('-');
        if (client.charAt(0) != PUBLICATION || dash < 2) {
            return 0;
        }
        try {
            return Integer.parseUnsignedInt(client, 1, dash, 10);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
