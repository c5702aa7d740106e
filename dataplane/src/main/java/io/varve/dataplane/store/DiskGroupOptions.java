package io.varve.dataplane.store;

import io.varve.dataplane.store.journal.JournalGeometry;

/**
 * What may differ from start to start, except {@code journalBytes}, which counts when the group is formatted only.
 *
 * @param journalBytes size of the journal, at least {@link JournalGeometry#SMALLEST_BYTES}
 * @param cachedEntries extent entries kept in memory, about 256 bytes each
 * @param checksumPages pages of 4 KiB kept in memory for each device; one covers 4 MiB of data
 * @param checkpointNanos longest time that committed data waits in the journal
 * @param directWrites whether large writes may go straight to fresh units
 */
public record DiskGroupOptions(
        long journalBytes, int cachedEntries, int checksumPages, long checkpointNanos, boolean directWrites) {
    /** 32 768 entries cover 32 GiB and take 8 MiB; 4096 pages cover 16 GiB of data and take 16 MiB. */
    public static final DiskGroupOptions DEFAULTS = new DiskGroupOptions(1L << 30, 32_768, 4_096, 5_000_000_000L, true);

    public DiskGroupOptions {
        if (journalBytes < JournalGeometry.SMALLEST_BYTES) {
            throw new IllegalArgumentException(
                    "a journal of " + journalBytes + " bytes is too small: at least " + JournalGeometry.SMALLEST_BYTES);
        }
    }

    public DiskGroupOptions withJournalBytes(long bytes) {
        return new DiskGroupOptions(bytes, cachedEntries, checksumPages, checkpointNanos, directWrites);
    }
}
