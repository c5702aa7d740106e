package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One read of one slab. Pooled by whoever reads; it belongs to the access point until {@link #completed}. */
public abstract class SlabRead {
    /** How it ended. */
    public enum Outcome {
        OK,
        /** No copy could give all blocks. */
        IO_ERROR,
        FENCED
    }

    public long stream;
    /** First block within the slab; the range never crosses an extent. */
    public int block;

    public int count;

    /** Room for {@code count * 4096} bytes from {@link #destinationIndex}, aligned; retained by the owner until completion. */
    public @Nullable ByteBuf destination;

    public int destinationIndex;

    /** The member to ask first: −1 for the nearest, which is what clients want. */
    int firstMember = -1;

    /** On the loop, once. */
    protected abstract void completed(Outcome outcome);

    /** How the repair ended that {@link #repairSent} announced; on the loop, after {@link #completed}. */
    void repairEnded(StoreStatus status) {
        // Who reads for a client does not wait for it.
    }

    /**
     * Whatever reads into the destination may go on doing so at any time: the data goes elsewhere from now on. What lies there already comes along.
     * Called before {@link #completed}; the old memory is kept by who may still write to it.
     */
    protected void moveDestination() {
        ByteBuf old = Objects.requireNonNull(destination);
        int bytes = count * Geometry.BLOCK_BYTES;
        ByteBuf other = Buffers.aligned(bytes);
        other.writeBytes(old, destinationIndex, bytes);
        destination = other;
        destinationIndex = 0;
        old.release();
    }

    /** Waits until everything up to here is committed. */
    long waitSeq;

    /** Everything committed when it was sent to a replica: what the replica must have. */
    long leastSeq;

    /** Bit set of members that could not give the data. */
    int tried;

    /** Member that has a damaged block, −1 if none; and which block. */
    int damagedMember;

    int damagedBlock;

    /** True at completion if the damaged block was sent to that member for repair. */
    boolean repairSent;

    /** True when the data is in hand and only the right to answer is missing. */
    boolean hasData;

    /** Who is told the answer of the replica, and which member was asked. */
    @Nullable PortListener issuer;

    int issuedTo;
    int issuedEpoch;

    /** When it was sent to the copy that has it now, and how many beats of {@link Watch} ago. */
    long askedNanos;

    int beatsOut;
    boolean isOut;

    /** Of the port that has it: what does the reading there. */
    @Nullable Object held;

    /** With a copy: neighbours among those that are. */
    @Nullable SlabRead outBefore;

    @Nullable SlabRead outAfter;

    @Nullable SlabRead next;
}
