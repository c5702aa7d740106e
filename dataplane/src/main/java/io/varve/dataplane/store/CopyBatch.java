package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.disk.Gather;
import io.varve.dataplane.store.index.ChecksumTable;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Blocks on their way from the journal to their units: read in long runs in the order of the journal, verified, written in long runs in the
 * order of the devices; their checksums go into the table. One batch at a time, used again for the next; confined to the group's loop. A block
 * is a row of primitive arrays: nothing is allocated per block.
 */
final class CopyBatch {
    /** 8 MiB of data in memory while a checkpoint runs. */
    static final int MAX_BLOCKS = 2048;

    /** Transfers in flight while there is room in the journal, so that foreground I/O finds its place in the device's queue. */
    static final int CALM_TRANSFERS = 8;
    /** And when more than half of the journal is taken: then destaging decides how fast writes can be accepted at all. */
    static final int PRESSED_TRANSFERS = 32;

    /** Reads over a gap of so many blocks rather than starting anew: between two payloads usually stands one frame head. */
    private static final int MAX_GAP_BLOCKS = 2;

    private static final int MAX_RUN_BLOCKS = 256;
    /** Checksums put into the table in one turn of the loop. */
    private static final int SEALS_PER_TURN = 256;
    /** A place (48 bits, see {@link Overlay#unitLocation}) and a row in one sortable number. */
    private static final int ROW_BITS = 15;

    private final GroupState group;
    private final Crc32c crc = new Crc32c();
    private final Gather gather = new Gather();
    private final List<ByteBuf> buffers = new ArrayList<>();
    private final ArrayDeque<Transfer> idle = new ArrayDeque<>();
    private final Runnable sealMore = this::seal;
    private final DiskCallback pagesWritten = this::pagesWritten;
    private final ChecksumTable.Waiter pageWaiter = new ChecksumTable.Waiter() {
        @Override
        protected void pageReady(int error) {
            if (error != 0) {
                finish("cannot read a page of checksums: " + Errno.describe(error));
            } else {
                seal();
            }
        }
    };

    /** Rows. A block whose two places are the same only wants its checksum in the table. */
    private int rows;

    private long[] streams = new long[MAX_BLOCKS];
    private int[] layers = new int[MAX_BLOCKS];
    private int[] blocks = new int[MAX_BLOCKS];
    private int[] crcs = new int[MAX_BLOCKS];
    private long[] from = new long[MAX_BLOCKS];
    private long[] to = new long[MAX_BLOCKS];
    private ByteBuf[] data = new ByteBuf[MAX_BLOCKS];
    private int[] dataIndex = new int[MAX_BLOCKS];

    /** Rows in the order of the step at hand: place, then row. */
    private long[] order = new long[MAX_BLOCKS];

    private int ordered;
    private int next;
    private boolean writing;
    private int transfers;
    private int maxTransfers = CALM_TRANSFERS;
    private @Nullable Consumer<@Nullable String> done;
    private @Nullable String error;
    /** The device whose checksums are written in between. */
    private @Nullable GroupDevice pagesOf;

    /** One read or write under way. */
    private final class Transfer implements DiskCallback {
        private int first;
        private int end;
        private @Nullable ByteBuf buffer;
        private int device;

        @Override
        public void done(int result) {
            ByteBuf read = buffer;
            buffer = null;
            idle.addLast(this);
            transfers--;
            if (read != null) {
                arrived(first, end, read);
                readRuns();
            } else {
                if (result < 0) {
                    error = "cannot write data to "
                            + group.devices.get(device).disk().name() + ": " + Errno.describe(result);
                }
                writeRuns();
            }
        }
    }

    CopyBatch(GroupState group) {
        this.group = group;
    }

    /** The newest content of a block of a stream shall move from one place to another. {@code toBlock}: in blocks of the device. */
    void copy(StreamLog stream, int layer, int block, int version, int toDevice, long toBlock) {
        add(stream, layer, block, version, Overlay.unitLocation(toDevice, toBlock));
    }

    /** The content of a block lies in place already; only its checksum must go into the table. */
    void sealInPlace(StreamLog stream, int layer, int block, int version) {
        add(stream, layer, block, version, group.overlay.location(version));
    }

    private void add(StreamLog stream, int layer, int block, int version, long place) {
        if (rows == streams.length) {
            grow();
        }
        streams[rows] = stream.state.stream();
        layers[rows] = layer;
        blocks[rows] = block;
        crcs[rows] = group.overlay.crc(version);
        from[rows] = group.overlay.location(version);
        to[rows] = place;
        rows++;
    }

    /** The extent that fills a batch may go over. */
    private void grow() {
        int capacity = rows * 2;
        Invariant.check(capacity <= 1 << ROW_BITS, "blocks of one batch", capacity);
        streams = Arrays.copyOf(streams, capacity);
        layers = Arrays.copyOf(layers, capacity);
        blocks = Arrays.copyOf(blocks, capacity);
        crcs = Arrays.copyOf(crcs, capacity);
        from = Arrays.copyOf(from, capacity);
        to = Arrays.copyOf(to, capacity);
        data = Arrays.copyOf(data, capacity);
        dataIndex = Arrays.copyOf(dataIndex, capacity);
        order = Arrays.copyOf(order, capacity);
    }

    void setPressed(boolean pressed) {
        maxTransfers = pressed ? PRESSED_TRANSFERS : CALM_TRANSFERS;
    }

