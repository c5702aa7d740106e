package io.varve.dataplane.store;

import org.jspecify.annotations.NullUnmarked;

/** A record that remembers how it ended and gives its payload back. */
@NullUnmarked
final class TestRecord extends JournalRecord {
    StoreStatus status;

    Runnable then;

    TestRecord(long stream, Op op, long seq, int block, int count) {
        this.stream = stream;
        this.op = op;
        this.seq = seq;
        this.block = block;
        this.count = count;
        epoch = 1;
        gen = 1;
    }

    TestRecord committing(long commit) {
        commitSeq = commit;
        return this;
    }

    @Override
    protected void appended(StoreStatus how) {
        if (status != null) {
            throw new IllegalStateException("completed twice: " + status + ", " + how);
        }
        status = how;
        if (payload != null) {
            payload.release();
            payload = null;
        }
        if (then != null) {
            then.run();
        }
    }
}
