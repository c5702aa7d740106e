package io.varve.dataplane.replication;

import io.varve.model.Geometry;

/**
 * Reads the blocks of one read one after the other: each may be damaged on another copy. Rare, so it is made for each. The blocks take effect
 * at different moments, as those of one request may. Confined to the volume's loop.
 */
final class SingleReads extends SlabRead {
    private final AccessPoint point;
    private final SlabRead whole;

    SingleReads(AccessPoint point, SlabRead whole) {
        this.point = point;
        this.whole = whole;
    }

    void start() {
        stream = whole.stream;
        firstMember = whole.firstMember;
        destination = whole.destination;
        destinationIndex = whole.destinationIndex;
        block = whole.block;
        count = 1;
        point.reads().read(this);
    }

    /** The memory is that of the whole. */
    @Override
    protected void moveDestination() {
        whole.moveDestination();
        destination = whole.destination;
        destinationIndex = whole.destinationIndex + (block - whole.block) * Geometry.BLOCK_BYTES;
    }

    @Override
    protected void completed(Outcome outcome) {
        block++;
        destinationIndex += Geometry.BLOCK_BYTES;
        if (outcome != Outcome.OK || block == whole.block + whole.count) {
            whole.completed(outcome);
        } else {
            point.reads().read(this);
        }
    }
}
