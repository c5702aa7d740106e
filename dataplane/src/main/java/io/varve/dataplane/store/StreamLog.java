package io.varve.dataplane.store;

import io.varve.model.Geometry;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All that the group keeps in memory about one stream: its state, where its records lie in the journal, which pieces take space, and
 * the version of each extent. Confined to the group's loop.
 */
final class StreamLog {
    /** Extent versions of one page: 512 bytes in the index. */
    static final int VERSIONS_PER_PAGE = 64;

    final StreamState state;
    /** Number within the group, part of table keys; never used again while the group is open. */
    final int slot;

    final LogIndex log = new LogIndex();
    /** Frames before it speak of an earlier replica, or of a log that this one does not go on. */
    private long bornFrameSeq;

    int appliedEpoch;
    /** Head layer at appliedSeq. */
    int appliedLayer;
    /** SNAPMARKs above appliedSeq: seq to new layer. */
    final TreeMap<Long, Integer> marks = new TreeMap<>();

    /** Pieces that have a unit in the head layer's index, and pieces without one for which a unit is reserved. */
    final BitSet mapped = new BitSet();

    final BitSet reserved = new BitSet();

    /** Those of {@link #reserved} whose unit is one that a direct write has taken already: they are not counted as reserved. */
    final BitSet covered = new BitSet();

    /** Pieces below this have a unit each kept for them until they have one: what {@link Space} counts. Never less than rows say. */
    int guaranteedPieces;

    /** Last applied seq that touched each extent, by page; null: never. */
    private final long[] @Nullable [] versions;

    private final BitSet dirtyVersions = new BitSet();

    /** COPIED records above appliedSeq. */
    final CopiedRecords copied = new CopiedRecords();

    /** What is missing at appliedSeq; null: nothing. */
    @Nullable SyncRow sync;

    /** Steps of a resync under way: until they end no numbered record is taken. */
    int changing;

    /** Records behind a direct write whose data is not down yet; each was admitted, so the journal's room bounds them. */
    final ArrayDeque<JournalRecord> held = new ArrayDeque<>();

    /** Live records so far: tells whether anything came in between. */
    long appends;

    /** The row differs from what the index holds. */
    boolean rowChanged;

    boolean deleting;

    /** What the running checkpoint destages up to. */
    long cut;

    StreamLog(long stream, StreamRow row, int slot) {
        this.slot = slot;
        state = new StreamState(stream, row.creationId(), row.blocks());
        bornFrameSeq = row.bornFrameSeq();
        appliedEpoch = row.appliedEpoch();
        appliedLayer = row.layer();
        deleting = row.deleting();
        state.appliedSeq = row.appliedSeq();
        state.lastSeq = row.appliedSeq();
        state.lastEpoch = row.appliedEpoch();
        state.durableSeq = row.appliedSeq();
        state.commitSeq = row.commitSeq();
        state.durableCommitSeq = row.commitSeq();
        state.promisedEpoch = row.promisedEpoch();
        state.promisedNodeHash = row.promisedNodeHash();
        state.promisedIncarnation = row.promisedIncarnation();
        state.layer = row.layer();
        state.guaranteedBlocks = row.guaranteedBlocks();
        versions = new long[(extents() + VERSIONS_PER_PAGE - 1) / VERSIONS_PER_PAGE][];
    }

    int extents() {
        return (state.blocks() + Geometry.BLOCKS_PER_EXTENT - 1) / Geometry.BLOCKS_PER_EXTENT;
    }

    long bornFrameSeq() {
        return bornFrameSeq;
    }

    /** As a checkpoint at {@code applied} stores it. */
    StreamRow row(long applied, int epoch, int layer) {
        return new StreamRow(
                state.creationId(),
                state.blocks(),
                bornFrameSeq,
                applied,
                epoch,
                state.commitSeq,
                state.promisedEpoch,
                state.promisedNodeHash,
                state.promisedIncarnation,
                layer,
                deleting,
                state.guaranteedBlocks);
    }

    /** As it is when the log goes on behind {@code applied}, at which nothing else is known to be uncommitted. */
    StreamRow joinedRow(long applied, int epoch, long bornFrame) {
        return new StreamRow(
                state.creationId(),
                state.blocks(),
                bornFrame,
                applied,
                epoch,
                applied,
                state.promisedEpoch,
                state.promisedNodeHash,
                state.promisedIncarnation,
                appliedLayer,
                deleting,
                state.guaranteedBlocks);
    }

