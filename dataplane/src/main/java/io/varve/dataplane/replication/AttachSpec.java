package io.varve.dataplane.replication;

import io.varve.model.Redundancy;
import java.util.List;

/**
 * What an access point is told about the volume that it opens: the answer to the ATTACH compare-and-set, never an older view
 * (docs/internals/protocol.md, Attach 1).
 *
 * @param volume id of the volume
 * @param epoch the one that ATTACH gave
 * @param replicas copies that each slab should have
 * @param minInSync the fewest in sync with which a slab goes on
 * @param publication whose holder alone may use it, by the epoch that it took; 0: it is published to no node
 * @param attachId of this attach; one retried with the same id is the same attach
 */
public record AttachSpec(
        long volume,
        String name,
        long sizeBytes,
        int replicas,
        int minInSync,
        int epoch,
        int publication,
        String attachId,
        List<Slab> slabs) {
    /** Published to no node; the fewest in sync follow from the number of copies. */
    public AttachSpec(
            long volume, String name, long sizeBytes, int replicas, int epoch, String attachId, List<Slab> slabs) {
        this(volume, name, sizeBytes, replicas, Redundancy.minInSync(replicas), epoch, 0, attachId, slabs);
    }

    /** With as many replicas as the first slab has copies. */
    public AttachSpec(long volume, String name, long sizeBytes, int epoch, String attachId, List<Slab> slabs) {
        this(volume, name, sizeBytes, slabs.getFirst().copies().size(), epoch, attachId, slabs);
    }

    /** {@code isr}: UUIDs of disk groups. */
    public record Slab(int index, int gen, List<Copy> copies, List<String> isr) {}

    /**
     * One replica that has been made: where it is, and its identity there.
     *
     * @param peerAddress {@code host:port} of the loop that owns the group
     * @param isLeaving it is to go
     */
    public record Copy(String group, long creationId, String peerAddress, boolean isLeaving) {
        public Copy(String group, long creationId, String peerAddress) {
            this(group, creationId, peerAddress, false);
        }

        String host() {
            int colon = peerAddress.lastIndexOf(':');
            return colon < 0 ? peerAddress : peerAddress.substring(0, colon);
        }
    }
}
