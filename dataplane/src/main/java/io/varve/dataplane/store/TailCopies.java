package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.store.journal.Journal;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Frees segments that an uncommitted tail pins: appends the whole tail of one stream again, in order, as one unit. Only when the last copy is
 * durable do the copies take the originals' place. What was written directly is copied with its data. A live record of the stream in between ends the attempt, because then the stream
 * will commit by itself. One tail at a time; confined to the group's loop.
 */
final class TailCopies {
    /** Bytes of copies that wait in memory for the journal. */
    private static final long MAX_WAITING_BYTES = 4 << 20;

    private final GroupState group;
    private final Journal journal;
    private final List<Copy> copies = new ArrayList<>();
    private @Nullable StreamLog stream;
    private long lastSeq;
    private long appends;
    /** Pieces for which all copies so far would take a unit that is not kept for them: a tail is not moved into a pool that cannot take it. */
    private final BitSet unkept = new BitSet();

    private int waitingCopies;
    private long waitingBytes;
    private boolean reading;
    private boolean givenUp;
    private boolean hasCopied;
    private @Nullable Runnable whenIdle;
    private long nextSeq;
    private Runnable moved = () -> {};

    TailCopies(GroupState group, Journal journal) {
        this.group = group;
        this.journal = journal;
    }

    /** {@code then} runs each time a tail has been moved. */
    void whenMoved(Runnable then) {
        moved = then;
    }

