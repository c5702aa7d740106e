package io.varve.dataplane.store;

import io.varve.dataplane.store.journal.Journal;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * When to checkpoint: some seconds after something changed, sooner when the journal or memory fills, once more on close; never when nothing
 * changed. One run at a time, and other changes of the index in between. Confined to the group's loop.
 */
final class Checkpoints {
    /** Bytes of journal after which a checkpoint is due even in a large ring: bounds replay after a crash to about a second. */
    private static final long MAX_JOURNAL_BYTES = 256L << 20;

    private static final int JOURNAL_FRACTION = 4;
    /** Direct writes hold their old unit and the new one until a checkpoint; their data is not in the journal. */
    private static final long MAX_DIRECT_BYTES = 256L << 20;

    /** Between a checkpoint and one because a control record found no room: such records are tried again every 10 ms. */
    private static final long RELIEF_PAUSE_NANOS = 100_000_000L;

    /** Extents with versions in memory; each costs a row of the entry cache while it is destaged. */
    private static final int MAX_EXTENTS = 32_768;

    private final GroupState group;
    private final Journal journal;
    private final TailCopies tails;
    private final CopyBatch batch;
    private final List<Runnable> waiting = new ArrayList<>();
    private Loop.@Nullable Timer timer;
    private boolean running;
    /** What a moved tail held can be freed by a checkpoint that begins now. */
    private boolean tailMoved;

    private long writtenAtLast;
    private long completed;
    private long lastNanos;
    private long endedNanos;

    Checkpoints(GroupState group, Journal journal, TailCopies tails) {
        this.group = group;
        this.journal = journal;
        this.tails = tails;
        batch = new CopyBatch(group);
        tails.whenMoved(() -> {
            tailMoved = true;
            group.loop.execute(this::touched);
        });
    }

    /** Something changed: records became durable, or more is known to be committed. */
    void touched() {
        if (running || !group.isServing()) {
            return;
        }
        if (isPressed() && isAnyChanged()) {
            start();
        } else if (timer == null) {
            timer = group.loop.schedule(group.options.checkpointNanos(), () -> {
                timer = null;
                if (!running && group.isServing() && isAnyChanged()) {
                    start();
                }
            });
        }
    }

    private boolean isPressed() {
        return journal.writtenBytes() - writtenAtLast
                        > Math.min(MAX_JOURNAL_BYTES, journal.capacityBytes() / JOURNAL_FRACTION)
                || group.directUnits.waitingBytes() > MAX_DIRECT_BYTES
                || group.overlay.extents() > MAX_EXTENTS
                || (journal.usedBytes() * 2 > journal.capacityBytes() && isAnyDestageable())
                || group.space.isPressedByDirect()
                || tailMoved;
    }

    private boolean isAnyDestageable() {
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null && Math.min(stream.state.commitSeq, stream.state.durableSeq) > stream.state.appliedSeq) {
                return true;
            }
        }
        return false;
    }

    private boolean isAnyChanged() {
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null && stream.rowChanged) {
                return true;
            }
        }
        return group.directUnits.isAnyLoose();
    }

    /** Runs {@code then} after a checkpoint that begins now or later has ended, also if it failed. */
    void runOnce(Runnable then) {
        if (group.closed) {
            then.run();
            return;
        }
        if (running) {
            waiting.add(() -> runOnce(then));
            return;
        }
        waiting.add(then);
        start();
    }

    /** A record that nothing can be settled without found no room: a checkpoint, and the copying of tails behind it, may make some. */
    void relieve() {
        if (!running && group.isServing() && !group.closing && group.loop.nanos() - endedNanos >= RELIEF_PAUSE_NANOS) {
            start();
        }
    }

    /**
     * Each start takes a segment, and a tail that nobody commits keeps all behind it: a start that finds half of the ring taken moves what can be
     * moved, so that no number of starts fills the ring. It serves meanwhile, unless earlier ones have used up what was kept for that: then
     * {@code then} waits.
     */
    void makeRoomForStart(Journal.Uncommitted uncommitted, Runnable then) {
        int rounds = group.slotEnd() + 1;
        if (journal.isShortForStart(uncommitted)) {
            makeRoomForStart(rounds, then);
        } else {
            then.run();
            makeRoomForStart(rounds, () -> {});
        }
    }

    /** {@code rounds}: each moves the tail of one stream. */
    private void makeRoomForStart(int rounds, Runnable then) {
        if (!group.isServing() || rounds == 0 || journal.freeSegments() * 2 > journal.segments()) {
            then.run();
            return;
        }
        runOnce(() -> tails.whenIdle(() -> {
            if (tails.takeHasCopied()) {
                makeRoomForStart(rounds - 1, then);
            } else {
                then.run();
            }
        }));
    }

    /** Runs {@code change}, which must end by calling {@link #ended}, while no checkpoint runs. */
    void exclusively(Runnable change) {
        if (running) {
            waiting.add(() -> exclusively(change));
            return;
        }
        running = true;
        change.run();
    }

    private void start() {
        running = true;
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
        long began = group.loop.nanos();
        writtenAtLast = journal.writtenBytes();
        tailMoved = false;
        group.space.checkpointBegins();
        new CheckpointRun(group, journal, batch, error -> {
                    if (error != null && group.failure == null) {
                        group.fail(error);
                        journal.fail(-1);
                    }
                    completed++;
                    endedNanos = group.loop.nanos();
                    lastNanos = endedNanos - began;
                    tails.checkpointEnded();
                    ended();
                })
                .start();
    }

    void ended() {
        running = false;
        List<Runnable> now = new ArrayList<>(waiting);
        waiting.clear();
        now.forEach(Runnable::run);
        if (!running && isAnyChanged()) {
            touched();
        }
    }

    /** One runs, or another change of the index. */
    boolean isRunning() {
        return running;
    }

    long completed() {
        return completed;
    }

    long lastNanos() {
        return lastNanos;
    }

    void close() {
        if (timer != null) {
            timer.cancel();
            timer = null;
        }
    }
}
