package io.varve.dataplane.replication;

import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.wire.WireRecord;

/**
 * A record that comes back from a journal, as it goes over the wire. A journal does not keep the epoch of the record before; it follows from
 * the log itself: an epoch begins with EPOCH_START, whose {@code aux} names the epoch before, and behind it all is of one epoch.
 */
final class TailRecords {
    private TailRecords() {}

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
