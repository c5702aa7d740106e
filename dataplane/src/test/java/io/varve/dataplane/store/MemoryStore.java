package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * A replica store without disks, for tests of what lies above: one frame in flight, durable after a while; a crash keeps a prefix of it.
 */
public final class MemoryStore implements ReplicaStore {
    private final Loop loop;
    private final MemoryDisk disk;
    private final SplittableRandom random;
    private final Map<Long, StreamState> states = new HashMap<>();
    private final ArrayDeque<JournalRecord> waiting = new ArrayDeque<>();
    private List<JournalRecord> flying = new ArrayList<>();
    private final MemoryResync resyncs;
    /** Room told to access points; tests change it. */
    public long journalBytes = 1L << 30;

    public long pieces = 1L << 20;
    /** What the next {@link #reclaim} adds to {@link #pieces}; how many there were. */
    public long reclaimable;

    public int reclaims;
    public long minLatencyNanos = 50_000;
    public long maxLatencyNanos = 300_000;
    /** Records are kept waiting while set. */
    public boolean isStuck;

    /** One of so many records finds no room; 0: none. */
    public int refusesOneIn;

    public long repaired;

    /** Reads do not end while set, and what they read to is written to all the time: the worst that a hung disk may do. */
    public boolean readsHang;

    private boolean hasFailed;
    private final List<Runnable> whenFailed = new ArrayList<>();

    public MemoryStore(Loop loop, MemoryDisk disk, long seed) {
        this.loop = loop;
        this.disk = disk;
        this.random = new SplittableRandom(seed);
        resyncs = new MemoryResync(loop, disk, states, random);
        disk.streams.forEach((stream, durable) -> {
            StreamState state = new StreamState(stream, durable.creationId, durable.blocks);
            state.lastSeq = durable.lastSeq;
            state.lastEpoch = durable.lastEpoch;
            state.durableSeq = durable.lastSeq;
            state.commitSeq = durable.commitSeq;
            state.promisedEpoch = durable.promisedEpoch;
            state.promisedNodeHash = durable.promisedNodeHash;
            state.promisedIncarnation = durable.promisedIncarnation;
            state.session = durable.session;
            state.appliedSeq = durable.appliedSeq;
            states.put(stream, state);
        });
    }

    /** The process dies: of the frame in flight a prefix is on the disk. */
    public void crash() {
        int kept = flying.isEmpty() ? 0 : random.nextInt(flying.size() + 1);
        for (int i = 0; i < kept; i++) {
            persist(flying.get(i));
        }
    }

    @Override
    public String uuid() {
        return disk.uuid;
    }

    @Override
    public @Nullable StreamState stream(long stream) {
        return states.get(stream);
    }

    @Override
    public List<StreamState> streams() {
        return List.copyOf(states.values());
    }

    @Override
    public void create(long stream, long creationId, int blocks, int guaranteedBlocks, StatusCallback created) {
        StreamState existing = states.get(stream);
        if (existing != null && existing.creationId() < creationId) {
            forget(stream);
        }
        disk.streams.computeIfAbsent(stream, s -> new MemoryDisk.Stream(creationId, blocks));
        states.computeIfAbsent(stream, s -> new StreamState(stream, creationId, blocks));
        loop.execute(() -> created.done(StoreStatus.OK));
    }

    /** It never runs full. */
    @Override
    public void guarantee(long stream, long creationId, int guaranteedBlocks, StatusCallback done) {
        loop.execute(() -> done.done(StoreStatus.OK));
    }

    private void forget(long stream) {
        disk.streams.remove(stream);
        states.remove(stream);
    }

    @Override
    public void delete(long stream, long creationId, StatusCallback deleted) {
        StreamState existing = states.get(stream);
        if (existing != null && (creationId == ANY_CREATION || existing.creationId() == creationId)) {
            forget(stream);
        }
        loop.execute(() -> deleted.done(StoreStatus.OK));
    }

    @Override
    public void onFailure(Runnable task) {
        whenFailed.add(task);
    }

    /** From now on it serves nothing, as a group whose device was given up. */
    public void fail() {
        hasFailed = true;
        whenFailed.forEach(loop::execute);
    }

    @Override
    public void append(JournalRecord record) {
        if (hasFailed) {
            loop.execute(() -> record.appended(StoreStatus.IO_ERROR));
            return;
        }
        StreamState state = states.get(record.stream);
        if (state == null) {
            loop.execute(() -> record.appended(StoreStatus.NOT_MEMBER));
            return;
        }
        boolean isRefused = resyncs.isChanging(record.stream)
                || (refusesOneIn > 0 && record.op.isSequenced() && random.nextInt(refusesOneIn) == 0);
        if (isRefused && record.op.isSequenced()) {
            loop.execute(() -> record.appended(StoreStatus.NO_SPACE));
            return;
        }
        if (record.op.isSequenced()) {
            Invariant.check(record.seq == state.lastSeq + 1, "the store got a gap", record.seq, state.lastSeq);
            state.lastSeq = record.seq;
            state.lastEpoch = record.epoch;
        }
        waiting.add(record);
        fly();
    }

