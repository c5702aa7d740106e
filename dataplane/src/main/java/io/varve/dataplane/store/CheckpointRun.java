package io.varve.dataplane.store;

import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryCodec;
import io.varve.dataplane.store.index.EntryLoads;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.journal.Journal;
import io.varve.dataplane.store.journal.ReplayPosition;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One checkpoint, step by step as {@code docs/internals/index.md} numbers them: cut, destage, checksums, flush, one index commit, release.
 * Nothing before the commit frees anything, so a crash at any point repeats it or needs nothing of it. One object per run; on the loop.
 */
final class CheckpointRun {
    /** Entries asked for ahead when one is missed, so that the worker gets them in one go. */
    private static final int PREFETCH = 32;

    /** Entries encoded in one turn of the loop: a tenth of a millisecond or two. */
    private static final int SLICE = 512;

    /** Versions removed from the overlay in one turn, likewise. */
    private static final int VERSIONS_PER_TURN = 2048;

    /** Extents destaged in one turn of the loop: requests that arrive meanwhile wait no longer than for a disk. */
    private static final int EXTENTS_PER_TURN = 64;

    private final GroupState group;
    private final Journal journal;
    private final Consumer<@Nullable String> done;
    private final CopyBatch batch;
    private final ExtentDestage destage;
    private final EntryCodec codec = new EntryCodec();
    private final List<Saved> saved = new ArrayList<>();
    private final Runnable destageMore = this::destageExtents;
    private final Consumer<@Nullable String> batchDone = this::batchDone;
    private final EntryLoads.Waiter waiter = new EntryLoads.Waiter() {
        @Override
        protected void entryReady() {
            destageExtents();
        }
    };
    private final IndexBatch changes = new IndexBatch();
    private long[] extents = {};
    private int next;
    private int layer = -1;

    /** A stream as this checkpoint stores it. */
    private record Saved(
            StreamLog stream,
            long cut,
            int epoch,
            int layer,
            long commitSeq,
            @Nullable SyncRow sync) {}

    /** {@code batch}: empty, and of this run alone until it is done. */
    CheckpointRun(GroupState group, Journal journal, CopyBatch batch, Consumer<@Nullable String> done) {
        this.group = group;
        this.journal = journal;
        this.done = done;
        this.batch = batch;
        destage = new ExtentDestage(group, batch);
    }

