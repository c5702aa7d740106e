package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.disk.DiskCallback;
import io.varve.dataplane.store.index.ChecksumTable;
import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryLoads;
import io.varve.model.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * One read: find where each block lies, read neighbours together straight into the caller's buffer, verify every block. A block that does
 * not match is looked up and read again, because a checkpoint may have moved it meanwhile; one that does not match twice at the same place
 * is bad. Pooled by {@link ReadPath}; confined to the group's loop; allocates nothing unless the index must be asked.
 */
final class ReadOperation {
    /** Place of a block that reads as zeros. */
    private static final int ZERO_DEVICE = -1;
    /** Place of a block of which nothing is known. */
    private static final int LOST_DEVICE = -2;

    /** A block can move at each checkpoint; one that moves faster than it can be read is not to be believed. */
    private static final int MAX_ATTEMPTS = 6;

    private static final int ZERO_CRC = zeroCrc();

    private final GroupState group;
    private final ReadPath path;
    private final Crc32c crc = new Crc32c();
    private final int[] devices = new int[JournalRecord.MAX_BLOCKS];
    private final long[] places = new long[JournalRecord.MAX_BLOCKS];
    private final int[] expected = new int[JournalRecord.MAX_BLOCKS];
    private final DiskCallback transferred = this::transferred;
    private final Runnable completeLater = this::verify;
    private final EntryLoads.Waiter entryWaiter = new EntryLoads.Waiter() {
        @Override
        protected void entryReady() {
            resume();
        }
    };
    private final ChecksumTable.Waiter pageWaiter = new ChecksumTable.Waiter() {
        @Override
        protected void pageReady(int error) {
            pageError = error;
            resume();
        }
    };

    private @Nullable StreamLog stream;
    private @Nullable StoreRead request;
    private long highestSeq;
    private int located;
    private int outstanding;
    private int pageError;
    private int attempts;
    private int badBlock;
    private long badPlace;
    private int badDevice;
    private int badCrc;

    private static int zeroCrc() {
        ByteBuf zeros = io.varve.dataplane.buffer.Buffers.aligned(Geometry.BLOCK_BYTES);
        zeros.setZero(0, Geometry.BLOCK_BYTES);
        int crc = new Crc32c().of(zeros, 0, Geometry.BLOCK_BYTES);
        zeros.release();
        return crc;
    }

    ReadOperation(GroupState group, ReadPath path) {
        this.group = group;
        this.path = path;
    }

    void start(StreamLog toStream, StoreRead toRequest) {
        stream = toStream;
        request = toRequest;
        attempts = 0;
        badBlock = -1;
        pageError = 0;
        located = 0;
        highestSeq = 0;
        resume();
    }

    private StreamLog stream() {
        if (stream == null) {
            throw new IllegalStateException("a read operation runs without a request");
        }
        return stream;
    }

    private StoreRead request() {
        if (request == null) {
            throw new IllegalStateException("a read operation runs without a request");
        }
        return request;
    }

    /** Finds every block; goes on where it stopped to have something brought in. What moves in between does not match and is looked up again. */
    private void resume() {
        if (!group.isServing()) {
            complete(StoreStatus.IO_ERROR);
            return;
        }
        if (stream().deleting) {
            // The replica went while an entry was brought in, its newest versions first: what is left is older than
            // what was acknowledged.
            complete(StoreStatus.NOT_MEMBER);
            return;
        }
        StoreRead read = request();
        if (pageError != 0) {
            // The checksum page cannot be read: what it covers cannot be verified, so another replica must be asked.
            group.checksumErrors++;
            read.badBlock = Math.max(0, badBlock);
            complete(StoreStatus.BAD_BLOCK);
            return;
        }
        while (located < read.count) {
            if (!locate(located, read.block + located)) {
                return;
            }
            located++;
        }
        transfer();
    }

    private boolean locate(int i, int block) {
        StreamLog from = stream();
        int version = group.overlay.newest(from.slot, block, Long.MAX_VALUE);
        if (version != Overlay.NONE) {
            highestSeq = Math.max(highestSeq, group.overlay.seq(version));
            if (group.overlay.isZero(version)) {
                place(i, ZERO_DEVICE, 0, ZERO_CRC);
            } else {
                long location = group.overlay.location(version);
                place(i, Overlay.locationDevice(location), Overlay.locationBlock(location), group.overlay.crc(version));
            }
            return true;
        }
        if (!from.mapped.get(block / Geometry.BLOCKS_PER_PIECE)) {
            place(i, ZERO_DEVICE, 0, ZERO_CRC);
            return true;
        }
        return locateInIndex(i, block);
    }

