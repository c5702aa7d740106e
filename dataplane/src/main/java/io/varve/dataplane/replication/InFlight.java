package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import org.jspecify.annotations.Nullable;

/** The records of one stream that are numbered and not yet committed: a ring by seq. No allocation once it has grown to its use. */
final class InFlight {
    /** Most records in flight on one stream; a writer that is told {@link #isFull} waits. Four times the depth of a busy NBD client. */
    static final int MAX_RECORDS = 1024;

    private static final int FIRST_CAPACITY = 16;

    /** Records whose place is remembered after they are committed: many times what is written during one read. */
    private static final int PAST = 256;

    private @Nullable WriteRecord[] ring = new WriteRecord[FIRST_CAPACITY];
    /** Seq of the oldest in flight, and the next to be given. */
    private long first;

    private long next;

    /** Where the last records went, by seq, committed ones included. */
    private final int[] pastBlocks = new int[PAST];

    private final int[] pastCounts = new int[PAST];
    private long pastFrom;

    void startAt(long seq) {
        Invariant.check(isEmpty(), "numbering starts anew with records in flight", size());
        first = seq;
        next = seq;
        pastFrom = seq;
    }

    boolean isEmpty() {
        return first == next;
    }

    boolean isFull() {
        return size() == MAX_RECORDS;
    }

    int size() {
        return (int) (next - first);
    }

    long nextSeq() {
        return next;
    }

    long firstSeq() {
        return first;
    }

    void add(WriteRecord record) {
        Invariant.check(!isFull(), "more records in flight than the limit", next);
        if (size() == ring.length) {
            grow();
        }
        record.seq = next;
        pastBlocks[(int) (next & (PAST - 1))] = record.block;
        pastCounts[(int) (next & (PAST - 1))] = record.count;
        ring[slot(next)] = record;
        next++;
    }

    WriteRecord get(long seq) {
        Invariant.check(seq >= first && seq < next, "record is not in flight", seq, first);
        return java.util.Objects.requireNonNull(ring[slot(seq)]);
    }

    WriteRecord removeFirst() {
        WriteRecord record = get(first);
        ring[slot(first)] = null;
        first++;
        return record;
    }

    /** The newest record in flight that touches the range; 0 if none. */
    long newestOverlapping(int block, int count) {
        for (long seq = next - 1; seq >= first; seq--) {
            WriteRecord record = get(seq);
            if (record.block < block + count && block < record.block + record.count) {
                return seq;
            }
        }
        return 0;
    }

    /** True if for certain no record above {@code seq} touches the block. */
    boolean isUntouchedSince(long seq, int block) {
        if (seq + 1 < pastFrom || next - seq > PAST) {
            return false;
        }
        for (long each = seq + 1; each < next; each++) {
            int from = pastBlocks[(int) (each & (PAST - 1))];
            if (block >= from && block < from + pastCounts[(int) (each & (PAST - 1))]) {
                return false;
            }
        }
        return true;
    }

    private int slot(long seq) {
        return (int) (seq & (ring.length - 1));
    }

    private void grow() {
        @Nullable WriteRecord[] old = ring;
        ring = new WriteRecord[old.length * 2];
        for (long seq = first; seq < next; seq++) {
            ring[slot(seq)] = old[(int) (seq & (old.length - 1))];
        }
    }
}
