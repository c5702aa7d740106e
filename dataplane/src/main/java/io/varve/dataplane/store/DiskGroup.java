package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.disk.Errno;
import io.varve.dataplane.store.index.ExtentIndex;
import io.varve.dataplane.store.journal.Journal;
import io.varve.dataplane.store.journal.JournalGeometry;
import io.varve.dataplane.store.journal.JournalScan;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One replica store: the disks of one node that share a journal and an index. Wires the parts and keeps the contract of
 * {@link ReplicaStore}; what happens is in {@link Appends}, {@link ReadPath}, {@code Checkpoint}. Confined to the group's loop.
 */
public final class DiskGroup implements ReplicaStore {
    private static final Logger LOG = LoggerFactory.getLogger(DiskGroup.class);

    /** Between two looks at whether everything has ended. */
    private static final long SETTLE_NANOS = 10_000_000L;

    /** What has not ended by then does not end: far longer than a worker takes. */
    private static final long SETTLE_LIMIT_NANOS = 30_000_000_000L;

    private final GroupState group;
    private final Journal journal;
    private final Appends appends;
    private final ReadPath reads;
    private final Checkpoints checkpoints;
    private final StreamChanges changes;
    private final Reclaim reclaim;
    private final Resync resync;
    private final int incarnation;
    private final TailCopies tails;
    private boolean hasOnlyHung;
    private boolean isLettingGo;
    /** The devices have let go of everything that they were asked. */
    private boolean isQuiet;

    DiskGroup(GroupState group, JournalGeometry geometry, int incarnation, JournalScan.Found found) {
        this.group = group;
        this.incarnation = incarnation;
        Superblock superblock = group.devices.getFirst().superblock();
        appends = new Appends(group);
        journal = new Journal(
                group.loop,
                group.devices.getFirst().disk(),
                geometry,
                superblock.journalUuid(),
                incarnation,
                found,
                appends);
        reads = new ReadPath(group);
        tails = new TailCopies(group, journal);
        checkpoints = new Checkpoints(group, journal, tails);
        reclaim = new Reclaim(group, checkpoints);
        changes = new StreamChanges(group, journal, checkpoints, reclaim);
        resync = new Resync(group, journal, appends, checkpoints);
        appends.use(journal, tails, checkpoints);
    }

    /**
     * Opens a formatted group: reads superblocks, replays the journal, and makes the new start durable before it answers. {@code done} gets the
     * result on the loop, never inside this call. {@code index} is used by nobody else; the group closes it.
     */
    public static void open(
            Loop loop,
            List<GroupDisk> disks,
            GroupIdentity expected,
            DiskGroupOptions options,
            ExtentIndex index,
            Consumer<OpenResult> done) {
        loop.execute(() -> new DiskGroupOpening(loop, disks, expected, options, index, done).start());
    }

    /**
     * Cuts the streams that recovery had to cut and opens a new segment; {@code begun}: null when that is durable and there is room for another
     * start, or why not.
     */
    void begin(List<StreamLog> cut, Consumer<@Nullable String> begun) {
        if (journal.freeSegments() == 0) {
            begun.accept("the journal of disk group " + uuid()
                    + " has no free segment left for this start: earlier ones ended before they had made room");
            return;
        }
        appends.begin(
                cut,
                () -> checkpoints.makeRoomForStart(appends, () -> {
                    begun.accept(group.failure);
                    if (group.failure == null) {
                        watchDevices();
                        changes.resumeDeletions();
                    }
                }));
    }

    private void watchDevices() {
        for (GroupDevice device : group.devices) {
            device.watched().watch(why -> {
                hasOnlyHung |= group.failure == null && device.watched().hasHung();
                group.fail(why);
                journal.fail(-Errno.EIO);
            });
        }
    }

    /** True if the device of that name is much slower than it was. */
    public boolean isSlow(String device) {
        return group.devices.stream()
                .anyMatch(each ->
                        each.disk().name().equals(device) && each.watched().isSlow());
    }

    /** How long operations of the group's devices took, all kinds; to be read from any thread. */
    public List<DeviceLatency> latencies() {
        return group.devices.stream()
                .map(each ->
                        new DeviceLatency(each.disk().name(), each.watched().latency()))
                .toList();
    }

    @Override
    public void onFailure(Runnable task) {
        if (group.failure == null) {
            group.onFailure.add(task);
        } else {
            group.loop.execute(task);
        }
    }

    @Override
    public String uuid() {
        return group.devices.getFirst().superblock().group().toString();
    }

    /** Number of this start of the group; rises with every start. */
    public int incarnation() {
        return incarnation;
    }

