package io.varve.dataplane.replication;

import org.jspecify.annotations.Nullable;

/**
 * One copy of a slab, as its {@link AccessPoint} sees it; changed by that alone. In the set: a member of the in-sync set as this access point last saw it
 * committed. Required: every write waits for it; all that are in the set, and learners that have joined.
 */
final class Member {
    final int index;
    final String group;
    final Lease lease;
    /**
     * The replica itself if it is on this loop: then its promise is looked at, and no lease is needed. Null while its group is not open: then no lease is given
     * either. It is another one when the group was opened anew; what was promised to that, this one never hears of.
     */
    @Nullable Replica local;

    boolean isInSet;
    boolean isRequired;
    /** It is to go: not taught, not proposed, and taken out of the set as soon as that can do without it. */
    boolean isLeaving;

    /** It was dropped: its place is free. The later, the higher; 0: it is there. */
    int droppedAs;

    /** Reads ask the nearest first. */
    int distance;

    /** A change that adds it was proposed, and its outcome is not known: its lease is needed for reads, and only another change drops it. */
    boolean isProposed;

    ReplicaState state;
    /** It answered SEAL on the connection that it has now. */
    boolean isSealed;

    boolean hasAnswered;
    /** It said LEASE_HELD: it is there, and SEALED will follow. */
    boolean isWaitingForLease;

    /** It cannot be waited for: silent for too long, or it said so itself. Until it promises again. */
    boolean isLost;

    /** Attach goes on without it. */
    boolean isLeftOut;

    long ackedSeq;
    int lastEpoch;
    long commitSeq;
    long suspectFromSeq;
    long toldCommitSeq;
    int round;
    /** A pause before sending again is under way. */
    boolean isPaused;
    /** A learner whose log does not yet go on where it joined: nothing is sent. */
    boolean isJoining;

    /** Last seq asked for in a tail under way; 0 if none. */
    long fetchingTo;

    /** Signs of life that are no progress: it refuses, for lack of room for one. Counted, to be compared by {@link Watch}. */
    int signs;

    /** Of {@link Watch}: beats without a sign of it, and what was seen at the last one. */
    int silentBeats;

    long beatAckedSeq;
    int beatSigns;

    /** Of {@link ReadPreference}: beats for which reads pass it over; the moving mean of its answers' times, 0 before the first. */
    int lateBeats;

    long answerNanos;
    boolean isSlow;
    int slowBeats;
    boolean isProbeDue;

    /** It left the set in this epoch, whole: {@link MissedBlocks} knows what was written since. */
    boolean isMissingKnown;

    /** The lowest cut that it told since then: a session that was given up may have left undone whatever is above it, and the next cut is higher. */
    long missingAboveSeq = Long.MAX_VALUE;

    /** Of {@link Returns}: when it may begin to learn again, and how long it was made to wait last. */
    long notBeforeNanos = Long.MIN_VALUE;

    long pauseNanos;

    String trouble = "";

    Member(int index, String group, Lease lease, @Nullable Replica local, boolean isInSet) {
        this.index = index;
        this.group = group;
        this.lease = lease;
        this.local = local;
        this.isInSet = isInSet;
        this.isRequired = isInSet;
        this.state = isInSet ? ReplicaState.NEW : ReplicaState.STALE;
    }

    boolean isGone() {
        return droppedAs != 0;
    }

    /** A client's read may be answered from it. */
    boolean isReadable() {
        return isInSet && isSealed && state != ReplicaState.FAILED;
    }
}
