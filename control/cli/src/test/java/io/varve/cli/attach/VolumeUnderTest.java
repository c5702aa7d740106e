package io.varve.cli.attach;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.time.VertxLoop;
import io.varve.dataplane.volume.BlockRequest;
import io.varve.dataplane.volume.BlockStatus;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.net.NetClientOptions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A remote volume on its own loop, whose access point is wherever a test says. */
final class VolumeUnderTest implements AccessPoints, RemoteVolume.Events, AutoCloseable {
    private final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    private final AtomicReference<@Nullable Throwable> bug = new AtomicReference<>();
    private final VertxLoop loop = new VertxLoop(
            ((VertxInternal) vertx).createEventLoopContext(), "attach-test", met -> bug.compareAndSet(null, met));
    private final Supplier<Place> place;
    private final CompletableFuture<Boolean> opened = new CompletableFuture<>();
    final CompletableFuture<String> failed = new CompletableFuture<>();
    final List<String> said = new CopyOnWriteArrayList<>();
    final List<Duration> deadTimes = new CopyOnWriteArrayList<>();
    final AtomicInteger probes = new AtomicInteger();
    volatile boolean answersProbes = true;
    final RemoteVolume volume;

    VolumeUnderTest(Duration giveUpAfter, Supplier<Place> place) {
        this.place = place;
        var client = vertx.createNetClient(new NetClientOptions().setTcpNoDelay(true));
        this.volume = new RemoteVolume("db", "db@me", loop, client, this, giveUpAfter, this);
    }

    VolumeUnderTest open() {
        loop.execute(volume::open);
        opened.orTimeout(20, TimeUnit.SECONDS).join();
        return this;
    }

    @Override
    public void search(@Nullable Place last, boolean ended, Duration dead, Consumer<Place> found) {
        deadTimes.add(dead);
        found.accept(place.get());
    }

    @Override
    public void probe(Place probed, Consumer<Boolean> told) {
        probes.incrementAndGet();
        told.accept(answersProbes);
    }

    @Override
    public void say(String line) {
        said.add(line);
    }

    @Override
    public void opened() {
        opened.complete(true);
    }

    @Override
    public void resized(long sizeBytes) {
        said.add("grown to " + sizeBytes);
    }

    @Override
    public void failed(String why) {
        failed.complete(why);
    }

    /** One request, and what became of it. */
    static final class Request extends BlockRequest {
        final CompletableFuture<BlockStatus> ended = new CompletableFuture<>();

        @Override
        protected void completed(BlockStatus status) {
            if (kind == Kind.WRITE) {
                java.util.Objects.requireNonNull(data).release();
            }
            ended.complete(status);
        }

        BlockStatus await() {
            return ended.orTimeout(30, TimeUnit.SECONDS).join();
        }

        byte[] bytes() {
            ByteBuf held = java.util.Objects.requireNonNull(data);
            var bytes = new byte[(int) lengthBytes];
            held.getBytes(0, bytes);
            return bytes;
        }
    }

    Request submit(BlockRequest.Kind kind, long offset, byte[] data) {
        var request = new Request();
        request.kind = kind;
        request.offsetBytes = offset;
        request.lengthBytes = data.length;
        var buffer = Buffers.aligned(data.length);
        buffer.writeBytes(data);
        request.data = buffer;
        loop.execute(() -> volume.submit(request));
        return request;
    }

    BlockStatus write(long offset, byte[] data) {
        return submit(BlockRequest.Kind.WRITE, offset, data).await();
    }

    byte[] read(long offset, int length) {
        var request = submit(BlockRequest.Kind.READ, offset, new byte[length]);
        if (request.await() != BlockStatus.OK) {
            throw new AssertionError("read ended " + request.await());
        }
        var bytes = request.bytes();
        java.util.Objects.requireNonNull(request.data).release();
        return bytes;
    }

    <T> T onLoop(Supplier<T> task) {
        var result = new CompletableFuture<T>();
        loop.execute(() -> result.complete(task.get()));
        return result.orTimeout(20, TimeUnit.SECONDS).join();
    }

    void onLoop(Runnable task) {
        onLoop(() -> {
            task.run();
            return true;
        });
    }

    @Override
    public void close() {
        onLoop(volume::close);
        loop.close();
        vertx.close().await();
        var met = bug.get();
        if (met != null) {
            throw new AssertionError("a bug was met on the loop", met);
        }
    }
}