    private void fly() {
        if (flying.isEmpty() && !waiting.isEmpty() && !isStuck) {
            flying = new ArrayList<>(waiting);
            waiting.clear();
            loop.schedule(random.nextLong(minLatencyNanos, maxLatencyNanos), this::landed);
        }
    }

    private void landed() {
        List<JournalRecord> frame = flying;
        flying = new ArrayList<>();
        for (JournalRecord record : frame) {
            persist(record);
            StreamState state = states.get(record.stream);
            if (state != null) {
                if (record.op.isSequenced()) {
                    state.durableSeq = record.seq;
                } else if (record.op == Op.SEAL) {
                    state.promisedEpoch = record.epoch;
                    state.promisedNodeHash = record.aux;
                    state.promisedIncarnation = record.aux2;
                }
            }
        }
        frame.forEach(record -> record.appended(StoreStatus.OK));
        resyncs.landed();
        fly();
    }

    public void unstick() {
        isStuck = false;
        fly();
    }

    private void persist(JournalRecord record) {
        MemoryDisk.Stream durable = disk.streams.get(record.stream);
        if (durable == null) {
            return;
        }
        durable.commitSeq = Math.max(durable.commitSeq, record.commitSeq);
        if (record.op == Op.SEAL) {
            durable.promisedEpoch = record.epoch;
            durable.promisedNodeHash = record.aux;
            durable.promisedIncarnation = record.aux2;
            return;
        }
        MemoryDisk.Kept kept = new MemoryDisk.Kept(record);
        durable.log.add(kept);
        durable.lastSeq = record.seq;
        durable.lastEpoch = record.epoch;
        if (record.op == Op.COPIED) {
            int extent = record.block / Geometry.BLOCKS_PER_EXTENT;
            durable.copied.put(extent, record.seq);
            if (durable.session != 0 && record.aux == durable.session) {
                durable.done.put(record.seq, extent);
            }
            return;
        }
        for (int i = 0; i < record.count; i++) {
            byte[] data = new byte[4096];
            if (kept.payload.length > 0) {
                System.arraycopy(kept.payload, i * 4096, data, 0, 4096);
            }
            MemoryDisk.Version before = durable.content.get(record.block + i);
            if (before != null && before.seq() <= durable.commitSeq) {
                before = new MemoryDisk.Version(before.seq(), before.data(), null);
            }
            durable.content.put(record.block + i, new MemoryDisk.Version(record.seq, data, before));
            durable.rotten.remove(record.block + i);
        }
    }

    @Override
    public void read(StoreRead read) {
        if (hasFailed) {
            loop.execute(() -> read.completed(StoreStatus.IO_ERROR));
        } else if (readsHang) {
            scribble(read);
        } else {
            readNow(read);
        }
    }

    private void scribble(StoreRead read) {
        if (!readsHang) {
            readNow(read);
            return;
        }
        ByteBuf destination = java.util.Objects.requireNonNull(read.destination);
        Invariant.check(destination.refCnt() > 0, "memory that a disk reads to was given back");
        for (int i = 0; i < read.count * 4096; i += 4096) {
            destination.setLong(read.destinationIndex + i, 0xBAD0_BAD0_BAD0_BAD0L);
        }
        loop.schedule(20_000, () -> scribble(read));
    }

    private void readNow(StoreRead read) {
        loop.schedule(random.nextLong(10_000, 200_000), () -> {
            MemoryDisk.Stream durable = disk.streams.get(read.stream);
            ByteBuf destination = read.destination;
            if (durable == null || destination == null) {
                read.completed(StoreStatus.NOT_MEMBER);
                return;
            }
            read.highestSeq = 0;
            for (int i = 0; i < read.count; i++) {
                if (durable.rotten.contains(read.block + i)) {
                    read.badBlock = i;
                    read.completed(StoreStatus.BAD_BLOCK);
                    return;
                }
                MemoryDisk.Version version = durable.content.get(read.block + i);
                byte[] data = version == null ? new byte[4096] : version.data();
                destination.setBytes(read.destinationIndex + i * 4096, data);
                read.highestSeq = Math.max(read.highestSeq, version == null ? 0 : version.seq());
                read.crcs[i] = crc(data);
            }
            read.completed(StoreStatus.OK);
        });
    }

    private static int crc(byte[] data) {
        CRC32C crc = new CRC32C();
        crc.update(data);
        return (int) crc.getValue();
    }

