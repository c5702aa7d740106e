package io.varve.dataplane.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslProvider;
import io.varve.dataplane.disk.DiskProbe;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.VertxLoop;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.Identity;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import io.vertx.core.Vertx;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/** Node b serves group g of cluster c; who may speak to it? */
class PeerTlsTest {
    private static final Duration HOUR = Duration.ofHours(1);

    /** The two libraries, and the transport that the data plane uses where it can. */
    enum Way {
        BORING,
        JDK,
        BORING_ON_RING
    }

    private final CertificateAuthority authority = CertificateAuthority.create("c", Instant.now());
    private final LinkedBlockingQueue<String> events = new LinkedBlockingQueue<>();
    private Vertx vertx = Vertx.vertx();
    private SslProvider provider = OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;

    @AfterEach
    void close() {
        vertx.close().await();
    }

    private void use(Way way) {
        if (way == Way.BORING_ON_RING && DiskProbe.loopsCanUseRing()) {
            vertx.close().await();
            vertx = Vertx.builder().withTransport(Transport.IO_URING).build();
        }
        provider = way == Way.JDK ? SslProvider.JDK : SslProvider.OPENSSL;
    }

    private LiveIdentity identity(CertificateAuthority by, Principal who, Instant from) {
        KeyPair key = CertificateAuthority.newKey();
        return new LiveIdentity(Identity.of(
                List.of(by.issue(key.getPublic(), who, from, HOUR)),
                key.getPrivate(),
                List.of(authority.certificate())));
    }

    private LiveIdentity node(String name) {
        return identity(authority, Principal.node(name), Instant.now());
    }

    private final class Side {
        final ContextInternal context = ((VertxInternal) vertx).createEventLoopContext();
        final Loop loop = new VertxLoop(context, "test", bug -> events.add("bug " + bug));
        final TcpTransport transport;

        Side(@Nullable LiveIdentity identity) {
            transport = new TcpTransport(vertx, context, identity == null ? null : PeerTls.of(identity, provider));
        }
    }

    /** Says what it was sent. */
    private static final class Echo implements Receiver {
        private @Nullable Connection connection;

        @Override
        public void opened(Connection opened) {
            connection = opened;
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            FrameWriter writer = new FrameWriter();
            ByteBuf head = writer.start(DataPath.COMMIT_BYTES);
            head.writeLongLE(DataPath.commitSeq(meta, at));
            if (connection != null) {
                connection.send(writer.finish(head, MessageType.COMMIT, 0, 1, 1, 0, 0), null, 0, 0);
            }
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void closed(String reason) {}
    }

    private final class Asker implements PeerLink.Listener {
        private volatile @Nullable Connection connection;

        @Override
        public void up(Connection opened, Message.Hello peer) {
            connection = opened;
            events.add("up " + peer.node());
        }

        void ask(long number) {
            FrameWriter writer = new FrameWriter();
            ByteBuf head = writer.start(DataPath.COMMIT_BYTES);
            head.writeLongLE(number);
            Connection to = connection;
            if (to != null) {
                to.send(writer.finish(head, MessageType.COMMIT, 0, 1, 1, 0, 0), null, 0, 0);
            }
        }

        @Override
        public @Nullable String received(Header header, ByteBuf meta, int at, @Nullable ByteBuf payload) {
            events.add("told " + DataPath.commitSeq(meta, at));
            return null;
        }

        @Override
        public void writabilityChanged() {}

        @Override
        public void down(String reason) {
            events.add("down " + reason);
        }
    }

    private String next() throws InterruptedException {
        String event = events.poll(20, TimeUnit.SECONDS);
        return event == null ? "nothing" : event;
    }

    private String serve(LiveIdentity identity, String name) throws Exception {
        Side side = new Side(identity);
        CompletableFuture<String> listening = new CompletableFuture<>();
        side.loop.execute(() -> new PeerServer(
                        side.loop,
                        side.transport,
                        new NodeIdentity("c", name, 1),
                        hello -> hello.group().equals("g") ? new Echo() : null)
                .listen("127.0.0.1:0", (bound, failure) -> listening.complete(String.valueOf(bound))));
        return listening.get(20, TimeUnit.SECONDS);
    }

    private Asker connect(@Nullable LiveIdentity identity, String name, String address) {
        Side side = new Side(identity);
        Asker asker = new Asker();
        side.loop.execute(() -> {
            PeerLink link =
                    new PeerLink(side.loop, side.transport, new NodeIdentity("c", name, 1), address, "g", asker);
            link.start();
        });
        return asker;
    }

    @ParameterizedTest
    @EnumSource
    void nodesOfTheClusterSpeakToEachOther(Way way) throws Exception {
        use(way);
        Asker asker = connect(node("a"), "a", serve(node("b"), "b"));
        assertThat(next()).isEqualTo("up b");
        asker.ask(7);
        assertThat(next()).isEqualTo("told 7");
    }

    @ParameterizedTest
    @EnumSource
    void refusesANodeWhoseCertificateEnded(Way way) throws Exception {
        use(way);
        LiveIdentity late = identity(
                authority, Principal.node("a"), Instant.now().minus(HOUR).minusSeconds(1));
        connect(late, "a", serve(node("b"), "b"));
        assertThat(next()).startsWith("down ").doesNotContain("REFUSED");
    }

