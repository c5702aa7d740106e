package io.varve.dataplane.store.index;

import org.jspecify.annotations.Nullable;

/**
 * A small ordered key-value store with atomic, durable batches. Every method blocks and therefore runs on the loop's worker
 * ({@code Loop.offload}), one at a time, or before the loop serves; but {@link #seek} on the loop's reader ({@code Loop.offloadRead}), so that it does not
 * wait behind a commit: it sees the index before or after it. Real: LMDB. Simulated: memory that survives a simulated crash.
 */
public interface ExtentIndex {
    /** The value, or null. */
    byte @Nullable [] get(Table table, byte[] key);

    /** The first entry whose key is at or above {@code key}, or null. */
    @Nullable Entry seek(Table table, byte[] key);

    /** Sees entries from {@code from} (inclusive) on in key order until the visitor says false. */
    void scan(Table table, byte[] from, Visitor visitor);

    /**
     * Makes all of the batch durable, or nothing of it. Null, or why not: then the group must fail.
     */
    @Nullable String commit(IndexBatch batch);

    void close();

    /** One pair. The arrays belong to whoever got it. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, only carried
    record Entry(byte[] key, byte[] value) {}

    /** Sees pairs; false stops. */
    @FunctionalInterface
    interface Visitor {
        boolean entry(byte[] key, byte[] value);
    }

    /** The tables; names are on disk, see {@code docs/internals/index.md}. */
    enum Table {
        META("meta"),
        STREAM("stream"),
        EXTENT("extent"),
        EXTVER("extver"),
        ALLOC("alloc"),
        LAYER("layer"),
        TOMB("tomb"),
        SYNC("sync");

        private final String tableName;

        Table(String tableName) {
            this.tableName = tableName;
        }

        public String tableName() {
            return tableName;
        }
    }
}
