package io.varve.dataplane.store.index;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Changes that become durable together. Filled on the loop, then handed to the worker and not touched any more. Later changes of a key win. */
public final class IndexBatch {
    private final List<Change> changes = new ArrayList<>();

    /** One change; a null value deletes. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, only carried
    record Change(ExtentIndex.Table table, byte[] key, byte @Nullable [] value) {}

    public void put(ExtentIndex.Table table, byte[] key, byte[] value) {
        changes.add(new Change(table, key, value));
    }

    public void delete(ExtentIndex.Table table, byte[] key) {
        changes.add(new Change(table, key, null));
    }

    public int size() {
        return changes.size();
    }

    List<Change> changes() {
        return changes;
    }
}