    /** Why the group serves nothing any more; null while it serves. */
    public @Nullable String failure() {
        return group.failure;
    }

    /** It failed because a device did not answer in time, and no device has refused a write: what it holds is what was asked of it. */
    public boolean hasOnlyHung() {
        return hasOnlyHung
                && group.devices.stream().noneMatch(device -> device.watched().hasRefusedWrites());
    }

    /**
     * Of a group that has failed, once: its devices are asked nothing any more. {@code quiet} runs when they have let go of everything that they were asked:
     * then it can be closed, and opened anew. A device that never answers again never lets go.
     */
    public void letGo(Runnable quiet) {
        Invariant.check(
                group.failure != null && !isLettingGo, "a group lets go of its devices once, when it has failed");
        isLettingGo = true;
        int[] left = {group.devices.size()};
        for (GroupDevice device : group.devices) {
            device.watched().shut(() -> {
                left[0]--;
                if (left[0] == 0) {
                    isQuiet = true;
                    quiet.run();
                }
            });
        }
    }

    @Override
    public @Nullable StreamState stream(long stream) {
        StreamLog found = group.stream(stream);
        return found == null || found.deleting ? null : found.state;
    }

    @Override
    public List<StreamState> streams() {
        List<StreamState> states = new ArrayList<>();
        for (int slot = 0; slot < group.slotEnd(); slot++) {
            StreamLog found = group.streamOrNull(slot);
            if (found != null && !found.deleting) {
                states.add(found.state);
            }
        }
        return states;
    }

    @Override
    public void create(long stream, long creationId, int blocks, int guaranteedBlocks, StatusCallback created) {
        changes.create(stream, creationId, blocks, guaranteedBlocks, created);
    }

    @Override
    public void guarantee(long stream, long creationId, int guaranteedBlocks, StatusCallback done) {
        changes.guarantee(stream, creationId, guaranteedBlocks, done);
    }

    @Override
    public void delete(long stream, long creationId, StatusCallback deleted) {
        changes.delete(stream, creationId, deleted);
    }

    @Override
    public void append(JournalRecord record) {
        appends.append(record);
    }

    @Override
    public void read(StoreRead read) {
        StreamLog stream = group.stream(read.stream);
        if (!group.isServing() || stream == null || stream.deleting) {
            StoreStatus status = !group.isServing() ? StoreStatus.IO_ERROR : StoreStatus.NOT_MEMBER;
            group.loop.execute(() -> read.completed(status));
        } else {
            reads.read(stream, read);
        }
    }

    @Override
    public void readTail(TailRead read) {
        StreamLog stream = group.stream(read.stream);
        if (stream == null || stream.deleting) {
            group.loop.execute(() -> read.ended(StoreStatus.NOT_MEMBER));
        } else {
            new TailReader(group, journal, stream, read).start();
        }
    }

    @Override
    public void commit(long stream, long commitSeq) {
        StreamLog found = group.stream(stream);
        if (found != null && found.state.commitSeq < commitSeq) {
            found.state.commitSeq = commitSeq;
            found.rowChanged = true;
            checkpoints.touched();
        }
    }

    @Override
    public void repair(
            long stream, int block, ByteBuf data, int dataIndex, int crc, long version, StatusCallback repaired) {
        StreamLog found = group.stream(stream);
        if (!group.isServing() || found == null) {
            StoreStatus status = group.isServing() ? StoreStatus.NOT_MEMBER : StoreStatus.IO_ERROR;
            group.loop.execute(() -> repaired.done(status));
            return;
        }
        BlockRepair repair = new BlockRepair(group, checkpoints, found, block, data, dataIndex, crc, version, repaired);
        group.loop.execute(() -> checkpoints.exclusively(repair::run));
    }

    @Override
    public Credits credits() {
        return new Credits(group.failure == null ? journal.creditBytes(appends) : 0, group.space.available());
    }

    @Override
    public void reclaim(Runnable done) {
        reclaim.ask(done);
    }

    @Override
    public void allocatedPieces(long stream, Consumer<BitSet> told) {
        StreamLog found = group.stream(stream);
        BitSet pieces = new BitSet();
        if (found != null) {
            pieces.or(found.mapped);
            pieces.or(found.reserved);
        }
        group.loop.execute(() -> told.accept(pieces));
    }

    @Override
    public void prepare(long stream, PrepareCallback told) {
        resync.prepare(stream, told);
    }

    @Override
    public void newer(long stream, long aboveSeq, ExtentsCallback told) {
        resync.newer(stream, aboveSeq, told);
    }

