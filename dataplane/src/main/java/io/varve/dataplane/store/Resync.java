package io.varve.dataplane.store;

import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.journal.Journal;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * The steps by which a copy that was left out becomes whole again, as far as they are the store's ({@code docs/internals/resync.md}): prepare cuts the
 * log, join lets it go on at another number, finish says that nothing is missing. Each is durable in the index before it is answered. While
 * one runs the stream takes no numbered record. Confined to the group's loop.
 */
final class Resync {
    private final GroupState group;
    private final Journal journal;
    private final Appends appends;
    private final Checkpoints checkpoints;

    Resync(GroupState group, Journal journal, Appends appends, Checkpoints checkpoints) {
        this.group = group;
        this.journal = journal;
        this.appends = appends;
        this.checkpoints = checkpoints;
    }

    /** Why nothing can be done with the stream; null if it can. */
    private @Nullable StoreStatus refusal(@Nullable StreamLog stream) {
        if (!group.isServing()) {
            return StoreStatus.IO_ERROR;
        }
        return stream == null || stream.deleting ? StoreStatus.NOT_MEMBER : null;
    }

    // ------------------------------------------------------------------------------------------------ prepare

    void prepare(long id, ReplicaStore.PrepareCallback told) {
        StreamLog stream = group.stream(id);
        StoreStatus refused = refusal(stream);
        if (stream == null || refused != null) {
            group.loop.execute(() -> told.done(refused == null ? StoreStatus.NOT_MEMBER : refused, 0));
            return;
        }
        stream.changing++;
        appends.whenDurable(stream, () -> cut(stream, told));
    }

    private void cut(StreamLog stream, ReplicaStore.PrepareCallback told) {
        StreamState state = stream.state;
        long remains = Math.max(state.appliedSeq, Math.min(state.commitSeq, state.durableSeq));
        if (refusal(stream) != null || state.lastSeq == state.appliedSeq) {
            prepared(stream, StoreStatus.OK, told);
        } else if (remains == state.lastSeq) {
            checkpoints.runOnce(() -> prepared(stream, StoreStatus.OK, told));
        } else {
            appends.append(new Cut(stream, remains, told));
        }
    }

    /** The TRUNCATE of a copy whose tail was never committed, as far as it knows. */
    private final class Cut extends JournalRecord {
        private final StreamLog of;
        private final ReplicaStore.PrepareCallback told;

        Cut(StreamLog of, long remains, ReplicaStore.PrepareCallback told) {
            this.of = of;
            this.told = told;
            stream = of.state.stream();
            op = Op.TRUNCATE;
            seq = remains;
            epoch = of.epochOf(remains);
            commitSeq = of.state.commitSeq;
        }

        @Override
        protected void appended(StoreStatus status) {
            if (status == StoreStatus.OK) {
                checkpoints.runOnce(() -> prepared(of, StoreStatus.OK, told));
            } else {
                prepared(of, status, told);
            }
        }
    }

    private void prepared(StreamLog stream, StoreStatus status, ReplicaStore.PrepareCallback told) {
        stream.changing--;
        StoreStatus refused = refusal(stream);
        long cut = stream.state.appliedSeq;
        if (refused != null || status != StoreStatus.OK) {
            told.done(refused != null ? refused : status, 0);
        } else {
            told.done(stream.state.lastSeq == cut ? StoreStatus.OK : StoreStatus.NOT_READY, cut);
        }
    }

    // ------------------------------------------------------------------------------------------------ join

    void join(long id, long session, long joinSeq, int lastEpoch, BitSet newer, ReplicaStore.ExtentsCallback told) {
        StreamLog stream = group.stream(id);
        StoreStatus refused = refusal(stream);
        if (stream == null || refused != null) {
            group.loop.execute(() -> told.done(refused == null ? StoreStatus.NOT_MEMBER : refused, null));
            return;
        }
        BitSet todo = (BitSet) newer.clone();
        stream.changing++;
        group.loop.execute(
                () -> checkpoints.exclusively(() -> commitJoin(stream, session, joinSeq, lastEpoch, todo, told)));
    }

    private void commitJoin(
            StreamLog stream,
            long session,
            long joinSeq,
            int lastEpoch,
            BitSet todo,
            ReplicaStore.ExtentsCallback told) {
        StoreStatus refused = refusal(stream);
        if (refused == null && !canJoin(stream, session, joinSeq, todo)) {
            refused = StoreStatus.NOT_READY;
        }
        if (refused != null) {
            joined(stream, refused, told);
            return;
        }
        todo.or(stream.undone());
        SyncRow sync = new SyncRow(session, joinSeq, stream.extents(), todo);
        // What the frames before the next one say of the stream is in the index, or was cut away.
        long bornFrameSeq = journal.nextFrameSeq();
        byte[] key = StreamRow.key(stream.state.stream());
        IndexBatch batch = new IndexBatch();
        batch.put(
                Table.STREAM,
                key,
                stream.joinedRow(joinSeq - 1, lastEpoch, bornFrameSeq).encode());
        batch.put(Table.SYNC, key, sync.encode());
        commit(batch, () -> {
            if (group.failure == null) {
                stream.goOnAt(joinSeq - 1, lastEpoch, bornFrameSeq, sync);
                group.space.unreserveAll(stream);
            }
            joined(stream, group.failure == null ? StoreStatus.OK : StoreStatus.IO_ERROR, told);
        });
    }