    /** That row is durable, and nothing of the old log was left above the index. */
    void goOnAt(long applied, int epoch, long bornFrame, SyncRow missing) {
        bornFrameSeq = bornFrame;
        appliedEpoch = epoch;
        state.lastSeq = applied;
        state.lastEpoch = epoch;
        state.durableSeq = applied;
        state.commitSeq = applied;
        state.durableCommitSeq = applied;
        state.appliedSeq = applied;
        state.layer = appliedLayer;
        state.suspectFromSeq = Long.MAX_VALUE;
        log.truncate(0);
        marks.clear();
        copied.cut(0);
        learn(missing);
        // A promise may have become durable while the row was being written.
        rowChanged = true;
    }

    /** What is missing at appliedSeq from now on; null: nothing. */
    void learn(@Nullable SyncRow missing) {
        sync = missing;
        state.session = missing == null ? 0 : missing.session();
    }

    /** The record is durable. */
    void copied(JournalRecord record) {
        boolean isDone = sync != null && record.aux == sync.session();
        copied.add(record.seq, record.block / Geometry.BLOCKS_PER_EXTENT, isDone);
    }

    /** What will be missing when everything up to {@code cut} is applied. The object that is here if nothing changes. */
    @Nullable SyncRow syncAt(long cut) {
        SyncRow now = sync;
        if (now == null) {
            return null;
        }
        BitSet todo = (BitSet) now.todo().clone();
        copied.forEachUpTo(cut, (seq, extent, isDone) -> {
            if (isDone) {
                todo.clear(extent);
            }
        });
        return todo.equals(now.todo()) ? now : new SyncRow(now.session(), now.joinSeq(), now.extents(), todo);
    }

    /** The extents that are not done, by all records that are durable. A copy. */
    BitSet undone() {
        SyncRow last = syncAt(Long.MAX_VALUE);
        return last == null ? new BitSet() : (BitSet) last.todo().clone();
    }

    /** Epoch of the record {@code seq}, which must be applied or in the journal. */
    int epochOf(long seq) {
        return log.holds(seq) ? log.epochOf(seq) : appliedEpoch;
    }

    /** Layer that the record {@code seq} belongs to; the mark itself opens the new one behind it. */
    int layerAt(long seq) {
        var mark = marks.lowerEntry(seq);
        return mark == null ? appliedLayer : mark.getValue();
    }

    long extentVersion(int extent) {
        long[] page = versions[extent / VERSIONS_PER_PAGE];
        return page == null ? 0 : page[extent % VERSIONS_PER_PAGE];
    }

    void raiseExtentVersion(int extent, long seq) {
        int number = extent / VERSIONS_PER_PAGE;
        long[] page = versions[number];
        if (page == null) {
            page = new long[VERSIONS_PER_PAGE];
            versions[number] = page;
        }
        if (page[extent % VERSIONS_PER_PAGE] < seq) {
            page[extent % VERSIONS_PER_PAGE] = seq;
            dirtyVersions.set(number);
        }
    }

    /** Sees each changed page of versions as it is to be saved, and forgets that it changed. */
    void saveVersions(VersionPages saver) {
        for (int page = dirtyVersions.nextSetBit(0); page >= 0; page = dirtyVersions.nextSetBit(page + 1)) {
            long[] values = versions[page];
            if (values != null) {
                ByteBuffer bytes =
                        ByteBuffer.allocate(VERSIONS_PER_PAGE * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asLongBuffer().put(values);
                saver.page(page, bytes.array());
            }
        }
        dirtyVersions.clear();
    }

    void loadVersions(int page, byte[] value) {
        if (page < versions.length) {
            long[] values = new long[VERSIONS_PER_PAGE];
            ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(values);
            versions[page] = values;
        }
    }

    static byte[] versionKey(long stream, int page) {
        return ByteBuffer.allocate(12).putLong(stream).putInt(page).array();
    }

    /** Sees pages of extent versions. */
    @FunctionalInterface
    interface VersionPages {
        void page(int number, byte[] value);
    }
}
