package io.varve.dataplane.frontend.nbd;

import io.varve.dataplane.volume.BlockStatus;

/** The errors that a client can be told (section "Error values"), each with a text for people that structured replies carry. */
enum NbdError {
    NONE(0, ""),
    EIO(5, "no good copy of this data could be read or written"),
    EINVAL(22, "the request is not valid"),
    ENOSPC(28, "no space left for this volume"),
    ESHUTDOWN(108, "the volume is no longer attached here");

    final int code;
    /** ASCII. */
    final String text;

    NbdError(int code, String text) {
        this.code = code;
        this.text = text;
    }

    static NbdError of(BlockStatus status) {
        return switch (status) {
            case OK -> NONE;
            case NO_SPACE -> ENOSPC;
            case IO_ERROR -> EIO;
            case FENCED, SHUTTING_DOWN -> ESHUTDOWN;
        };
    }
}