    /** Nothing of the old log may be left above the index, and the new one must lie above all that this copy knows of. */
    private static boolean canJoin(StreamLog stream, long session, long joinSeq, BitSet todo) {
        StreamState state = stream.state;
        return session != 0
                && state.lastSeq == state.appliedSeq
                && state.durableSeq == state.appliedSeq
                && joinSeq > state.appliedSeq
                && joinSeq > state.commitSeq
                && todo.length() <= stream.extents();
    }

    private void joined(StreamLog stream, StoreStatus status, ReplicaStore.ExtentsCallback told) {
        stream.changing--;
        checkpoints.ended();
        told.done(status, status == StoreStatus.OK ? stream.undone() : null);
    }

    // ------------------------------------------------------------------------------------------------ newer

    void newer(long id, long aboveSeq, ReplicaStore.ExtentsCallback told) {
        group.loop.execute(() -> {
            StreamLog stream = group.stream(id);
            StoreStatus refused = refusal(stream);
            if (stream == null || refused != null) {
                told.done(refused == null ? StoreStatus.NOT_MEMBER : refused, null);
            } else if (stream.sync != null) {
                // What it misses itself it cannot list.
                told.done(StoreStatus.NOT_READY, null);
            } else {
                told.done(StoreStatus.OK, newer(stream, aboveSeq));
            }
        });
    }

    /**
     * A record is told of by the overlay, or by the COPIED records, until the checkpoint that covers it has committed, and by the extent's version from before that:
     * so at no moment by none of them. One that waits for its frame is not committed yet, and reaches whoever asks by itself.
     */
    private BitSet newer(StreamLog stream, long aboveSeq) {
        BitSet extents = new BitSet(stream.extents());
        for (int extent = 0; extent < stream.extents(); extent++) {
            if (stream.extentVersion(extent) > aboveSeq) {
                extents.set(extent);
            }
        }
        for (long key : group.overlay.extentKeys()) {
            if ((int) (key >>> 32) == stream.slot) {
                extents.set((int) key);
            }
        }
        stream.copied.forEachUpTo(Long.MAX_VALUE, (seq, extent, isDone) -> extents.set(extent));
        return extents;
    }

    // ------------------------------------------------------------------------------------------------ finish

    void finish(long id, long session, long commitSeq, ReplicaStore.StatusCallback told) {
        StreamLog stream = group.stream(id);
        StoreStatus refused = refusal(stream);
        if (stream == null || refused != null) {
            group.loop.execute(() -> told.done(refused == null ? StoreStatus.NOT_MEMBER : refused));
            return;
        }
        SyncRow sync = stream.sync;
        if (sync == null || sync.session() != session) {
            group.loop.execute(() -> told.done(StoreStatus.NOT_MEMBER));
        } else if (commitSeq > stream.state.lastSeq) {
            group.loop.execute(() -> told.done(StoreStatus.NOT_READY));
        } else {
            takeCommit(stream, commitSeq);
            group.loop.execute(() -> finish(stream, session, told));
        }
    }

    private static void takeCommit(StreamLog stream, long commitSeq) {
        if (stream.state.commitSeq < commitSeq) {
            stream.state.commitSeq = commitSeq;
            stream.rowChanged = true;
        }
    }

    private void finish(StreamLog stream, long session, ReplicaStore.StatusCallback told) {
        if (stream.undone().isEmpty()) {
            checkpoints.runOnce(() -> checkpoints.exclusively(() -> commitFinish(stream, session, told)));
        } else {
            told.done(StoreStatus.NOT_READY);
        }
    }

    private void commitFinish(StreamLog stream, long session, ReplicaStore.StatusCallback told) {
        StoreStatus refused = refusal(stream);
        SyncRow sync = stream.sync;
        if (refused == null && (sync == null || sync.session() != session)) {
            refused = StoreStatus.NOT_MEMBER;
        } else if (refused == null && sync != null && !sync.todo().isEmpty()) {
            // Done by records that could be cut away.
            refused = StoreStatus.NOT_READY;
        }
        if (refused != null) {
            checkpoints.ended();
            told.done(refused);
            return;
        }
        IndexBatch batch = new IndexBatch();
        batch.delete(Table.SYNC, StreamRow.key(stream.state.stream()));
        commit(batch, () -> {
            if (group.failure == null) {
                stream.learn(null);
            }
            checkpoints.ended();
            told.done(group.failure == null ? StoreStatus.OK : StoreStatus.IO_ERROR);
        });
    }

    private void commit(IndexBatch batch, Runnable then) {
        IndexCommit commit = new IndexCommit(group, batch);
        group.loop.offload(commit, () -> {
            commit.told();
            then.run();
        });
    }
}