    @ParameterizedTest
    @EnumSource
    void refusesANodeOfAForeignAuthority(Way way) throws Exception {
        use(way);
        CertificateAuthority foreign = CertificateAuthority.create("c", Instant.now());
        connect(identity(foreign, Principal.node("a"), Instant.now()), "a", serve(node("b"), "b"));
        assertThat(next()).startsWith("down ");
    }

    @Test
    void refusesANodeThatGreetsAsAnother() throws Exception {
        connect(node("a"), "x", serve(node("b"), "b"));
        assertThat(next())
                .isEqualTo("down refused by the peer: the certificate is of node a, but the greeting says node x");
    }

    @Test
    void doesNotBelieveAServerThatAnswersAsAnother() throws Exception {
        connect(node("a"), "a", serve(node("x"), "b"));
        assertThat(next()).isEqualTo("down answered as node b with the certificate of node x");
    }

    @ParameterizedTest
    @EnumSource
    void doesNotSpeakToAServerOfAForeignAuthority(Way way) throws Exception {
        use(way);
        CertificateAuthority foreign = CertificateAuthority.create("c", Instant.now());
        connect(node("a"), "a", serve(identity(foreign, Principal.node("b"), Instant.now()), "b"));
        assertThat(next()).isEqualTo("down TLS: certificate of node b was not issued by this cluster's authority");
    }

    @Test
    void refusesPeopleHoweverMuchTheyMayDoElsewhere() throws Exception {
        connect(identity(authority, new Principal(Role.ADMIN, "ann"), Instant.now()), "a", serve(node("b"), "b"));
        assertThat(next()).startsWith("down ");
    }

    @Test
    void refusesPlaintext() throws Exception {
        connect(null, "a", serve(node("b"), "b"));
        assertThat(next()).startsWith("down ");
    }

    @Test
    void refusesWhoShowsNoCertificateAndSaysWhyInTheLog() throws Exception {
        var log = new ListAppender();
        String address = serve(node("b"), "b");
        assertThat(failureOf(address, new KeyManager[0], "TLSv1.3")).isNotEmpty();
        assertThat(log.line()).contains("peer refused").contains("no certificate was shown");
    }

    @Test
    void refusesTls12AndSaysWhyInTheLog() throws Exception {
        var log = new ListAppender();
        String address = serve(node("b"), "b");
        assertThat(failureOf(address, new KeyManager[] {node("a").keys()}, "TLSv1.2"))
                .isNotEmpty();
        assertThat(log.line()).contains("peer refused").contains("does not speak TLS 1.3");
    }

    @Test
    void saysInTheLogWhoseCertificateEnded() throws Exception {
        var log = new ListAppender();
        LiveIdentity late = identity(
                authority, Principal.node("a"), Instant.now().minus(HOUR).minusSeconds(1));
        connect(late, "a", serve(node("b"), "b"));
        assertThat(log.line()).contains("peer refused").contains("certificate of node a ended at");
    }

    /** Why a client in plain Java cannot speak; empty if it can. */
    private String failureOf(String address, KeyManager[] keys, String version) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, new TrustManager[] {node("a").peers(Set.of(Role.NODE))}, new SecureRandom());
        int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
        try (Socket plain = new Socket(InetAddress.getLoopbackAddress(), port);
                SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, "b", port, true)) {
            socket.setSoTimeout(20_000);
            socket.setEnabledProtocols(new String[] {version});
            socket.startHandshake();
            socket.getOutputStream().write("hello".getBytes(StandardCharsets.US_ASCII));
            return socket.getInputStream().read() < 0 ? "closed" : "";
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRenewedCertificateIsShownToThoseWhoComeLaterAndConnectionsGoOn(Way way) throws Exception {
        use(way);
        LiveIdentity server = node("b");
        String address = serve(server, "b");
        Asker before = connect(node("a"), "a", address);
        assertThat(next()).isEqualTo("up b");
        // As if it had ended: who connects later must see it.
        server.replace(identity(
                        authority,
                        Principal.node("b"),
                        Instant.now().minus(HOUR).minusSeconds(1))
                .now());
        connect(node("z"), "z", address);
        assertThat(next()).startsWith("down TLS: certificate of node b ended at");
        before.ask(3);
        String told = next();
        while (told.startsWith("down TLS")) {
            told = next();
        }
        assertThat(told).isEqualTo("told 3");
    }

    /** Warnings of the transport. */
    private static final class ListAppender
            extends ch.qos.logback.core.AppenderBase<ch.qos.logback.classic.spi.ILoggingEvent> {
        private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();

        ListAppender() {
            start();
            ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger(TcpTransport.class)).addAppender(this);
        }

        @Override
        protected void append(ch.qos.logback.classic.spi.ILoggingEvent event) {
            lines.add(event.getFormattedMessage());
        }

        String line() throws InterruptedException {
            return String.valueOf(lines.poll(20, TimeUnit.SECONDS));
        }
    }
}
