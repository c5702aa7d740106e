package io.varve.dataplane.metrics;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What one attached volume did since it was attached: written by its loop only, read by anyone. */
@SuppressWarnings("EnumOrdinal") // an index into an array, never stored
public final class VolumeCounters {
    /** One number. */
    public enum Figure {
        READS,
        WRITES,
        ZEROES,
        UNMAPS,
        FLUSHES,
        READ_BYTES,
        WRITTEN_BYTES,
        ZEROED_BYTES,
        UNMAPPED_BYTES,
        ERRORS,
        NO_SPACE,
        TIMEOUTS,
        /** Requests that the volume's limits let wait before they were taken. */
        HELD_BACK,
        /** How long somebody waited because of them. */
        HELD_BACK_NANOS,
        /** Not a count: requests taken and not answered. */
        IN_FLIGHT
    }

    private static final VarHandle VALUE = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int FIGURES = Figure.values().length;

    private final long[] values = new long[FIGURES];
    private final LatencyHistogram reads = new LatencyHistogram();
    private final LatencyHistogram writes = new LatencyHistogram();
    private final LatencyHistogram zeroes = new LatencyHistogram();
    private final LatencyHistogram unmaps = new LatencyHistogram();
    private final LatencyHistogram flushes = new LatencyHistogram();

    /** By the owner only. */
    public void add(Figure figure, long amount) {
        int i = figure.ordinal();
        VALUE.setOpaque(values, i, values[i] + amount);
    }

    public long get(Figure figure) {
        return (long) VALUE.getOpaque(values, figure.ordinal());
    }

    /** From submission to completion. */
    public LatencyHistogram reads() {
        return reads;
    }

    /** Likewise. */
    public LatencyHistogram writes() {
        return writes;
    }

    /** Likewise. */
    public LatencyHistogram zeroes() {
        return zeroes;
    }

    /** Likewise. */
    public LatencyHistogram unmaps() {
        return unmaps;
    }

    /** Likewise. */
    public LatencyHistogram flushes() {
        return flushes;
    }
}
