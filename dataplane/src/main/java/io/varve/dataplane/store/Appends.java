package io.varve.dataplane.store;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.store.journal.Journal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Records on their way into the journal: admission (room in the ring, room on the devices), numbering checks, and what happens in memory when
 * their frame is durable. Confined to the group's loop; nothing is allocated per record that is admitted.
 */
final class Appends implements Journal.Listener, Journal.Uncommitted {
    private static final long UNCOUNTED = -1;

    /** As long as a frame takes on a fast disk. */
    private static final long COUNT_AGAIN_NANOS = 1_000_000;

    private final GroupState group;
    private final JournalFollower follower;
    private final List<Runnable> idleWaiters = new ArrayList<>();
    /** At most one for each question of {@link Resync} that is under way. */
    private final List<DurableWaiter> durableWaiters = new ArrayList<>();

    private @Nullable Journal journal;
    private @Nullable Checkpoints checkpoints;
    private @Nullable TailCopies tails;
    private @Nullable DirectWrites direct;
    private @Nullable Runnable begun;
    private long records;
    private int cutsPending;
    /** Cost of data records that were admitted and have not ended. */
    private long uncertainBytes;
    /** Cost of what was durable and uncommitted when it was last counted, {@link #UNCOUNTED} if more has become durable since. */
    private long durableBytes = UNCOUNTED;

    private long countedNanos;

    Appends(GroupState group) {
        this.group = group;
        follower = new JournalFollower(group, false);
    }

    void use(Journal toUse, TailCopies toCopy, Checkpoints toTouch) {
        journal = toUse;
        direct = new DirectWrites(group, toUse, this);
        tails = toCopy;
        checkpoints = toTouch;
    }

    private Journal journal() {
        if (journal == null) {
            throw new IllegalStateException("appends run without a journal");
        }
        return journal;
    }

    private DirectWrites direct() {
        if (direct == null) {
            throw new IllegalStateException("appends run without a journal");
        }
        return direct;
    }

    long records() {
        return records;
    }

    /** A TRUNCATE for each stream that recovery cut, or an empty frame: after it nothing that was dropped can come back. */
    void begin(List<StreamLog> cut, Runnable whenDurable) {
        begun = whenDurable;
        cutsPending = cut.size();
        for (StreamLog stream : cut) {
            append(new Cut(stream));
        }
        if (cut.isEmpty()) {
            journal().appendEmpty();
        }
    }

    private final class Cut extends JournalRecord {
        Cut(StreamLog of) {
            stream = of.state.stream();
            op = Op.TRUNCATE;
            seq = of.state.lastSeq;
            epoch = of.state.lastEpoch;
            commitSeq = of.state.commitSeq;
        }

        @Override
        protected void appended(StoreStatus status) {
            cutsPending--;
        }
    }

    void append(JournalRecord record) {
        StreamLog stream = group.stream(record.stream);
        if (!group.isServing()) {
            refuse(record, StoreStatus.IO_ERROR);
        } else if (stream == null || stream.deleting) {
            refuse(record, StoreStatus.NOT_MEMBER);
        } else if (stream.changing > 0 && record.op.isSequenced()) {
            // Its log is about to go on elsewhere: as if there were no room for a while.
            refuse(record, StoreStatus.NO_SPACE);
        } else if (!admit(stream, record)) {
            refuse(record, StoreStatus.NO_SPACE);
        } else {
            number(stream, record);
            direct().append(stream, record);
        }
    }

    private void refuse(JournalRecord record, StoreStatus status) {
        group.loop.execute(() -> record.appended(status));
    }

    private boolean admit(StreamLog stream, JournalRecord record) {
        Invariant.check(
                !record.op.isSequenced() || record.seq == stream.state.lastSeq + 1,
                "a record does not follow the one before",
                record.seq,
                stream.state.lastSeq);
        checkRange(stream, record);
        record.directPieces = 0;
        record.copy = false;
        if (isControl(record.op)) {
            return admitControl(record);
        }
        if (!journal().admit(record, this)) {
            return false;
        }
        uncertainBytes += Journal.cost(record);
        if (!record.op.hasPayload()) {
            return true;
        }
        direct().takeUnits(record);
        if (!group.space.reserve(stream, record)) {
            direct().giveBack(record);
            journal().giveUp(record);
            uncertainBytes -= Journal.cost(record);
            return false;
        }
        return true;
    }

    private boolean admitControl(JournalRecord record) {
        boolean admitted = journal().admitControl(record, begun != null);
        if (!admitted && checkpoints != null) {
            // It will be asked for again; then tails have been moved.
            checkpoints.relieve();
        }
        return admitted;
    }

    /** Everything on its way, and what is durable but not known to be committed. */
    @Override
    public long bytes() {
        long now = group.loop.nanos();
        if (durableBytes == UNCOUNTED || now - countedNanos > COUNT_AGAIN_NANOS) {
            durableBytes = countDurable();
            countedNanos = now;
        }
        return uncertainBytes + durableBytes;
    }

