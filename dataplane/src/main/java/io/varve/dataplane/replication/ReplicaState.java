package io.varve.dataplane.replication;

/**
 * Where one replica stands in its set, as its access point sees it. The states between STALE and INSYNC belong to resync and are entered by
 * nothing yet: a replica that is away is waited for.
 */
public enum ReplicaState {
    /** Not heard of in this attach. */
    NEW,
    /** Takes live writes while older data is copied to it; not yet counted. */
    LEARNER,
    /** Required for every acknowledgement. */
    INSYNC,
    /** Was removed from the set and missed writes. */
    STALE,
    /** Catches up by records that a peer still has in its journal. */
    CATCHUP_LOG,
    /** Catches up by extents. */
    CATCHUP_EXTENT,
    /** Its disks failed, or it lost what it had acknowledged: a person must act. */
    FAILED,
    /** Deleted; its identity is never used again. */
    DELETED
}
