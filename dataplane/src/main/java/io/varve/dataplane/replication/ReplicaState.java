package io.varve.dataplane.replication;

/** Where one copy of a slab stands, as its access point sees it (docs/internals/resync.md). */
public enum ReplicaState {
    /** Not heard of in this attach. */
    NEW,
    /** Takes live writes while what it missed is copied to it; not in the set. */
    LEARNER,
    /** Required for every acknowledgement. */
    INSYNC,
    /** Outside of the set: it missed writes. */
    STALE,
    /** Its disks failed, or it lost what it had acknowledged, or it is not there any more: it does not come back in this attach. */
    FAILED
}
