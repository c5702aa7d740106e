package io.varve.dataplane.replication;

import java.util.List;

/** The metadata group, as far as an access point needs it. Implemented over gRPC; any number of calls may be under way. */
public interface Truth {
    /**
     * OPEN: compare-and-set on (epoch, gen) of every slab named; each is judged by itself.
     *
     * @param callback on the loop of the caller, once, not inside this call
     */
    void open(long volume, int epoch, List<SlabOpen> slabs, OpenCallback callback);

    /**
     * CHANGE_ISR: compare-and-set on (epoch, gen) of every slab named, in an epoch that has been opened; each is judged by itself, and answered
     * like OPEN. {@code isr} may leave out members, down to minInSync, and add copies of the slab.
     *
     * @param callback on the loop of the caller, once, not inside this call
     */
    void changeIsr(long volume, int epoch, List<SlabIsr> slabs, OpenCallback callback);

    /** {@code gen}: the one that the change starts from. */
    record SlabIsr(int index, int gen, List<String> isr) {}

    /** {@code isr}: UUIDs of the disk groups that hold everything up to {@code startSeq - 1}. {@code gen}: the one that was read. */
    record SlabOpen(int index, int gen, List<String> isr, long startSeq) {}

    /** {@code gen}, {@code isr}: as they are now, whatever the outcome. */
    record SlabOpened(int index, Outcome outcome, int gen, List<String> isr) {}

    /** How one compare-and-set ended. */
    enum Outcome {
        OK,
        /** A newer attach exists: the caller is fenced. */
        STALE_EPOCH,
        /** The replica set has another gen: perhaps by the caller's own earlier attempt. */
        STALE_GEN,
        /** Nobody answered: it may or may not have happened, now or later. */
        UNKNOWN,
        /** Refused for a reason that trying again does not change. */
        REFUSED
    }

    /** {@code outcome} concerns the whole call; {@code slabs} is empty unless it is OK or STALE_GEN. {@code message}: for people. */
    @FunctionalInterface
    interface OpenCallback {
        void done(Outcome outcome, List<SlabOpened> slabs, String message);
    }
}
