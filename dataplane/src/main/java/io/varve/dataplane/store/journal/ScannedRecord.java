package io.varve.dataplane.store.journal;

import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.StoreStatus;

/** A record as it was found in a frame: reused for the next one, so whoever needs more than a moment copies. */
public final class ScannedRecord extends JournalRecord {
    /** Where its journalled blocks start, in blocks from the start of the frame's payload. */
    public int payloadOffset;

    /** A copy that stays, without payload. */
    public ScannedRecord copyOf() {
        ScannedRecord copied = new ScannedRecord();
        copied.op = op;
        copied.stream = stream;
        copied.seq = seq;
        copied.epoch = epoch;
        copied.gen = gen;
        copied.commitSeq = commitSeq;
        copied.block = block;
        copied.count = count;
        copied.aux = aux;
        copied.aux2 = aux2;
        copied.copy = copy;
        copied.payloadOffset = payloadOffset;
        copied.directPieces = directPieces;
        System.arraycopy(crcs, 0, copied.crcs, 0, crcs.length);
        System.arraycopy(directUnits, 0, copied.directUnits, 0, directUnits.length);
        return copied;
    }

    @Override
    protected void appended(StoreStatus status) {
        throw new IllegalStateException("a record that was read is not appended");
    }
}
