package io.varve.dataplane.volume;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.metrics.VolumeCounters;
import io.varve.dataplane.replication.AccessPointHost;
import io.varve.dataplane.replication.SlabRead;
import io.varve.dataplane.replication.Verification;
import io.varve.dataplane.store.Op;
import io.varve.dataplane.time.Loop;
import io.varve.model.Geometry;
import io.varve.model.Holder;
import io.varve.model.IoLimits;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * A volume in one epoch: cuts requests into parts of one slab and one extent, reads and changes blocks that are covered in part, lets writes
 * in as there is room, and gives up on what waited too long. Confined to its loop.
 *
 * <p>Writes enter in order; reads overtake writes that wait for room. A request that waits longer than {@link #WAIT_LIMIT_NANOS} is answered
 * IO_ERROR; what of it was numbered may still take effect.
 */
public final class SlabVolume implements Volume {
    /** How long a request waits for a copy that is away: longer than a node takes to restart, shorter than most hosts' patience. */
    public static final long WAIT_LIMIT_NANOS = 60_000_000_000L;

    /** Requests taken and not answered, above which the front end is asked to wait: some connections with 128 each. */
    static final int MAX_REQUESTS = 1024;

    /** Their data, likewise. */
    static final long MAX_HELD_BYTES = 128L << 20;

    /** Blocks that are being read and changed at a time. */
    static final int MAX_EDGES = 64;

    /** Parts of reads that are with the copies. */
    static final int MAX_READ_PARTS = 1024;

    private final String name;
    private long sizeBytes;
    private final Loop loop;
    private final AccessPointHost host;
    private final Admission admission;
    private final ThinGrowth growth;
    private final VolumeCounters counters = new VolumeCounters();
    private final Crc32c crc = new Crc32c();

    private final ArrayDeque<RequestRun> freeRuns = new ArrayDeque<>();
    private final ArrayDeque<WritePart> freeWrites = new ArrayDeque<>();
    private final ArrayDeque<ReadPart> freeReads = new ArrayDeque<>();

    private final RunQueue writes = new RunQueue();
    private final RunQueue reads = new RunQueue();
    private final RunQueue flushes = new RunQueue();
    private final List<EdgePart> edges = new ArrayList<>();
    private final ArrayDeque<EdgePart> changed = new ArrayDeque<>();
    private final OpenRequests open;

    private int readParts;
    private boolean submitting;
    private boolean pumping;
    private boolean pumpAgain;
    /** OK while requests are taken; else what they are answered. */
    private BlockStatus verdict = BlockStatus.OK;

    SlabVolume(String name, long sizeBytes, Loop loop, AccessPointHost host) {
        this.name = name;
        this.sizeBytes = sizeBytes;
        this.loop = loop;
        this.host = host;
        this.admission = new Admission(host);
        this.growth = new ThinGrowth(host, loop, sizeBytes);
        this.open = new OpenRequests(loop, counters, this::push);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Holder holder() {
        return host.holder();
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    /** From now on there is more of it. */
    void resized(long newSizeBytes) {
        growth.resized(newSizeBytes);
        sizeBytes = newSizeBytes;
    }

    @Override
    public Loop loop() {
        return loop;
    }

    /** From now on its clients may do no more than that; whoever waits goes on as they allow. */
    void limit(IoLimits limits) {
        if (verdict == BlockStatus.OK) {
            open.throttle().limit(limits);
        }
    }

    /** Every copy keeps room for all of it, or not any more: then writes ask for it again. */
    void guaranteed(boolean isGuaranteed) {
        growth.guaranteed(isGuaranteed);
        pump();
    }

    @Override
    public boolean isHoldingBack() {
        return !open.throttle().mayTake();
    }

    /** What it did since it was attached; any thread. */
    public VolumeCounters counters() {
        return counters;
    }

    /** The access points below: state and detail for people, repairs. */
    public AccessPointHost accessPoints() {
        return host;
    }

    /** Compares the copies extent by extent, while the volume is used. */
    public void verify(Verification.Listener listener) {
        Verification.start(loop, host, sizeBytes, listener);
    }

    @Override
    public void submit(BlockRequest request) {
        RequestRun run = freeRuns.isEmpty() ? new RequestRun(this) : freeRuns.pop();
        run.begin(request, loop.nanos());
        open.add(run);
        boolean before = submitting;
        submitting = true;
        if (verdict != BlockStatus.OK) {
            run.cut(verdict);
        } else if (request.offsetBytes < 0
                || request.lengthBytes < 0
                || request.lengthBytes > sizeBytes - request.offsetBytes) {
            run.cut(BlockStatus.IO_ERROR);
        } else {
            open.throttle().taken(request.kind, request.lengthBytes);
            switch (request.kind) {
                case READ -> reads.add(run);
                case WRITE, ZERO, UNMAP -> writes.add(run);
                case FLUSH -> flushes.add(run);
            }
            pump();
        }
        submitting = before;
    }

    @Override
    public boolean canTakeMore() {
        return open.canTakeMore();
    }

    @Override
    public void onDrained(Runnable task) {
        open.onDrained(task);
    }

    // ------------------------------------------------------------------------------------------------ the pump

    /** Moves whatever can move. Called when anything changed that a request may wait for. */
    void pump() {
        if (pumping) {
            pumpAgain = true;
            return;
        }
        pumping = true;
        do {
            pumpAgain = false;
            pumpEdges();
            pumpQueue(writes);
            pumpQueue(reads);
            while (!flushes.isEmpty() && host.mayAnswer()) {
                RequestRun run = java.util.Objects.requireNonNull(flushes.peek());
                flushes.removeFirst();
                run.cut(BlockStatus.OK);
            }
        } while (pumpAgain);
        pumping = false;
    }

    /** What nobody told of, once a second. */
    private void push() {
        pump();
        pumpQueue(flushes);
    }

    private void pumpQueue(RunQueue queue) {
        RequestRun run = queue.peek();
        while (run != null) {
            boolean isDone =
                    run.isAnswered() || (run.kind == BlockRequest.Kind.READ ? advanceRead(run) : advanceWrite(run));
            if (!isDone) {
                return;
            }
            if (run.isAnswered() && queue == writes) {
                growth.forget();
            }
            // Out of the queue before it may end: an ended run is used anew.
            queue.removeFirst();
            run.cut(BlockStatus.OK);
            run = queue.peek();
        }
    }

    /** True when all of it is cut into parts. */
    private boolean advanceRead(RequestRun run) {
        BlockRequest request = run.request();
        while (run.positionBytes < run.endBytes) {
            if (readParts >= MAX_READ_PARTS) {
                return false;
            }
            long at = run.positionBytes;
            int slab = (int) (at / Geometry.SLAB_BYTES);
            int length = (int) Math.min(run.endBytes - at, Geometry.EXTENT_BYTES - at % Geometry.EXTENT_BYTES);
            ReadPart part = freeReads.isEmpty() ? new ReadPart(this) : freeReads.pop();
            ByteBuf data = java.util.Objects.requireNonNull(request.data);
            part.fill(run, at % Geometry.SLAB_BYTES, length, data, request.dataIndex + (int) (at - run.offsetBytes));
            run.positionBytes += length;
            run.partOut();
            readParts++;
            host.read(slab, part);
        }
        return true;
    }

    /** True when all of it is numbered or on its way to be, or it was refused. */
    private boolean advanceWrite(RequestRun run) {
        if (run.isWholeInHand() && run.kind == BlockRequest.Kind.WRITE && run.offsetBytes < run.endBytes) {
            ThinGrowth.Verdict verdict = growth.ask(run.offsetBytes, run.endBytes - run.offsetBytes, edges.isEmpty());
            if (verdict == ThinGrowth.Verdict.WAIT) {
                return false;
            }
            if (verdict == ThinGrowth.Verdict.FULL) {
                run.refuse(BlockStatus.NO_SPACE);
                return true;
            }
        }
        while (run.positionBytes < run.endBytes) {
            long at = run.positionBytes;
            int slab = (int) (at / Geometry.SLAB_BYTES);
            int block = (int) (at % Geometry.SLAB_BYTES / Geometry.BLOCK_BYTES);
            int fromByte = (int) (at % Geometry.BLOCK_BYTES);
            long length = fromByte != 0 || run.endBytes - at < Geometry.BLOCK_BYTES
                    ? advanceEdge(run, slab, block, fromByte)
                    : advanceBlocks(run, slab, block);
            if (length == 0) {
                return false;
            }
            run.positionBytes += length;
        }
        return true;
    }

    /** Bytes taken; 0: not now. */
    private long advanceBlocks(RequestRun run, int slab, int block) {
        long at = run.positionBytes;
        boolean hasData = run.kind == BlockRequest.Kind.WRITE;
        long unit = hasData ? Geometry.EXTENT_BYTES : Geometry.SLAB_BYTES;
        long room = Math.min(run.endBytes - at, unit - at % unit);
        int count = (int) (room / Geometry.BLOCK_BYTES);
        if (isBeingChanged(slab, block, count) || !admission.mayNumber(slab, hasData ? count : 0)) {
            return 0;
        }
        WritePart part = freeWrites.isEmpty() ? new WritePart(this) : freeWrites.pop();
        part.pieceCost = 0;
        if (hasData) {
            BlockRequest request = run.request();
            ByteBuf data = java.util.Objects.requireNonNull(request.data);
            part.fillData(run, block, count, data, request.dataIndex + (int) (at - run.offsetBytes), crc);
            part.pieceCost = growth.cost(admission.grow(slab, block, count));
        } else {
            part.fillZeros(run, block, count, run.kind == BlockRequest.Kind.ZERO ? Op.ZERO : Op.UNMAP);
            admission.shrink(slab, block, count);
            growth.shrunk(slab);
        }
        run.partOut();
        number(slab, part);
        return (long) count * Geometry.BLOCK_BYTES;
    }

    private void number(int slab, WritePart part) {
        part.journalCost = Admission.journalCost(part.crcCount);
        admission.numbered(part.crcCount);
        host.write(slab, part);
    }

    private boolean isBeingChanged(int slab, int block, int count) {
        for (int i = 0; i < edges.size(); i++) {
            if (edges.get(i).touches(slab, block, count)) {
                return true;
            }
        }
        return false;
    }

    // ------------------------------------------------------------------------------------------------ partial blocks

    private long advanceEdge(RequestRun run, int slab, int block, int fromByte) {
        int bytes = (int) Math.min(run.endBytes - run.positionBytes, Geometry.BLOCK_BYTES - fromByte);
        boolean isZeros = run.kind != BlockRequest.Kind.WRITE;
        if (isBeingChanged(slab, block, 1) || edges.size() >= MAX_EDGES || !admission.mayNumber(slab, 1)) {
            return 0;
        }
        if (isZeros && !admission.isAllocated(slab, block)) {
            return bytes;
        }
        BlockRequest request = run.request();
        int dataIndex = request.dataIndex + (int) (run.positionBytes - run.offsetBytes);
        EdgePart edge = new EdgePart(this, run, slab, block, fromByte, bytes, isZeros ? null : request.data, dataIndex);
        edges.add(edge);
        run.partOut();
        host.read(slab, edge);
        return bytes;
    }

    void edgeRead(EdgePart edge, SlabRead.Outcome outcome) {
        if (outcome == SlabRead.Outcome.OK && verdict == BlockStatus.OK) {
            changed.add(edge);
        } else {
            edges.remove(edge);
            edge.release();
            BlockStatus status = outcome == SlabRead.Outcome.FENCED ? BlockStatus.FENCED : BlockStatus.IO_ERROR;
            edge.run().partBack(verdict == BlockStatus.OK ? status : verdict);
        }
        pump();
    }

    private void pumpEdges() {
        for (EdgePart edge = changed.peek(); edge != null; edge = changed.peek()) {
            if (!admission.mayNumber(edge.slab(), 1)) {
                return;
            }
            changed.remove();
            edges.remove(edge);
            WritePart part = freeWrites.isEmpty() ? new WritePart(this) : freeWrites.pop();
            part.fillEdge(edge.run(), edge.block, edge.takeChanged(), crc);
            part.pieceCost = growth.cost(admission.grow(edge.slab(), edge.block, 1));
            edge.release();
            number(edge.slab(), part);
        }
    }

    // ------------------------------------------------------------------------------------------------ answers

    void written(WritePart part, RequestRun run, boolean fenced) {
        admission.done(part.crcCount);
        freeWrites.push(part);
        run.partBack(fenced ? fencedStatus() : BlockStatus.OK);
    }

    void readBack(ReadPart part, RequestRun run, SlabRead.Outcome outcome) {
        readParts--;
        freeReads.push(part);
        run.partBack(
                switch (outcome) {
                    case OK -> BlockStatus.OK;
                    case IO_ERROR -> verdict == BlockStatus.OK ? BlockStatus.IO_ERROR : verdict;
                    case FENCED -> fencedStatus();
                });
        if (!reads.isEmpty()) {
            pump();
        }
    }

    private BlockStatus fencedStatus() {
        return verdict == BlockStatus.OK ? BlockStatus.FENCED : verdict;
    }

    /** All parts of the run are back. */
    void ended(RequestRun run) {
        if (submitting) {
            loop.execute(run);
        } else {
            finish(run);
        }
    }

    void finish(RequestRun run) {
        open.end(run);
        freeRuns.push(run);
        open.tellDrained();
    }

    // ------------------------------------------------------------------------------------------------ ends

    /** From now on requests are answered {@code status}; so is what waits. What is in flight comes back by itself. */
    void stopTaking(BlockStatus status) {
        if (verdict != BlockStatus.OK) {
            return;
        }
        verdict = status;
        refuseAll(writes);
        refuseAll(reads);
        refuseAll(flushes);
        while (!changed.isEmpty()) {
            EdgePart edge = changed.remove();
            edges.remove(edge);
            edge.release();
            edge.run().partBack(status);
        }
        // Refusals are not held back: who waits is to go elsewhere at once.
        open.throttle().limit(IoLimits.NONE);
    }

    private void refuseAll(RunQueue queue) {
        for (RequestRun run = queue.peek(); run != null; run = queue.peek()) {
            queue.removeFirst();
            run.cut(verdict);
        }
    }

    boolean isIdle() {
        return open.isEmpty();
    }

    @Override
    public void allocation(long offsetBytes, long lengthBytes, AllocationVisitor told) {
        long end = Math.min(sizeBytes, offsetBytes + lengthBytes);
        long from = offsetBytes;
        boolean current = false;
        for (long at = offsetBytes; at < end; ) {
            int slab = (int) (at / Geometry.SLAB_BYTES);
            long slabStart = slab * Geometry.SLAB_BYTES;
            int piece = (int) ((at - slabStart) / Geometry.PIECE_BYTES);
            boolean isAllocated = host.allocated(slab).get(piece);
            if (at > from && isAllocated != current) {
                if (!told.run(from, at - from, current)) {
                    return;
                }
                from = at;
            }
            current = isAllocated;
            int next = isAllocated
                    ? host.allocated(slab).nextClearBit(piece)
                    : host.allocated(slab).nextSetBit(piece);
            long nextAt = next < 0 ? Long.MAX_VALUE : slabStart + (long) next * Geometry.PIECE_BYTES;
            at = Math.min(end, Math.min(nextAt, slabStart + Geometry.SLAB_BYTES));
        }
        if (from < end) {
            told.run(from, end - from, current);
        }
    }
}
