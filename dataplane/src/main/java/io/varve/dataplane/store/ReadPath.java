package io.varve.dataplane.store;

import io.varve.dataplane.check.Invariant;
import io.varve.model.Geometry;
import java.util.ArrayDeque;

/** Reads of one group: hands each request to a pooled {@link ReadOperation}. Confined to the group's loop. */
final class ReadPath {
    /** Far above what access points keep in flight over all links of one group: above it somebody has no limit. */
    static final int MAX_IN_FLIGHT = 65_536;

    private final GroupState group;
    private final ArrayDeque<ReadOperation> pool = new ArrayDeque<>();
    private int inFlight;

    ReadPath(GroupState group) {
        this.group = group;
    }

    void read(StreamLog stream, StoreRead request) {
        int last = request.block + request.count - 1;
        Invariant.check(
                request.count > 0
                        && request.block >= 0
                        && last < stream.state.blocks()
                        && request.block / Geometry.BLOCKS_PER_EXTENT == last / Geometry.BLOCKS_PER_EXTENT,
                "a read crosses an extent or the end of its slab",
                request.block,
                request.count);
        ReadOperation operation = pool.pollLast();
        if (operation == null) {
            operation = new ReadOperation(group, this);
        }
        inFlight++;
        Invariant.check(inFlight <= MAX_IN_FLIGHT, "too many reads in flight", inFlight);
        operation.start(stream, request);
    }

    void recycle(ReadOperation operation) {
        inFlight--;
        pool.addLast(operation);
    }

    boolean isIdle() {
        return inFlight == 0;
    }
}
