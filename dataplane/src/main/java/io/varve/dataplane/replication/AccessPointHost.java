package io.varve.dataplane.replication;

import io.varve.dataplane.metrics.LatencyHistogram;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.model.Geometry;
import io.varve.model.Holder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The access points of one volume, one for each slab, in one epoch: carries out what they decide, over the ports to the disk groups that
 * hold the copies, and proposes OPEN for all slabs at once. Confined to the volume's loop.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
public final class AccessPointHost {
    /** After the last write of a burst, the time until idle replicas know that it is committed and may move it out of the journal. */
    private static final long TELL_COMMIT_NANOS = 100_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(AccessPointHost.class);

    /** Who is told; on the loop. */
    public interface Owner {
        /** Every slab is open in this epoch, and which pieces take space is known. */
        void opened();

        /** It ended without having been closed: fenced by a newer epoch, or it cannot be opened. */
        void ended(boolean fenced, String why);

        /** Something that a request may wait for has changed: room, credits, leases. */
        void eased();

        /** The volume has grown, and what was added is open: so many bytes are served from now on. */
        default void grown(long sizeBytes) {}

        /** How long clients' reads and writes took so far: the buckets of a {@link LatencyHistogram}, for whoever copies beside them. */
        long[] latencies();
    }

    private final Loop loop;
    private final Ports ports;
    private final AttachSpec spec;
    private final NodeIdentity self;
    private final Owner owner;
    private final OpenProposal proposal;
    private final SetChanges changes;
    private final Watch watch;
    private final Returns returns;
    private final PortEvents events;
    /** In the order of their numbers. Those from {@link #usable()} on are still being opened: the volume grows by them. */
    private SlabHost[] slabs;
    /** What clients may use. */
    private long sizeBytes;
    /** What they may use when all slabs are open. */
    private long comingBytes;

    private final JoinedGroups joined;
    private final Room room;
    private final Runnable checkLeases = this::checkLeases;

    /** Copies that each slab should have. */
    private int replicas;

    /** The fewest of them in sync with which a slab goes on. */
    private int minInSync;

    private boolean openTold;
    private boolean ended;
    private String trouble = "";
    private boolean leaseCheckQueued;
    private boolean commitTimerArmed;
    private long readsRepaired;

    public AccessPointHost(Ports ports, AttachSpec spec, Truth truth, Owner owner) {
        this.loop = ports.loop();
        this.ports = ports;
        this.replicas = spec.replicas();
        this.minInSync = spec.minInSync();
        this.spec = spec;
        this.self = ports.self();
        this.owner = owner;
        this.joined = new JoinedGroups(this, ports);
        this.room = new Room(this, owner);
        this.slabs = new SlabHost[spec.slabs().size()];
        for (int i = 0; i < slabs.length; i++) {
            slabs[i] = new SlabHost(this, spec.slabs().get(i), ports);
        }
        this.sizeBytes = spec.sizeBytes();
        this.comingBytes = spec.sizeBytes();
        this.proposal = new OpenProposal(this, spec, truth, loop);
        this.changes = new SetChanges(this, spec, truth, loop);
        this.watch = new Watch(this, loop);
        this.returns = new Returns(this);
        this.events = new PortEvents(this, spec, joined);
    }

    JoinedGroups joined() {
        return joined;
    }

    /** A slab has no copy on that group any more. */
    void dropped(GroupPort port) {
        for (SlabHost slab : slabs) {
            if (slab.uses(port)) {
                return;
            }
        }
        joined.drop(port);
    }

    /** Copies that each slab should have. */
    int replicas() {
        return replicas;
    }

    int minInSync() {
        return minInSync;
    }

    /** What the truth wants of the copies since; ignored if it is meant for another epoch. */
    public void follow(CopiesWanted wanted) {
        if (ended || wanted.volume() != spec.volume() || wanted.epoch() != spec.epoch()) {
            return;
        }
        replicas = wanted.replicas();
        minInSync = wanted.minInSync();
        returns.limit(wanted.copyLimitBytesPerSecond());
        takeAnew(wanted);
        if (ended) {
            return;
        }
        for (AttachSpec.Slab each : wanted.slabs()) {
            SlabHost slab = find(each.index());
            if (slab != null) {
                slab.follow(each.copies());
            }
        }
        grow(wanted);
        considerSet();
        watch.arm();
    }