    /** False: something must be brought in first; {@link #resume} follows. */
    private boolean locateInIndex(int i, int block) {
        StreamLog from = stream();
        int piece = block / Geometry.BLOCKS_PER_PIECE % Geometry.PIECES_PER_EXTENT;
        int bit = 1 << block % Geometry.BLOCKS_PER_PIECE;
        int layer = from.state.layer;
        while (true) {
            long key = EntryCache.key(from.slot, block / Geometry.BLOCKS_PER_EXTENT, layer);
            int row = group.entries.find(key);
            if (row < 0) {
                group.loads.load(key, from.state.stream(), entryWaiter);
                return false;
            }
            boolean exists = group.entries.exists(row);
            if (exists && (group.entries.present(row, piece) & bit) != 0) {
                return locateInUnit(i, block, row, piece);
            }
            if (!exists || (group.entries.zero(row, piece) & bit) != 0) {
                place(i, ZERO_DEVICE, 0, ZERO_CRC);
                return true;
            }
            if (group.entries.isLost(row)) {
                place(i, LOST_DEVICE, 0, 0);
                return true;
            }
            if (group.entries.layer(row) == 0) {
                place(i, ZERO_DEVICE, 0, ZERO_CRC);
                return true;
            }
            layer = group.entries.layer(row) - 1;
        }
    }

    private boolean locateInUnit(int i, int block, int row, int piece) {
        int device = group.entries.device(row, piece);
        GroupDevice on = group.devices.get(device);
        long at = on.deviceBlock(group.entries.unit(row, piece), block % Geometry.BLOCKS_PER_PIECE);
        long entry = on.dataBlock(at);
        if (!on.checksums().isLoaded(entry)) {
            badBlock = i;
            on.checksums().load(entry, pageWaiter);
            return false;
        }
        int sealed = on.checksums().get(entry);
        place(i, device, at, ChecksumTable.sealed(sealed, stream().state.stream(), group.entries.layer(row), block));
        return true;
    }

    private void place(int i, int device, long at, int crcExpected) {
        devices[i] = device;
        places[i] = at;
        expected[i] = crcExpected;
    }

    private void transfer() {
        StoreRead read = request();
        ByteBuf to = read.destination;
        if (to == null) {
            throw new IllegalStateException("a read has no destination");
        }
        outstanding = 1;
        int i = 0;
        while (i < read.count) {
            int first = i;
            int device = devices[i];
            do {
                i++;
            } while (i < read.count && devices[i] == device && (device < 0 || places[i] == places[i - 1] + 1));
            int index = read.destinationIndex + first * Geometry.BLOCK_BYTES;
            int bytes = (i - first) * Geometry.BLOCK_BYTES;
            if (device >= 0) {
                outstanding++;
                group.devices
                        .get(device)
                        .disk()
                        .read(places[first] * Geometry.BLOCK_BYTES, to, index, bytes, transferred);
            } else {
                to.setZero(index, bytes);
            }
        }
        outstanding--;
        if (outstanding == 0) {
            // Nothing was read: the caller is told from a task of its own, never inside its call.
            group.loop.execute(completeLater);
        }
    }

    /** A failed read leaves bytes behind that do not match: the checksums decide, block by block. */
    private void transferred(int result) {
        outstanding--;
        if (outstanding == 0) {
            verify();
        }
    }

    private void verify() {
        StoreRead read = request();
        ByteBuf data = read.destination;
        if (data == null) {
            throw new IllegalStateException("a read has no destination");
        }
        for (int i = 0; i < read.count; i++) {
            read.crcs[i] = expected[i];
            if (devices[i] == ZERO_DEVICE) {
                continue;
            }
            boolean good = devices[i] >= 0
                    && crc.of(data, read.destinationIndex + i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES)
                            == expected[i];
            if (!good) {
                mismatch(i);
                return;
            }
        }
        read.highestSeq = highestSeq;
        complete(StoreStatus.OK);
    }

    private void mismatch(int i) {
        boolean again = badBlock == i && badPlace == places[i] && badDevice == devices[i] && badCrc == expected[i];
        attempts++;
        if ((again && attempts > 1) || attempts == MAX_ATTEMPTS || devices[i] == LOST_DEVICE) {
            group.checksumErrors++;
            request().badBlock = i;
            complete(StoreStatus.BAD_BLOCK);
            return;
        }
        badBlock = i;
        badPlace = places[i];
        badDevice = devices[i];
        badCrc = expected[i];
        located = 0;
        highestSeq = 0;
        resume();
    }

    private void complete(StoreStatus status) {
        StoreRead done = request();
        request = null;
        stream = null;
        path.recycle(this);
        done.completed(status);
    }
}
