package io.varve.dataplane.store.index;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checksums of one device's data blocks, a u32 each, in a region of their own, through a bounded write-back cache of 4 KiB pages. A dirty
 * page may be written at any time: what it changes is still in the journal. Confined to the group's loop.
 */
public final class ChecksumTable {
    public static final int ENTRIES_PER_PAGE = Geometry.BLOCK_BYTES / Integer.BYTES;

    /** Page reads in flight; more wait. */
    private static final int MAX_TRANSFERS = 64;

    private static final Logger LOG = LoggerFactory.getLogger(ChecksumTable.class);

    private final Disk disk;
    private final long offset;
    private final int capacity;
    private final LongIntTable slots = new LongIntTable();
    private final List<Page> pages = new ArrayList<>();
    private final ArrayDeque<Page> toRead = new ArrayDeque<>();
    private final List<Page> dirty = new ArrayList<>();
    private int hand;
    private int transfers;

    private static final class Page {
        final ByteBuf buffer = Buffers.aligned(Geometry.BLOCK_BYTES);
        long number = -1;
        boolean loaded;
        boolean dirty;
        boolean used;
        boolean busy;
        /** Somebody wants to change an entry: if the page cannot be read, it is begun anew. */
        boolean wantedForChange;

        boolean retried;

        @Nullable Waiter waiters;
    }

    /** One who waits for a page; an object of the caller, queued at most once at a time. */
    public abstract static class Waiter {
        private @Nullable Waiter next;

        /** The page is here ({@code error} 0), or could not be read (negative errno). On the loop, never inside the request. */
        protected abstract void pageReady(int error);
    }

    /** Up to {@code capacity} pages are kept; more only while all of them are dirty or in transfer. */
    public ChecksumTable(Disk disk, long offset, int capacity) {
        this.disk = disk;
        this.offset = offset;
        this.capacity = capacity;
    }

    /** What is kept for a block: ties the content to its place, so that a misdirected write or read shows. */
    public static int sealed(int crc, long stream, int layer, int block) {
        long h = stream * 0x9e3779b97f4a7c15L + (((long) layer << 32) | (block & 0xffffffffL));
        h ^= h >>> 29;
        h *= 0xbf58476d1ce4e5b9L;
        h ^= h >>> 32;
        return crc ^ (int) h;
    }

    /** True if the block's entry can be read and written at once. */
    public boolean isLoaded(long dataBlock) {
        int slot = slots.get(dataBlock / ENTRIES_PER_PAGE);
        return slot >= 0 && pages.get(slot).loaded;
    }

    /** The entry of a loaded page. */
    public int get(long dataBlock) {
        Page page = loaded(dataBlock);
        page.used = true;
        return page.buffer.getIntLE((int) (dataBlock % ENTRIES_PER_PAGE) * Integer.BYTES);
    }

    /** Changes an entry of a loaded page; durable after {@link #writeDirty} and a flush of the device. */
    public void set(long dataBlock, int sealed) {
        Page page = loaded(dataBlock);
        page.used = true;
        page.buffer.setIntLE((int) (dataBlock % ENTRIES_PER_PAGE) * Integer.BYTES, sealed);
        if (!page.dirty) {
            page.dirty = true;
            dirty.add(page);
        }
    }

    private Page loaded(long dataBlock) {
        int slot = slots.get(dataBlock / ENTRIES_PER_PAGE);
        Invariant.check(slot >= 0 && pages.get(slot).loaded, "the checksum page is not here", dataBlock);
        return pages.get(slot);
    }

    /** Brings the page of a block in, to look at it. */
    public void load(long dataBlock, Waiter waiter) {
        load(dataBlock, false, waiter);
    }

    /**
     * Brings the page of a block in, to change an entry. A page that cannot be read, twice, is begun anew: what it said about other blocks is gone, so
     * these read as damaged until another copy repairs them. A group that can still write goes on.
     */
    public void loadForChange(long dataBlock, Waiter waiter) {
        load(dataBlock, true, waiter);
    }