    /** Begins anew with slabs whose copies were lost before anybody opened them, and made elsewhere (docs/internals/rebuild.md). */
    private void takeAnew(CopiesWanted wanted) {
        for (AttachSpec.Slab each : wanted.slabs()) {
            SlabHost slab = find(each.index());
            if (slab == null || !slab.isPlacedAnew(each)) {
                continue;
            }
            if (!openTold) {
                end(false, "slab " + each.index() + " has other copies now, it is opened with these");
                return;
            }
            replace(slab, each);
        }
    }

    /** A slab by which the volume grows: no client knows of it yet. */
    private void replace(SlabHost former, AttachSpec.Slab anew) {
        LOG.info("slab begins anew stream={} gen={}", former.point.stream(), anew.gen());
        List<GroupPort> before = joined.all();
        SlabHost slab = new SlabHost(this, anew, ports);
        former.point.close();
        slabs[Arrays.asList(slabs).indexOf(former)] = slab;
        joined.join(before);
        slab.tellUp(before);
        for (GroupPort port : former.ports) {
            dropped(port);
        }
    }

    /** Opens what the volume has grown by (docs/internals/resize.md): an attach of these slabs alone, in this epoch. */
    private void grow(CopiesWanted wanted) {
        int count = (int) Math.ceilDiv(wanted.sizeBytes(), Geometry.SLAB_BYTES);
        if (wanted.sizeBytes() <= comingBytes || !hasAll(wanted, slabs.length, count)) {
            return;
        }
        LOG.info("volume grows volume={} epoch={} bytes={}", spec.volume(), spec.epoch(), wanted.sizeBytes());
        comingBytes = wanted.sizeBytes();
        int first = slabs.length;
        slabs = Arrays.copyOf(slabs, count);
        List<GroupPort> before = joined.all();
        for (int i = first; i < count; i++) {
            slabs[i] = new SlabHost(this, wanted.slabs().get(i), ports);
        }
        joined.join(before);
        for (int i = first; i < count; i++) {
            slabs[i].tellUp(before);
        }
        watch.arm();
        openedOrMapped();
    }

    /** The view names each of these slabs, at its place, with a copy that is of use: those that are placed anew may all be still to be made. */
    private static boolean hasAll(CopiesWanted wanted, int from, int count) {
        if (wanted.slabs().size() < count) {
            return false;
        }
        for (int i = from; i < count; i++) {
            AttachSpec.Slab slab = wanted.slabs().get(i);
            if (slab.index() != i || slab.copies().stream().noneMatch(copy -> SlabHost.isOfUse(slab, copy))) {
                return false;
            }
        }
        return true;
    }

    /** All of them, those that are being opened included. Not to be changed, nor kept. */
    SlabHost[] slabs() {
        return slabs;
    }

    NodeIdentity self() {
        return self;
    }

    boolean hasEnded() {
        return ended;
    }

    void slabRecovered() {
        proposal.proposeWhenRecovered();
    }

    /** A member may have to leave a set, or to enter one. */
    void considerSet() {
        changes.propose();
    }

    void countRepair() {
        readsRepaired++;
    }

    /** Begins to attach; {@link Owner#opened} or {@link Owner#ended} follows. */
    public void start() {
        LOG.info("attach begins volume={} epoch={} slabs={}", spec.volume(), spec.epoch(), slabs.length);
        joined.join(List.of());
        watch.arm();
    }

    public long volume() {
        return spec.volume();
    }

    public int epoch() {
        return spec.epoch();
    }

    /** Who may use the volume in this epoch. */
    public Holder holder() {
        return new Holder(spec.publication(), spec.epoch());
    }

    public boolean isOpen() {
        return openTold && !ended;
    }

    /** Ends everything in flight (as fenced: it may or may not take effect) and gives the leases back. */
    public void close() {
        if (!ended) {
            ended = true;
            for (SlabHost slab : slabs) {
                slab.point.close();
            }
            returns.end();
            leave();
        }
    }

    private void leave() {
        for (SlabHost slab : slabs) {
            slab.forgetMissed();
        }
        joined.leaveAll();
    }

    // ------------------------------------------------------------------------------------------------ requests

    /** True if every copy is there and has acknowledged all that was numbered. */
    public boolean isSettled() {
        for (int i = 0; i < usable(); i++) {
            if (!slabs[i].point.isSettled()) {
                return false;
            }
        }
        return !ended;
    }

