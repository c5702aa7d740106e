package io.varve.dataplane.replication;

import org.jspecify.annotations.Nullable;

/** One replica of the required set, as its {@link AccessPoint} sees it; changed by that alone. */
final class Member {
    final int index;
    final String group;
    final Lease lease;
    /** The replica itself if it is on this loop: then its promise is looked at, and no lease is needed. */
    final @Nullable Replica local;

    ReplicaState state = ReplicaState.NEW;
    /** It answered SEAL on the connection that it has now. */
    boolean isSealed;

    boolean hasAnswered;
    long ackedSeq;
    int lastEpoch;
    long commitSeq;
    long suspectFromSeq;
    long toldCommitSeq;
    int round;
    /** A pause before sending again is under way. */
    boolean isPaused;

    /** Last seq asked for in a tail under way; 0 if none. */
    long fetchingTo;

    String trouble = "";

    Member(int index, String group, Lease lease, @Nullable Replica local) {
        this.index = index;
        this.group = group;
        this.lease = lease;
        this.local = local;
    }
}
