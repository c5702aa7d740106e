package io.varve.cli.attach;

import io.varve.api.Volume;
import io.varve.api.VolumeState;
import io.varve.cli.client.Credentials;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.config.Endpoint;
import io.varve.dataplane.frontend.nbd.NbdLimits;
import io.varve.dataplane.frontend.nbd.NbdTarget;
import io.varve.dataplane.time.VertxLoop;
import io.varve.model.ByteSize;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.net.NetClientOptions;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/**
 * A volume served on a Unix socket of this machine, wherever in the cluster it is open. Owns its event loop, its connection to the cluster and
 * the socket. Any thread but an event loop; {@link #close} ends all of it, once.
 */
public final class AttachedVolume implements AutoCloseable {
    /** For the volume to be open and to answer at first. */
    private static final Duration OPEN_LIMIT = Duration.ofSeconds(60);

    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(7);
    /** The longest that a server holds a question. */
    private static final Duration SIZE_WAIT = Duration.ofSeconds(10);

    private static final long REFRESH_MILLIS = 30_000;
    private static final int CONNECT_MILLIS = 1_000;
    /** nbdfuse opens a few; tools one. */
    private static final int LOCAL_CONNECTIONS = 32;
    /** Payload that the socket's side holds: what is pending, and replies that nobody has read yet. */
    private static final long HELD_BYTES = 64L << 20;

    private static final NbdLimits LIMITS = new NbdLimits(
            LOCAL_CONNECTIONS,
            PendingRequests.MAX_REQUESTS,
            HELD_BYTES,
            HELD_BYTES,
            Duration.ofSeconds(10),
            Duration.ofSeconds(30),
            Duration.ofSeconds(2));

    private final Path socket;
    private final String name;
    private final int publication;
    private final Vertx vertx;
    private final VertxLoop loop;
    private final ManagementConnection connection;
    private final ClusterCalls cluster;
    private final AccessPointSearch search;
    private final RemoteVolume volume;
    private final AttachedExport export;
    private final NbdTarget target;
    private final Promise<Void> opened = Promise.promise();
    private final Promise<String> failed = Promise.promise();
    private volatile LongConsumer onResized = bytes -> {};
    private volatile boolean closed;

    /**
     * @param publication under which the volume is used, by the epoch that it took; 0: none
     * @param giveUpAfter without an access point, everything is failed after so long; zero for never
     * @param say what happens, a line each, for people; any thread
     */
    public AttachedVolume(
            String name,
            int publication,
            List<Endpoint> servers,
            Credentials credentials,
            Path socket,
            Duration giveUpAfter,
            Consumer<String> say) {
        this.name = name;
        this.publication = publication;
        this.socket = socket;
        this.vertx = Vertx.builder()
                .withTransport(Transport.EPOLL)
                .with(new VertxOptions()
                        .setEventLoopPoolSize(1)
                        .setWorkerPoolSize(1)
                        .setInternalBlockingPoolSize(1))
                .build();
        this.loop = new VertxLoop(
                ((VertxInternal) vertx).createEventLoopContext(), "attach", bug -> failed(say, bug.toString()));
        this.connection = new ManagementConnection(servers, credentials);
        this.cluster = new ClusterCalls(connection, name);
        this.search = new AccessPointSearch(cluster, publication, say, this::forbidden);
        var client =
                vertx.createNetClient(new NetClientOptions().setTcpNoDelay(true).setConnectTimeout(CONNECT_MILLIS));
        this.volume = new RemoteVolume(
                name, name + "@" + client(publication), loop, client, search, giveUpAfter, events(say));
        this.export = new AttachedExport(volume);
        this.target = new NbdTarget(vertx, loop.context(), loop, export, LIMITS);
    }

    /** Nobody else's name; the access point knows by it under which publication this one comes. */
    private static String client(int publication) {
        return (publication == 0 ? "" : "p" + Integer.toUnsignedString(publication) + "-") + UUID.randomUUID();
    }

    private void forbidden(String why) {
        loop.execute(() -> volume.fail(why));
    }

