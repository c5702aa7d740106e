package io.varve.dataplane.volume;

/** How a request to a volume ended; front ends translate it into their protocol's codes. */
public enum BlockStatus {
    OK,
    /** Thin growth refused: nothing of the request was numbered or written. Overwrites and trims go on. */
    NO_SPACE,
    /** A device or every copy failed, or the request waited longer than the volume's limit (60 s). */
    IO_ERROR,
    /** This access point was replaced by a newer one; the request may or may not have taken effect before that. */
    FENCED,
    /** The volume is being detached or the node stops; nothing was done. */
    SHUTTING_DOWN
}
