package io.varve.dataplane.volume;

import io.varve.dataplane.time.Loop;
import io.varve.model.Holder;

/** A volume attached here, as a front end sees it. Confined to {@link #loop}. */
public interface Volume {
    String name();

    /** Grows while it is attached; never shrinks. */
    long sizeBytes();

    /** Who may use it, for as long as it is attached here. */
    default Holder holder() {
        return Holder.ANYBODY;
    }

    /** The loop on which everything of this volume happens. */
    Loop loop();

    /** Takes a request. Requests beyond the volume's queue limit wait in order, bounded by {@link #canTakeMore}. */
    void submit(BlockRequest request);

    /**
     * False while more requests are queued than the limit, or its clients have had what they may: the front end stops reading from its sockets until
     * {@link #onDrained} runs.
     */
    boolean canTakeMore();

    /** Runs {@code task} once when {@link #canTakeMore} is true again. */
    void onDrained(Runnable task);

    /** True while it takes nothing because its clients have had what they may, whatever else there is. */
    default boolean isHoldingBack() {
        return false;
    }

    /**
     * True if {@link #allocation} of exactly this range can be told now. Else it is being found out, and {@code known} runs once, when it is worth
     * asking again.
     */
    default boolean knowsAllocation(long offsetBytes, long lengthBytes, Runnable known) {
        return true;
    }

    /** Tells which parts of a range take space, in order, merged, until the range ends or {@code told} returns false. */
    void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told);

    @FunctionalInterface
    interface AllocationVisitor {
        /** A run of {@code lengthBytes}; a hole (reads as zeros) unless {@code allocated}. */
        boolean run(long offsetBytes, long lengthBytes, boolean allocated);
    }
}
