package io.varve.dataplane.replication;

import java.util.List;

/**
 * What an access point is told about the volume that it opens: the answer to the ATTACH compare-and-set, never an older view
 * (docs/internals/protocol.md, Attach 1).
 *
 * @param volume id of the volume
 * @param epoch the one that ATTACH gave
 * @param attachId of this attach; one retried with the same id is the same attach
 */
public record AttachSpec(long volume, String name, long sizeBytes, int epoch, String attachId, List<Slab> slabs) {
    /** {@code isr}: UUIDs of disk groups. */
    public record Slab(int index, int gen, List<Copy> copies, List<String> isr) {}

    /** One replica: where it is, and its identity there. {@code peerAddress}: {@code host:port} of the loop that owns the group. */
    public record Copy(String group, long creationId, String peerAddress) {
        String host() {
            int colon = peerAddress.lastIndexOf(':');
            return colon < 0 ? peerAddress : peerAddress.substring(0, colon);
        }
    }
}
