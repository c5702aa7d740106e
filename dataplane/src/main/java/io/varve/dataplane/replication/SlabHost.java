package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.store.StoreStatus;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.wire.Message;
import io.varve.dataplane.wire.NodeIdentity;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One slab of an attached volume: carries out what its {@link AccessPoint} decides, and knows which port each member is. */
@SuppressWarnings("ReferenceEquality") // identity is meant
final class SlabHost implements AccessPointEffects {
    /** Between a refusal that passes (no room) and sending again. */
    private static final long RESEND_PAUSE_NANOS = 10_000_000L;

    /** The same for a copy outside of the set, which nobody waits for. */
    private static final long OUTSIDER_PAUSE_NANOS = 1_000_000_000L;

    private static final Logger LOG = LoggerFactory.getLogger(SlabHost.class);

    private final AccessPointHost host;
    private final Loop loop;
    private final Crc32c crc = new Crc32c();
    final AttachSpec.Slab spec;
    final AccessPoint point;
    private final Ports from;
    /** By the index of the member, as are the next two. One that was dropped keeps its port here. */
    GroupPort[] ports;

    private long[] creationIds;
    private @Nullable Learner[] learners;

    /** As the truth wants them; empty: it has said nothing since the attach. */
    private List<AttachSpec.Copy> wanted = List.of();

    private final CopyMark copyMark = new CopyMark();
    private final MissedBlocks missed;
    final SlabMap map;
    private final TailFetches fetches;
    int gen;
    /** A change was proposed whose outcome is not known. */
    boolean isUnsettled;

