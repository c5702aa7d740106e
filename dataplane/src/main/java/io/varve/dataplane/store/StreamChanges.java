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
    private final Reclaim reclaim;
    /** Who waits until the row that says so is durable. */
    private List<Runnable> unsaved = new ArrayList<>();

    private boolean saving;

    StreamChanges(GroupState group, Journal journal, Checkpoints checkpoints, Reclaim reclaim) {
        this.group = group;
        this.journal = journal;
        this.checkpoints = checkpoints;
        this.reclaim = reclaim;
    }

    void create(long stream, long creationId, int blocks, int guaranteedBlocks, ReplicaStore.StatusCallback created) {
        StreamLog existing = group.stream(stream);
        if (existing != null && Long.compareUnsigned(existing.state.creationId(), creationId) < 0) {
            delete(stream, existing.state.creationId(), status -> {
                if (status == StoreStatus.OK) {
                    create(stream, creationId, blocks, guaranteedBlocks, created);
                } else {
                    created.done(status);
                }
            });
            return;
        }
        StoreStatus known = known(stream, creationId);
        if (known == StoreStatus.OK && existing != null && existing.state.guaranteedBlocks != guaranteedBlocks) {
            guarantee(stream, creationId, guaranteedBlocks, created);
        } else if (known != null) {
            group.loop.execute(() -> created.done(known));
        } else if (group.space.keep(Space.pieces(guaranteedBlocks))) {
            make(stream, creationId, blocks, guaranteedBlocks, created);
        } else {
            reclaim.ask(() -> {
                if (known(stream, creationId) != null) {
                    // It may have been made meanwhile, with another guarantee.
                    create(stream, creationId, blocks, guaranteedBlocks, created);
                } else if (group.space.keep(Space.pieces(guaranteedBlocks))) {
                    make(stream, creationId, blocks, guaranteedBlocks, created);
                } else {
                    created.done(StoreStatus.NO_SPACE);
                }
            });
        }
    }

    /** Its guarantee is kept already: nobody takes the room while the row is on its way. */
    private void make(
            long stream, long creationId, int blocks, int guaranteedBlocks, ReplicaStore.StatusCallback created) {
        // Frames before the next one cannot hold records of this replica, but may of an earlier one with the same id.
        StreamRow row =
                new StreamRow(creationId, blocks, journal.nextFrameSeq(), 0, 0, 0, 0, 0, 0, 0, false, guaranteedBlocks);
        IndexBatch batch = new IndexBatch();
        batch.put(Table.STREAM, StreamRow.key(stream), row.encode());
        commit(batch, () -> {
            // The same replica may have been asked for twice while the first commit was under way.
            group.space.giveUp(Space.pieces(guaranteedBlocks));
            StreamLog there = group.stream(stream);
            if (group.failure == null && there == null) {
                group.space.guarantee(group.addStream(stream, row), Space.pieces(guaranteedBlocks));
            } else if (group.failure == null && there != null) {
                // Its row is the one that was written last.
                there.rowChanged = true;
                create(stream, creationId, blocks, guaranteedBlocks, created);
                return;
            }
            created.done(group.failure == null ? StoreStatus.OK : StoreStatus.IO_ERROR);
        });
    }

    /** Room is kept before the row says so, and given back after: whatever a crash leaves of it, no more is guaranteed than there is. */
    void guarantee(long stream, long creationId, int guaranteedBlocks, ReplicaStore.StatusCallback done) {
        StreamLog found = group.stream(stream);
        StoreStatus refusal = refusal(found, creationId);
        if (found == null || refusal != null) {
            group.loop.execute(() -> done.done(refusal == null ? StoreStatus.NOT_MEMBER : refusal));
        } else if (found.state.guaranteedBlocks == guaranteedBlocks) {
            whenSaved(() -> guaranteed(found, creationId, done));
        } else if (group.space.lacking(found, Space.pieces(guaranteedBlocks)) == 0) {
            guarantee(found, guaranteedBlocks, done);
        } else {
            reclaim.ask(() -> {
                StoreStatus meanwhile = refusal(found, creationId);
                if (meanwhile != null) {
                    done.done(meanwhile);
                } else if (group.space.lacking(found, Space.pieces(guaranteedBlocks)) == 0) {
                    guarantee(found, guaranteedBlocks, done);
                } else {
                    done.done(StoreStatus.NO_SPACE);
                }
            });
        }
    }

    private void guarantee(StreamLog stream, int guaranteedBlocks, ReplicaStore.StatusCallback done) {
        int pieces = Space.pieces(guaranteedBlocks);
        if (pieces > stream.guaranteedPieces) {
            group.space.guarantee(stream, pieces);
        }
        stream.state.guaranteedBlocks = guaranteedBlocks;
        stream.rowChanged = true;
        whenSaved(() -> guaranteed(stream, stream.state.creationId(), done));
    }

    /** After a checkpoint that begins later. One serves all that came until then: a volume has a guarantee for each of its slabs. */
    private void whenSaved(Runnable then) {
        unsaved.add(then);
        if (!saving) {
            saving = true;
            group.loop.execute(this::save);
        }
    }

    private void save() {
        List<Runnable> served = unsaved;
        unsaved = new ArrayList<>();
        checkpoints.runOnce(() -> {
            saving = !unsaved.isEmpty();
            if (saving) {
                group.loop.execute(this::save);
            }
            served.forEach(Runnable::run);
        });
    }

    /** A checkpoint has saved the row. */
    private void guaranteed(StreamLog stream, long creationId, ReplicaStore.StatusCallback done) {
        StoreStatus refusal = refusal(stream, creationId);
        if (refusal == null) {
            group.space.guarantee(stream, Space.pieces(stream.state.guaranteedBlocks));
        }
        done.done(refusal == null ? StoreStatus.OK : refusal);
    }

    /** Why nothing can be done with the replica; null if it can. */
    private @Nullable StoreStatus refusal(@Nullable StreamLog stream, long creationId) {
        if (!group.isServing()) {
            return StoreStatus.IO_ERROR;
        }
        return stream == null || stream.deleting || stream.state.creationId() != creationId
                ? StoreStatus.NOT_MEMBER
                : null;
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
        // Not before the row that says so is durable: after a crash the replica would be back, and its room gone.
        group.space.guarantee(stream, 0);
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
