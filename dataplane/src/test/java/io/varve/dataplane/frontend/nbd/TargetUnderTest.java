package io.varve.dataplane.frontend.nbd;

import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** An NBD target on a free loopback port over volumes in memory, on its own event loop. */
final class TargetUnderTest implements AutoCloseable {
    static final long VOLUME_BYTES = 64L << 20;
    private static final long PATIENCE_SECONDS = 30;

    final MemoryVolumes volumes = new MemoryVolumes();
    final MemoryVolume volume;
    final NbdTarget target;
    final int port;
    private final Vertx vertx;
    private final VertxLoop loop;
    private final AtomicReference<@Nullable Throwable> bug = new AtomicReference<>();

    TargetUnderTest() {
        this(NbdLimits.DEFAULT, VOLUME_BYTES);
    }

    TargetUnderTest(NbdLimits limits) {
        this(limits, VOLUME_BYTES);
    }

    TargetUnderTest(NbdLimits limits, long volumeBytes) {
        this(limits, volumeBytes, Transport.IO_URING.available() ? Transport.IO_URING : Transport.NIO);
    }

    TargetUnderTest(NbdLimits limits, long volumeBytes, Transport transport) {
        vertx = Vertx.builder()
                .withTransport(transport)
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .build();
        ContextInternal context = ((VertxInternal) vertx).createEventLoopContext();
        loop = new VertxLoop(context, "nbd-test", found -> bug.compareAndSet(null, found));
        volume = new MemoryVolume("db", volumeBytes, loop);
        volumes.add(volume);
        target = new NbdTarget(vertx, context, loop, volumes, limits);
        port = target.start("127.0.0.1", 0).await();
    }

    VertxLoop loop() {
        return loop;
    }

    String uri() {
        return "nbd://127.0.0.1:" + port + "/db";
    }

    NbdClient connect() throws Exception {
        return new NbdClient(port);
    }

    /** A client in the transmission phase on "db". */
    NbdClient attach(boolean structured) throws Exception {
        NbdClient client = connect();
        client.handshake();
        if (structured) {
            client.option(8, new byte[0]);
        }
        client.go("db");
        return client;
    }

    void onLoop(Runnable task) {
        onLoop(() -> {
            task.run();
            return 0;
        });
    }

    <T> T onLoop(Supplier<T> task) {
        CompletableFuture<T> result = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                result.complete(task.get());
            } catch (Throwable failure) {
                result.completeExceptionally(failure);
            }
        });
        return result.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    }

    /** Returns once {@code condition}, looked at on the loop, holds; fails when it takes too long. */
    void await(String what, BooleanSupplier condition) {
        CompletableFuture<Boolean> holds = new CompletableFuture<>();
        loop.execute(() -> look(holds, condition));
        try {
            holds.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
        } catch (RuntimeException late) {
            throw new AssertionError("never came true: " + what, late);
        }
    }

    private void look(CompletableFuture<Boolean> holds, BooleanSupplier condition) {
        if (holds.isDone()) {
            return;
        }
        if (condition.getAsBoolean()) {
            holds.complete(true);
        } else {
            loop.schedule(1_000_000, () -> look(holds, condition));
        }
    }

    @Override
    public void close() {
        if (onLoop(volume::held) > 0) {
            onLoop(() -> volume.releaseHeld(io.varve.dataplane.volume.BlockStatus.SHUTTING_DOWN));
        }
        target.stop().await();
        long held = onLoop(target::heldBytes);
        vertx.close().await();
        loop.close();
        Throwable met = bug.get();
        if (met != null) {
            throw new AssertionError("a bug was met on the loop", met);
        }
        if (held != 0) {
            throw new AssertionError("memory is still held: " + held);
        }
    }
}