    @Override
    public void readTail(TailRead read) {
        loop.schedule(random.nextLong(10_000, 200_000), () -> {
            MemoryDisk.Stream durable = disk.streams.get(read.stream);
            if (durable == null || durable.log.isEmpty() || durable.log.getFirst().seq > read.fromSeq) {
                read.ended(StoreStatus.NOT_MEMBER);
                return;
            }
            for (MemoryDisk.Kept record : List.copyOf(durable.log)) {
                if (record.seq >= read.fromSeq && record.seq <= read.toSeq) {
                    JournalRecord out = new JournalRecord() {
                        @Override
                        protected void appended(StoreStatus status) {
                            throw new IllegalStateException();
                        }
                    };
                    out.stream = read.stream;
                    out.op = record.op;
                    out.epoch = record.epoch;
                    out.gen = record.gen;
                    out.seq = record.seq;
                    out.block = record.block;
                    out.count = record.count;
                    out.aux = record.aux;
                    out.payload = record.payload.length == 0 ? null : Unpooled.wrappedBuffer(record.payload);
                    System.arraycopy(record.crcs, 0, out.crcs, 0, record.crcs.length);
                    if (!read.record(out)) {
                        break;
                    }
                }
            }
            read.ended(StoreStatus.OK);
        });
    }

    @Override
    public void commit(long stream, long commitSeq) {
        StreamState state = states.get(stream);
        MemoryDisk.Stream durable = disk.streams.get(stream);
        if (state != null && durable != null) {
            Invariant.check(commitSeq <= state.lastSeq, "commitSeq above the log", commitSeq, state.lastSeq);
            state.commitSeq = Math.max(state.commitSeq, commitSeq);
            // Now and then the log is cut from below, as a checkpoint does.
            if (random.nextInt(8) == 0) {
                durable.log.removeIf(record -> record.seq < durable.commitSeq);
            }
        }
    }

    @Override
    public void repair(
            long stream, int block, ByteBuf data, int dataIndex, int crc, long version, StatusCallback repaired) {
        MemoryDisk.Stream durable = disk.streams.get(stream);
        if (durable != null && durable.rotten.remove(block)) {
            byte[] bytes = new byte[4096];
            data.getBytes(dataIndex, bytes);
            MemoryDisk.Version old = durable.content.get(block);
            durable.content.put(block, new MemoryDisk.Version(old == null ? 0 : old.seq(), bytes, null));
            this.repaired++;
        }
        loop.execute(() -> repaired.done(StoreStatus.OK));
    }

    @Override
    public Credits credits() {
        return new Credits(journalBytes, pieces);
    }

    @Override
    public void reclaim(Runnable done) {
        reclaims++;
        loop.schedule(random.nextLong(1_000_000, 20_000_000), () -> {
            pieces += reclaimable;
            reclaimable = 0;
            done.run();
        });
    }

    @Override
    public void allocatedPieces(long stream, Consumer<BitSet> told) {
        BitSet set = new BitSet();
        MemoryDisk.Stream durable = disk.streams.get(stream);
        if (durable != null) {
            durable.content.keySet().forEach(block -> set.set(block / Geometry.BLOCKS_PER_PIECE));
        }
        loop.execute(() -> told.accept(set));
    }

    @Override
    public void digest(long stream, int extent, DigestCallback told) {
        MemoryDisk.Stream durable = disk.streams.get(stream);
        CRC32C crc = new CRC32C();
        long version = 0;
        for (int i = 0; i < Geometry.BLOCKS_PER_EXTENT && durable != null; i++) {
            MemoryDisk.Version block = durable.content.get(extent * Geometry.BLOCKS_PER_EXTENT + i);
            crc.update(block == null ? new byte[4096] : block.data());
            version = Math.max(version, block == null ? 0 : block.seq());
        }
        int sum = (int) crc.getValue();
        long newest = version;
        boolean isRotten = durable != null
                && durable.rotten.stream().anyMatch(block -> block / Geometry.BLOCKS_PER_EXTENT == extent);
        loop.execute(() -> told.done(isRotten ? StoreStatus.BAD_BLOCK : StoreStatus.OK, sum, newest));
    }

    @Override
    public void prepare(long stream, PrepareCallback told) {
        resyncs.prepare(stream, told);
    }

    @Override
    public void newer(long stream, long aboveSeq, ExtentsCallback told) {
        resyncs.newer(stream, aboveSeq, told);
    }

    @Override
    public void join(long stream, long session, long joinSeq, int lastEpoch, BitSet newer, ExtentsCallback told) {
        resyncs.join(stream, session, joinSeq, lastEpoch, newer, told);
    }

    @Override
    public void finish(long stream, long session, long commitSeq, StatusCallback told) {
        resyncs.finish(stream, session, commitSeq, told);
    }

    @Override
    public StoreStats stats() {
        return new StoreStats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, repaired);
    }

    @Override
    public void close(Runnable closed) {
        loop.execute(closed);
    }
}
