package io.varve.dataplane.store;

import io.varve.dataplane.store.journal.FrameLayout;
import io.varve.dataplane.store.journal.Journal;
import io.varve.model.Geometry;

/**
 * What a durable record changes in memory: the same steps for a record that has just been written and for one that recovery reads, so that
 * a restart ends where the run before stood. Confined to the group's loop.
 */
final class JournalFollower {
    private final GroupState group;
    /**
     * Replay keeps every version: it knows a later commitSeq than the record it reads, and a TRUNCATE that it has not read yet may bring back
     * what looks superseded.
     */
    private final boolean replaying;

    JournalFollower(GroupState group, boolean replaying) {
        this.group = group;
        this.replaying = replaying;
    }

    private long supersededUpTo(StreamLog stream) {
        return replaying ? 0 : stream.state.commitSeq;
    }

    /** {@code payloadBlock}: place of the record's first journalled block on the journal device, in blocks. */
    void follow(StreamLog stream, JournalRecord record, long frameSeq, long payloadBlock) {
        StreamState state = stream.state;
        state.commitSeq = Math.max(state.commitSeq, record.commitSeq);
        state.durableCommitSeq = Math.max(state.durableCommitSeq, record.commitSeq);
        if (record.op.isSequenced()) {
            stream.log.put(record.seq, frameSeq, record.epoch, Journal.cost(record));
            state.durableSeq = Math.max(state.durableSeq, record.seq);
        }
        switch (record.op) {
            case WRITE, WRITE_AU -> write(stream, record, payloadBlock);
            case ZERO -> zero(stream, record, Overlay.ZERO);
            case UNMAP -> zero(stream, record, Overlay.UNMAP);
            case SNAPMARK -> {
                stream.marks.put(record.seq, (int) record.aux);
                state.layer = (int) record.aux;
            }
            case SEAL -> promise(stream, record);
            case TRUNCATE -> truncate(stream, record.seq);
            case COPIED -> stream.copied(record);
            case EPOCH_START, COMMIT -> {}
        }
        stream.rowChanged = true;
    }

    private static void promise(StreamLog stream, JournalRecord record) {
        if (record.epoch >= stream.state.promisedEpoch) {
            stream.state.promisedEpoch = record.epoch;
            stream.state.promisedNodeHash = record.aux;
            stream.state.promisedIncarnation = record.aux2;
        }
    }

    private void truncate(StreamLog stream, long remains) {
        long seq = Math.max(remains, stream.state.appliedSeq);
        stream.log.truncate(seq);
        stream.marks.tailMap(seq, false).clear();
        stream.copied.cut(seq);
        stream.state.layer = stream.layerAt(Long.MAX_VALUE);
        stream.state.durableSeq = Math.min(stream.state.durableSeq, seq);
        group.overlay.removeAbove(stream.slot, seq);
    }

    private void write(StreamLog stream, JournalRecord record, long payloadBlock) {
        int before = record.directPieces == 0 ? record.count : FrameLayout.blocksBeforePieces(record.block);
        int direct = record.directPieces * Geometry.BLOCKS_PER_PIECE;
        int layer = stream.layerAt(record.seq);
        long commitSeq = supersededUpTo(stream);
        journalled(stream, record, 0, before, payloadBlock, layer, commitSeq);
        int piece = (record.block + before) / Geometry.BLOCKS_PER_PIECE;
        for (int i = 0; i < record.directPieces; i++) {
            int device = (int) (record.directUnits[i] >>> 32);
            long at = group.devices.get(device).deviceBlock((int) record.directUnits[i], 0);
            group.overlay.putUnit(
                    stream.slot,
                    piece + i,
                    record.seq,
                    Overlay.unitLocation(device, at),
                    record.crcs,
                    before + i * Geometry.BLOCKS_PER_PIECE,
                    layer,
                    commitSeq);
        }
        journalled(stream, record, before + direct, record.count, payloadBlock - direct, layer, commitSeq);
    }

    /** Blocks {@code from} to {@code end} of the record, whose block 0 would lie at {@code payloadBlock}. */
    private void journalled(
            StreamLog stream, JournalRecord record, int from, int end, long payloadBlock, int layer, long commitSeq) {
        for (int i = from; i < end; i++) {
            group.overlay.put(
                    stream.slot,
                    record.block + i,
                    record.seq,
                    Overlay.JOURNAL,
                    Overlay.unitLocation(0, payloadBlock + i),
                    record.crcs[i],
                    layer,
                    commitSeq);
        }
    }

    private void zero(StreamLog stream, JournalRecord record, byte kind) {
        int layer = stream.layerAt(record.seq);
        long commitSeq = supersededUpTo(stream);
        int block = record.block;
        int end = record.block + record.count;
        while (block < end) {
            int extent = block / Geometry.BLOCKS_PER_EXTENT;
            int extentEnd = Math.min((extent + 1) * Geometry.BLOCKS_PER_EXTENT, stream.state.blocks());
            if (block % Geometry.BLOCKS_PER_EXTENT == 0 && extentEnd <= end) {
                group.overlay.putExtent(stream.slot, extent, record.seq, kind, layer, commitSeq);
                block = extentEnd;
            } else {
                group.overlay.put(stream.slot, block, record.seq, kind, 0, 0, layer, commitSeq);
                block++;
            }
        }
    }
}
