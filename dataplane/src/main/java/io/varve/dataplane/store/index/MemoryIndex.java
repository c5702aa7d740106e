package io.varve.dataplane.store.index;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * An index in memory for the simulator: a commit is atomic and durable at the moment it runs. The object outlives a simulated crash of the
 * group and is handed to the next one, as a file would be.
 */
public final class MemoryIndex implements ExtentIndex {
    private final Map<Table, TreeMap<byte[], byte[]>> tables = new EnumMap<>(Table.class);
    private long commits;

    public MemoryIndex() {
        for (Table table : Table.values()) {
            tables.put(table, new TreeMap<>(Arrays::compareUnsigned));
        }
    }

    private MemoryIndex(MemoryIndex from) {
        from.tables.forEach((table, pairs) -> tables.put(table, new TreeMap<>(pairs)));
        commits = from.commits;
    }

    /** The state as of now, for tests that restart from the same point more than once. */
    public MemoryIndex copy() {
        return new MemoryIndex(this);
    }

    /** Flips one bit in the first value of a table, as a file may rot. */
    public void rot(Table table, java.util.SplittableRandom random) {
        Map.Entry<byte[], byte[]> first = table(table).firstEntry();
        if (first != null) {
            byte[] rotten = first.getValue().clone();
            rotten[random.nextInt(rotten.length)] ^= (byte) (1 << random.nextInt(8));
            table(table).put(first.getKey(), rotten);
        }
    }

    private NavigableMap<byte[], byte[]> table(Table table) {
        NavigableMap<byte[], byte[]> pairs = tables.get(table);
        if (pairs == null) {
            throw new IllegalStateException("no table " + table);
        }
        return pairs;
    }

    @Override
    public byte @Nullable [] get(Table table, byte[] key) {
        return table(table).get(key);
    }

    @Override
    public @Nullable Entry seek(Table table, byte[] key) {
        Map.Entry<byte[], byte[]> found = table(table).ceilingEntry(key);
        return found == null ? null : new Entry(found.getKey(), found.getValue());
    }

    @Override
    public void scan(Table table, byte[] from, Visitor visitor) {
        for (Map.Entry<byte[], byte[]> pair : table(table).tailMap(from, true).entrySet()) {
            if (!visitor.entry(pair.getKey(), pair.getValue())) {
                return;
            }
        }
    }

    @Override
    public @Nullable String commit(IndexBatch batch) {
        for (IndexBatch.Change change : batch.changes()) {
            byte[] value = change.value();
            if (value == null) {
                table(change.table()).remove(change.key());
            } else {
                table(change.table()).put(change.key(), value);
            }
        }
        commits++;
        return null;
    }

    public long commits() {
        return commits;
    }

    @Override
    public void close() {}
}
