package io.varve.dataplane.store;

import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.journal.Journal;
import org.jspecify.annotations.Nullable;

/** Replicas that come and go. Each change is one index commit before it is answered. Confined to the group's loop. */
final class StreamChanges {
    private final GroupState group;
    private final Journal journal;

    StreamChanges(GroupState group, Journal journal) {
        this.group = group;
        this.journal = journal;
    }

    void create(long stream, long creationId, int blocks, ReplicaStore.StatusCallback created) {
        StoreStatus known = known(stream, creationId);
        if (known != null) {
            group.loop.execute(() -> created.done(known));
            return;
        }
        // Frames before the next one cannot hold records of this replica, but may of an earlier one with the same id.
        StreamRow row = new StreamRow(creationId, blocks, journal.frames().endFrameSeq(), 0, 0, 0, 0, 0, 0, 0, false);
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
        if (group.failure != null) {
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

    void delete(long stream, ReplicaStore.StatusCallback deleted) {
        group.loop.execute(() -> deleted.done(StoreStatus.IO_ERROR));
    }

    private void commit(IndexBatch batch, Runnable then) {
        IndexCommit commit = new IndexCommit(group, batch);
        group.loop.offload(commit, () -> {
            commit.told();
            then.run();
        });
    }
}
