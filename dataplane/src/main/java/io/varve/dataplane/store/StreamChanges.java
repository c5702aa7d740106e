package io.varve.dataplane.store;

import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.journal.Journal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Replicas that come and go. Each change is an index commit before it is answered. Confined to the group's loop. */
final class StreamChanges {
    private final GroupState group;
    private final Journal journal;
    private final Checkpoints checkpoints;

    StreamChanges(GroupState group, Journal journal, Checkpoints checkpoints) {
        this.group = group;
        this.journal = journal;
        this.checkpoints = checkpoints;
    }

    void create(long stream, long creationId, int blocks, ReplicaStore.StatusCallback created) {
        StreamLog existing = group.stream(stream);
        if (existing != null && Long.compareUnsigned(existing.state.creationId(), creationId) < 0) {
            delete(stream, existing.state.creationId(), status -> {
                if (status == StoreStatus.OK) {
                    create(stream, creationId, blocks, created);
                } else {
                    created.done(status);
                }
            });
            return;
        }
        StoreStatus known = known(stream, creationId);
        if (known != null) {
            group.loop.execute(() -> created.done(known));
            return;
        }
        // Frames before the next one cannot hold records of this replica, but may of an earlier one with the same id.
        StreamRow row = new StreamRow(creationId, blocks, journal.nextFrameSeq(), 0, 0, 0, 0, 0, 0, 0, false);
        IndexBatch batch = new IndexBatch();
        batch.put(Table.STREAM, StreamRow.key(stream), row.encode());
        commit(batch, () -> {
            // The same replica may have been asked for twice while the first commit was under way.
            if (group.failure == null && group.stream(stream) == null) {
                group.addStream(stream, row);
            }
            created.done(group.failure == null ? StoreStatus.OK : StoreStatus.IO_ERROR);
        });
    }

    private @Nullable StoreStatus known(long stream, long creationId) {
        if (!group.isServing()) {
            return StoreStatus.IO_ERROR;
        }
        StreamLog existing = group.stream(stream);
        if (existing != null) {
            return existing.state.creationId() == creationId && !existing.deleting
                    ? StoreStatus.OK
                    : StoreStatus.NOT_MEMBER;
        }
        return group.hasRoomForStream() ? null : StoreStatus.NO_SPACE;
    }

    void delete(long stream, long creationId, ReplicaStore.StatusCallback deleted) {
        StreamLog found = group.stream(stream);
        boolean isAnother =
                found != null && creationId != ReplicaStore.ANY_CREATION && found.state.creationId() != creationId;
        if (!group.isServing() || found == null || isAnother) {
            StoreStatus status = group.isServing() ? StoreStatus.OK : StoreStatus.IO_ERROR;
            group.loop.execute(() -> deleted.done(status));
            return;
        }
        boolean begun = found.deleting;
        found.deleting = true;
        if (begun) {
            checkpoints.exclusively(() -> {
                checkpoints.ended();
                delete(stream, creationId, deleted);
            });
            return;
        }
        checkpoints.exclusively(() -> forget(found, deleted));
    }

    /** Goes on with deletions that a crash interrupted. Before the group serves. */
    void resumeDeletions() {
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null && stream.deleting) {
                checkpoints.exclusively(() -> forget(stream, status -> {}));
            }
        }
    }

    /** First the row says that the replica is gone: from then on a restart finishes what follows. */
    private void forget(StreamLog stream, ReplicaStore.StatusCallback deleted) {
        group.overlay.removeAbove(stream.slot, -1);
        group.space.unreserveAll(stream);
        group.entries.removeStream(stream.slot);
        IndexBatch batch = new IndexBatch();
        byte[] key = StreamRow.key(stream.state.stream());
        batch.put(
                Table.STREAM,
                key,
                stream.row(stream.state.appliedSeq, stream.appliedEpoch, stream.appliedLayer)
                        .encode());
        batch.put(Table.TOMB, key, StreamRow.key(stream.state.creationId()));
        batch.delete(Table.SYNC, key);
        stream.learn(null);
        commit(batch, () -> freeEntries(stream, deleted));
    }

    private void freeEntries(StreamLog stream, ReplicaStore.StatusCallback deleted) {
        if (group.failure != null) {
            checkpoints.ended();
            deleted.done(StoreStatus.IO_ERROR);
            return;
        }
        EntrySweep sweep = new EntrySweep(group.index, stream.state.stream());
        group.loop.offload(sweep, () -> {
            List<Long> units = new ArrayList<>(sweep.units());
            for (long unit : units) {
                group.devices.get((int) (unit >>> 32)).allocator().drop((int) unit);
            }
            IndexBatch batch = sweep.deletions();
            for (int device = 0; device < group.devices.size(); device++) {
                group.devices.get(device).allocator().save(device, batch);
            }
            if (sweep.isLast()) {
                batch.delete(Table.STREAM, StreamRow.key(stream.state.stream()));
            }
            commit(batch, () -> {
                if (group.failure == null) {
                    for (long unit : units) {
                        group.devices.get((int) (unit >>> 32)).allocator().reuse((int) unit);
                    }
                }
                if (sweep.isLast() && group.failure == null) {
                    gone(stream, deleted);
                } else {
                    freeEntries(stream, deleted);
                }
            });
        });
    }

    private void gone(StreamLog stream, ReplicaStore.StatusCallback deleted) {
        // Records that were on their way when the deletion began may have left versions since.
        group.overlay.removeAbove(stream.slot, -1);
        group.space.unreserveAll(stream);
        group.removeStream(stream);
        checkpoints.ended();
        deleted.done(StoreStatus.OK);
    }

    private void commit(IndexBatch batch, Runnable then) {
        IndexCommit commit = new IndexCommit(group, batch);
        group.loop.offload(commit, () -> {
            commit.told();
            then.run();
        });
    }
}