    private RemoteVolume.Events events(Consumer<String> say) {
        return new RemoteVolume.Events() {
            @Override
            public void say(String line) {
                say.accept(line);
            }

            @Override
            public void opened() {
                opened.tryComplete();
            }

            @Override
            public void resized(long sizeBytes) {
                say.accept("grown to " + new ByteSize(sizeBytes));
                onResized.accept(sizeBytes);
            }

            @Override
            public void failed(String why) {
                AttachedVolume.this.failed(say, why);
            }
        };
    }

    private void failed(Consumer<String> say, String why) {
        if (failed.tryComplete(why)) {
            say.accept("gives up: " + why);
            opened.tryFail(why);
            loop.execute(export::gone);
        }
    }

    /** Opens the volume if it is open nowhere, and listens on the socket. Throws {@link CommandFailure}. */
    public void open() {
        requireVolume();
        removeStaleSocket();
        cluster.refresh();
        loop.execute(volume::open);
        awaitStep(opened.future(), OPEN_LIMIT, "the volume does not answer");
        awaitStep(target.start(socket), OPEN_LIMIT, "cannot listen on " + socket);
        try {
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
        } catch (IOException e) {
            throw new CommandFailure(ExitCode.FAILED, "cannot protect " + socket + ": " + e.getMessage(), "");
        }
        vertx.setPeriodic(REFRESH_MILLIS, due -> Thread.ofVirtual().start(cluster::refresh));
        Thread.ofVirtual().name("size").start(this::watchSize);
    }

    /** Hears when the volume has grown; until the end. */
    private void watchSize() {
        while (!closed && !failed.future().isComplete()) {
            cluster.awaitLarger(sizeBytes(), SIZE_WAIT).ifPresent(bytes -> loop.execute(() -> volume.resized(bytes)));
        }
    }

    /** Who hears, on the loop, that there is more of the volume. */
    public void onResized(LongConsumer listener) {
        onResized = listener;
    }

    /** Of the volume as it is now. Not from the loop. */
    public long sizeBytes() {
        var size = Promise.<Long>promise();
        loop.execute(() -> size.complete(volume.sizeBytes()));
        return awaitStep(size.future(), CLOSE_LIMIT, "the attach does not answer");
    }

    private void requireVolume() {
        Volume found = CommandFailure.orThrow(cluster.get());
        AccessPointSearch.objection(found, publication).ifPresent(why -> {
            throw new CommandFailure(ExitCode.FAILED, why, "'varve volume show " + name + "' tells where it is used.");
        });
        if (found.getState() == VolumeState.VOLUME_DETACHED) {
            CommandFailure.orThrow(cluster.attach(OPEN_LIMIT));
        }
    }

    private static <T> T awaitStep(Future<T> step, Duration limit, String what) {
        try {
            return step.await(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new CommandFailure(ExitCode.FAILED, what + " within " + limit.toSeconds() + " s", "");
        } catch (RuntimeException e) {
            throw new CommandFailure(ExitCode.FAILED, what + ": " + e.getMessage(), "");
        }
    }

    /** A process that was killed leaves its socket behind. */
    private void removeStaleSocket() {
        if (!Files.exists(socket)) {
            return;
        }
        try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            throw new CommandFailure(
                    ExitCode.IN_USE,
                    "another process serves " + socket,
                    "End it, or name another socket with --socket.");
        } catch (IOException nobody) {
            try {
                Files.deleteIfExists(socket);
            } catch (IOException e) {
                throw new CommandFailure(ExitCode.FAILED, "cannot replace " + socket + ": " + e.getMessage(), "");
            }
        }
    }

    /** Where any NBD client of this machine finds it. */
    public String uri() {
        return "nbd+unix:///" + name + "?socket=" + socket;
    }

    /** The same with room to grow: who uses it knows how large the volume is. */
    public String roomyUri() {
        return "nbd+unix:///" + name + AttachedExport.ROOM + "?socket=" + socket;
    }

    public Pauses pauses() {
        return volume.pauses();
    }

    /** Completes with the reason when the volume cannot be served any more. */
    public Future<String> failure() {
        return failed.future();
    }

    @Override
    public void close() {
        closed = true;
        try {
            target.stop().await(CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | RuntimeException e) {
            // What is left ends with Vert.x.
        } finally {
            search.close();
            loop.execute(volume::close);
            loop.close();
            vertx.close();
            connection.close();
            try {
                Files.deleteIfExists(socket);
            } catch (IOException e) {
                // The next process replaces it.
            }
        }
    }
}
