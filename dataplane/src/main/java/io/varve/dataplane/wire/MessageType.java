package io.varve.dataplane.wire;

import org.jspecify.annotations.Nullable;

/** Every message by the number it has on the wire. Numbers are never used again. */
public enum MessageType {
    HELLO(1),
    REFUSED(2),
    SEAL(3),
    SEALED(4),
    LEASE_HELD(5),
    SEAL_REFUSED(6),
    REPLICATE(8),
    ACK(9),
    NAK(10),
    COMMIT(11),
    HEARTBEAT(12),
    LEASES(13),
    RELEASE(14),
    READ(16),
    DATA(17),
    READ_REFUSED(18),
    FETCH_TAIL(20),
    TAIL(21),
    TAIL_END(22),
    TRUNCATE(24, false),
    TRUNCATED(25, false),
    MAP(28),
    MAPPED(29),
    DIGEST(30),
    DIGESTED(31),
    REPAIR(32),
    REPAIRED(33),
    RECLAIM(34),
    RECLAIMED(35),
    PREPARE(40),
    PREPARED(41),
    NEWER(42),
    NEWER_EXTENTS(43),
    JOIN(44),
    JOINED(45),
    FINISH(46),
    FINISHED(47),
    HEAT_HINT(50, false);

    private static final @Nullable MessageType[] BY_CODE = new MessageType[64];

    static {
        for (MessageType type : values()) {
            BY_CODE[type.code] = type;
        }
    }

    private final int code;
    private final boolean spoken;

    MessageType(int code) {
        this(code, true);
    }

    MessageType(int code, boolean spoken) {
        this.code = code;
        this.spoken = spoken;
    }

    public int code() {
        return code;
    }

    /** False for numbers that are only reserved in this version: to receive one is a violation. */
    public boolean isSpoken() {
        return spoken;
    }

    /** Null for a number that this version does not know. */
    public static @Nullable MessageType of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }
}
