package io.varve.csi;

import io.varve.csi.spec.CapacityRange;
import io.varve.model.ByteSize;
import io.varve.model.Geometry;
import io.varve.model.StreamId;
import io.vertx.grpc.common.GrpcStatus;

/** What size a range of capacity means. Pure. */
final class Sizes {
    /** When nobody says how much: what examples ask for. */
    static final long DEFAULT_BYTES = 1L << 30;

    static final long MAX_BYTES = StreamId.MAX_SLABS * Geometry.SLAB_BYTES;

    private Sizes() {}

    /** The smallest size of the range that a volume can have. */
    static long of(CapacityRange range) {
        long required = range.getRequiredBytes();
        long limit = range.getLimitBytes();
        if (required < 0 || limit < 0 || (limit != 0 && limit < required)) {
            throw outOfRange("required_bytes " + required + " and limit_bytes " + limit + " are no range");
        }
        if (required > MAX_BYTES) {
            throw outOfRange("a volume has at most " + new ByteSize(MAX_BYTES) + ", not " + new ByteSize(required));
        }
        long wanted = required != 0 ? required : limit == 0 ? DEFAULT_BYTES : Math.min(DEFAULT_BYTES, limit);
        long size = required == 0
                ? wanted / Geometry.BLOCK_BYTES * Geometry.BLOCK_BYTES
                : Math.ceilDiv(wanted, (long) Geometry.BLOCK_BYTES) * Geometry.BLOCK_BYTES;
        if (size == 0 || (limit != 0 && size > limit)) {
            throw outOfRange("no multiple of " + Geometry.BLOCK_BYTES + " bytes lies between required_bytes " + required
                    + " and limit_bytes " + limit);
        }
        return size;
    }

    /** Whether a volume of that size is within the range. */
    static boolean holds(CapacityRange range, long size) {
        return size >= range.getRequiredBytes() && (range.getLimitBytes() == 0 || size <= range.getLimitBytes());
    }

    private static CsiFailure outOfRange(String message) {
        return new CsiFailure(GrpcStatus.OUT_OF_RANGE, message);
    }
}
