package io.varve.dataplane.wire;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes connections on one loop: over TCP, or over a simulated network. Addresses are {@code host:port}. */
public interface Transport {
    /** {@link Receiver#opened} or {@link Receiver#closed} follows, not inside this call. */
    void connect(String address, Receiver receiver);

    /** Each accepted connection gets its own receiver. {@code listening} is told the bound address, or why there is none. */
    void listen(String address, Supplier<Receiver> accept, ListenCallback listening);

    /** Ends all listeners and connections of this transport. */
    void close();

    /** Exactly one of the two is null. On the loop. */
    @FunctionalInterface
    interface ListenCallback {
        void done(@Nullable String address, @Nullable String failure);
    }
}