    void start() {
        group.directUnits.checkpointBegins();
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null) {
                stream.cut =
                        Math.max(stream.state.appliedSeq, Math.min(stream.state.commitSeq, stream.state.durableSeq));
            }
        }
        extents = group.overlay.extentKeys();
        java.util.Arrays.sort(extents);
        destageExtents();
    }

    private void fail(String why) {
        done.accept(why);
    }

    private void destageExtents() {
        if (group.failure != null) {
            fail(group.failure);
            return;
        }
        batch.setPressed(journal.usedBytes() * 2 > journal.capacityBytes());
        int last = Math.min(extents.length, next + EXTENTS_PER_TURN);
        while (next < last) {
            int slot = (int) (extents[next] >>> 32);
            int extent = (int) extents[next];
            StreamLog stream = group.streamOrNull(slot);
            long highest = stream == null || stream.deleting ? 0 : group.overlay.highestSeq(slot, extent, stream.cut);
            if (stream != null && highest > 0 && !destageLayers(stream, extent)) {
                return;
            }
            if (stream != null && highest > 0) {
                stream.raiseExtentVersion(extent, highest);
            }
            next++;
            layer = -1;
            if (batch.isFull()) {
                batch.run(batchDone);
                return;
            }
        }
        if (next < extents.length) {
            group.loop.execute(destageMore);
            return;
        }
        batch.run(error -> {
            if (error != null) {
                fail(error);
            } else {
                writeChecksums(0);
            }
        });
    }

    private void batchDone(@Nullable String error) {
        if (error != null) {
            fail(error);
        } else {
            destageExtents();
        }
    }

    /** False: an entry is being loaded, or the run failed; either way this call must return. */
    private boolean destageLayers(StreamLog stream, int extent) {
        int last = stream.layerAt(stream.cut + 1);
        for (layer = layer < 0 ? stream.appliedLayer : layer; layer <= last; layer++) {
            int row = group.entries.find(EntryCache.key(stream.slot, extent, layer));
            if (row < 0) {
                group.loads.load(EntryCache.key(stream.slot, extent, layer), stream.state.stream(), waiter);
                prefetch();
                return false;
            }
            if (!destage.destage(stream, extent, layer, row)) {
                fail("no unit is left for data that was admitted");
                return false;
            }
        }
        return true;
    }

    private void prefetch() {
        for (int i = next + 1; i < Math.min(extents.length, next + PREFETCH); i++) {
            StreamLog stream = group.streamOrNull((int) (extents[i] >>> 32));
            if (stream != null && !stream.deleting) {
                long key = EntryCache.key(stream.slot, (int) extents[i], stream.appliedLayer);
                if (group.entries.find(key) < 0) {
                    group.loads.prefetch(key, stream.state.stream());
                }
            }
        }
    }

    private void writeChecksums(int device) {
        if (device == group.devices.size()) {
            flush(0);
            return;
        }
        GroupDevice on = group.devices.get(device);
        if (on.checksums().dirtyPages() == 0) {
            writeChecksums(device + 1);
            return;
        }
        on.checksums().writeDirty(batch.maxTransfers(), result -> {
            if (result < 0) {
                fail("cannot write checksums to " + on.disk().name() + ": " + Errno.describe(result));
            } else {
                writeChecksums(device + 1);
            }
        });
    }

    private void flush(int device) {
        if (device == group.devices.size()) {
            saveEntries(0);
            return;
        }
        GroupDevice on = group.devices.get(device);
        on.disk().flush(result -> {
            if (result < 0) {
                fail("cannot flush " + on.disk().name() + ": " + Errno.describe(result));
            } else {
                flush(device + 1);
            }
        });
    }

    /** Entries change in checkpoints only, so that they can be encoded over several turns. */
    private void saveEntries(int from) {
        int rest = group.entries.forEachDirty(from, SLICE, this::saveEntry);
        if (rest < 0) {
            commit();
        } else {
            group.loop.execute(() -> saveEntries(rest));
        }
    }

    /** All else that goes into the commit is taken at one moment: rows, bitmaps, and the position that fits them. */
    private void commit() {
        if (group.failure != null) {
            fail(group.failure);
            return;
        }
        for (int device = 0; device < group.devices.size(); device++) {
            group.devices.get(device).allocator().save(device, changes);
        }
        long firstFrame = journal.nextFrameSeq();
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream == null) {
                continue;
            }
            if (stream.log.holds(stream.cut + 1)) {
                firstFrame = Math.min(firstFrame, stream.log.frameOf(stream.cut + 1));
            }
            if (stream.rowChanged || stream.cut > stream.state.appliedSeq) {
                saveStream(stream);
            }
        }
        ReplayPosition from = journal.position(firstFrame);
        changes.put(Table.META, LoadedIndex.CHECKPOINT_KEY, from.encode());
        IndexCommit commit = new IndexCommit(group, changes);
        group.loop.offload(commit, () -> {
            commit.told();
            committed(from);
        });
    }

    private void saveEntry(int row, long cacheKey) {
        StreamLog stream = group.streamAt(EntryCache.keySlot(cacheKey));
        byte[] key = EntryCodec.key(stream.state.stream(), EntryCache.keyExtent(cacheKey), group.entries.layer(row));
        byte[] value = codec.encode(group.entries, row, key);
        if (value == null) {
            changes.delete(Table.EXTENT, key);
        } else {
            changes.put(Table.EXTENT, key, value);
        }
    }

    private void saveStream(StreamLog stream) {
        // More may have been committed since the cut: then there is work for the next checkpoint.
        stream.rowChanged = Math.min(stream.state.commitSeq, stream.state.durableSeq) > stream.cut;
        SyncRow sync = stream.syncAt(stream.cut);
        Saved as = new Saved(
                stream,
                stream.cut,
                stream.epochOf(stream.cut),
                stream.layerAt(stream.cut + 1),
                stream.state.commitSeq,
                sync);
        saved.add(as);
        stream.copied.forEachUpTo(stream.cut, (seq, extent, isDone) -> stream.raiseExtentVersion(extent, seq));
        changes.put(
                Table.STREAM,
                StreamRow.key(stream.state.stream()),
                stream.row(as.cut, as.epoch, as.layer).encode());
        if (sync != null && !sync.equals(stream.sync)) {
            changes.put(Table.SYNC, StreamRow.key(stream.state.stream()), sync.encode());
        }
        stream.saveVersions(
                (page, value) -> changes.put(Table.EXTVER, StreamLog.versionKey(stream.state.stream(), page), value));
    }

    private void committed(ReplayPosition from) {
        if (group.failure != null) {
            fail(group.failure);
            return;
        }
        group.entries.unpinAll();
        for (Saved as : saved) {
            StreamLog stream = as.stream;
            stream.state.appliedSeq = as.cut;
            stream.appliedEpoch = as.epoch;
            stream.appliedLayer = as.layer;
            stream.marks.headMap(as.cut, true).clear();
            stream.copied.release(as.cut);
            stream.learn(as.sync);
            stream.state.durableCommitSeq = Math.max(stream.state.durableCommitSeq, as.commitSeq);
        }
        removeVersions(0, from);
    }

    private void removeVersions(int start, ReplayPosition from) {
        int at = start;
        for (int removed = 0; at < extents.length && removed < VERSIONS_PER_TURN; at++) {
            StreamLog stream = group.streamOrNull((int) (extents[at] >>> 32));
            if (stream != null) {
                removed += 1 + group.overlay.removeUpTo(stream.slot, (int) extents[at], stream.cut);
            }
        }
        if (at < extents.length) {
            int rest = at;
            group.loop.execute(() -> removeVersions(rest, from));
        } else {
            release(from);
        }
    }

    private void release(ReplayPosition from) {
        for (long unit : destage.dropped()) {
            group.devices.get((int) (unit >>> 32)).allocator().reuse((int) unit);
        }
        group.directUnits.checkpointCommitted(from.frameSeq());
        journal.release(from);
        releaseLogs();
        done.accept(null);
    }

    private void releaseLogs() {
        long firstFrame = journal.frames().firstFrameSeq();
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog stream = group.streamOrNull(slot);
            if (stream != null) {
                stream.log.release(stream.state.appliedSeq, firstFrame);
                group.space.settle(stream, group.overlay);
            }
        }
    }
}
