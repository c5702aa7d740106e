package io.varve.control.meta;

/**
 * What a disk group durably knows of one stream.
 *
 * @param group its uuid
 * @param blocks size of the slab
 * @param lastEpoch of the newest record, {@code lastSeq}
 * @param commitSeq up to where the group knows that writes are committed
 * @param guaranteedBytes of the slab, from its begin, that the group keeps room for; 0: thin
 * @param complete false: it is being filled, and lacks something
 */
public record FoundCopy(
        String group,
        long stream,
        long creationId,
        int blocks,
        int promisedEpoch,
        int lastEpoch,
        long lastSeq,
        long commitSeq,
        long guaranteedBytes,
        boolean complete) {
    FoundCopy(
            String group,
            long stream,
            long creationId,
            int blocks,
            int promisedEpoch,
            int lastEpoch,
            long lastSeq,
            long commitSeq,
            boolean complete) {
        this(group, stream, creationId, blocks, promisedEpoch, lastEpoch, lastSeq, commitSeq, 0, complete);
    }
}
