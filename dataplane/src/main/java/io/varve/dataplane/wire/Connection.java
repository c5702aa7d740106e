package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** An ordered connection that carries frames. Confined to its loop; over TCP, or simulated. */
public interface Connection {
    /** Bytes that wait to be sent above which {@link #isWritable} is false; and below which it is true again. */
    int HIGH_WATER_BYTES = 4 << 20;

    int LOW_WATER_BYTES = 1 << 20;

    /** Who is at the other end, for logs. */
    String remote();

    /** The node that the other end's certificate is of; null where connections show none (plaintext, simulated). */
    default @Nullable String certifiedNode() {
        return null;
    }

    /**
     * Sends a frame: {@code head} is taken over, of {@code payload} {@code length} bytes from {@code index} are sent from where they lie
     * (a reference is kept until then). Nothing happens on a closed connection. Sent with everything else of this turn of the loop.
     */
    void send(ByteBuf head, @Nullable ByteBuf payload, int index, int length);

    boolean isWritable();

    /** Stops or goes on taking bytes from the peer. */
    void setReading(boolean reading);

    /** {@link Receiver#closed} follows, not inside this call. */
    void close(String reason);
}