    /** How many transfers may be in flight now. */
    int maxTransfers() {
        return maxTransfers;
    }

    boolean isFull() {
        return rows >= MAX_BLOCKS;
    }

    /** Does what was put in and becomes empty. {@code whenDone}: null, or why the group must fail. Not inside this call unless empty. */
    void run(Consumer<@Nullable String> whenDone) {
        if (rows == 0) {
            whenDone.accept(null);
            return;
        }
        done = whenDone;
        error = null;
        writing = false;
        sort(from, true);
        if (ordered == 0) {
            sealAll();
        } else {
            readRuns();
        }
    }

    private void sort(long[] places, boolean onlyMoving) {
        ordered = 0;
        for (int row = 0; row < rows; row++) {
            if (!onlyMoving || from[row] != to[row]) {
                order[ordered++] = places[row] << ROW_BITS | row;
            }
        }
        Arrays.sort(order, 0, ordered);
        next = 0;
    }

    private int row(int at) {
        return (int) order[at] & (1 << ROW_BITS) - 1;
    }

    private long place(int at) {
        return order[at] >>> ROW_BITS;
    }

    private void readRuns() {
        while (transfers < maxTransfers && next < ordered && error == null) {
            int first = next;
            long start = place(first);
            int end = first + 1;
            while (end < ordered
                    && place(end) <= place(end - 1) + 1 + MAX_GAP_BLOCKS
                    && place(end) < start + MAX_RUN_BLOCKS
                    && Overlay.locationDevice(place(end)) == Overlay.locationDevice(start)) {
                end++;
            }
            next = end;
            int bytes = (int) (place(end - 1) + 1 - start) * Geometry.BLOCK_BYTES;
            ByteBuf buffer = Buffers.aligned(bytes);
            buffers.add(buffer);
            Transfer transfer = transfer(first, end, Overlay.locationDevice(start));
            transfer.buffer = buffer;
            group.devices
                    .get(transfer.device)
                    .disk()
                    .read(Overlay.locationBlock(start) * Geometry.BLOCK_BYTES, buffer, 0, bytes, transfer);
        }
        if (transfers == 0 && !writing) {
            if (error != null) {
                finish(error);
            } else {
                writing = true;
                sort(to, true);
                writeRuns();
            }
        }
    }

    private Transfer transfer(int first, int end, int device) {
        Transfer transfer = idle.pollLast();
        if (transfer == null) {
            transfer = new Transfer();
        }
        transfer.first = first;
        transfer.end = end;
        transfer.device = device;
        transfers++;
        return transfer;
    }

    /** What could not be read, or does not match, moves with the checksum it should have: it stays detectably bad. */
    private void arrived(int first, int end, ByteBuf buffer) {
        long start = place(first);
        for (int at = first; at < end; at++) {
            int row = row(at);
            data[row] = buffer;
            dataIndex[row] = (int) (place(at) - start) * Geometry.BLOCK_BYTES;
            if (crc.of(buffer, dataIndex[row], Geometry.BLOCK_BYTES) != crcs[row]) {
                group.checksumErrors++;
            }
        }
    }

    private void writeRuns() {
        while (transfers < maxTransfers && next < ordered && error == null) {
            int first = next;
            long start = place(first);
            gather.clear();
            do {
                int row = row(next);
                gather.add(data[row], dataIndex[row], Geometry.BLOCK_BYTES);
                next++;
            } while (next < ordered && place(next) == start + gather.size() && gather.size() < MAX_RUN_BLOCKS);
            Transfer transfer = transfer(first, next, Overlay.locationDevice(start));
            group.devices
                    .get(transfer.device)
                    .disk()
                    .write(Overlay.locationBlock(start) * Geometry.BLOCK_BYTES, gather, false, transfer);
        }
        if (transfers == 0) {
            if (error != null) {
                finish(error);
            } else {
                releaseBuffers();
                sealAll();
            }
        }
    }

    /** Puts checksums into the table, page by page; waits for pages that are not in memory. */
    private void sealAll() {
        sort(to, false);
        seal();
    }

    private void seal() {
        int last = Math.min(ordered, next + SEALS_PER_TURN);
        while (next < last) {
            long place = place(next);
            GroupDevice device = group.devices.get(Overlay.locationDevice(place));
            ChecksumTable table = device.checksums();
            long entry = device.dataBlock(Overlay.locationBlock(place));
            if (table.wantsWriting()) {
                pagesOf = device;
                table.writeDirty(maxTransfers, pagesWritten);
                return;
            }
            if (!table.isLoaded(entry)) {
                table.loadForChange(entry, pageWaiter);
                return;
            }
            int row = row(next);
            table.set(entry, ChecksumTable.sealed(crcs[row], streams[row], layers[row], blocks[row]));
            next++;
        }
        if (next < ordered) {
            group.loop.execute(sealMore);
        } else {
            finish(null);
        }
    }

    private void pagesWritten(int result) {
        GroupDevice device = pagesOf;
        pagesOf = null;
        if (result < 0 && device != null) {
            finish("cannot write checksums to " + device.disk().name() + ": " + Errno.describe(result));
        } else {
            seal();
        }
    }

    private void releaseBuffers() {
        buffers.forEach(ByteBuf::release);
        buffers.clear();
        Arrays.fill(data, 0, rows, null);
    }

    private void finish(@Nullable String how) {
        releaseBuffers();
        rows = 0;
        Consumer<@Nullable String> told = done;
        done = null;
        if (told != null) {
            told.accept(how);
        }
    }
}
