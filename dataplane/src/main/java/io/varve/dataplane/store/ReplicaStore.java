package io.varve.dataplane.store;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * One replica store: the disks of one group with their journal, index and checksums, holding many streams. Confined to the group's loop;
 * callbacks arrive there, never inside the call that caused them.
 *
 * <p>It knows nothing of access points: who may write what is decided above ({@code replication.Replica}); the store makes it durable,
 * finds it again, and tells what it has after a crash.
 */
public interface ReplicaStore {
    /** UUID of the disk group. */
    String uuid();

    /** {@code task} runs once, on the loop, when the store has failed and serves nothing any more; soon if it has already. */
    void onFailure(Runnable task);

    /** Null if the stream is not here. */
    @Nullable StreamState stream(long stream);

    /** Every stream here; a copy. */
    java.util.List<StreamState> streams();

    /** Makes an empty replica of a thin volume. */
    default void create(long stream, long creationId, int blocks, StatusCallback created) {
        create(stream, creationId, blocks, 0, created);
    }

    /**
     * Makes an empty replica, durably, and keeps room for its first {@code guaranteedBlocks} (0: thin). One with a lower creation id is an earlier one that was to go: it is deleted first. {@code created} gets OK, also when
     * the same (stream, creationId) exists already; NOT_MEMBER when a later one does, or one is being deleted; NO_SPACE, and nothing was made, also for want of that room; IO_ERROR.
     */
    void create(long stream, long creationId, int blocks, int guaranteedBlocks, StatusCallback created);

    /**
     * Room for the first {@code guaranteedBlocks} is kept from now on, no more and no less, durably: they can be written however full the pool is. {@code done}: OK;
     * NO_SPACE, and the guarantee is as it was; NOT_MEMBER also when another replica is here; IO_ERROR.
     */
    void guarantee(long stream, long creationId, int guaranteedBlocks, StatusCallback done);

    /** Any creation id, for {@link #delete}: the volume is gone. */
    long ANY_CREATION = 0;

    /** Forgets the replica and frees its space, durably. OK also when it is not here, or another one is: its creation id differs. */
    void delete(long stream, long creationId, StatusCallback deleted);

    /** Appends behind everything appended before. Order of calls is the order in the log. */
    void append(JournalRecord record);

    /** Newest version of each block, uncommitted ones included; see {@link StoreRead#highestSeq}. Every block returned was verified. */
    void read(StoreRead read);

    void readTail(TailRead read);

    /** The access point says that everything up to {@code commitSeq} is committed. Not durable by itself: it rides on the next record. */
    void commit(long stream, long commitSeq);

    /**
     * Puts verified data in place of a block that rotted, durably; never journalled. {@code version}: seq up to which the data is the block's
     * newest content. {@code repaired}: OK; BAD_BLOCK if something newer may stand there by now; IO_ERROR; NOT_MEMBER; NO_SPACE.
     */
    void repair(
            long stream,
            int block,
            io.netty.buffer.ByteBuf data,
            int dataIndex,
            int crc,
            long version,
            StatusCallback repaired);

    /** Room as of now. The record returned may be reused by the next call: read it at once. */
    Credits credits();

    /**
     * Gives back what is held only until the next checkpoint: what direct writes replaced, what was trimmed, what was put aside and not needed;
     * as far as it is known to be committed. {@code done}: after checkpoints that began after this call, or on a store that serves nothing.
     * Calls that come while that goes on share the next one.
     */
    void reclaim(Runnable done);

    /** Pieces (64 KiB, see Geometry) of the slab that take space here, in the index or in the journal. A copy. */
    void allocatedPieces(long stream, java.util.function.Consumer<BitSet> told);

    /** A hash over the content of one extent (absent blocks count as zeros), at whatever seq; with the highest seq that touched it. */
    void digest(long stream, int extent, DigestCallback told);

    /**
     * First step of the return of a copy that was left out: waits until what is queued is durable, cuts the log to what is known to be committed, and brings
     * all of that into the index. {@code told}: OK and the seq that the copy has everything up to; NOT_MEMBER, NO_SPACE, IO_ERROR. Numbered records that
     * are appended meanwhile are refused with NO_SPACE.
     */
    void prepare(long stream, PrepareCallback told);

    /**
     * The extents that a durable record above {@code aboveSeq} touched, never too few, and perhaps some more. {@code told}: OK; NOT_READY from a copy that is not
     * complete itself; NOT_MEMBER; IO_ERROR.
     */
    void newer(long stream, long aboveSeq, ExtentsCallback told);

    /**
     * Second step, of a copy that is prepared: its log goes on at {@code joinSeq}, behind a record of {@code lastEpoch}, as if it held everything before; what it
     * misses is {@code newer} and what was missing already. Durable as a whole or not at all. {@code told}: OK and all that is missing; NOT_READY, and nothing happened, if
     * the log has records that are not in the index, or knows of something committed at {@code joinSeq} or above; NOT_MEMBER; IO_ERROR. The
     * {@link StreamState} stays the same object.
     */
    void join(long stream, long session, long joinSeq, int lastEpoch, BitSet newer, ExtentsCallback told);

    /**
     * Last step: everything up to {@code commitSeq} is committed, and no extent is missing. {@code told}: OK when that can never be taken back; NOT_READY if an extent is
     * missing, or is done by a record above what is known to be committed; NOT_MEMBER also if another session, or none, fills this copy; IO_ERROR.
     */
    void finish(long stream, long session, long commitSeq, StatusCallback told);

    /** Figures for people. */
    StoreStats stats();

    /** Destages everything committed, checkpoints, closes the devices. */
    void close(Runnable closed);

    @FunctionalInterface
    interface StatusCallback {
        void done(StoreStatus status);
    }

    /** {@code cutSeq}: 0 with a status that is not OK. */
    @FunctionalInterface
    interface PrepareCallback {
        void done(StoreStatus status, long cutSeq);
    }

    /** {@code extents}: null with a status that is not OK; the receiver's to keep. */
    @FunctionalInterface
    interface ExtentsCallback {
        void done(StoreStatus status, @Nullable BitSet extents);
    }

    @FunctionalInterface
    interface DigestCallback {
        void done(StoreStatus status, int crc, long extentVersion);
    }
}
