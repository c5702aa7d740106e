package io.varve.dataplane.replication;

import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.wire.WireRecord;
import io.varve.model.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * A record that comes back from a journal, as it goes over the wire. A journal does not keep the epoch of the record before; it follows from
 * the log itself: an epoch begins with EPOCH_START, whose {@code aux} names the epoch before, and behind it all is of one epoch.
 */
final class TailRecords {
    private TailRecords() {}

    /** Null if a record from somewhere else may enter a log, but for its range and its numbers; else why not. */
    static @Nullable String violation(WireRecord record, boolean hasPayload) {
        Op op = Op.of(record.op);
        if (op == null || !op.isSequenced() || op == Op.WRITE_AU || op.hasPayload() != hasPayload) {
            return "operation " + record.op + " cannot be replicated";
        }
        boolean isRanged = op != Op.EPOCH_START && op != Op.SNAPMARK;
        if (isRanged && record.count == 0) {
            return op + " of no blocks";
        }
        int within = record.block % Geometry.BLOCKS_PER_EXTENT;
        return op == Op.COPIED && record.count > Geometry.BLOCKS_PER_EXTENT - within
                ? "COPIED crosses an extent: " + record.block + " + " + record.count
                : null;
    }

    static void fill(WireRecord to, JournalRecord from) {
        to.op = from.op == Op.WRITE_AU ? Op.WRITE.code() : from.op.code();
        to.recordEpoch = from.epoch;
        to.prevEpoch = from.op == Op.EPOCH_START ? (int) from.aux : from.epoch;
        to.seq = from.seq;
        to.block = from.block;
        to.count = from.count;
        to.commitSeq = 0;
        to.aux = from.aux;
        to.crcCount = from.payload == null ? 0 : from.count;
        System.arraycopy(from.crcs, 0, to.crcs, 0, to.crcCount);
    }
}
