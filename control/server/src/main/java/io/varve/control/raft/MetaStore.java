package io.varve.control.raft;

import io.varve.control.meta.KeyValues;
import io.varve.control.meta.MetaState;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lmdbjava.ByteArrayProxy;
import org.lmdbjava.CopyFlags;
import org.lmdbjava.CursorIterable;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.KeyRange;
import org.lmdbjava.Txn;

/**
 * The state in an LMDB environment of one file. One thread writes (Ratis' updater), any thread reads; all calls block on the
 * disk, so none may come from an event loop. A reader sees one moment of the whole state.
 */
final class MetaStore implements AutoCloseable {
    /** Address space, not memory: the file grows as the state does. 100 times what 1 PB needs. */
    private static final long MAP_BYTES = 4L << 30;

    /** Threads that may read at once; more than the reading pool has. */
    private static final int MAX_READERS = 512;

    private final Path file;

    /** Readers and the writer hold it shared; closing and replacing the file hold it alone. */
    private final ReentrantReadWriteLock openness = new ReentrantReadWriteLock();

    private @Nullable Env<byte[]> env;
    private @Nullable Dbi<byte[]> entries;

    /** Opens the file, or creates it. */
    MetaStore(Path file) throws IOException {
        this.file = file;
        Files.createDirectories(file.toAbsolutePath().getParent());
        open();
    }

    private void open() {
        env = Env.create(ByteArrayProxy.PROXY_BA)
                .setMapSize(MAP_BYTES)
                .setMaxDbs(1)
                .setMaxReaders(MAX_READERS)
                // NOMETASYNC may lose the newest transactions in a power cut, never their order or wholeness: the Raft
                // log
                // has them. NOTLS: a reader's slot belongs to the transaction, not to its (virtual) thread.
                .open(file.toFile(), 0600, EnvFlags.MDB_NOSUBDIR, EnvFlags.MDB_NOTLS, EnvFlags.MDB_NOMETASYNC);
        entries = env.openDbi("truth", DbiFlags.MDB_CREATE);
    }

    /** Runs the function in a write transaction and makes what it wrote durable, or nothing of it when it throws. */
    <T> T write(Function<MetaState, T> change) {
        return write(change, key -> {});
    }

    /** The same, telling every key that is written or deleted. Whether it comes to a commit is told by the return. */
    <T> T write(Function<MetaState, T> change, Consumer<byte[]> touched) {
        openness.readLock().lock();
        try (Txn<byte[]> txn = env().txnWrite()) {
            T result = change.apply(new MetaState(new Entries(txn, entries(), true, touched)));
            txn.commit();
            return result;
        } finally {
            openness.readLock().unlock();
        }
    }

    /** Runs the function on one moment of the state. The state must not leave the function. */
    <T> T read(Function<MetaState, T> question) {
        openness.readLock().lock();
        try (Txn<byte[]> txn = env().txnRead()) {
            return question.apply(new MetaState(new Entries(txn, entries(), false, key -> {})));
        } finally {
            openness.readLock().unlock();
        }
    }

    /** Copies the state to a file that is whole and durable when it bears its name. Only the writing thread may call this. */
    void copyTo(Path target) throws IOException {
        Path unfinished = target.resolveSibling(target.getFileName() + ".unfinished");
        Files.deleteIfExists(unfinished);
        openness.readLock().lock();
        try {
            env().copy(unfinished.toFile(), CopyFlags.MDB_CP_COMPACT);
        } finally {
            openness.readLock().unlock();
        }
        makeDurable(unfinished, target);
    }

    /** Takes a snapshot's file in place of the present state. A crash at any moment leaves one or the other. */
    void replaceWith(Path snapshot) throws IOException {
        Path unfinished = file.resolveSibling(file.getFileName() + ".unfinished");
        Files.copy(snapshot, unfinished, StandardCopyOption.REPLACE_EXISTING);
        openness.writeLock().lock();
        try {
            closeEnv();
            makeDurable(unfinished, file);
            Files.deleteIfExists(file.resolveSibling(file.getFileName() + "-lock"));
            open();
        } finally {
            openness.writeLock().unlock();
        }
    }

    private static void makeDurable(Path unfinished, Path target) throws IOException {
        try (FileChannel channel = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(unfinished, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel directory = FileChannel.open(target.toAbsolutePath().getParent())) {
            directory.force(true);
        }
    }

    /** Later calls of {@link #read} and {@link #write} throw {@link StoreClosedException}. */
    @Override
    public void close() {
        openness.writeLock().lock();
        try {
            closeEnv();
        } finally {
            openness.writeLock().unlock();
        }
    }

    private void closeEnv() {
        if (env != null) {
            env.close();
            env = null;
            entries = null;
        }
    }

    private Env<byte[]> env() {
        if (env == null) {
            throw new StoreClosedException();
        }
        return env;
    }

    private Dbi<byte[]> entries() {
        if (entries == null) {
            throw new StoreClosedException();
        }
        return entries;
    }

    /** The map of one LMDB transaction. */
    private record Entries(Txn<byte[]> txn, Dbi<byte[]> entries, boolean writable, Consumer<byte[]> touched)
            implements KeyValues {
        @Override
        public byte @Nullable [] get(byte[] key) {
            return entries.get(txn, key);
        }

        @Override
        public void put(byte[] key, byte[] value) {
            requireWritable();
            entries.put(txn, key, value);
            touched.accept(key);
        }

        @Override
        public void delete(byte[] key) {
            requireWritable();
            entries.delete(txn, key);
            touched.accept(key);
        }

        private void requireWritable() {
            if (!writable) {
                throw new UnsupportedOperationException("a reader does not change the truth");
            }
        }

        @Override
        public void scan(byte[] prefix, Visitor visitor) {
            KeyRange<byte[]> range = prefix.length == 0 ? KeyRange.all() : KeyRange.atLeast(prefix);
            try (CursorIterable<byte[]> cursor = entries.iterate(txn, range)) {
                for (CursorIterable.KeyVal<byte[]> entry : cursor) {
                    byte[] key = entry.key();
                    if (key.length < prefix.length || !Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length)) {
                        return;
                    }
                    visitor.entry(key, entry.val());
                }
            }
        }
    }
}
