package io.varve.cli.config;

/**
 * A TCP address as people write it: {@code 10.0.0.1:7400}, {@code node-1:7400}, {@code [::1]:7400}.
 *
 * @param host name or address, without the brackets of IPv6
 * @param port 1 to 65535
 */
public record Endpoint(String host, int port) {
    public Endpoint {
        if (host.isEmpty()) {
            throw new IllegalArgumentException("an address needs a host before the ':'");
        }
        if (port < 1 || port > 65_535) {
            throw new IllegalArgumentException("port " + port + " is not between 1 and 65535");
        }
    }

    /**
     * Reads {@code host:port}.
     *
     * @throws IllegalArgumentException with a message for people that names what was wrong
     */
    public static Endpoint parse(String text) {
        var colon = text.lastIndexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException(
                    "'" + text + "' has no port; write host:port, for example 127.0.0.1:7400");
        }
        var host = text.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        } else if (host.indexOf(':') >= 0) {
            throw new IllegalArgumentException("'" + text + "' looks like IPv6; write it as [address]:port");
        }
        return new Endpoint(host, parsePort(text.substring(colon + 1), text));
    }

    private static int parsePort(String digits, String text) {
        try {
            return Integer.parseInt(digits);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + digits + "' in '" + text + "' is not a port number", e);
        }
    }

    /** The same port on another host: what a node tells others when it listens on a wildcard address. */
    public Endpoint onHost(String otherHost) {
        return new Endpoint(otherHost, port);
    }

    /** True for the addresses that mean "every interface", which nobody can connect to by that name. */
    public boolean isWildcard() {
        return host.equals("0.0.0.0") || host.equals("::");
    }

    @Override
    public String toString() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}
