package io.varve.dataplane.store;

/**
 * What one replica durably knows about one stream: filled by recovery, kept up to date by the store as records pass through the
 * journal. Confined to the group's loop. Read by everybody, written by the store only.
 */
public final class StreamState {
    private final long stream;
    private final long creationId;
    private final int blocks;

    /** Newest record appended (queued counts), and its epoch. 0, 0 in a new replica. */
    long lastSeq;

    int lastEpoch;

    /** Newest seq of which everything up to it is durable. Never goes back but by TRUNCATE. */
    long durableSeq;

    /** Highest seq this replica was told, durably or not, to be committed; and the part of it that would survive a crash. */
    long commitSeq;

    long durableCommitSeq;

    /** Everything up to here is in the index and below; the journal is not needed for it. */
    long appliedSeq;

    /** Fencing promise (a SEAL record), durable; and who was promised: the access point's node and its incarnation. */
    int promisedEpoch;

    long promisedNodeHash;
    long promisedIncarnation;

    /** Head layer: 0 until the first snapshot. */
    int layer;

    /** Whose COPIED records say what is done here; 0: nothing is missing. */
    long session;

    /** From the first one, so many blocks have a unit each kept for them, durably; 0: thin. */
    int guaranteedBlocks;

    /** First seq that recovery found rotten, {@link Long#MAX_VALUE} if none: reported in SEALED. */
    long suspectFromSeq = Long.MAX_VALUE;

    public StreamState(long stream, long creationId, int blocks) {
        this.stream = stream;
        this.creationId = creationId;
        this.blocks = blocks;
    }

    public long stream() {
        return stream;
    }

    /** With the disk group's UUID the replica's identity: a store that was wiped answers NOT_MEMBER, never (0, 0). */
    public long creationId() {
        return creationId;
    }

    /** Size of the slab in blocks. */
    public int blocks() {
        return blocks;
    }

    public long lastSeq() {
        return lastSeq;
    }

    public int lastEpoch() {
        return lastEpoch;
    }

    public long durableSeq() {
        return durableSeq;
    }

    public long commitSeq() {
        return commitSeq;
    }

    public long durableCommitSeq() {
        return durableCommitSeq;
    }

    public long appliedSeq() {
        return appliedSeq;
    }

    public int promisedEpoch() {
        return promisedEpoch;
    }

    public long promisedNodeHash() {
        return promisedNodeHash;
    }

    public long promisedIncarnation() {
        return promisedIncarnation;
    }

    public int layer() {
        return layer;
    }

    /** The session in which this copy is made whole; 0: it is complete. Not 0 from join until finish. */
    public long session() {
        return session;
    }

    /** From the first one, so many blocks of a thick volume can always be written here; 0: thin. */
    public int guaranteedBlocks() {
        return guaranteedBlocks;
    }

    public long suspectFromSeq() {
        return suspectFromSeq;
    }
}