    /** Pieces that every copy of the slab can still allocate. */
    public long freePieces(int slab) {
        return room.freePieces(slabs[slab]);
    }

    /**
     * Asks each copy of the slab with room for fewer than {@code pieces} to give back what only waits for a checkpoint. Returns how many were
     * asked; {@code told} is called for each of them, never inside this call, then {@link Owner#eased}.
     */
    public int reclaim(int slab, long pieces, Reclaimed told) {
        // What is trimmed or overwritten and not known to be committed stays where it is.
        for (SlabHost each : slabs) {
            each.point.tellCommit();
        }
        return room.reclaim(slabs[slab], pieces, told);
    }

    /** {@code answered} false: the copy was lost before it answered. */
    @FunctionalInterface
    public interface Reclaimed {
        void told(boolean answered);
    }

    /** Pieces of the slab that take space on every copy. Kept by whoever writes. */
    public BitSet allocated(int slab) {
        return slabs[slab].map.allocated();
    }

    /** Those of {@link #allocated} that a copy may give back, or has: to write them may need room. Kept by whoever writes. */
    public BitSet unsure(int slab) {
        return slabs[slab].map.unsure();
    }

    /**
     * After every copy was asked to reclaim, while nothing is in flight: asks which pieces take space, for certain (null: a copy did not answer); then
     * {@link Owner#eased}.
     */
    public void renewMap(int slab, Consumer<@Nullable BitSet> told) {
        slabs[slab].map.renew(pieces -> {
            told.accept(pieces);
            owner.eased();
        });
    }

    public void write(int slab, WriteRecord record) {
        slabs[slab].wrote(record.block, record.count);
        number(slabs[slab], record);
    }

    /** A client's record, or one that fills a copy. */
    void number(SlabHost at, WriteRecord record) {
        for (int i = 0; i < at.ports.length; i++) {
            if (at.isRequired(i)) {
                at.ports[i].taken(record.journalCost, record.pieceCost);
            }
        }
        at.point.write(record);
        armCommitTimer();
        watch.arm();
    }

    public void read(int slab, SlabRead read) {
        read(slabs[slab], read);
    }

    void read(SlabHost at, SlabRead read) {
        read.stream = at.point.stream();
        at.point.reads().read(read);
        watch.arm();
    }

    /** True if a record that takes so much of the journals can be numbered on the slab now; else {@link Owner#eased} follows when that may have changed. */
    public boolean mayNumber(int slab, long journalCost) {
        return room.mayNumber(slabs[slab], journalCost);
    }

    boolean mayNumber(SlabHost at, long journalCost) {
        return room.mayNumber(at, journalCost);
    }

    /** How many blocks the slab has: the last one of a volume may be short. */
    int slabBlocks(SlabHost at) {
        long first = at.spec.index() * Geometry.SLAB_BYTES;
        return (int) ((Math.min(Geometry.SLAB_BYTES, comingBytes - first) + Geometry.BLOCK_BYTES - 1)
                / Geometry.BLOCK_BYTES);
    }

    int slabExtents(SlabHost at) {
        return (slabBlocks(at) + Geometry.BLOCKS_PER_EXTENT - 1) / Geometry.BLOCKS_PER_EXTENT;
    }

    /** True if this is still the access point, for certain: what FLUSH asks. */
    public boolean mayAnswer() {
        long now = loop.nanos();
        for (int i = 0; i < usable(); i++) {
            if (!slabs[i].point.reads().mayAnswer(now)) {
                wantLease();
                return false;
            }
        }
        return !ended;
    }

    // ------------------------------------------------------------------------------------------------ for people

    /** One word: SEALING, RECONCILING, OPENING, HEALTHY, DEGRADED, STALLED, FENCED, REFUSED, DETACHED. */
    public String state() {
        return new SlabStates(inUse(), replicas).state(openTold);
    }

    /** What it waits for, or what is being put right; empty if nothing. */
    public String detail() {
        if (!trouble.isEmpty() || !proposal.trouble().isEmpty()) {
            return trouble.isEmpty() ? proposal.trouble() : trouble;
        }
        String detail = new SlabStates(inUse(), replicas).detail(changes.trouble());
        return detail.isEmpty() && sizeBytes < comingBytes
                ? "it grows: " + new SlabStates(slabs, replicas).detail(changes.trouble())
                : detail;
    }

