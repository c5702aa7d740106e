package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.Identity;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A frame through TLS, encrypted and decrypted on one thread, without a socket: what a replicated write costs beyond plaintext, on both nodes together. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class PeerTlsBenchmark {
    private static final int HEAD_BYTES = 112;

    @Param({"OPENSSL", "JDK"})
    SslProvider provider;

    @Param({"4096", "65536", "1048576"})
    int payloadBytes;

    private EmbeddedChannel sender;
    private EmbeddedChannel receiver;
    private ByteBuf payload;

    @Setup(Level.Trial)
    public void handshake() {
        CertificateAuthority authority = CertificateAuthority.create("bench", Instant.now());
        sender = channel(authority, "a", false);
        receiver = channel(authority, "b", true);
        for (int i = 0; i < 20; i++) {
            move(sender, receiver);
            move(receiver, sender);
        }
        if (!sender.pipeline().get(SslHandler.class).handshakeFuture().isSuccess()) {
            throw new IllegalStateException("no handshake");
        }
        payload = PooledByteBufAllocator.DEFAULT.directBuffer(payloadBytes).writeZero(payloadBytes);
    }

    private EmbeddedChannel channel(CertificateAuthority authority, String name, boolean accepting) {
        KeyPair key = CertificateAuthority.newKey();
        LiveIdentity identity = new LiveIdentity(Identity.of(
                List.of(authority.issue(key.getPublic(), Principal.node(name), Instant.now(), Duration.ofHours(1))),
                key.getPrivate(),
                List.of(authority.certificate())));
        EmbeddedChannel channel = new EmbeddedChannel();
        channel.config().setAllocator(PooledByteBufAllocator.DEFAULT);
        channel.pipeline().addLast(PeerTls.of(identity, provider).handler((Channel) channel, accepting));
        return channel;
    }

    private static int move(EmbeddedChannel from, EmbeddedChannel to) {
        from.runPendingTasks();
        for (ByteBuf out = from.readOutbound(); out != null; out = from.readOutbound()) {
            to.writeInbound(out);
        }
        to.runPendingTasks();
        int bytes = 0;
        for (ByteBuf in = to.readInbound(); in != null; in = to.readInbound()) {
            bytes += in.readableBytes();
            in.release();
        }
        return bytes;
    }

    @Benchmark
    public int frame() {
        ByteBuf head = PooledByteBufAllocator.DEFAULT.directBuffer(HEAD_BYTES).writeZero(HEAD_BYTES);
        sender.write(head);
        sender.write(payload.retainedSlice(0, payloadBytes));
        sender.flush();
        int received = move(sender, receiver);
        if (received != HEAD_BYTES + payloadBytes) {
            throw new IllegalStateException("received " + received);
        }
        return received;
    }

    @TearDown(Level.Trial)
    public void close() {
        sender.finishAndReleaseAll();
        receiver.finishAndReleaseAll();
        payload.release();
    }
}