    /** Looks at every stream, so about once for a frame. What is committed meanwhile makes it less, never more. */
    private long countDurable() {
        long sum = 0;
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null) {
                sum += stream.log.costAbove(Math.max(stream.state.commitSeq, stream.state.appliedSeq));
            }
        }
        return sum;
    }

    /** Records without which nothing can be settled: they may use the journal's reserve. */
    private static boolean isControl(Op op) {
        return switch (op) {
            case SEAL, TRUNCATE, COMMIT, EPOCH_START -> true;
            case WRITE, WRITE_AU, ZERO, UNMAP, SNAPMARK, COPIED -> false;
        };
    }

    private static void checkRange(StreamLog stream, JournalRecord record) {
        boolean ranged = record.op.hasPayload() || record.op == Op.ZERO || record.op == Op.UNMAP;
        Invariant.check(
                record.op != Op.COPIED
                        || (record.block >= 0
                                && record.count > 0
                                && record.block % JournalRecord.MAX_BLOCKS + record.count <= JournalRecord.MAX_BLOCKS
                                && record.count <= stream.state.blocks() - record.block),
                "a record of a copy leaves its extent",
                record.block,
                record.count);
        Invariant.check(
                !ranged
                        || (record.count > 0
                                && record.block >= 0
                                && record.count <= stream.state.blocks() - record.block
                                && (!record.op.hasPayload() || record.count <= JournalRecord.MAX_BLOCKS)),
                "a record leaves its slab",
                record.block,
                record.count);
    }

    private static void number(StreamLog stream, JournalRecord record) {
        StreamState state = stream.state;
        stream.appends++;
        state.commitSeq = Math.max(state.commitSeq, record.commitSeq);
        if (record.op.isSequenced()) {
            state.lastSeq = record.seq;
            state.lastEpoch = record.epoch;
        } else if (record.op == Op.TRUNCATE && record.seq < state.lastSeq) {
            Invariant.check(
                    record.seq <= state.durableSeq, "a log is cut in its undurable part", record.seq, state.durableSeq);
            Invariant.check(
                    record.seq >= state.appliedSeq, "a log is cut below what is applied", record.seq, state.appliedSeq);
            state.lastEpoch = stream.epochOf(record.seq);
            state.lastSeq = record.seq;
        }
    }

    @Override
    public void durable(JournalRecord record, long frameSeq, int index, long payloadBlock) {
        records++;
        durableBytes = UNCOUNTED;
        if (record.copy) {
            if (tails != null) {
                tails.durable(record, frameSeq, payloadBlock);
            }
            return;
        }
        StreamLog stream = group.stream(record.stream);
        if (stream != null) {
            follower.follow(stream, record, frameSeq, payloadBlock);
            return;
        }
        for (int i = 0; i < record.directPieces; i++) {
            // The replica was deleted while its record was on the way.
            group.directUnits.unused(record.directUnits[i]);
        }
    }

    @Override
    public void ended(JournalRecord record, boolean durable) {
        uncertainBytes -= record.copy || isControl(record.op) ? 0 : Journal.cost(record);
        record.appended(durable ? StoreStatus.OK : StoreStatus.IO_ERROR);
    }

    @Override
    public void frameEnded() {
        Runnable waiting = begun;
        if (waiting != null && cutsPending == 0) {
            begun = null;
            waiting.run();
        }
        if (!idleWaiters.isEmpty() && isIdle()) {
            runIdleWaiters();
        }
        runDurableWaiters();
        if (checkpoints != null) {
            checkpoints.touched();
        }
    }

    @Override
    public void failed(int errno) {
        group.fail(
                "cannot write the journal on " + group.devices.getFirst().disk().name() + ": " + Errno.describe(errno));
        Runnable waiting = begun;
        begun = null;
        if (waiting != null) {
            waiting.run();
        }
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null) {
                direct().failHeld(stream);
            }
        }
        runIdleWaiters();
        runDurableWaiters();
    }

    private void runIdleWaiters() {
        List<Runnable> waiters = new ArrayList<>(idleWaiters);
        idleWaiters.clear();
        waiters.forEach(group.loop::execute);
    }

    private boolean isIdle() {
        return journal().isIdle() && direct().isIdle();
    }

    /** Runs {@code then} once no record waits or flies. */
    void whenIdle(Runnable then) {
        if (isIdle() || group.failure != null) {
            group.loop.execute(then);
        } else {
            idleWaiters.add(then);
        }
    }

    private record DurableWaiter(StreamLog stream, Runnable then) {}

    /** Runs {@code then} once nothing of the stream waits or flies; also if it is deleted or the group fails meanwhile. */
    void whenDurable(StreamLog stream, Runnable then) {
        durableWaiters.add(new DurableWaiter(stream, then));
        runDurableWaiters();
    }

    private void runDurableWaiters() {
        for (int i = durableWaiters.size() - 1; i >= 0; i--) {
            StreamLog stream = durableWaiters.get(i).stream();
            if (stream.state.durableSeq == stream.state.lastSeq || stream.deleting || group.failure != null) {
                group.loop.execute(durableWaiters.remove(i).then());
            }
        }
    }
}
