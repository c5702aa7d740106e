package io.varve.control.raft;

import io.varve.control.meta.MemberPlan;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Principal;
import io.varve.identity.Role;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.grpc.GrpcTlsConfig;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.thirdparty.io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import org.apache.ratis.thirdparty.io.grpc.Grpc;
import org.apache.ratis.thirdparty.io.grpc.Metadata;
import org.apache.ratis.thirdparty.io.grpc.ServerCall;
import org.apache.ratis.thirdparty.io.grpc.ServerCallHandler;
import org.apache.ratis.thirdparty.io.grpc.ServerInterceptor;
import org.apache.ratis.thirdparty.io.grpc.ServerTransportFilter;
import org.apache.ratis.thirdparty.io.grpc.Status;
import org.apache.ratis.thirdparty.io.grpc.netty.GrpcSslContexts;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.ClientAuth;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContext;
import org.apache.ratis.thirdparty.io.netty.handler.ssl.SslContextBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mutual TLS 1.3 between the members of the metadata group. Nodes that are no member are refused although their certificate is good, and a
 * member that speaks as another one: neither votes nor log entries are taken from it.
 */
final class RaftTls {
    private static final Logger LOG = LoggerFactory.getLogger(RaftTls.class);

    /** Ratis' copy of gRPC tells of a failed handshake here, and nowhere else. Held, since the JDK forgets loggers that nobody holds. */
    private static final java.util.logging.Logger HANDSHAKES = java.util.logging.Logger.getLogger(
            "org.apache.ratis.thirdparty.io.grpc.netty.NettyServerTransport.connections");

    private RaftTls() {}

    /** For the member's server and its client alike; without an identity: plaintext. */
    static Parameters parameters(MetaConfig config) {
        return parameters(config, new ServerTransportFilter() {});
    }

    /** @param connections is told of those that the member's server takes */
    static Parameters parameters(MetaConfig config, ServerTransportFilter connections) {
        Parameters parameters = new Parameters();
        GrpcConfigKeys.Server.setServicesCustomizer(
                parameters, (builder, types) -> builder.addTransportFilter(connections));
        config.identity().ifPresent(identity -> secure(parameters, config, identity, connections));
        return parameters;
    }

    private static void secure(
            Parameters parameters, MetaConfig config, LiveIdentity identity, ServerTransportFilter connections) {
        Set<Role> nodes = Set.of(Role.NODE);
        GrpcConfigKeys.TLS.setConf(parameters, new GrpcTlsConfig(identity.keys(), identity.peers(nodes), true));
        SslContext accepting;
        try {
            // In place of the one that Ratis makes, which takes TLS 1.2 too.
            accepting = GrpcSslContexts.configure(SslContextBuilder.forServer(identity.keys()))
                    .trustManager(identity.peers(nodes))
                    .clientAuth(ClientAuth.REQUIRE)
                    .protocols("TLSv1.3")
                    .build();
        } catch (SSLException e) {
            throw new IllegalStateException("TLS 1.3 cannot be set up for the metadata group: " + e.getMessage(), e);
        }
        GrpcConfigKeys.Server.setServicesCustomizer(
                parameters,
                (builder, types) -> builder.sslContext(accepting)
                        .addTransportFilter(connections)
                        .intercept(new MembersOnly(config.admitted())));
        tellOfHandshakes();
    }

    private static synchronized void tellOfHandshakes() {
        if (HANDSHAKES.getHandlers().length == 0) {
            HANDSHAKES.setLevel(Level.FINE);
            HANDSHAKES.setUseParentHandlers(false);
            HANDSHAKES.addHandler(new HandshakeLog());
        }
    }

    private static final class HandshakeLog extends Handler {
        @Override
        public void publish(LogRecord handshake) {
            Throwable deepest = handshake.getThrown();
            boolean isOfTls = false;
            while (deepest != null && deepest.getCause() != null) {
                isOfTls |= deepest instanceof SSLException;
                deepest = deepest.getCause();
            }
            if (deepest == null || !(isOfTls || deepest instanceof SSLException)) {
                return;
            }
            LOG.warn("metadata peer refused reason=\"{}\"", words(String.valueOf(deepest.getMessage())));
        }

        private static String words(String message) {
            if (message.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE")
                    || message.contains("Empty client certificate chain")) {
                return "no certificate was shown";
            }
            return message.contains("UNSUPPORTED_PROTOCOL") || message.contains("protocol_version")
                    ? "the other side does not speak TLS 1.3"
                    : message;
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }

    /** Judges every call by the certificate of its connection. */
    static final class MembersOnly implements ServerInterceptor {
        private final Supplier<Set<String>> members;

        MembersOnly(Supplier<Set<String>> members) {
            this.members = members;
        }

        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            String node = node(call.getAttributes().get(Grpc.TRANSPORT_ATTR_SSL_SESSION));
            if (node == null || !members.get().contains(node)) {
                refuse(call, "node " + node + " is no member of the metadata group");
                return new ServerCall.Listener<>() {};
            }
            return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
                private boolean refused;

                @Override
                public void onMessage(Q message) {
                    Optional<String> objection = impersonation(node, message);
                    if (objection.isEmpty()) {
                        super.onMessage(message);
                    } else if (!refused) {
                        refused = true;
                        refuse(call, objection.get());
                    }
                }

                @Override
                public void onHalfClose() {
                    if (!refused) {
                        super.onHalfClose();
                    }
                }
            };
        }

        private static void refuse(ServerCall<?, ?> call, String reason) {
            LOG.warn(
                    "metadata call refused peer={} reason=\"{}\"",
                    call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR),
                    reason);
            call.close(Status.PERMISSION_DENIED.withDescription(reason), new Metadata());
        }
    }

    private static @Nullable String node(@Nullable SSLSession session) {
        try {
            return session != null && session.getPeerCertificates()[0] instanceof X509Certificate certificate
                    ? Principal.of(certificate).map(Principal::name).orElse(null)
                    : null;
        } catch (SSLPeerUnverifiedException e) {
            return null;
        }
    }

    /** What is wrong with a message from that node: it says that another one sent it. */
    static Optional<String> impersonation(String node, Object message) {
        List<RaftRpcRequestProto> senders = switch (message) {
            case AppendEntriesRequestProto append -> List.of(append.getServerRequest());
            case RequestVoteRequestProto vote -> List.of(vote.getServerRequest());
            case InstallSnapshotRequestProto snapshot -> List.of(snapshot.getServerRequest());
            case StartLeaderElectionRequestProto election -> List.of(election.getServerRequest());
            case ReadIndexRequestProto read -> List.of(read.getServerRequest());
            default -> List.of(); // of clients: any member asks for any other
        };
        return senders.stream()
                .map(sender -> sender.getRequestorId().toStringUtf8())
                .map(MemberPlan::nodeOf)
                .filter(sender -> !sender.equals(node))
                .map(sender -> "the certificate is of node " + node + ", but the message is of node " + sender)
                .findFirst();
    }
}
