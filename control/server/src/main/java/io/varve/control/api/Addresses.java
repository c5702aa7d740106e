package io.varve.control.api;

import io.vertx.core.net.SocketAddress;

/** {@code host:port} as the truth holds it; a literal IPv6 host stands in brackets. */
final class Addresses {
    private Addresses() {}

    /**
     * Reads an address.
     *
     * @throws IllegalArgumentException when the text is none
     */
    static SocketAddress parse(String text) {
        int colon = text.lastIndexOf(':');
        if (colon <= 0) {
            throw new IllegalArgumentException("not an address: " + text);
        }
        String host = text.substring(0, colon);
        String bare = host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
        return SocketAddress.inetSocketAddress(Integer.parseInt(text.substring(colon + 1)), bare);
    }
}
