package io.varve.dataplane.replication;

/** What an {@link AccessPoint} wants done; never calls back from inside. */
interface AccessPointEffects {
    void seal(int member);

    /** Send the record to the member, in its round {@code round}, telling {@code commitSeq} (0: undefined). */
    void replicate(int member, WriteRecord record, int round, long commitSeq);

    void tellCommit(int member, long commitSeq);

    /** Ask {@code donor} for the records and hand each to {@link AccessPoint#tail} for {@code member}. */
    void fetchTail(int donor, int member, long fromSeq, long toSeq);

    /** Call {@link AccessPoint#resend} after a pause: the member refused for a reason that passes. */
    void resendLater(int member);

    /** The member has the record, or will never be asked again: it no longer takes of the member's credits. */
    void acked(int member, WriteRecord record);

    /** Whether the attach may go on without this member of the set: enough others answered, and one of them has lost nothing for certain. */
    boolean mayLeaveOut(int member);

    /** All members hold everything up to {@link AccessPoint#recoveredSeq}: OPEN may be proposed. */
    void recovered();

    void opened();

    /** A copy outside of the set promised the epoch: it can learn. */
    void learnerPromised(int member);

    /** A copy outside of the set cannot be spoken to, or refuses: if it was learning, that is over. */
    void learnerLost(int member, String why);

    /** A member of the set said that it cannot be waited for ({@link Member#isLost}), or is back: the set may have to change. */
    void considerSet();

    /** Read from the member; {@link ReadGate#answered} follows. */
    void read(int member, SlabRead read);

    /**
     * The member's answer to the read is not waited for any more; it will not come. True if the read's destination may still be written to: it must
     * be moved before it is used on.
     */
    boolean abandon(int member, SlabRead read);

    /** Read each block of it by itself, from whichever copy can give it, and complete it. */
    void readSingly(SlabRead read);

    /** A block of the member is damaged, and {@code read} holds the right data. */
    void repair(int member, SlabRead read, int block);

    /** Reads wait for a lease or a member: ask for it soon. */
    void wantLease();

    /** It ended for good; {@link AccessPoint#phase} and {@link AccessPoint#trouble} say how. */
    void ended();

    /** A person must know. */
    void alarm(String what);
}
