package io.varve.dataplane.replication;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.dataplane.wire.Refusal;
import io.varve.dataplane.wire.WireRecord;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The access points of one volume, one for each slab, in one epoch: carries out what they decide, over the ports to the disk groups that
 * hold the copies, and proposes OPEN for all slabs at once. Confined to the volume's loop.
 */
@SuppressWarnings("ReferenceEquality") // identity is meant
public final class AccessPointHost implements PortListener {
    /** Between a refusal that passes (no room) and sending again. */
    private static final long RESEND_PAUSE_NANOS = 10_000_000L;

    /** Between two proposals of OPEN whose outcome is unknown. */
    private static final long PROPOSE_PAUSE_NANOS = 500_000_000L;

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
    }

    private final Loop loop;
    private final AttachSpec spec;
    private final NodeIdentity self;
    private final Truth truth;
    private final Owner owner;
    private final Slab[] slabs;
    private final Map<GroupPort, Lease> leases = new HashMap<>();
    private final TailRecord tailRecord = new TailRecord();
    private final Runnable checkLeases = this::checkLeases;

    private boolean proposed;
    private boolean openTold;
    private boolean ended;
    private String trouble = "";
    private boolean leaseCheckQueued;
    private boolean commitTimerArmed;
    private boolean creditTimerArmed;
    private long readsRepaired;

    public AccessPointHost(Ports ports, AttachSpec spec, Truth truth, Owner owner) {
        this.loop = ports.loop();
        this.spec = spec;
        this.self = ports.self();
        this.truth = truth;
        this.owner = owner;
        this.slabs = new Slab[spec.slabs().size()];
        for (int i = 0; i < slabs.length; i++) {
            slabs[i] = new Slab(i, spec.slabs().get(i), ports);
        }
    }

    /** Begins to attach; {@link Owner#opened} or {@link Owner#ended} follows. */
    public void start() {
        LOG.info("attach begins volume={} epoch={} slabs={}", spec.volume(), spec.epoch(), slabs.length);
        List.copyOf(leases.keySet()).forEach(port -> port.join(spec.volume(), this));
    }

    @Override
    public long volume() {
        return spec.volume();
    }

    @Override
    public int epoch() {
        return spec.epoch();
    }

    public boolean isOpen() {
        return openTold && !ended;
    }

    /** Ends everything in flight (as fenced: it may or may not take effect) and gives the leases back. */
    public void close() {
        if (!ended) {
            ended = true;
            for (Slab slab : slabs) {
                slab.point.close();
            }
            leave();
        }
    }

    private void leave() {
        leases.forEach((port, lease) -> {
            lease.giveUp();
            port.release(spec.volume(), spec.epoch());
            port.leave(spec.volume(), this);
        });
    }

    // ------------------------------------------------------------------------------------------------ requests

    /** True if a record can be numbered on the slab now: in flight there is room, and every link takes more. */
    public boolean canWrite(int slab) {
        Slab at = slabs[slab];
        if (ended || !at.point.canWrite()) {
            return false;
        }
        for (GroupPort port : at.ports) {
            if (!port.isWritable()) {
                return false;
            }
        }
        return true;
    }

    /** What every copy of the slab has room for in its journal, in bytes, for certain. */
    public long freeJournalBytes(int slab) {
        long least = Long.MAX_VALUE;
        for (GroupPort port : slabs[slab].ports) {
            least = Math.min(least, port.freeJournalBytes());
        }
        return least;
    }

    /** Pieces that every copy of the slab can still allocate. */
    public long freePieces(int slab) {
        long least = Long.MAX_VALUE;
        for (GroupPort port : slabs[slab].ports) {
            least = Math.min(least, port.freePieces());
        }
        return least;
    }

    /** Asks for newer credits; {@link Owner#eased} follows. */
    public void askForCredits(int slab) {
        for (GroupPort port : slabs[slab].ports) {
            port.probe();
        }
        if (!creditTimerArmed) {
            creditTimerArmed = true;
            loop.schedule(RESEND_PAUSE_NANOS, () -> {
                creditTimerArmed = false;
                if (!ended) {
                    leases.keySet().forEach(GroupPort::probe);
                    owner.eased();
                }
            });
        }
    }

    /** Pieces of the slab that take space on every copy. Kept by whoever writes. */
    public BitSet allocated(int slab) {
        return slabs[slab].allocated;
    }

    public void write(int slab, WriteRecord record) {
        Slab at = slabs[slab];
        for (GroupPort port : at.ports) {
            port.taken(record.journalCost, record.pieceCost);
        }
        at.point.write(record);
        armCommitTimer();
    }

    public void read(int slab, SlabRead read) {
        read.stream = slabs[slab].point.stream();
        slabs[slab].point.read(read);
    }

    /** True if this is still the access point, for certain: what FLUSH asks. */
    public boolean mayAnswer() {
        long now = loop.nanos();
        for (Slab slab : slabs) {
            if (!slab.point.mayAnswer(now)) {
                wantLease();
                return false;
            }
        }
        return !ended;
    }

    // ------------------------------------------------------------------------------------------------ for people

    /** One word: SEALING, RECONCILING, OPENING, HEALTHY, STALLED, FENCED, REFUSED, DETACHED. */
    public String state() {
        AccessPoint.Phase least = AccessPoint.Phase.CLOSED;
        boolean stalled = false;
        for (Slab slab : slabs) {
            AccessPoint.Phase phase = slab.point.phase();
            if (phase == AccessPoint.Phase.FENCED || phase == AccessPoint.Phase.REFUSED) {
                return phase.name();
            }
            least = phase.compareTo(least) < 0 ? phase : least;
            stalled |= slab.point.members().stream().anyMatch(member -> !member.isSealed);
        }
        return switch (least) {
            case SEALING, RECONCILING, OPENING -> least.name();
            case STARTING -> "OPENING";
            case OPEN -> !openTold ? "OPENING" : stalled ? "STALLED" : "HEALTHY";
            case CLOSED, FENCED, REFUSED -> "DETACHED";
        };
    }

    /** What it waits for; empty if for nothing. */
    public String detail() {
        if (!trouble.isEmpty()) {
            return trouble;
        }
        for (Slab slab : slabs) {
            for (AccessPoint.Member member : slab.point.members()) {
                if (!member.isSealed && !slab.point.hasEnded()) {
                    String why = member.trouble.isEmpty() ? slab.ports[member.index].trouble() : member.trouble;
                    return "slab " + slab.spec.index() + " waits for its copy on disk group " + member.group
                            + (why.isEmpty() ? "" : ": " + why);
                }
            }
        }
        return "";
    }

    /** Blocks read from another copy because one was damaged, and sent there for repair. */
    public long readsRepaired() {
        return readsRepaired;
    }

    int slabCount() {
        return slabs.length;
    }

    AttachSpec spec() {
        return spec;
    }

    AccessPoint accessPoint(int slab) {
        return slabs[slab].point;
    }

    GroupPort[] ports(int slab) {
        return slabs[slab].ports;
    }

    // ------------------------------------------------------------------------------------------------ the ports

    @Override
    public void portUp(GroupPort port) {
        for (Slab slab : slabs) {
            int member = slab.memberOf(port);
            if (member >= 0) {
                slab.point.memberUp(member);
            }
        }
    }

    @Override
    public void portDown(GroupPort port, String reason) {
        for (Slab slab : slabs) {
            int member = slab.memberOf(port);
            if (member >= 0) {
                slab.point.memberDown(member, reason);
            }
        }
    }

    @Override
    public void portEased(GroupPort port) {
        owner.eased();
    }

    @Override
    public void sealed(GroupPort port, long stream, int itsEpoch, Message.Sealed m) {
        Slab slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.sealed(member, m.lastSeq(), m.lastEpoch(), m.commitSeq(), m.suspectFromSeq());
            if (slab.point.phase() == AccessPoint.Phase.OPEN) {
                slab.fetchMaps();
                owner.eased();
            }
        }
    }

    @Override
    public void leaseHeld(GroupPort port, long stream, int itsEpoch, long remainingNanos, int holderEpoch) {
        Slab slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.leaseHeld(member, remainingNanos, holderEpoch);
        }
    }

    @Override
    public void sealRefused(GroupPort port, long stream, int itsEpoch, Refusal refusal, int promisedEpoch) {
        Slab slab = slab(stream);
        int member = slab == null ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.sealRefused(member, itsEpoch, refusal, promisedEpoch);
        }
    }

    @Override
    public void acked(GroupPort port, long stream, int itsEpoch, long durableSeq) {
        Slab slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.acked(member, durableSeq);
            owner.eased();
        }
    }

    @Override
    public void refused(
            GroupPort port,
            long stream,
            int itsEpoch,
            int round,
            Refusal refusal,
            int promisedEpoch,
            long seq,
            long lastSeq) {
        Slab slab = slab(stream);
        int member = slab == null || itsEpoch != spec.epoch() ? -1 : slab.memberOf(port);
        if (slab != null && member >= 0) {
            slab.point.refused(member, round, refusal, promisedEpoch, seq, lastSeq);
        }
    }

    @Override
    public void leased(GroupPort port, int itsEpoch, long sentNanos, long termNanos) {
        Lease lease = leases.get(port);
        if (lease != null && itsEpoch == spec.epoch() && !ended) {
            lease.granted(sentNanos, termNanos);
            checkLeases();
            owner.eased();
        }
    }

    @Override
    public void readAnswered(SlabRead read, @Nullable Refusal refusal, long highestSeq, int damagedBlock) {
        Slab slab = slab(read.stream);
        Invariant.check(slab != null, "answer to a read of another volume", read.stream);
        if (slab != null) {
            slab.point.readAnswered(read.issuedTo, read, refusal, highestSeq, damagedBlock, loop.nanos());
        }
    }

    private @Nullable Slab slab(long stream) {
        int index = (int) (stream & 0xffff);
        for (int i = index < slabs.length ? index : 0; i < slabs.length; i++) {
            if (slabs[i].spec.index() == index) {
                return slabs[i];
            }
        }
        return null;
    }

    // ------------------------------------------------------------------------------------------------ OPEN

    private void proposeOpen() {
        for (Slab slab : slabs) {
            if (slab.point.phase() != AccessPoint.Phase.OPENING) {
                return;
            }
        }
        if (proposed || ended) {
            return;
        }
        proposed = true;
        List<Truth.SlabOpen> asked = new ArrayList<>();
        for (Slab slab : slabs) {
            List<String> isr = new ArrayList<>();
            slab.point.members().forEach(member -> isr.add(member.group));
            asked.add(new Truth.SlabOpen(slab.spec.index(), slab.gen, isr, slab.point.recoveredSeq() + 1));
        }
        truth.open(spec.volume(), spec.epoch(), asked, this::openAnswered);
    }

    private void openAnswered(Truth.Outcome outcome, List<Truth.SlabOpened> answers, String message) {
        if (ended) {
            return;
        }
        switch (outcome) {
            case STALE_EPOCH -> end(true, "a newer attach exists" + (message.isEmpty() ? "" : ": " + message));
            case REFUSED -> end(false, "the metadata group refused to open the volume: " + message);
            case UNKNOWN -> {
                trouble = "waits for the metadata group: " + message;
                proposed = false;
                loop.schedule(PROPOSE_PAUSE_NANOS, this::proposeOpen);
            }
            case OK, STALE_GEN -> {
                trouble = "";
                String failure = openAll(answers);
                if (failure != null) {
                    end(false, failure);
                }
            }
        }
    }

    /** Each slab is judged by itself; one that cannot be opened keeps the volume from opening. */
    private @Nullable String openAll(List<Truth.SlabOpened> answers) {
        for (Truth.SlabOpened answer : answers) {
            Slab slab = slab(spec.volume() << 16 | answer.index());
            if (slab == null || slab.point.phase() != AccessPoint.Phase.OPENING) {
                continue;
            }
            boolean sameIsr = slab.point.members().size() == answer.isr().size()
                    && slab.point.members().stream()
                            .allMatch(member -> answer.isr().contains(member.group));
            // Another gen in our own epoch is our own earlier proposal whose answer was lost: nobody else may change
            // the set now.
            boolean committed = answer.outcome() == Truth.Outcome.OK
                    || (answer.outcome() == Truth.Outcome.STALE_GEN && answer.gen() > slab.gen && sameIsr);
            if (answer.outcome() == Truth.Outcome.STALE_EPOCH) {
                end(true, "a newer attach exists");
                return null;
            }
            if (!committed) {
                return "slab " + answer.index() + " was not opened: " + answer.outcome() + ", gen " + answer.gen();
            }
            slab.gen = answer.gen();
        }
        for (Slab slab : slabs) {
            if (slab.point.phase() == AccessPoint.Phase.OPENING) {
                slab.point.openCommitted(new EpochStart());
            }
        }
        return null;
    }

    private void openedOrMapped() {
        for (Slab slab : slabs) {
            if (slab.point.phase() != AccessPoint.Phase.OPEN || slab.mapsMissing != 0) {
                return;
            }
        }
        if (!openTold && !ended) {
            openTold = true;
            LOG.info("volume open volume={} epoch={}", spec.volume(), spec.epoch());
            leases.keySet().forEach(GroupPort::probe);
            owner.opened();
        }
    }

    private void end(boolean fenced, String why) {
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
        for (Slab slab : slabs) {
            if (fenced) {
                slab.point.fence(why);
            } else {
                slab.point.close();
            }
        }
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
        for (Slab slab : slabs) {
            more |= slab.point.tellCommit() || slab.point.inFlightRecords() > 0;
        }
        if (more && !ended) {
            armCommitTimer();
        }
    }

    private void wantLease() {
        leases.keySet().forEach(GroupPort::probe);
        if (!leaseCheckQueued) {
            leaseCheckQueued = true;
            loop.execute(checkLeases);
        }
    }

    private void checkLeases() {
        leaseCheckQueued = false;
        long now = loop.nanos();
        for (Slab slab : slabs) {
            slab.point.leasesChanged(now);
        }
    }

    /** One slab: its access point, and which port each member is. */
    private final class Slab implements AccessPoint.Effects {
        private final AttachSpec.Slab spec;
        private final AccessPoint point;
        private final GroupPort[] ports;
        private final long[] creationIds;
        private final @Nullable TailFetch[] fetches;
        private final BitSet allocated = new BitSet();
        private int gen;
        private int mapsMissing;
        private boolean hasMap;

        Slab(int position, AttachSpec.Slab spec, Ports from) {
            this.spec = spec;
            this.gen = spec.gen();
            long stream = AccessPointHost.this.spec.volume() << 16 | spec.index();
            List<AttachSpec.Copy> copies = new ArrayList<>();
            for (AttachSpec.Copy copy : spec.copies()) {
                if (spec.isr().contains(copy.group())) {
                    boolean isLocal =
                            from.port(copy.group(), copy.peerAddress()).isLocal();
                    copies.add(isLocal ? 0 : copies.size(), copy);
                }
            }
            ports = new GroupPort[copies.size()];
            creationIds = new long[copies.size()];
            fetches = new TailFetch[copies.size()];
            List<AccessPoint.Member> members = new ArrayList<>();
            for (int i = 0; i < copies.size(); i++) {
                AttachSpec.Copy copy = copies.get(i);
                ports[i] = from.port(copy.group(), copy.peerAddress());
                creationIds[i] = copy.creationId();
                Lease lease = leases.computeIfAbsent(ports[i], port -> new Lease());
                members.add(new AccessPoint.Member(i, copy.group(), lease, ports[i].localReplica(stream)));
            }
            mapsMissing = (1 << copies.size()) - 1;
            point = new AccessPoint(stream, AccessPointHost.this.spec.epoch(), members, this);
            Invariant.check(position >= 0, "slab position", position);
        }

        int memberOf(GroupPort port) {
            for (int i = 0; i < ports.length; i++) {
                if (ports[i] == port) {
                    return i;
                }
            }
            return -1;
        }

        @Override
        public void seal(int member) {
            ports[member].seal(
                    point.stream(),
                    epoch(),
                    gen,
                    new Message.Seal(
                            creationIds[member],
                            self.nodeHash(),
                            self.incarnation(),
                            NodeIdentity.hash(AccessPointHost.this.spec.attachId())));
        }

        @Override
        public void replicate(int member, WriteRecord record, int round, long commitSeq) {
            ports[member].replicate(
                    point.stream(), epoch(), gen, round, record, record.payload, record.payloadIndex, commitSeq);
        }

        @Override
        public void tellCommit(int member, long commitSeq) {
            ports[member].commit(point.stream(), epoch(), commitSeq);
        }

        @Override
        public void fetchTail(int donor, int member, long fromSeq, long toSeq) {
            TailFetch fetch = new TailFetch(this, member);
            fetches[member] = fetch;
            ports[donor].fetchTail(point.stream(), epoch(), fromSeq, toSeq, fetch);
        }

        @Override
        public void resendLater(int member) {
            loop.schedule(RESEND_PAUSE_NANOS, () -> point.resend(member));
        }

        @Override
        public void acked(int member, WriteRecord record) {
            ports[member].givenBack(record.journalCost, record.pieceCost);
        }

        @Override
        public void recovered() {
            loop.execute(AccessPointHost.this::proposeOpen);
        }

        @Override
        public void opened() {
            loop.execute(() -> {
                fetchMaps();
                openedOrMapped();
            });
        }

        void fetchMaps() {
            for (int i = 0; i < ports.length; i++) {
                int member = i;
                if ((mapsMissing & 1 << member) != 0 && !ended) {
                    ports[member].map(point.stream(), epoch(), (status, pieces) -> mapped(member, status, pieces));
                }
            }
        }

        private void mapped(int member, StoreStatus status, @Nullable BitSet pieces) {
            if (status != StoreStatus.OK || pieces == null) {
                // Asked again when the member is back.
                return;
            }
            if ((mapsMissing & 1 << member) == 0) {
                return;
            }
            mapsMissing &= ~(1 << member);
            // A piece that one copy does not hold reads as zeros there, so everywhere; and a write to it takes room at
            // least there.
            if (hasMap) {
                allocated.and(pieces);
            } else {
                hasMap = true;
                allocated.or(pieces);
            }
            openedOrMapped();
        }

        @Override
        public void read(int member, SlabRead read) {
            read.issuer = AccessPointHost.this;
            read.issuedTo = member;
            read.issuedEpoch = epoch();
            ports[member].read(read);
        }

        @Override
        public void repair(int member, SlabRead read, int block) {
            if (block < read.block || block >= read.block + read.count) {
                return;
            }
            readsRepaired++;
            int at = read.destinationIndex + (block - read.block) * io.varve.model.Geometry.BLOCK_BYTES;
            io.netty.buffer.ByteBuf data = java.util.Objects.requireNonNull(read.destination);
            int crc = new io.varve.dataplane.buffer.Crc32c().of(data, at, io.varve.model.Geometry.BLOCK_BYTES);
            LOG.warn("damaged block stream={} block={} group={}", read.stream, block, ports[member].group());
            ports[member].repair(read.stream, epoch(), block, data, at, crc, read.leastSeq);
        }

        @Override
        public void wantLease() {
            AccessPointHost.this.wantLease();
        }

        @Override
        public void ended() {
            boolean fenced = point.phase() == AccessPoint.Phase.FENCED;
            if (!AccessPointHost.this.ended) {
                String why = point.trouble();
                loop.execute(() -> end(fenced, why));
            }
        }

        @Override
        public void alarm(String what) {
            LOG.error("{}", what);
        }
    }

    /** Hands the records of a donor's tail to the access point, unless a newer fetch took its place. */
    private final class TailFetch implements GroupPort.TailReceiver {
        private final Slab slab;
        private final int member;

        TailFetch(Slab slab, int member) {
            this.slab = slab;
            this.member = member;
        }

        @Override
        public void record(WireRecord record, io.netty.buffer.@Nullable ByteBuf payload, int payloadIndex) {
            if (slab.fetches[member] == this) {
                tailRecord.copyFrom(record);
                tailRecord.payload = payload;
                tailRecord.payloadIndex = payloadIndex;
                slab.point.tail(member, tailRecord);
                tailRecord.payload = null;
            }
        }

        @Override
        public void ended(StoreStatus status) {
            if (slab.fetches[member] == this) {
                slab.point.tailEnded(member, status);
            }
        }
    }

    /** Sent as soon as it is handed over; never in flight. */
    private static final class TailRecord extends WriteRecord {
        @Override
        protected void committed(boolean fenced) {
            throw new IllegalStateException("a record of a tail is never numbered here");
        }
    }

    /** The first record of the epoch. */
    private static final class EpochStart extends WriteRecord {
        @Override
        protected void committed(boolean fenced) {
            // The access point itself says that it is open.
        }
    }
}
