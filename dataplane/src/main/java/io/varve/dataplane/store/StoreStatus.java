package io.varve.dataplane.store;

/** How a store operation ended. */
public enum StoreStatus {
    OK,
    /** No room: nothing was written, and nothing will be. The caller should have asked {@link ReplicaStore#credits} first. */
    NO_SPACE,
    /** The device failed. After a failed journal write or flush the whole group is failed and every later call ends like this. */
    IO_ERROR,
    /** A block's checksum did not match, twice: another replica must be asked. */
    BAD_BLOCK,
    /** The stream is not here. */
    NOT_MEMBER,
    /** Asked before what it needs was done; nothing happened. Only steps of a resync end like this. */
    NOT_READY
}
