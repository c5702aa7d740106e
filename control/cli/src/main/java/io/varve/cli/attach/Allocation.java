package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.frontend.nbd.NbdProtocol;
import io.varve.dataplane.volume.Volume.AllocationVisitor;
import org.jspecify.annotations.Nullable;

/** What the access point said about which parts of a range take space; empty until it did. Confined to the loop. */
final class Allocation {
    private final long offsetBytes;
    private final long lengthBytes;
    private final Runnable known;
    /** Pairs of length and whether it is a hole. */
    private long @Nullable [] runs;

    private boolean failed;

    Allocation(long offsetBytes, long lengthBytes, Runnable known) {
        this.offsetBytes = offsetBytes;
        this.lengthBytes = lengthBytes;
        this.known = known;
    }

    long offsetBytes() {
        return offsetBytes;
    }

    long lengthBytes() {
        return lengthBytes;
    }

    boolean isAbout(long offset, long length) {
        return offset == offsetBytes && length == lengthBytes;
    }

    boolean isFor(Runnable asker) {
        return known.equals(asker); // by identity, as it is for a lambda
    }

    boolean isKnown() {
        return runs != null || failed;
    }

    void tellKnown() {
        known.run();
    }

    /** Nothing is known: then everything may be allocated. */
    void fail() {
        failed = true;
    }

    /** Takes {@code bytes} of block descriptors. */
    void learn(ByteBuf descriptors, int bytes) {
        long[] learned = new long[bytes / NbdProtocol.BLOCK_DESCRIPTOR_BYTES * 2];
        for (int i = 0; i < learned.length; i += 2) {
            learned[i] = descriptors.readUnsignedInt();
            learned[i + 1] = descriptors.readInt() & NbdProtocol.STATE_HOLE;
        }
        runs = learned;
    }

    void visit(AllocationVisitor told) {
        long[] learned = runs;
        if (learned == null) {
            told.run(offsetBytes, lengthBytes, true);
            return;
        }
        long at = offsetBytes;
        for (int i = 0; i < learned.length && at < offsetBytes + lengthBytes; i += 2) {
            if (!told.run(at, learned[i], learned[i + 1] == 0)) {
                return;
            }
            at += learned[i];
        }
    }
}
