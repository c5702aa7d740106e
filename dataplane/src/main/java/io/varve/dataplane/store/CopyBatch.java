package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.disk.Gather;
import io.varve.dataplane.store.index.ChecksumTable;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Blocks on their way from the journal to their units: read in long runs in the order of the journal, verified, written in long runs in the
 * order of the devices; their checksums go into the table. One batch at a time; confined to the group's loop.
 */
final class CopyBatch {
    /** 8 MiB of data in memory while a checkpoint runs. */
    static final int MAX_BLOCKS = 2048;

    /** Reads over a gap of so many blocks rather than starting anew: between two payloads usually stands one frame head. */
    private static final int MAX_GAP_BLOCKS = 2;

    private static final int MAX_RUN_BLOCKS = 256;
    /** Transfers in flight while there is room in the journal, so that foreground I/O finds its place in the device's queue. */
    private static final int CALM_TRANSFERS = 8;
    /** And when more than half of the journal is taken: then destaging decides how fast writes can be accepted at all. */
    private static final int PRESSED_TRANSFERS = 32;

    private final GroupState group;
    private final Crc32c crc = new Crc32c();
    private final Gather gather = new Gather();
    private final List<Block> blocks = new ArrayList<>();
    private final List<Block> seals = new ArrayList<>();
    private final List<ByteBuf> buffers = new ArrayList<>();
    private final ChecksumTable.Waiter pageWaiter = new ChecksumTable.Waiter() {
        @Override
        protected void pageReady(int error) {
            if (error != 0) {
                finish("cannot read a page of checksums: errno " + -error);
            } else {
                seal();
            }
        }
    };
    private @Nullable Consumer<@Nullable String> done;
    private int maxTransfers = CALM_TRANSFERS;
    private int nextRun;
    private int transfers;
    private int nextSeal;
    private @Nullable String error;

    private static final class Block {
        final long stream;
        final int layer;
        final int block;
        final int crc;
        final int fromDevice;
        final long from;
        final int toDevice;
        final long to;

        @Nullable ByteBuf data;

        int dataIndex;

        Block(long stream, int layer, int block, int crc, int fromDevice, long from, int toDevice, long to) {
            this.stream = stream;
            this.layer = layer;
            this.block = block;
            this.crc = crc;
            this.fromDevice = fromDevice;
            this.from = from;
            this.toDevice = toDevice;
            this.to = to;
        }

        ByteBuf data() {
            if (data == null) {
                throw new IllegalStateException("a block is written that was not read");
            }
            return data;
        }
    }

    CopyBatch(GroupState group) {
        this.group = group;
    }

    /** The newest content of a block of a stream shall move from one place to another. Places in device blocks. */
    void copy(StreamLog stream, int layer, int block, int version, int toDevice, long to) {
        long location = group.overlay.location(version);
        Block moved = new Block(
                stream.state.stream(),
                layer,
                block,
                group.overlay.crc(version),
                Overlay.locationDevice(location),
                Overlay.locationBlock(location),
                toDevice,
                to);
        blocks.add(moved);
        seals.add(moved);
    }

    /** The content of a block lies in place already; only its checksum must go into the table. */
    void sealInPlace(StreamLog stream, int layer, int block, int version) {
        long location = group.overlay.location(version);
        int device = Overlay.locationDevice(location);
        long at = Overlay.locationBlock(location);
        seals.add(new Block(stream.state.stream(), layer, block, group.overlay.crc(version), device, at, device, at));
    }

    void setPressed(boolean pressed) {
        maxTransfers = pressed ? PRESSED_TRANSFERS : CALM_TRANSFERS;
    }

    boolean isFull() {
        return seals.size() >= MAX_BLOCKS;
    }

    /** Does what was put in and becomes empty. {@code whenDone}: null, or why the group must fail. Not inside this call unless empty. */
    void run(Consumer<@Nullable String> whenDone) {
        if (seals.isEmpty()) {
            whenDone.accept(null);
            return;
        }
        done = whenDone;
        error = null;
        nextRun = 0;
        nextSeal = 0;
        blocks.sort(Comparator.comparingInt((Block block) -> block.fromDevice).thenComparingLong(block -> block.from));
        if (blocks.isEmpty()) {
            seal();
        } else {
            readRuns();
        }
    }