    private void load(long dataBlock, boolean forChange, Waiter waiter) {
        long number = dataBlock / ENTRIES_PER_PAGE;
        int slot = slots.get(number);
        Page page;
        if (slot >= 0) {
            page = pages.get(slot);
        } else {
            slot = freeSlot();
            page = pages.get(slot);
            page.number = number;
            page.loaded = false;
            page.wantedForChange = false;
            page.retried = false;
            slots.put(number, slot);
            toRead.add(page);
        }
        page.used = true;
        page.wantedForChange |= forChange;
        waiter.next = page.waiters;
        page.waiters = waiter;
        Invariant.check(!page.loaded, "waiting for a page that is here", number);
        pump();
    }

    /** A slot whose page may go: clean, whole, not in transfer; a new one if there is none. */
    private int freeSlot() {
        if (pages.size() >= capacity) {
            for (int i = 0; i < 2 * pages.size(); i++) {
                hand = hand + 1 >= pages.size() ? 0 : hand + 1;
                Page page = pages.get(hand);
                if (page.dirty || page.busy || !page.loaded) {
                    continue;
                }
                if (page.used) {
                    page.used = false;
                    continue;
                }
                slots.remove(page.number);
                return hand;
            }
        }
        pages.add(new Page());
        return pages.size() - 1;
    }

    private void pump() {
        while (transfers < MAX_TRANSFERS && !toRead.isEmpty()) {
            Page page = toRead.remove();
            page.busy = true;
            transfers++;
            disk.read(offset + page.number * Geometry.BLOCK_BYTES, page.buffer, 0, Geometry.BLOCK_BYTES, result -> {
                transfers--;
                page.busy = false;
                arrived(page, result);
                pump();
            });
        }
    }

    private void arrived(Page page, int result) {
        if (result < 0 && page.wantedForChange && !page.retried) {
            page.retried = true;
            toRead.add(page);
            return;
        }
        Waiter waiter = page.waiters;
        page.waiters = null;
        int error = Math.min(result, 0);
        if (error == 0) {
            page.loaded = true;
        } else if (page.wantedForChange) {
            LOG.error(
                    "checksum page lost, its blocks read as damaged until repaired device={} page={} errno={}",
                    disk.name(),
                    page.number,
                    -error);
            page.buffer.setZero(0, Geometry.BLOCK_BYTES);
            page.loaded = true;
            error = 0;
        } else {
            // The slot stays, without a number, and is taken by the next load.
            slots.remove(page.number);
            page.number = -1;
            page.loaded = true;
            page.used = false;
        }
        while (waiter != null) {
            Waiter next = waiter.next;
            waiter.next = null;
            waiter.pageReady(error);
            waiter = next;
        }
    }

    public int dirtyPages() {
        return dirty.size();
    }

    /** True if more pages are dirty than the cache wants to hold: write them before changing more. */
    public boolean wantsWriting() {
        return dirty.size() > capacity / 2;
    }

    /**
     * Writes all dirty pages, {@code transfers} at a time; {@code done} gets 0 or a negative errno. Durable after a flush. One call at a time.
     */
    public void writeDirty(int transfers, DiskCallback done) {
        List<Page> batch = new ArrayList<>(dirty);
        dirty.clear();
        batch.sort(java.util.Comparator.comparingLong(page -> page.number));
        new PageWrites(batch, transfers, done).next();
    }

    private final class PageWrites {
        private final List<Page> batch;
        private final int limit;
        private final DiskCallback done;
        private int started;
        private int running;
        private int error;

        PageWrites(List<Page> batch, int limit, DiskCallback done) {
            this.batch = batch;
            this.limit = limit;
            this.done = done;
        }

        void next() {
            while (running < limit && started < batch.size() && error == 0) {
                Page page = batch.get(started++);
                page.dirty = false;
                page.busy = true;
                running++;
                disk.write(
                        offset + page.number * Geometry.BLOCK_BYTES,
                        page.buffer,
                        0,
                        Geometry.BLOCK_BYTES,
                        false,
                        result -> {
                            running--;
                            page.busy = false;
                            error = Math.min(error, result);
                            next();
                        });
            }
            if (running == 0 && (started == batch.size() || error != 0)) {
                done.done(error);
                running = -1;
            }
        }
    }

    public void close() {
        for (Page page : pages) {
            page.buffer.release();
        }
        pages.clear();
    }
}
