package io.varve.dataplane.store.index;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.GetOp;
import org.lmdbjava.LmdbException;
import org.lmdbjava.Txn;

/**
 * The index in LMDB, in a directory of the node's own file system (decision 0021). Commits are synchronous: LMDB's default, never
 * MDB_NOSYNC. Blocking; {@link #seek} is for one thread, all else for one other: LMDB's readers neither wait for its writer nor stop it.
 */
public final class LmdbIndex implements ExtentIndex {
    /** Longest key in use is 16 bytes; longest value a page of versions, 512, or of allocation bits, 1024. */
    private static final int KEY_BYTES = 64;

    private static final int FIRST_VALUE_BYTES = 4096;

    private final Env<ByteBuffer> environment;
    private final Map<Table, Dbi<ByteBuffer>> tables = new EnumMap<>(Table.class);
    private final ByteBuffer keyBuffer = ByteBuffer.allocateDirect(KEY_BYTES);
    /** Of the thread that seeks. */
    private final ByteBuffer seekBuffer = ByteBuffer.allocateDirect(KEY_BYTES);

    private ByteBuffer valueBuffer = ByteBuffer.allocateDirect(FIRST_VALUE_BYTES);

    private LmdbIndex(Env<ByteBuffer> environment) {
        this.environment = environment;
        for (Table table : Table.values()) {
            tables.put(table, environment.openDbi(table.tableName(), DbiFlags.MDB_CREATE));
        }
    }

    /**
     * Opens or creates the index in {@code directory}. {@code mapBytes}: the most it can ever hold; address space, not memory.
     *
     * @throws IOException if the directory cannot be made or LMDB refuses it
     */
    public static LmdbIndex open(Path directory, long mapBytes) throws IOException {
        Files.createDirectories(directory);
        try {
            // No read-ahead: lookups are random, and the worker must not drag in pages that nobody asked for.
            Env<ByteBuffer> environment = Env.create()
                    .setMapSize(mapBytes)
                    .setMaxDbs(Table.values().length)
                    .setMaxReaders(16)
                    .open(directory.toFile(), EnvFlags.MDB_NORDAHEAD, EnvFlags.MDB_NOTLS);
            return new LmdbIndex(environment);
        } catch (LmdbException e) {
            throw new IOException("cannot open the index in " + directory + ": " + e.getMessage(), e);
        }
    }

    private Dbi<ByteBuffer> dbi(Table table) {
        Dbi<ByteBuffer> found = tables.get(table);
        if (found == null) {
            throw new IllegalStateException("no table " + table);
        }
        return found;
    }

    private ByteBuffer key(byte[] key) {
        return keyBuffer.clear().put(key).flip();
    }

    private ByteBuffer value(byte[] value) {
        if (valueBuffer.capacity() < value.length) {
            valueBuffer = ByteBuffer.allocateDirect(value.length * 2);
        }
        return valueBuffer.clear().put(value).flip();
    }

    private static byte[] bytes(ByteBuffer from) {
        byte[] copy = new byte[from.remaining()];
        from.duplicate().get(copy);
        return copy;
    }

    @Override
    public byte @Nullable [] get(Table table, byte[] key) {
        try (Txn<ByteBuffer> reading = environment.txnRead()) {
            ByteBuffer found = dbi(table).get(reading, key(key));
            return found == null ? null : bytes(found);
        }
    }

    @Override
    public @Nullable Entry seek(Table table, byte[] key) {
        try (Txn<ByteBuffer> reading = environment.txnRead();
                var cursor = dbi(table).openCursor(reading)) {
            return cursor.get(seekBuffer.clear().put(key).flip(), GetOp.MDB_SET_RANGE)
                    ? new Entry(bytes(cursor.key()), bytes(cursor.val()))
                    : null;
        }
    }

    @Override
    public void scan(Table table, byte[] from, Visitor visitor) {
        try (Txn<ByteBuffer> reading = environment.txnRead();
                var cursor = dbi(table).openCursor(reading)) {
            boolean more = from.length == 0 ? cursor.first() : cursor.get(key(from), GetOp.MDB_SET_RANGE);
            while (more && visitor.entry(bytes(cursor.key()), bytes(cursor.val()))) {
                more = cursor.next();
            }
        }
    }

    @Override
    public @Nullable String commit(IndexBatch batch) {
        try (Txn<ByteBuffer> writing = environment.txnWrite()) {
            for (IndexBatch.Change change : batch.changes()) {
                byte[] value = change.value();
                if (value == null) {
                    dbi(change.table()).delete(writing, key(change.key()));
                } else {
                    dbi(change.table()).put(writing, key(change.key()), value(value));
                }
            }
            writing.commit();
            return null;
        } catch (LmdbException e) {
            return "index commit failed: " + e.getMessage();
        }
    }

    @Override
    public void close() {
        environment.close();
    }
}
