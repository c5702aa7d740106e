package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.StoreStatus;
import io.varve.model.Geometry;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks at one extent block by block, each on every copy, through the access point: a block that is damaged on one copy is read from another
 * and repaired as for any client, and what every copy gave is compared. One block at a time: it only runs where something is wrong already.
 * Reused for every run over the extent; confined to the volume's loop.
 */
final class ExtentInspection extends SlabRead {
    /** How often a block is looked at that is written to at the same time, before the run is given up for now. */
    private static final int MAX_TRIES = 100;

    /** {@code block} counts within the slab. */
    record Unrepaired(int block, String group, StoreStatus why) {}

    private final AccessPointHost host;
    private final int slab;
    /** The copies that are looked at, and the one of them whose turn it is. */
    private int[] members;

    private final int firstBlock;
    private final int endBlock;
    private final Runnable ended;
    private final Crc32c crc = new Crc32c();
    private int[] crcs;

    private int member;
    private int tries;
    private long firstLeastSeq;

    /** Damaged blocks of a copy that were put right from another one, durably; counted over all runs. */
    int repaired;

    /** Blocks that every copy gives, but not the same. */
    int different;

    /** The first of those, −1 if none. */
    int firstDifferent;

    /** Blocks that no copy can give, in order. */
    final List<Integer> lost = new ArrayList<>();

    /** Blocks that stayed damaged on one copy although another has them. */
    final List<Unrepaired> unrepaired = new ArrayList<>();

    /** True if the last run repaired something: worth another look. */
    boolean hasRepaired;

    /** True if it could not go to the end: a copy was away, or the volume was closed. */
    boolean isInterrupted;

    /** {@code extent} counts within the slab; the slab has {@code slabBlocks} blocks. {@code ended} is called after each run. */
    ExtentInspection(AccessPointHost host, int slab, int extent, int slabBlocks, Runnable ended) {
        this.host = host;
        this.slab = slab;
        this.ended = ended;
        members = host.slabAt(slab).inSet();
        crcs = new int[members.length];
        firstBlock = extent * Geometry.BLOCKS_PER_EXTENT;
        endBlock = Math.min(firstBlock + Geometry.BLOCKS_PER_EXTENT, slabBlocks);
    }

    /** Begins a run. Repairs are added to those of earlier runs; all else is found anew. */
    void start() {
        members = host.slabAt(slab).inSet();
        crcs = new int[members.length];
        different = 0;
        firstDifferent = -1;
        lost.clear();
        unrepaired.clear();
        hasRepaired = false;
        isInterrupted = false;
        count = 1;
        destinationIndex = 0;
        ByteBuf data = Buffers.aligned(Geometry.BLOCK_BYTES);
        data.writerIndex(Geometry.BLOCK_BYTES);
        destination = data;
        beginBlock(firstBlock);
    }

    private void beginBlock(int next) {
        block = next;
        tries = 0;
        member = 0;
        look();
    }

    private void look() {
        if (block == endBlock) {
            end();
        } else if (isOver() || tries > MAX_TRIES) {
            interrupt();
        } else {
            firstMember = members[member];
            host.read(slab, this);
        }
    }

    private boolean isOver() {
        return !host.isOpen() || host.accessPoint(slab).hasEnded();
    }

    @Override
    protected void completed(Outcome outcome) {
        if (repairSent) {
            // Goes on in repairEnded, which always comes.
            return;
        }
        if (isOver()) {
            interrupt();
        } else if (outcome != Outcome.OK) {
            lost.add(block);
            beginBlock(block + 1);
        } else if (damagedMember == members[member]) {
            again();
        } else if (issuedTo != members[member]) {
            interrupt();
        } else {
            took();
        }
    }

    /** The block was written to meanwhile: all that is known of it is old. */
    private void again() {
        tries++;
        member = 0;
        look();
    }

    @Override
    void repairEnded(StoreStatus status) {
        if (status == StoreStatus.OK) {
            repaired++;
            hasRepaired = true;
        } else {
            Unrepaired failed = new Unrepaired(block, host.ports(slab)[damagedMember].group(), status);
            if (!unrepaired.contains(failed)) {
                unrepaired.add(failed);
            }
        }
        if (isOver()) {
            interrupt();
        } else if (damagedMember == members[member]) {
            // The right data was read for the repair.
            took();
        } else {
            // Another copy was damaged too: the read met that one last.
            again();
        }
    }

    private void took() {
        ByteBuf data = java.util.Objects.requireNonNull(destination);
        crcs[member] = crc.of(data, 0, Geometry.BLOCK_BYTES);
        if (member == 0) {
            firstLeastSeq = leastSeq;
        }
        member++;
        if (member < members.length) {
            look();
        } else if (areEqual()) {
            beginBlock(block + 1);
        } else if (!host.accessPoint(slab).inFlight().isUntouchedSince(firstLeastSeq, block)) {
            again();
        } else {
            if (different == 0) {
                firstDifferent = block;
            }
            different++;
            beginBlock(block + 1);
        }
    }

    private boolean areEqual() {
        for (int i = 1; i < members.length; i++) {
            if (crcs[i] != crcs[0]) {
                return false;
            }
        }
        return true;
    }

    private void interrupt() {
        isInterrupted = true;
        end();
    }

    private void end() {
        java.util.Objects.requireNonNull(destination).release();
        destination = null;
        ended.run();
    }
}
