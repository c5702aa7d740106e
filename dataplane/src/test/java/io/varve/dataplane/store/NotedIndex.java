package io.varve.dataplane.store;

import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.dataplane.store.index.MemoryIndex;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;

/** Shows a copy of the index after every commit, so that a crash can be tried with the one that was durable then. */
@NullUnmarked
final class NotedIndex implements ExtentIndex {
    private final MemoryIndex index;
    private final Consumer<MemoryIndex> committed;

    NotedIndex(MemoryIndex index, Consumer<MemoryIndex> committed) {
        this.index = index;
        this.committed = committed;
    }

    @Override
    public byte[] get(Table table, byte[] key) {
        return index.get(table, key);
    }

    @Override
    public Entry seek(Table table, byte[] key) {
        return index.seek(table, key);
    }

    @Override
    public void scan(Table table, byte[] from, Visitor visitor) {
        index.scan(table, from, visitor);
    }

    @Override
    public String commit(IndexBatch batch) {
        String error = index.commit(batch);
        committed.accept(index.copy());
        return error;
    }

    @Override
    public void close() {}
}
