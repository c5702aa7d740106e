package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;

/** What the slabs of one loop may take to remember writes in, see {@link MissedBlocks}. Confined to the loop. */
final class MissedMemory {
    /** For 512 slabs that are written to all the time, or 32 768 that were written to once. */
    static final long LIMIT_BYTES = 32L << 20;

    private final long limitBytes;
    private long takenBytes;

    MissedMemory(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    /** False: there is not so much left, and nothing was taken. */
    boolean take(long bytes) {
        if (takenBytes + bytes > limitBytes) {
            return false;
        }
        takenBytes += bytes;
        return true;
    }

    void giveBack(long bytes) {
        takenBytes -= bytes;
        Invariant.check(takenBytes >= 0, "more is given back than was taken", takenBytes, bytes);
    }

    long takenBytes() {
        return takenBytes;
    }
}
