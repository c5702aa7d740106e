package io.varve.cli.attach;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Optional;

/**
 * Where a volume is open.
 *
 * @param host of the access point's NBD target
 * @param epoch of the attachment: the higher one is the newer
 * @param node for people
 */
record Place(String host, int port, long epoch, String node) {
    private static final int DEFAULT_PORT = 10_809;

    /** As the management API tells it: {@code nbd://host:port/volume}. Empty if it is nothing like that. */
    static Optional<Place> of(String nbdUri, long epoch, String node) {
        try {
            var uri = new URI(nbdUri);
            var host = uri.getHost();
            if (host == null) {
                return Optional.empty();
            }
            var bare = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
            return Optional.of(new Place(bare, uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort(), epoch, node));
        } catch (URISyntaxException e) {
            return Optional.empty();
        }
    }

    @Override
    public String toString() {
        return node + " (" + host + ":" + port + ", epoch " + epoch + ")";
    }
}
