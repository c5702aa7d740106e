package io.varve.dataplane.store.index;

import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Brings extent entries that are not cached from the index, on the worker: a page fault in LMDB must not stop the loop. Everything that is
 * missed while one batch is under way goes into the next. Confined to the group's loop.
 */
public final class EntryLoads {
    /** Entries of one batch, so that a commit does not wait long behind it. */
    private static final int MAX_BATCH = 256;

    private final Loop loop;
    private final ExtentIndex index;
    private final EntryCache cache;
    private final EntryCodec codec = new EntryCodec();
    private final LongIntTable waitingByKey = new LongIntTable();
    private final List<Load> waiting = new ArrayList<>();
    private boolean running;
    private boolean closed;
    /** Index commits told so far: a batch that saw another number may be older than what the cache had and let go. */
    private long commits;

    private static final class Load {
        final long key;
        final byte[] from;
        ExtentIndex.@Nullable Entry found;

        @Nullable Waiter waiters;

        Load(long key, byte[] from) {
            this.key = key;
            this.from = from;
        }
    }

    /** One who waits for an entry; an object of the caller, queued at most once at a time. */
    public abstract static class Waiter {
        private @Nullable Waiter next;

        /** The row is in the cache now. On the loop, never inside the request. */
        protected abstract void entryReady();
    }

    public EntryLoads(Loop loop, ExtentIndex index, EntryCache cache) {
        this.loop = loop;
        this.index = index;
        this.cache = cache;
    }

    /** Loads the row of {@code key} (see {@link EntryCache#key}), which belongs to {@code stream}. */
    public void load(long key, long stream, Waiter waiter) {
        Load load = wanted(key, stream);
        waiter.next = load.waiters;
        load.waiters = waiter;
        start();
    }

    /** The row will probably be wanted soon. */
    public void prefetch(long key, long stream) {
        wanted(key, stream);
        start();
    }

    private Load wanted(long key, long stream) {
        int at = waitingByKey.get(key);
        Load load;
        if (at >= 0) {
            load = waiting.get(at);
        } else {
            load = new Load(key, EntryCodec.key(stream, EntryCache.keyExtent(key), EntryCache.keyLayer(key)));
            waitingByKey.put(key, waiting.size());
            waiting.add(load);
        }
        return load;
    }

    /** An index commit is durable. To be told before a row that it changed may leave the cache. */
    public void committed() {
        commits++;
    }

    /** True if nobody waits for a row. */
    public boolean isIdle() {
        return !running && waiting.isEmpty();
    }

    /** Nothing is looked up any more, and nobody told; {@code then} when nothing is being looked up. */
    public void close(Runnable then) {
        closed = true;
        loop.offloadRead(() -> {}, then);
    }

    private void start() {
        if (running || closed || waiting.isEmpty()) {
            return;
        }
        running = true;
        int count = Math.min(MAX_BATCH, waiting.size());
        List<Load> batch = new ArrayList<>(waiting.subList(0, count));
        waiting.subList(0, count).clear();
        for (Load load : batch) {
            waitingByKey.remove(load.key);
        }
        for (int i = 0; i < waiting.size(); i++) {
            waitingByKey.put(waiting.get(i).key, i);
        }
        long begun = commits;
        loop.offloadRead(() -> read(batch), () -> arrived(batch, begun));
    }

    private void read(List<Load> batch) {
        for (Load load : batch) {
            ExtentIndex.Entry found = index.seek(ExtentIndex.Table.EXTENT, load.from);
            if (found != null && sameExtent(found.key(), load.from)) {
                load.found = found;
            }
        }
    }

    private static boolean sameExtent(byte[] left, byte[] right) {
        return java.util.Arrays.equals(left, 0, 12, right, 0, 12);
    }

    private void arrived(List<Load> batch, long begun) {
        running = false;
        for (Load load : batch) {
            // Another batch, or a checkpoint, may have brought the row meanwhile: theirs is at least as new.
            if (cache.find(load.key) < 0) {
                if (begun != commits) {
                    lookUpAgain(load);
                    continue;
                }
                int row = cache.add(load.key);
                if (load.found != null) {
                    codec.decode(load.found.key(), load.found.value(), cache, row);
                }
            }
            Waiter waiter = load.waiters;
            while (waiter != null) {
                Waiter next = waiter.next;
                waiter.next = null;
                waiter.entryReady();
                waiter = next;
            }
        }
        start();
    }

    private void lookUpAgain(Load load) {
        int at = waitingByKey.get(load.key);
        if (at < 0) {
            load.found = null;
            waitingByKey.put(load.key, waiting.size());
            waiting.add(load);
            return;
        }
        Load newer = waiting.get(at);
        while (load.waiters != null) {
            Waiter waiter = load.waiters;
            load.waiters = waiter.next;
            waiter.next = newer.waiters;
            newer.waiters = waiter;
        }
    }
}
