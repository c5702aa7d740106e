package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Who is told what happens on a connection; on the connection's loop. */
public interface Receiver {
    /** Before anything else; not called if the connection could not be made. */
    void opened(Connection connection);

    /**
     * One frame whose header and metadata checksums hold. {@code header}, {@code meta} (from {@code metaIndex}, not the reader index) and
     * {@code payload} are valid during the call; payload that is kept must be retained, and then belongs to nobody else.
     *
     * @return null, or what is wrong with it: the connection is then closed
     */
    @Nullable String received(Header header, ByteBuf meta, int metaIndex, @Nullable ByteBuf payload);

    /** {@link Connection#isWritable} changed. */
    void writabilityChanged();

    /** Last call, exactly once. */
    void closed(String reason);
}
