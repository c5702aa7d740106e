package io.varve.dataplane.frontend.nbd;

import java.time.Duration;

/**
 * What one target takes on at most. Beyond a limit of connections or of time a connection is closed; beyond a limit of memory or of
 * requests a client is not read from until there is room again.
 *
 * @param connections open at once on one loop; one more is closed as soon as it is accepted
 * @param requestsInFlight of one connection; the Linux client's default is 128, and 512 keeps a disk busy over any network
 * @param connectionBytes payload that one connection may hold in memory; at least one largest request (32 MiB)
 * @param loopBytes payload that all connections of a loop may hold, beyond a small share that each always gets
 * @param handshake from accepting a connection to its transmission phase
 * @param payload for the data of a WRITE, or of one MiB of it, to arrive once its header has
 * @param goodbye for replies to leave when a connection or the target ends
 */
public record NbdLimits(
        int connections,
        int requestsInFlight,
        long connectionBytes,
        long loopBytes,
        Duration handshake,
        Duration payload,
        Duration goodbye) {
    /** 64 MiB of a connection hold 64 requests of 1 MiB, which is more than a sequential stream needs. */
    public static final NbdLimits DEFAULT = new NbdLimits(
            1024, 512, 64L << 20, 256L << 20, Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(5));

    public NbdLimits {
        if (connections < 1 || requestsInFlight < 1) {
            throw new IllegalArgumentException("an NBD target needs at least one connection and one request in flight");
        }
        if (connectionBytes < NbdRequest.MAX_HELD_BYTES || loopBytes < connectionBytes) {
            throw new IllegalArgumentException("the NBD memory limits must hold at least one request of 32 MiB");
        }
    }
}
