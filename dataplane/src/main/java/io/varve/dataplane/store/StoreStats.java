package io.varve.dataplane.store;

/**
 * Figures of one store since it was opened; sizes in bytes, times in nanoseconds. {@code guaranteedBytes} are kept for
 * thick volumes and not written yet; {@code writtenBytes} is all that was written to its devices,
 * for whatever purpose.
 */
public record StoreStats(
        long journalBytes,
        long journalUsedBytes,
        long capacityBytes,
        long allocatedBytes,
        long reservedBytes,
        long guaranteedBytes,
        long writtenBytes,
        long frames,
        long records,
        long checkpoints,
        long lastCheckpointNanos,
        long checksumErrors,
        long repairedBlocks) {
    /** Of a store that was not opened. */
    public static final StoreStats NONE = new StoreStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
