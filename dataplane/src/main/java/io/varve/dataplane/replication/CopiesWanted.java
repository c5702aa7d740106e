package io.varve.dataplane.replication;

import io.varve.model.Redundancy;
import java.util.List;

/**
 * What the truth wants of the copies of a volume that is served here, as its view tells while the volume is open (docs/internals/rebuild.md, "At the access
 * point"). It may be old; gens and sets in it mean nothing, but of a slab that nobody has opened yet.
 *
 * @param epoch in which it is attached: meant for that access point alone
 * @param replicas copies that each slab should have
 * @param minInSync the fewest in sync with which a slab goes on
 * @param copyLimitBytesPerSecond what may be given to copies that are being filled; 0: no limit
 * @param isExported clients may use it; else it is open for its copies only
 * @param sizeBytes of the volume; when it is more than what is served, {@code slabs} has those that were added, as they were made
 * @param slabs their copies that have been made, those that are to go included
 */
public record CopiesWanted(
        long volume,
        int epoch,
        int replicas,
        int minInSync,
        long copyLimitBytesPerSecond,
        boolean isExported,
        long sizeBytes,
        List<AttachSpec.Slab> slabs) {
    /** The fewest in sync follow from the number of copies. */
    public CopiesWanted(
            long volume,
            int epoch,
            int replicas,
            long copyLimitBytesPerSecond,
            boolean isExported,
            long sizeBytes,
            List<AttachSpec.Slab> slabs) {
        this(
                volume,
                epoch,
                replicas,
                Redundancy.minInSync(replicas),
                copyLimitBytesPerSecond,
                isExported,
                sizeBytes,
                slabs);
    }
}
