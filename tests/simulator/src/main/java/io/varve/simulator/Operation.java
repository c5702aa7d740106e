package io.varve.simulator;

/** One request of a client, as the history keeps it. Ticks order everything that is seen from outside. */
final class Operation {
    enum Kind {
        READ,
        WRITE,
        ZERO,
        UNMAP,
        FLUSH
    }

    enum End {
        /** Not answered; perhaps it never will be. */
        PENDING,
        OK,
        /** Answered by an error that leaves open whether it took effect, or not waited for any longer. */
        UNKNOWN,
        /** Answered by an error that says that it did not. */
        REFUSED
    }

    static final long NEVER = Long.MAX_VALUE;

    /** From 1; what a WRITE stamps its cells with. */
    final int number;

    final Kind kind;
    final int firstCell;
    final int cells;
    /** Of the access point that it was given to. */
    final int epoch;

    final long beginTick;
    long endTick = NEVER;
    End end = End.PENDING;

    Operation(int number, Kind kind, int firstCell, int cells, int epoch, long beginTick) {
        this.number = number;
        this.kind = kind;
        this.firstCell = firstCell;
        this.cells = cells;
        this.epoch = epoch;
        this.beginTick = beginTick;
    }

    boolean changes() {
        return kind == Kind.WRITE || kind == Kind.ZERO || kind == Kind.UNMAP;
    }

    /** What a cell holds after it: 0 stands for zeros. */
    int value() {
        return kind == Kind.WRITE ? number : 0;
    }

    @Override
    public String toString() {
        return "#" + number + " " + kind + " cells " + firstCell + "+" + cells + " epoch " + epoch + " from "
                + beginTick + " to " + (endTick == NEVER ? "-" : endTick) + " " + end;
    }
}
