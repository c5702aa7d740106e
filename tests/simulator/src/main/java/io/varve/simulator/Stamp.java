package io.varve.simulator;

import io.netty.buffer.ByteBuf;

/** What clients write: every 16 bytes of a cell say which cell it is and which operation wrote it, so that every read can be held against the history. */
final class Stamp {
    private static final int STEP_BYTES = 16;

    private Stamp() {}

    static void write(ByteBuf buffer, int index, int bytes, int cell, int operation) {
        for (int at = index; at < index + bytes; at += STEP_BYTES) {
            buffer.setLong(at, cell + 1L);
            buffer.setLong(at + Long.BYTES, operation);
        }
    }

    /** The operation that wrote the cell, 0 for zeros. */
    static int read(ByteBuf buffer, int index, int bytes, int cell) {
        long place = buffer.getLong(index);
        long operation = buffer.getLong(index + Long.BYTES);
        for (int at = index; at < index + bytes; at += STEP_BYTES) {
            if (buffer.getLong(at) != place || buffer.getLong(at + Long.BYTES) != operation) {
                throw new Violation(
                        "torn",
                        "cell " + cell + " begins with operation " + operation + " and goes on with "
                                + buffer.getLong(at + Long.BYTES) + " after " + (at - index) + " bytes");
            }
        }
        if (place == 0 && operation == 0) {
            return 0;
        }
        if (place != cell + 1L || operation < 1 || operation > Integer.MAX_VALUE) {
            throw new Violation(
                    "another place",
                    "cell " + cell + " holds what belongs to cell " + (place - 1) + " of operation " + operation);
        }
        return (int) operation;
    }
}