    @Override
    public void join(long stream, long session, long joinSeq, int lastEpoch, BitSet newer, ExtentsCallback told) {
        resync.join(stream, session, joinSeq, lastEpoch, newer, told);
    }

    @Override
    public void finish(long stream, long session, long commitSeq, StatusCallback told) {
        resync.finish(stream, session, commitSeq, told);
    }

    /** The extents that the copy still misses, empty if it is complete or not here. A copy. */
    public BitSet undone(long stream) {
        StreamLog found = group.stream(stream);
        return found == null ? new BitSet() : found.undone();
    }

    /** Space that the replica takes below the journal, in bytes; 0 if it is not here. */
    public long allocatedBytes(long stream) {
        StreamLog found = group.stream(stream);
        return found == null ? 0 : (long) found.mapped.cardinality() * io.varve.model.Geometry.PIECE_BYTES;
    }

    @Override
    public void digest(long stream, int extent, DigestCallback told) {
        StreamLog found = group.stream(stream);
        if (found == null) {
            group.loop.execute(() -> told.done(StoreStatus.NOT_MEMBER, 0, 0));
        } else {
            new ExtentDigest(this, group, found, extent, told).start();
        }
    }

    @Override
    public StoreStats stats() {
        long units = group.space.units();
        return new StoreStats(
                journal.capacityBytes(),
                journal.usedBytes(),
                units * io.varve.model.Geometry.PIECE_BYTES,
                (units - group.space.free()) * io.varve.model.Geometry.PIECE_BYTES,
                group.space.reserved() * io.varve.model.Geometry.PIECE_BYTES,
                group.space.guaranteed() * io.varve.model.Geometry.PIECE_BYTES,
                group.devices.stream().mapToLong(GroupDevice::writtenBytes).sum(),
                journal.writtenFrames(),
                appends.records(),
                checkpoints.completed(),
                checkpoints.lastNanos(),
                group.checksumErrors,
                group.repairedBlocks);
    }

    @Override
    public void close(Runnable closed) {
        close(closed, closed);
    }

    /**
     * Closes the group, which may have failed. {@code stuck} runs instead of {@code closed} when a device holds what it was asked, or something under way does not
     * end: then disks and index stay open until the process ends, and must not be opened anew in it.
     */
    public void close(Runnable closed, Runnable stuck) {
        group.closing = true;
        appends.whenIdle(() -> {
            if (group.failure == null) {
                checkpoints.runOnce(() -> closeDisks(closed));
            } else if (isQuiet) {
                settle(closed, stuck);
            } else if (isLettingGo || isAnyDeviceStuck()) {
                leaveOpen(stuck);
            } else {
                closeDisks(closed);
            }
        });
    }

    private boolean isAnyDeviceStuck() {
        return group.devices.stream().anyMatch(device -> device.watched().isStuck());
    }

    /** What was under way when the group failed ends, now that its devices answer at once. */
    private void settle(Runnable closed, Runnable stuck) {
        Loop.Timer limit = group.loop.schedule(SETTLE_LIMIT_NANOS, () -> {
            LOG.error(
                    "disk group not closed group={} now=\"restart the node: something that was under way does not end\"",
                    uuid());
            leaveOpen(stuck);
        });
        settleWithin(limit, closed);
    }

    /** A round is a turn of both workers, which may hang themselves, and of the loop. */
    private void settleWithin(Loop.Timer limit, Runnable closed) {
        group.loop.offload(
                () -> {},
                () -> group.loop.offloadRead(() -> {}, () -> {
                    if (!isSettled()) {
                        group.loop.schedule(SETTLE_NANOS, () -> settleWithin(limit, closed));
                    } else if (limit.cancel()) {
                        closeDisks(closed);
                    }
                }));
    }

    private void leaveOpen(Runnable stuck) {
        stopWork();
        group.loop.execute(stuck);
    }

    private boolean isSettled() {
        return group.devices.stream().noneMatch(device -> device.watched().isBusy())
                && !checkpoints.isRunning()
                && tails.isIdle()
                && group.loads.isIdle()
                && journal.isIdle();
    }

    private void closeDisks(Runnable closed) {
        stopWork();
        closeDisk(0, closed);
    }

    private void stopWork() {
        group.closed = true;
        checkpoints.close();
        journal.stop();
    }

    private void closeDisk(int i, Runnable closed) {
        if (i == group.devices.size()) {
            journal.close();
            group.loads.close(() -> group.loop.offload(group.index::close, closed));
            return;
        }
        GroupDevice device = group.devices.get(i);
        device.disk().close(() -> {
            device.checksums().close();
            closeDisk(i + 1, closed);
        });
    }
}
