package io.varve.dataplane.store;

import io.varve.dataplane.store.index.Allocator;
import io.varve.dataplane.store.index.EntryCache;
import io.varve.dataplane.store.index.EntryCodec;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.index.ExtentIndex.Table;
import io.varve.dataplane.store.journal.ReplayPosition;
import io.varve.model.Geometry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a group reads from its index when it opens: everything but the extent entries themselves. Filled on the worker, used on the loop. */
final class LoadedIndex {
    static final byte[] GROUP_KEY = "group".getBytes(StandardCharsets.US_ASCII);
    static final byte[] CHECKPOINT_KEY = "checkpoint".getBytes(StandardCharsets.US_ASCII);

    private static final byte[] FIRST = {0};

    private final ExtentIndex index;
    private final Map<Long, StreamRow> streams = new HashMap<>();
    private final Map<Long, SyncRow> missing = new HashMap<>();
    private final Map<Long, BitSet> mapped = new HashMap<>();
    private final List<ExtentIndex.Entry> versions = new ArrayList<>();
    private final List<ExtentIndex.Entry> allocation = new ArrayList<>();
    /** {@code device << 32 | unit} of everything that entries name. */
    private final Map<Integer, BitSet> named = new HashMap<>();

    private @Nullable ReplayPosition position;
    private @Nullable String error;

    LoadedIndex(ExtentIndex index) {
        this.index = index;
    }

    static byte[] groupValue(UUID group, UUID journal) {
        return ByteBuffer.allocate(32)
                .putLong(group.getMostSignificantBits())
                .putLong(group.getLeastSignificantBits())
                .putLong(journal.getMostSignificantBits())
                .putLong(journal.getLeastSignificantBits())
                .array();
    }

    /** On the worker. */
    void load(Superblock expected) {
        byte[] identity = index.get(Table.META, GROUP_KEY);
        byte[] wanted = groupValue(expected.group(), expected.journalUuid());
        if (identity == null) {
            error = "the index of disk group " + expected.group()
                    + " is empty: its directory was lost or is not the one it was formatted with; restore it, or format the group anew";
            return;
        }
        if (!java.util.Arrays.equals(identity, wanted)) {
            error = "the index belongs to another disk group than " + expected.group()
                    + ": check the data directory of this node";
            return;
        }
        byte[] checkpoint = index.get(Table.META, CHECKPOINT_KEY);
        position = checkpoint == null ? ReplayPosition.START : ReplayPosition.decode(checkpoint);
        if (position == null) {
            error = "the index of disk group " + expected.group() + " was written by a newer version";
            return;
        }
        index.scan(Table.STREAM, FIRST, this::stream);
        index.scan(Table.SYNC, FIRST, this::missing);
        index.scan(Table.EXTVER, FIRST, (key, value) -> versions.add(new ExtentIndex.Entry(key, value)));
        index.scan(Table.ALLOC, FIRST, (key, value) -> allocation.add(new ExtentIndex.Entry(key, value)));
        loadMapped();
    }

    private boolean stream(byte[] key, byte[] value) {
        StreamRow row = StreamRow.decode(value);
        if (row == null) {
            error = "the index holds a stream that a newer version wrote";
            return false;
        }
        streams.put(StreamRow.stream(key), row);
        return true;
    }

    private boolean missing(byte[] key, byte[] value) {
        SyncRow row = SyncRow.decode(value);
        if (row == null) {
            error = "the index holds what a copy misses as a newer version wrote it";
            return false;
        }
        missing.put(StreamRow.stream(key), row);
        return true;
    }

    private void loadMapped() {
        EntryCache one = new EntryCache(1);
        EntryCodec codec = new EntryCodec();
        index.scan(Table.EXTENT, FIRST, (key, value) -> {
            int row = one.add(0);
            codec.decode(key, value, one, row);
            BitSet pieces = mapped.computeIfAbsent(EntryCodec.keyStream(key), id -> new BitSet());
            int first = EntryCodec.keyExtent(key) * Geometry.PIECES_PER_EXTENT;
            for (int piece = 0; piece < Geometry.PIECES_PER_EXTENT; piece++) {
                boolean unit = one.isMapped(row, piece) && one.unit(row, piece) != EntryCache.NO_UNIT;
                if (unit || one.isLost(row)) {
                    pieces.set(first + piece);
                }
                if (unit) {
                    named.computeIfAbsent(one.device(row, piece), device -> new BitSet())
                            .set(one.unit(row, piece));
                }
            }
            return true;
        });
    }

    @Nullable String error() {
        return error;
    }

    ReplayPosition position() {
        return position == null ? ReplayPosition.START : position;
    }

    /** On the loop: hands everything to the group. Streams that are being deleted come too; the group finishes that. */
    void giveTo(GroupState group) {
        streams.forEach(group::addStream);
        missing.forEach((id, row) -> {
            StreamLog stream = group.stream(id);
            if (stream != null) {
                stream.learn(row);
            }
        });
        mapped.forEach((id, pieces) -> {
            StreamLog stream = group.stream(id);
            if (stream != null) {
                stream.mapped.or(pieces);
            }
        });
        streams.forEach((id, row) -> {
            StreamLog stream = group.stream(id);
            if (stream != null && !row.deleting()) {
                group.space.guarantee(stream, Space.pieces(row.guaranteedBlocks()));
            }
        });
        for (ExtentIndex.Entry page : versions) {
            ByteBuffer key = ByteBuffer.wrap(page.key());
            StreamLog stream = group.stream(key.getLong());
            if (stream != null) {
                stream.loadVersions(key.getInt(), page.value());
            }
        }
        for (ExtentIndex.Entry page : allocation) {
            int device = Allocator.keyDevice(page.key());
            if (device < group.devices.size()) {
                group.devices.get(device).allocator().load(Allocator.keyPage(page.key()), page.value());
            }
        }
        // A page of bits that rotted must not give away a unit that an entry names.
        named.forEach((device, units) -> {
            Allocator allocator = group.devices.get(device).allocator();
            units.stream().filter(unit -> unit < allocator.units()).forEach(unit -> {
                allocator.markBusy(unit);
                allocator.keep(unit);
            });
        });
    }
}