    private void readRuns() {
        while (transfers < maxTransfers && nextRun < blocks.size() && error == null) {
            int first = nextRun;
            Block start = blocks.get(first);
            long end = start.from + 1;
            int last = first;
            while (last + 1 < blocks.size() && continues(blocks.get(last + 1), start, end)) {
                last++;
                end = blocks.get(last).from + 1;
            }
            nextRun = last + 1;
            readRun(first, last, (int) (end - start.from));
        }
        if (transfers == 0) {
            if (error != null) {
                finish(error);
            } else {
                nextRun = 0;
                blocks.sort(
                        Comparator.comparingInt((Block block) -> block.toDevice).thenComparingLong(block -> block.to));
                writeRuns();
            }
        }
    }

    private static boolean continues(Block next, Block start, long end) {
        return next.fromDevice == start.fromDevice
                && next.from <= end + MAX_GAP_BLOCKS
                && next.from + 1 - start.from <= MAX_RUN_BLOCKS;
    }

    private void readRun(int first, int last, int runBlocks) {
        Block start = blocks.get(first);
        ByteBuf buffer = Buffers.aligned(runBlocks * Geometry.BLOCK_BYTES);
        buffers.add(buffer);
        transfers++;
        group.devices
                .get(start.fromDevice)
                .disk()
                .read(start.from * Geometry.BLOCK_BYTES, buffer, 0, runBlocks * Geometry.BLOCK_BYTES, result -> {
                    transfers--;
                    // What could not be read, or does not match, moves with the checksum it should have: it stays
                    // detectably bad.
                    for (int i = first; i <= last; i++) {
                        Block block = blocks.get(i);
                        block.data = buffer;
                        block.dataIndex = (int) (block.from - start.from) * Geometry.BLOCK_BYTES;
                        if (crc.of(buffer, block.dataIndex, Geometry.BLOCK_BYTES) != block.crc) {
                            group.checksumErrors++;
                        }
                    }
                    readRuns();
                });
    }

    private void writeRuns() {
        while (transfers < maxTransfers && nextRun < blocks.size() && error == null) {
            Block start = blocks.get(nextRun);
            gather.clear();
            long next = start.to;
            while (nextRun < blocks.size()
                    && blocks.get(nextRun).toDevice == start.toDevice
                    && blocks.get(nextRun).to == next
                    && gather.size() < MAX_RUN_BLOCKS) {
                Block block = blocks.get(nextRun);
                gather.add(block.data(), block.dataIndex, Geometry.BLOCK_BYTES);
                next++;
                nextRun++;
            }
            transfers++;
            GroupDevice device = group.devices.get(start.toDevice);
            device.disk().write(start.to * Geometry.BLOCK_BYTES, gather, false, result -> {
                transfers--;
                if (result < 0) {
                    error = "cannot write data to " + device.disk().name() + ": errno " + -result;
                }
                writeRuns();
            });
        }
        if (transfers == 0) {
            if (error != null) {
                finish(error);
            } else {
                releaseBuffers();
                seals.sort(
                        Comparator.comparingInt((Block block) -> block.toDevice).thenComparingLong(block -> block.to));
                seal();
            }
        }
    }

    /** Puts checksums into the table, page by page; waits for pages that are not in memory. */
    private void seal() {
        while (nextSeal < seals.size()) {
            Block block = seals.get(nextSeal);
            GroupDevice device = group.devices.get(block.toDevice);
            ChecksumTable table = device.checksums();
            long entry = device.dataBlock(block.to);
            if (table.wantsWriting()) {
                table.writeDirty(result -> {
                    if (result < 0) {
                        finish("cannot write checksums to " + device.disk().name() + ": errno " + -result);
                    } else {
                        seal();
                    }
                });
                return;
            }
            if (!table.isLoaded(entry)) {
                table.load(entry, pageWaiter);
                return;
            }
            table.set(entry, ChecksumTable.sealed(block.crc, block.stream, block.layer, block.block));
            nextSeal++;
        }
        finish(null);
    }

    private void releaseBuffers() {
        buffers.forEach(ByteBuf::release);
        buffers.clear();
    }

    private void finish(@Nullable String how) {
        releaseBuffers();
        blocks.clear();
        seals.clear();
        Consumer<@Nullable String> told = done;
        done = null;
        if (told != null) {
            told.accept(how);
        }
    }
}
