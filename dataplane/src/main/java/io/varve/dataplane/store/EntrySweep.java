package io.varve.dataplane.store;

import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryCodec;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.index.IndexBatch;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;

/** Collects the next few thousand index entries of a deleted stream, and the units they name. Runs on the worker, read on the loop. */
final class EntrySweep implements Runnable {
    /** Entries of one commit: half a slab, so that other work finds its turn in between. */
    private static final int MAX_ENTRIES = 4096;

    private final ExtentIndex index;
    private final long stream;
    private final IndexBatch deletions = new IndexBatch();
    private final List<Long> units = new ArrayList<>();
    private boolean last = true;

    EntrySweep(ExtentIndex index, long stream) {
        this.index = index;
        this.stream = stream;
    }

    @Override
    public void run() {
        EntryCache one = new EntryCache(1);
        EntryCodec codec = new EntryCodec();
        index.scan(Table.EXTENT, StreamRow.key(stream), (key, value) -> {
            if (EntryCodec.keyStream(key) != stream) {
                return false;
            }
            if (deletions.size() == MAX_ENTRIES) {
                last = false;
                return false;
            }
            deletions.delete(Table.EXTENT, key);
            int row = one.add(0);
            codec.decode(key, value, one, row);
            for (int piece = 0; piece < Geometry.PIECES_PER_EXTENT; piece++) {
                if (one.isMapped(row, piece) && one.unit(row, piece) != EntryCache.NO_UNIT) {
                    units.add((long) one.device(row, piece) << 32 | (one.unit(row, piece) & 0xffffffffL));
                }
            }
            return true;
        });
        if (last) {
            index.scan(Table.EXTVER, StreamRow.key(stream), (key, value) -> {
                boolean ours = EntryCodec.keyStream(key) == stream;
                if (ours) {
                    deletions.delete(Table.EXTVER, key);
                }
                return ours;
            });
        }
    }

    /** {@code device << 32 | unit}. */
    List<Long> units() {
        return units;
    }

    IndexBatch deletions() {
        return deletions;
    }

    /** True if nothing of the stream is left behind this batch. */
    boolean isLast() {
        return last;
    }
}