    /** Looks whether a tail holds more than half of the ring. */
    void checkpointEnded() {
        if (stream != null
                || group.closing
                || group.failure != null
                || journal.freeSegments() * 2 > journal.segments()) {
            return;
        }
        StreamLog oldest = null;
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog candidate = group.streamOrNull(slot);
            if (candidate != null
                    && !candidate.deleting
                    && isPinning(candidate)
                    && (oldest == null || firstFrame(candidate) < firstFrame(oldest))) {
                oldest = candidate;
            }
        }
        if (oldest != null && journal.isPinned(firstFrame(oldest))) {
            begin(oldest);
        }
    }

    private static boolean isPinning(StreamLog candidate) {
        return candidate.state.lastSeq == candidate.state.durableSeq
                && candidate.log.holds(candidate.state.appliedSeq + 1);
    }

    private static long firstFrame(StreamLog candidate) {
        return candidate.log.frameOf(candidate.state.appliedSeq + 1);
    }

    private void begin(StreamLog pinning) {
        stream = pinning;
        lastSeq = pinning.state.lastSeq;
        appends = pinning.appends;
        nextSeq = pinning.state.appliedSeq + 1;
        unkept.clear();
        givenUp = false;
        copies.clear();
        readMore();
    }

    private void readMore() {
        StreamLog of = stream;
        if (of == null || reading) {
            return;
        }
        if (of.appends != appends || of.deleting || group.closing || group.failure != null) {
            givenUp = true;
        }
        if (givenUp || nextSeq > lastSeq) {
            finishIfDone();
            return;
        }
        if (waitingBytes >= MAX_WAITING_BYTES) {
            return;
        }
        reading = true;
        TailRead read = new TailRead() {
            @Override
            protected boolean record(JournalRecord record) {
                return take(record);
            }

            @Override
            protected void ended(StoreStatus status) {
                reading = false;
                givenUp |= status != StoreStatus.OK;
                readMore();
            }
        };
        read.stream = of.state.stream();
        read.fromSeq = nextSeq;
        read.toSeq = lastSeq;
        new TailReader(group, journal, of, read).start();
    }

    /** Queues a copy; false: stop for now, or for good. */
    private boolean take(JournalRecord record) {
        StreamLog of = stream;
        if (of == null || of.appends != appends) {
            givenUp = true;
            return false;
        }
        Copy copied = new Copy(record);
        copied.addUnkept(of);
        if (!group.space.hasUnclaimed(unkept.cardinality()) || !journal.admitControl(copied, false)) {
            copied.drop();
            givenUp = true;
            return false;
        }
        nextSeq = record.seq + 1;
        waitingCopies++;
        waitingBytes += copied.bytes();
        copies.add(copied);
        journal.append(copied);
        return waitingBytes < MAX_WAITING_BYTES;
    }

    private void finishIfDone() {
        StreamLog of = stream;
        if (waitingCopies > 0 || of == null) {
            return;
        }
        if (!givenUp && of.appends == appends && hasRoomNow(of)) {
            for (Copy copied : copies) {
                copied.takeOver(of);
            }
            // The next checkpoint can name a later position.
            of.rowChanged = true;
            moved.run();
        }
        hasCopied = !givenUp;
        copies.clear();
        stream = null;
        Runnable waiting = whenIdle;
        whenIdle = null;
        if (waiting != null) {
            group.loop.execute(waiting);
        }
    }

    /** Others may have taken units while the copies were written. */
    private boolean hasRoomNow(StreamLog of) {
        unkept.clear();
        copies.forEach(copied -> copied.addUnkept(of));
        givenUp = !group.space.hasUnclaimed(unkept.cardinality());
        return !givenUp;
    }

    boolean isIdle() {
        return stream == null;
    }

    /** Runs {@code then} in a later turn, when no tail is being copied. One at a time. */
    void whenIdle(Runnable then) {
        if (stream == null) {
            group.loop.execute(then);
        } else {
            whenIdle = then;
        }
    }

    /** True once after a tail was moved: the next checkpoint frees segments. */
    boolean takeHasCopied() {
        boolean copied = hasCopied;
        hasCopied = false;
        return copied;
    }

    /** Where a copy has gone. */
    void durable(JournalRecord record, long frameSeq, long payloadBlock) {
        if (record instanceof Copy copied) {
            copied.frameSeq = frameSeq;
            copied.payloadBlock = payloadBlock;
        }
    }

    private final class Copy extends JournalRecord {
        private long frameSeq;
        private long payloadBlock;

        Copy(JournalRecord from) {
            stream = from.stream;
            op = from.op;
            seq = from.seq;
            epoch = from.epoch;
            gen = from.gen;
            commitSeq = from.commitSeq;
            block = from.block;
            count = from.count;
            aux = from.aux;
            aux2 = from.aux2;
            copy = true;
            System.arraycopy(from.crcs, 0, crcs, 0, from.op.hasPayload() ? from.count : 0);
            ByteBuf data = from.payload;
            if (data != null) {
                payload = TailRead.copyOf(data, from.payloadIndex, from.count * Geometry.BLOCK_BYTES);
            }
        }

        /** What its data needs once it no longer lies in the units of a direct write. */
        void addUnkept(StreamLog of) {
            if (op.hasPayload()) {
                Space.addUnkept(of, block, count, unkept);
            }
        }

        int bytes() {
            return payload == null ? 0 : count * Geometry.BLOCK_BYTES;
        }

        void drop() {
            if (payload != null) {
                payload.release();
                payload = null;
            }
        }

        @Override
        protected void appended(StoreStatus status) {
            waitingCopies--;
            waitingBytes -= bytes();
            drop();
            givenUp |= status != StoreStatus.OK;
            readMore();
        }

        /** This copy stands for the record from now on. */
        void takeOver(StreamLog of) {
            if (!of.log.holds(seq) || of.log.epochOf(seq) != epoch) {
                return;
            }
            long before = of.log.frameOf(seq);
            of.log.put(seq, frameSeq, epoch, Journal.cost(this));
            if (op.hasPayload()) {
                group.space.reserveAnyway(of, block, count);
                for (int i = 0; i < count; i++) {
                    group.overlay.relocate(of.slot, block + i, seq, Overlay.unitLocation(0, payloadBlock + i), before);
                }
            }
        }
    }
}