    SlabHost(AccessPointHost host, AttachSpec.Slab spec, Ports from) {
        this.host = host;
        this.loop = from.loop();
        this.from = from;
        this.spec = spec;
        this.missed = new MissedBlocks(from.missedMemory());
        this.gen = spec.gen();
        long stream = host.spec().volume() << 16 | spec.index();
        List<AttachSpec.Copy> copies = new ArrayList<>(spec.copies());
        copies.removeIf(copy -> !isOfUse(spec, copy));
        // Reads ask the first that can answer.
        copies.sort(Comparator.comparingInt(from::distance));
        ports = new GroupPort[copies.size()];
        creationIds = new long[copies.size()];
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < copies.size(); i++) {
            AttachSpec.Copy copy = copies.get(i);
            ports[i] = from.port(copy.group(), copy.peerAddress());
            creationIds[i] = copy.creationId();
            Lease lease = host.joined().lease(ports[i]);
            Member member = new Member(
                    i,
                    copy.group(),
                    lease,
                    ports[i].localReplica(stream),
                    spec.isr().contains(copy.group()));
            member.distance = from.distance(copy);
            member.isLeaving = copy.isLeaving();
            members.add(member);
        }
        learners = new Learner[copies.size()];
        point = new AccessPoint(stream, host.spec().epoch(), members, this);
        map = new SlabMap(host, this);
        fetches = new TailFetches(point);
    }

    /** What is to go and not in the set is of no use any more. */
    static boolean isOfUse(AttachSpec.Slab slab, AttachSpec.Copy copy) {
        return !copy.isLeaving() || slab.isr().contains(copy.group());
    }

    /** The fewest in-sync copies with which the slab may be written: as the metadata group has it. */
    int minInSync() {
        return host.minInSync();
    }

    /** Copies that the slab should have. */
    int replicas() {
        return host.replicas();
    }

    boolean isRequired(int member) {
        return point.member(member).isRequired;
    }

    // ------------------------------------------------------------------------------------------------ copies that come
    // and go

    /** What the truth wants now: the copies of this slab that have been made, and which of them are to go. */
    void follow(List<AttachSpec.Copy> copies) {
        if (!copies.equals(wanted)) {
            wanted = copies;
            settleCopies();
        }
    }

    /**
     * Whether the truth has given the slab other copies, all of which have been made: since the attach, or before it when they had not been made yet. It does so only
     * before the slab was ever opened; once this access point has asked for that, a higher gen is its own.
     */
    boolean isPlacedAnew(AttachSpec.Slab now) {
        boolean isAsked = switch (point.phase()) {
            case SEALING, RECONCILING -> false;
            case OPENING, STARTING, OPEN, FENCED, REFUSED, CLOSED -> true;
        };
        if (isAsked || Integer.compareUnsigned(now.gen(), gen) < 0) {
            return false;
        }
        List<AttachSpec.Copy> set = now.copies().stream()
                .filter(copy -> now.isr().contains(copy.group()))
                .toList();
        return set.size() == now.isr().size() && !set.stream().allMatch(this::isInSet);
    }

    private boolean isInSet(AttachSpec.Copy copy) {
        return point.members().stream()
                .anyMatch(member -> member.isInSet
                        && member.group.equals(copy.group())
                        && creationIds[member.index] == copy.creationId());
    }

    /** Comes as close to what is wanted as it may now; again when a change has committed. */
    private void settleCopies() {
        if (wanted.isEmpty() || host.hasEnded()) {
            return;
        }
        for (Member member : List.copyOf(point.members())) {
            AttachSpec.Copy copy = wantedCopy(member);
            if (copy != null) {
                from.port(copy.group(), copy.peerAddress());
            }
            if (copy == null || copy.isLeaving()) {
                leave(member, copy == null);
            }
        }
        for (AttachSpec.Copy copy : wanted) {
            if (!copy.isLeaving() && point.members().stream().noneMatch(member -> member.group.equals(copy.group()))) {
                add(copy);
            }
        }
    }

    private AttachSpec.@Nullable Copy wantedCopy(Member member) {
        for (AttachSpec.Copy copy : wanted) {
            if (copy.group().equals(member.group) && copy.creationId() == creationIds[member.index]) {
                return copy;
            }
        }
        return null;
    }

    /**
     * It is to go: nobody teaches it any more, and {@link SetChanges} takes it out of the set. {@code isForgotten}: the truth names it no longer, so it is
     * dropped as soon as nobody waits for it.
     */
    private void leave(Member member, boolean isForgotten) {
        if (!member.isLeaving) {
            member.isLeaving = true;
            LOG.info("copy leaves stream={} group={} inSet={}", point.stream(), member.group, member.isInSet);
        }
        Learner learner = learners[member.index];
        if (learner != null) {
            learner.giveUp("it is to go");
        }
        if (isForgotten && Places.isDroppable(member)) {
            point.places().drop(member.index);
            map.leaveOut(member.index);
            host.dropped(ports[member.index]);
        }
    }

    private void add(AttachSpec.Copy copy) {
        int index = point.places().free();
        if (index < 0) {
            LOG.warn("no place for another copy stream={} group={}", point.stream(), copy.group());
            return;
        }
        if (index == ports.length) {
            ports = Arrays.copyOf(ports, index + 1);
            creationIds = Arrays.copyOf(creationIds, index + 1);
            learners = Arrays.copyOf(learners, index + 1);
        }
        GroupPort port = from.port(copy.group(), copy.peerAddress());
        ports[index] = port;
        creationIds[index] = copy.creationId();
        fetches.forget(index);
        learners[index] = null;
        boolean isJoined = host.joined().contains(port);
        Member member =
                new Member(index, copy.group(), host.joined().lease(port), port.localReplica(point.stream()), false);
        member.distance = from.distance(copy);
        point.places().add(member);
        LOG.info("copy added stream={} group={} place={}", point.stream(), copy.group(), index);
        if (!isJoined) {
            port.join(host.spec().volume(), host.events());
        } else if (port.isUp()) {
            point.memberUp(index);
        }
    }

    /** The slab is new, while these ports are not: those that are up are spoken to at once, the others when they say that they are. */
    void tellUp(List<GroupPort> known) {
        for (Member member : List.copyOf(point.members())) {
            GroupPort port = ports[member.index];
            if (known.contains(port) && port.isUp()) {
                point.memberUp(member.index);
            }
        }
    }

    /** True if a copy of this slab is behind the port. */
    boolean uses(GroupPort port) {
        return memberOf(port) >= 0;
    }

    // ------------------------------------------------------------------------------------------------ effects

    int memberOf(GroupPort port) {
        for (int i = 0; i < ports.length; i++) {
            if (ports[i] == port && !point.member(i).isGone()) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public void seal(int member) {
        ports[member].seal(
                point.stream(),
                host.epoch(),
                gen,
                new Message.Seal(
                        creationIds[member],
                        host.self().nodeHash(),
                        host.self().incarnation(),
                        NodeIdentity.hash(host.spec().attachId())));
    }

    @Override
    public void replicate(int member, WriteRecord record, int round, long commitSeq) {
        WriteRecord sent = record;
        if (record.copyFor >= 0 && record.copyFor != member) {
            copyMark.standInFor(record);
            sent = copyMark;
        }
        ports[member].replicate(
                point.stream(), host.epoch(), gen, round, sent, sent.payload, sent.payloadIndex, commitSeq);
    }

    @Override
    public void tellCommit(int member, long commitSeq) {
        ports[member].commit(point.stream(), host.epoch(), commitSeq);
    }

    @Override
    public void fetchTail(int donor, int member, long fromSeq, long toSeq) {
        ports[donor].fetchTail(point.stream(), host.epoch(), fromSeq, toSeq, fetches.begin(member));
    }

    @Override
    public void resendLater(int member) {
        boolean isUrgent = point.member(member).isInSet;
        loop.schedule(isUrgent ? RESEND_PAUSE_NANOS : OUTSIDER_PAUSE_NANOS, () -> point.resend(member));
    }

    @Override
    public void acked(int member, WriteRecord record) {
        ports[member].givenBack(record.journalCost, record.pieceCost);
    }

    @Override
    public void learnerPromised(int member) {
        host.returns().promised(this, member);
    }

    @Override
    public void learnerLost(int member, String why) {
        loop.execute(() -> {
            Learner learner = learners[member];
            if (learner != null) {
                learner.giveUp(why);
            }
        });
    }

    @Override
    public boolean mayLeaveOut(int member) {
        return Watch.mayBeLeftOut(this, point.member(member));
    }

    @Override
    public void considerSet() {
        loop.execute(host::considerSet);
    }

    /** Indices of the copies in the set, the nearest first: those that must be equal. */
    int[] inSet() {
        return point.members().stream()
                .filter(member -> member.isInSet)
                .mapToInt(member -> member.index)
                .toArray();
    }

    /** The nearest copy that a read may be answered from. */
    @Nullable GroupPort firstReadable() {
        for (Member member : point.members()) {
            if (member.isReadable()) {
                return ports[member.index];
            }
        }
        return null;
    }

    @Nullable Learner learner(int member) {
        return learners[member];
    }

    void setLearner(int member, @Nullable Learner learner) {
        learners[member] = learner;
    }

    /** A client's record was numbered: what a learner reads for copying has grown old there. */
    void wrote(int block, int count) {
        missed.wrote(point.inFlight().nextSeq(), block, count);
        for (Learner learner : learners) {
            if (learner != null) {
                learner.wrote(block, count);
            }
        }
    }

    /** Something that a learner may wait for has changed. */
    void advanceLearners() {
        for (Learner learner : learners) {
            if (learner != null) {
                learner.advance();
            }
        }
    }

    /** The set is another since a change committed in generation {@code newGen}. */
    void setChanged(int newGen, List<String> isr) {
        gen = newGen;
        noteLeaving(isr);
        point.set().changed(isr);
        for (Member member : point.members()) {
            if (!member.isInSet) {
                map.leaveOut(member.index);
            }
            Learner learner = learners[member.index];
            if (learner != null && (member.isInSet || !member.isRequired)) {
                learner.settled(member.isInSet);
            }
            if (!member.isRequired && member.isSealed) {
                learnerPromised(member.index);
            }
        }
        settleCopies();
        map.fetch();
        host.openedOrMapped();
    }

    /** Before the set changes: what a copy misses that leaves is remembered from its last acknowledged record on, and before. */
    private void noteLeaving(List<String> isr) {
        boolean isAnyOut = false;
        for (Member member : point.members()) {
            if (member.isInSet && !isr.contains(member.group)) {
                member.missingAboveSeq = Long.MAX_VALUE;
            }
            member.isMissingKnown = !isr.contains(member.group) && (member.isMissingKnown || member.isInSet);
            isAnyOut |= member.isMissingKnown;
        }
        if (isAnyOut) {
            missed.begin(point.recoveredSeq() + 1);
        } else {
            missed.end();
        }
    }

    /** By extent the blocks that a copy misses which now knows everything up to {@code cutSeq}, leftovers of earlier sessions included; null if not known. */
    @Nullable Map<Integer, BitSet> missedSince(Member member, long cutSeq) {
        member.missingAboveSeq = Math.min(member.missingAboveSeq, cutSeq);
        return member.isMissingKnown ? missed.since(member.missingAboveSeq) : null;
    }

    /** The access point has ended: there is nothing to remember any more. */
    void forgetMissed() {
        missed.close();
    }

    @Override
    public void recovered() {
        loop.execute(host::slabRecovered);
    }

    @Override
    public void opened() {
        loop.execute(() -> {
            for (Member member : point.members()) {
                if (!member.isInSet) {
                    point.memberUp(member.index);
                }
            }
            map.want(inSet());
            host.openedOrMapped();
        });
    }

    @Override
    public void read(int member, SlabRead read) {
        read.issuer = host.events();
        read.issuedEpoch = host.epoch();
        read.askedNanos = loop.nanos();
        ports[member].read(read);
    }

    @Override
    public boolean abandon(int member, SlabRead read) {
        LOG.debug("read taken back stream={} block={} group={}", read.stream, read.block, ports[member].group());
        return ports[member].abandon(read);
    }

    @Override
    public void readSingly(SlabRead read) {
        // In a turn of its own: reads that end inside the call that began them would pile up.
        loop.execute(() -> new SingleReads(point, read).start());
    }

    @Override
    public void repair(int member, SlabRead read, int block) {
        if (block < read.block || block >= read.block + read.count) {
            // A peer that names a block which was not asked for.
            loop.execute(() -> read.repairEnded(StoreStatus.BAD_BLOCK));
            return;
        }
        host.countRepair();
        int at = read.destinationIndex + (block - read.block) * Geometry.BLOCK_BYTES;
        ByteBuf data = java.util.Objects.requireNonNull(read.destination);
        int crc = this.crc.of(data, at, Geometry.BLOCK_BYTES);
        long stream = read.stream;
        String group = ports[member].group();
        LOG.warn("damaged block stream={} block={} group={}", stream, block, group);
        ports[member].repair(stream, host.epoch(), block, data, at, crc, read.leastSeq, status -> {
            LOG.warn("block repaired stream={} block={} group={} status={}", stream, block, group, status);
            read.repairEnded(status);
        });
    }

    @Override
    public void wantLease() {
        host.wantLease();
    }

    @Override
    public void ended() {
        boolean fenced = point.phase() == AccessPoint.Phase.FENCED;
        // Closed by itself it gives way to another one.
        if (!host.hasEnded() && point.phase() != AccessPoint.Phase.CLOSED) {
            String why = point.trouble();
            loop.execute(() -> host.end(fenced, why));
        }
    }

    @Override
    public void alarm(String what) {
        LOG.error("{}", what);
    }

    void openCommitted(int newGen) {
        gen = newGen;
    }

    void startEpoch() {
        point.openCommitted(new EpochStart());
    }

    /** What all others get in place of a record that fills one copy: the same number, no effect. */
    private static final class CopyMark extends WriteRecord {
        void standInFor(WriteRecord copy) {
            op = Op.COPIED.code();
            recordEpoch = copy.recordEpoch;
            prevEpoch = copy.prevEpoch;
            seq = copy.seq;
            block = copy.block;
            count = copy.count;
            commitSeq = copy.commitSeq;
            aux = 0;
            crcCount = 0;
        }

        @Override
        protected void committed(boolean fenced) {
            throw new IllegalStateException("what stands in for a record is never numbered");
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