    /** So many slabs clients may use. */
    private int usable() {
        return (int) Math.ceilDiv(sizeBytes, Geometry.SLAB_BYTES);
    }

    private SlabHost[] inUse() {
        return Arrays.copyOf(slabs, usable());
    }

    /** Blocks read from another copy because one was damaged, and sent there for repair. */
    public long readsRepaired() {
        return readsRepaired;
    }

    /** Reads that were asked of another copy because one did not answer, since the attach. */
    public long lateReads() {
        long sum = 0;
        for (SlabHost slab : slabs) {
            sum += slab.point.reads().lateReads();
        }
        return sum;
    }

    /** Copies that are being filled, or wait for their turn. */
    public List<CopyProgress> copies() {
        return returns.progress();
    }

    long[] latencies() {
        return owner.latencies();
    }

    /** Bytes of extents that were copied to returning copies since the attach. */
    public long bytesCopied() {
        return returns.bytesCopied();
    }

    SlabHost slabAt(int slab) {
        return slabs[slab];
    }

    AccessPoint accessPoint(int slab) {
        return slabs[slab].point;
    }

    GroupPort[] ports(int slab) {
        return slabs[slab].ports;
    }

    /** What clients may use. */
    public long sizeBytes() {
        return sizeBytes;
    }

    AttachSpec spec() {
        return spec;
    }

    Loop loop() {
        return loop;
    }

    Returns returns() {
        return returns;
    }

    // ------------------------------------------------------------------------------------------------ ends and begins

    /** The slab with that number in the volume. */
    @Nullable SlabHost find(int index) {
        for (int i = index < slabs.length ? index : 0; i < slabs.length; i++) {
            if (slabs[i].spec.index() == index) {
                return slabs[i];
            }
        }
        return null;
    }

    void eased() {
        owner.eased();
    }

    void arm() {
        watch.arm();
    }

    PortListener events() {
        return events;
    }

    void openedOrMapped() {
        for (SlabHost slab : slabs) {
            if (slab.point.phase() != AccessPoint.Phase.OPEN || !slab.map.isComplete()) {
                return;
            }
        }
        if (!openTold && !ended) {
            openTold = true;
            LOG.info("volume open volume={} epoch={}", spec.volume(), spec.epoch());
            joined.probe();
            owner.opened();
        }
        if (!ended && sizeBytes < comingBytes) {
            sizeBytes = comingBytes;
            LOG.info("volume grown volume={} epoch={} bytes={}", spec.volume(), spec.epoch(), sizeBytes);
            joined.probe();
            owner.grown(sizeBytes);
        }
    }

    void end(boolean fenced, String why) {
        if (ended) {
            return;
        }
        ended = true;
        trouble = why;
        LOG.warn(
                "access point ended volume={} epoch={} fenced={} reason=\"{}\"",
                spec.volume(),
                spec.epoch(),
                fenced,
                why);
        for (SlabHost slab : slabs) {
            if (fenced) {
                slab.point.fence(why);
            } else {
                slab.point.close();
            }
        }
        returns.end();
        leave();
        owner.ended(fenced, why);
    }

    // ------------------------------------------------------------------------------------------------ timers

    private void armCommitTimer() {
        if (!commitTimerArmed) {
            commitTimerArmed = true;
            loop.schedule(TELL_COMMIT_NANOS, this::tellCommit);
        }
    }

    private void tellCommit() {
        commitTimerArmed = false;
        boolean more = false;
        for (SlabHost slab : slabs) {
            more |= slab.point.tellCommit() || slab.point.inFlight().size() > 0;
        }
        if (more && !ended) {
            armCommitTimer();
        }
    }

    /** Wakes requests: who is waited for is another now. */
    void setChanged() {
        if (!ended) {
            checkLeases();
            owner.eased();
        }
    }

    void wantLease() {
        watch.arm();
        joined.probe();
        if (!leaseCheckQueued) {
            leaseCheckQueued = true;
            loop.execute(checkLeases);
        }
    }

    void checkLeases() {
        leaseCheckQueued = false;
        long now = loop.nanos();
        for (SlabHost slab : slabs) {
            slab.point.reads().leasesChanged(now);
        }
    }
}
