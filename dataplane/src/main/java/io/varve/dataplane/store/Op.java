package io.varve.dataplane.store;

/**
 * What a journal record does. The code is the byte on disk and on the wire; codes are never used again.
 *
 * <p>Sequenced operations take the stream's next {@code seq}; the others are a replica's notes to itself and carry none.
 */
public enum Op {
    /** Payload of {@code count} blocks in the journal. Never crosses an extent. */
    WRITE(1, true),
    /** Payload lies in fresh allocation units that the record names; it does not pass through the journal. Never crosses an extent. */
    WRITE_AU(2, true),
    /** The blocks read as zeros and stay allocated (thick) or not, as the store sees fit. May span extents. */
    ZERO(3, true),
    /** The blocks read as zeros and their space is given back. May span extents. */
    UNMAP(4, true),
    /** Everything behind it belongs to the layer in {@code aux}. */
    SNAPMARK(5, true),
    /** The promise: nothing of an epoch older than {@code epoch} is accepted behind it. {@code aux}: see {@code StreamState}. */
    SEAL(6, false),
    /** First record of an epoch, at recovered seq + 1. */
    EPOCH_START(7, true),
    /** The log was cut: nothing above {@code seq} exists any more. */
    TRUNCATE(8, false),
    /** {@code commitSeq} as told by the access point, when no other record carries it. */
    COMMIT(9, false),
    /**
     * A number taken by a copy that another replica was given (docs/internals/resync.md); changes no block. {@code aux}: the session whose learner now
     * has the whole extent, or 0.
     */
    COPIED(10, true);

    private static final Op[] BY_CODE = new Op[11];

    static {
        for (Op op : values()) {
            BY_CODE[op.code] = op;
        }
    }

    private final byte code;
    private final boolean sequenced;

    Op(int code, boolean sequenced) {
        this.code = (byte) code;
        this.sequenced = sequenced;
    }

    public byte code() {
        return code;
    }

    public boolean isSequenced() {
        return sequenced;
    }

    public boolean hasPayload() {
        return this == WRITE || this == WRITE_AU;
    }

    /** Null for a code that this version does not know. */
    public static @org.jspecify.annotations.Nullable Op of(int code) {
        return code > 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }
}
