package io.varve.dataplane.wire;

import org.jspecify.annotations.Nullable;

/** Why a replica did not do what an access point asked. The code is the byte on the wire. */
public enum Refusal {
    /** A newer epoch was promised: the access point is fenced. */
    STALE_EPOCH(1),
    /** The epoch was not promised here, or not over this connection. */
    NEED_SEAL(2),
    /** The replica set changed and the sender does not know it. */
    GEN(3),
    /** A record before this one is missing. */
    SEQ_GAP(4),
    /** The log has another record at this place: histories differ. */
    CONFLICT(5),
    /** The payload changed on the way. */
    CRC(6),
    /** No room in the journal or the pool; nothing was written. */
    NO_SPACE(7),
    /** The disk group failed. */
    IO_ERROR(8),
    /** There is no such replica here, or only one of the same name that was made later. */
    NOT_MEMBER(9),
    /** READ only: the replica does not have what the reader needs. */
    BEHIND(10),
    /** READ only: a block could not be verified. */
    BAD_BLOCK(11);

    private static final @Nullable Refusal[] BY_CODE = new Refusal[12];

    static {
        for (Refusal refusal : values()) {
            BY_CODE[refusal.code] = refusal;
        }
    }

    private final int code;

    Refusal(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }

    public static @Nullable Refusal of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }
}
