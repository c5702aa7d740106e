package io.varve.dataplane.frontend.nbd;

import io.netty.channel.ChannelHandlerContext;
import io.varve.dataplane.check.Invariant;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.volume.Volume;
import io.varve.dataplane.volume.VolumeDirectory;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.NetServer;
import io.vertx.core.net.NetServerOptions;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.SocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Serves the volumes of one loop over NBD: the export name is the volume's name, and the empty name stands for the only volume if there
 * is just one; {@code NAME@CLIENT} is for a client that reconnects ({@link NbdClients}). {@link #start} and {@link #stop} may be called from any thread; everything else happens on the loop.
 */
public final class NbdTarget {
    /** Connections that the kernel may hold until the loop accepts them; it cuts this to net.core.somaxconn. */
    private static final int ACCEPT_BACKLOG = 1024;
    /** How often times are looked at: often enough that a limit of one second means one, not two. */
    private static final long MAX_SWEEP_NANOS = 500_000_000L;

    private final Vertx vertx;
    private final Context context;
    private final Loop loop;
    private final VolumeDirectory volumes;
    private final NbdLimits limits;
    private final NbdMemory memory;
    private final NbdRequest.Pool requests = new NbdRequest.Pool();
    private final List<NbdConnection> connections = new ArrayList<>();
    private final NbdClients clients = new NbdClients();
    private final Runnable sweep = this::sweep;
    private final long sweepNanos;

    private @Nullable NetServer server;
    private @Nullable Promise<Void> stopping;
    private boolean sweeping;
    private long refused;

    /** {@code context} is the Vert.x context of {@code loop}, with any transport. */
    public NbdTarget(Vertx vertx, Context context, Loop loop, VolumeDirectory volumes, NbdLimits limits) {
        this.vertx = vertx;
        this.context = context;
        this.loop = loop;
        this.volumes = volumes;
        this.limits = limits;
        this.memory = new NbdMemory(loop, limits.loopBytes());
        long shortestNanos = Math.min(
                limits.handshake().toNanos(),
                Math.min(limits.payload().toNanos(), limits.goodbye().toNanos()));
        this.sweepNanos = Math.clamp(shortestNanos / 4, 1_000_000L, MAX_SWEEP_NANOS);
    }

    /** Listens; the future has the port, which is {@code port} unless that was 0. Fails if the address cannot be bound. */
    public Future<Integer> start(String host, int port) {
        return start(SocketAddress.inetSocketAddress(port, host)).map(NetServer::actualPort);
    }

    /** Listens on a Unix socket, which must not be there; needs a transport that can. */
    public Future<Void> start(Path socket) {
        return start(SocketAddress.domainSocketAddress(socket.toString())).mapEmpty();
    }

    private Future<NetServer> start(SocketAddress address) {
        Promise<NetServer> listening = Promise.promise();
        context.runOnContext(now -> {
            NetServerOptions options = new NetServerOptions()
                    .setTcpNoDelay(true)
                    .setTcpKeepAlive(true)
                    .setAcceptBacklog(ACCEPT_BACKLOG);
            NetServer created = vertx.createNetServer(options).connectHandler(this::accept);
            server = created;
            created.listen(address).onComplete(listening);
        });
        return listening.future();
    }

    private void accept(NetSocket socket) {
        accept(NbdConnection.contextOf(socket));
    }

    /** Serves the channel that {@code last} is the last handler of, or closes it. */
    void accept(ChannelHandlerContext last) {
        Invariant.check(loop.inLoop(), "an NBD connection arrived on a foreign loop");
        if (stopping != null || connections.size() >= limits.connections()) {
            refused++;
            var _ = last.close();
            return;
        }
        NbdConnection connection = NbdConnection.open(this, last, loop.nanos());
        connection.place = connections.size();
        connections.add(connection);
        sweepLater();
    }

    VolumeDirectory volumes() {
        return volumes;
    }

    NbdClients clients() {
        return clients;
    }

    Loop loop() {
        return loop;
    }

    NbdLimits limits() {
        return limits;
    }

    boolean memoryContended() {
        return memory.contended();
    }

    NbdSession newSession(NbdConnection connection, Volume volume, boolean structured, boolean blockStatus) {
        Invariant.check(volume.loop().inLoop(), "an NBD client chose a volume of a foreign loop");
        return new NbdSession(connection, volume, structured, blockStatus, requests, memory, limits);
    }

    /** Connections open now. On the loop. */
    public int connections() {
        return connections.size();
    }

    /** Connections closed at once because there were too many. On the loop. */
    public long refusedConnections() {
        return refused;
    }

    /** Payload held in memory for clients, in bytes. On the loop. */
    public long heldBytes() {
        return memory.heldBytes();
    }

    void closed(NbdConnection connection) {
        NbdConnection last = connections.removeLast();
        if (last != connection) {
            connections.set(connection.place, last);
            last.place = connection.place;
        }
        endIfIdle();
    }

    /** One timer for the times of all connections, only while there are some. */
    private void sweepLater() {
        if (!sweeping && !connections.isEmpty()) {
            sweeping = true;
            loop.schedule(sweepNanos, sweep);
        }
    }

    private void sweep() {
        sweeping = false;
        long nowNanos = loop.nanos();
        for (int i = connections.size() - 1; i >= 0; i--) {
            connections.get(i).checkTimes(nowNanos);
        }
        sweepLater();
    }

    /**
     * Takes no more connections and requests, lets what is in flight end (for as long as {@link NbdLimits#goodbye}), then closes all.
     * The future completes when no connection is left.
     */
    public Future<Void> stop() {
        Promise<Void> stopped = Promise.promise();
        context.runOnContext(now -> {
            if (stopping != null) {
                stopping.future().onComplete(stopped);
                return;
            }
            stopping = stopped;
            for (int i = connections.size() - 1; i >= 0; i--) {
                connections.get(i).volumeGone();
            }
            endIfIdle();
        });
        return stopped.future();
    }

    private void endIfIdle() {
        Promise<Void> stopped = stopping;
        if (stopped == null || !connections.isEmpty()) {
            return;
        }
        NetServer listening = server;
        server = null;
        if (listening != null) {
            listening.close().onComplete(stopped);
        } else {
            stopped.tryComplete();
        }
    }
}
