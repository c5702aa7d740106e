package io.varve.dataplane.frontend.nbd;

import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import java.util.ArrayDeque;

/**
 * How much payload the connections of one loop hold. A connection that gets none waits in line, with its client not read from. Each
 * always gets a small share, so that clients which hold much and read nothing cannot starve the others. Confined to the loop.
 */
final class NbdMemory {
    /** What a connection gets whatever the others hold: one READ or WRITE of 64 KiB and its header. */
    static final int SHARE_BYTES = 128 << 10;

    private final Loop loop;
    private final long limitBytes;
    /** Bounded by the limit of connections: each stands here at most once. */
    private final ArrayDeque<NbdConnection> waiting = new ArrayDeque<>();

    private final Runnable wake = this::wake;
    private boolean waking;
    private long heldBytes;

    NbdMemory(Loop loop, long limitBytes) {
        this.loop = loop;
        this.limitBytes = limitBytes;
    }

    long heldBytes() {
        return heldBytes;
    }

    boolean contended() {
        return !waiting.isEmpty();
    }

    /** True if {@code bytes} more are the connection's, which holds {@code alreadyBytes}; else it is told when to try again. */
    boolean take(NbdConnection connection, long alreadyBytes, int bytes) {
        boolean first = waiting.isEmpty() || waiting.peekFirst() == connection;
        boolean fits = first && heldBytes + bytes <= limitBytes;
        if (!fits && alreadyBytes + bytes > SHARE_BYTES) {
            if (!connection.waitsForMemory) {
                connection.waitsForMemory = true;
                waiting.addLast(connection);
            }
            return false;
        }
        leave(connection);
        heldBytes += bytes;
        return true;
    }

    /** Counts what is held already, such as replies that the socket has not taken; negative gives back. */
    void adjust(long bytes) {
        heldBytes += bytes;
        Invariant.check(heldBytes >= 0, "more NBD memory was given back than taken", heldBytes);
        if (bytes < 0) {
            wakeSoon();
        }
    }

    /** The connection wants nothing any more. */
    void leave(NbdConnection connection) {
        if (connection.waitsForMemory) {
            connection.waitsForMemory = false;
            waiting.remove(connection);
            wakeSoon();
        }
    }

    private void wakeSoon() {
        if (!waking && !waiting.isEmpty()) {
            waking = true;
            loop.execute(wake);
        }
    }

    private void wake() {
        waking = false;
        NbdConnection first = waiting.peekFirst();
        if (first != null) {
            first.pump();
        }
    }
}
