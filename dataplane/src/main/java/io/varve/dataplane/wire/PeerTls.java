package io.varve.dataplane.wire;

import io.netty.channel.Channel;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import java.security.cert.X509Certificate;
import java.util.Set;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/**
 * Mutual TLS 1.3 between nodes: both sides show the certificate of a node, and take only such ones. Safe from any thread. BoringSSL does the
 * work where its library can be loaded, else the JDK (decision 0075).
 */
public final class PeerTls {
    static final long HANDSHAKE_LIMIT_MILLIS = 5_000;

    private static final String TLS_1_3 = "TLSv1.3";

    /** Sessions are not resumed: a resumed one would not show its certificate again, which may have ended meanwhile. */
    private static final int FORGET_SESSIONS_AFTER_SECONDS = 1;

    private final SslContext accepting;
    private final SslContext connecting;

    private PeerTls(SslContext accepting, SslContext connecting) {
        this.accepting = accepting;
        this.connecting = connecting;
    }

    /** Shows the identity as it is at each handshake. */
    public static PeerTls of(LiveIdentity identity) {
        return of(identity, OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK);
    }

    static PeerTls of(LiveIdentity identity, SslProvider provider) {
        Set<Role> nodes = Set.of(Role.NODE);
        try {
            return new PeerTls(
                    SslContextBuilder.forServer(identity.keys())
                            .sslProvider(provider)
                            .protocols(TLS_1_3)
                            .trustManager(identity.peers(nodes))
                            .clientAuth(ClientAuth.REQUIRE)
                            .sessionCacheSize(1)
                            .sessionTimeout(FORGET_SESSIONS_AFTER_SECONDS)
                            .build(),
                    SslContextBuilder.forClient()
                            .sslProvider(provider)
                            .protocols(TLS_1_3)
                            .keyManager(identity.keys())
                            .trustManager(identity.peers(nodes))
                            .endpointIdentificationAlgorithm(null)
                            .sessionCacheSize(1)
                            .sessionTimeout(FORGET_SESSIONS_AFTER_SECONDS)
                            .build());
        } catch (SSLException e) {
            throw new IllegalStateException("TLS 1.3 cannot be set up: " + e.getMessage(), e);
        }
    }

    SslHandler handler(Channel channel, boolean accepted) {
        SslHandler handler = (accepted ? accepting : connecting).newHandler(channel.alloc());
        handler.setHandshakeTimeoutMillis(HANDSHAKE_LIMIT_MILLIS);
        return handler;
    }

    /** The node whose certificate the peer has shown; null if it has shown none of a node. */
    static @Nullable String node(ChannelPipeline pipeline) {
        SslHandler handler = pipeline.get(SslHandler.class);
        try {
            return handler.engine().getSession().getPeerCertificates()[0] instanceof X509Certificate certificate
                    ? Principal.of(certificate)
                            .filter(principal -> principal.role() == Role.NODE)
                            .map(Principal::name)
                            .orElse(null)
                    : null;
        } catch (SSLPeerUnverifiedException e) {
            return null;
        }
    }

    static boolean isOfTls(Throwable cause) {
        return cause instanceof SSLException
                || (cause instanceof DecoderException && cause.getCause() instanceof SSLException);
    }

    /** What a person should read of a failure: the reason that was given for refusing a certificate, not the layers around it. */
    static String words(Throwable failure) {
        Throwable deepest = failure;
        while (deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        String message = String.valueOf(deepest.getMessage());
        if (failure instanceof NotSslRecordException || deepest instanceof NotSslRecordException) {
            return "not TLS: the other side speaks plaintext, or is no node";
        }
        if (message.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE")
                || message.contains("Empty client certificate chain")) {
            return "no certificate was shown";
        }
        if (message.contains("UNSUPPORTED_PROTOCOL") || message.contains("protocol_version")) {
            return "the other side does not speak TLS 1.3";
        }
        if (message.contains("ALERT") || message.contains("alert") || deepest.getMessage() == null) {
            return "the other side did not take this node's certificate ("
                    + (deepest.getMessage() == null ? deepest.getClass().getSimpleName() : message) + ")";
        }
        return message;
    }
}
