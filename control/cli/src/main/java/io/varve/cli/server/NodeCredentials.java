package io.varve.cli.server;

import com.google.protobuf.ByteString;
import io.varve.api.AuthorityKey;
import io.varve.api.Certificates;
import io.varve.api.GetAuthorityRequest;
import io.varve.api.IdentityGrpcClient;
import io.varve.api.JoinRequest;
import io.varve.api.RenewRequest;
import io.varve.cli.config.Endpoint;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.config.RestartConfig.Network;
import io.varve.cli.config.RestartConfig.TlsFiles;
import io.varve.control.truth.NodeCalls;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.Identity;
import io.varve.identity.IdentityDirectory;
import io.varve.identity.JoinToken;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Pem;
import io.varve.identity.Principal;
import io.varve.identity.SecretFile;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate of this node from its first start on: found, or got by a token; and the next one before it ends. Blocking methods are called on the
 * main thread or a worker.
 */
final class NodeCredentials {
    private static final Logger LOG = LoggerFactory.getLogger(NodeCredentials.class);

    private static final Duration CALL_LIMIT = Duration.ofSeconds(20);

    /** How often it is looked whether it is time: in a short life more often. */
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

    private static final int PAUSES_IN_A_LIFE = 20;

    private final NodeConfig config;
    private final IdentityDirectory directory;
    private final Vertx vertx;
    private final LiveIdentity live;

    private NodeCredentials(NodeConfig config, IdentityDirectory directory, Vertx vertx, Identity first) {
        this.config = config;
        this.directory = directory;
        this.vertx = vertx;
        this.live = new LiveIdentity(first);
    }

    /**
     * Empty on a plaintext network.
     *
     * @throws IOException in words for people: there is no certificate and no way to one, or it cannot be used
     */
    static Optional<NodeCredentials> open(NodeConfig config, Vertx vertx) throws IOException {
        var security = config.restart().security();
        if (security.network() == Network.PLAINTEXT) {
            LOG.warn("network is plaintext: whoever reaches a port of this node may read and change everything");
            return Optional.empty();
        }
        var directory = IdentityDirectory.of(config.dataDir());
        var first = security.files().isPresent() ? read(security.files().get()) : own(config, directory, vertx);
        var node = config.fixed().node();
        if (first.principal().filter(Principal.node(node)::equals).isEmpty()) {
            throw new IOException("the certificate is of "
                    + first.principal().map(Principal::toString).orElse("nobody") + ", this is node " + node);
        }
        LOG.info(
                "identity found node={} certificateEnds={} authority={}",
                node,
                first.endsAt(),
                CertificateAuthority.fingerprint(first.authorities().getFirst()));
        return Optional.of(new NodeCredentials(config, directory, vertx, first));
    }

    private static Identity read(TlsFiles files) throws IOException {
        return IdentityDirectory.read(files.ca(), files.certificate(), files.key());
    }

    private static Identity own(NodeConfig config, IdentityDirectory directory, Vertx vertx) throws IOException {
        var node = config.fixed().node();
        var lifetime = config.restart().security().lifetime();
        var found = directory.hasIdentity() ? Optional.of(directory.readNode()) : Optional.<Identity>empty();
        var now = Instant.now();
        if (found.filter(identity -> now.isBefore(identity.renewAt())).isPresent()) {
            return found.get();
        }
        var authority = directory.readAuthority();
        if (authority.isPresent()) {
            directory.issue(authority.get(), node, now, lifetime);
            return directory.readNode();
        }
        if (found.filter(identity -> now.isBefore(identity.endsAt())).isPresent()) {
            return found.get();
        }
        var token = config.restart().security().joinToken();
        if (token.isEmpty()) {
            throw new IOException(
                    directory.hasIdentity()
                            ? "the certificate in " + directory.path()
                                    + " has ended: make a token on another node (varve node token " + node
                                    + ") and name its file as join.token in the configuration"
                            : "there is no certificate in " + directory.path()
                                    + ": on the first node run 'varve cluster create-ca --config FILE'; elsewhere name a file with a token from"
                                    + " 'varve node token " + node
                                    + "' as join.token; or say 'network: plaintext' on a network that you trust");
        }
        join(node, token.get(), directory, vertx);
        return directory.readNode();
    }

    private static void join(String node, Path file, IdentityDirectory directory, Vertx vertx) throws IOException {
        if (!Files.exists(file)) {
            throw new IOException("join.token: " + file + " does not exist; 'varve node token " + node
                    + "' on another node makes one");
        }
        JoinToken token;
        try {
            token = JoinToken.parse(SecretFile.read(file));
        } catch (IllegalArgumentException e) {
            throw new IOException("join.token: " + file + " holds " + e.getMessage(), e);
        }
        if (!token.node().equals(node)) {
            throw new IOException("join.token: the token is for node " + token.node() + ", this is node " + node);
        }
        var trusting = new LiveIdentity(Identity.withoutCertificate(List.of(token.authority())));
        var keys = new Keys(CertificateAuthority.newKey(), CertificateAuthority.newKey());
        var calls = new NodeCalls(vertx, Optional.of(trusting));
        var address = Endpoint.parse(token.address());
        try {
            var granted = calls.ask(
                            SocketAddress.inetSocketAddress(address.port(), address.host()),
                            IdentityGrpcClient.Join,
                            JoinRequest.newBuilder()
                                    .setNode(node)
                                    .setSecret(token.secret())
                                    .setNodeKey(keys.nodeKey())
                                    .setAdminKey(keys.adminKey())
                                    .build(),
                            CALL_LIMIT)
                    .await();
            keep(granted, keys, directory);
            LOG.info("joined node={} through={}", node, token.address());
        } catch (IOException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException("cannot join the cluster: " + e.getMessage(), e);
        } finally {
            calls.close().await();
        }
    }

    /** Made here; only the public halves leave the node. */
    private record Keys(KeyPair node, KeyPair admin) {
        ByteString nodeKey() {
            return ByteString.copyFrom(node.getPublic().getEncoded());
        }

        ByteString adminKey() {
            return ByteString.copyFrom(admin.getPublic().getEncoded());
        }
    }

    /** The node's own certificate last: with it the others are there. */
    private static void keep(Certificates granted, Keys keys, IdentityDirectory directory) throws IOException {
        List<X509Certificate> authorities = granted.getAuthoritiesList().stream()
                .map(der -> Pem.certificate(der.toByteArray()))
                .toList();
        directory.writeAuthorities(authorities);
        if (!granted.getAuthorityKey().isEmpty()) {
            directory.writeAuthorityKey(Pem.privateKey(granted.getAuthorityKey().toByteArray()));
        }
        directory.writeAdmin(Pem.certificate(granted.getAdmin().toByteArray()), keys.admin.getPrivate(), authorities);
        directory.writeNode(Pem.certificate(granted.getNode().toByteArray()), keys.node.getPrivate());
    }

    LiveIdentity live() {
        return live;
    }

    IdentityDirectory directory() {
        return directory;
    }

    /** From now on the certificate is renewed in time. {@code members}: where to ask, when the authority's key is not here. */
    void keepFresh(Supplier<List<SocketAddress>> members) {
        var calls = new NodeCalls(vertx, Optional.of(live));
        var life = Duration.between(Instant.now(), live.now().endsAt());
        var pause = Math.clamp(life.toMillis() / PAUSES_IN_A_LIFE, 200, LONGEST_PAUSE.toMillis());
        vertx.setTimer(pause, fired -> lookAfter(calls, members, pause));
    }

    private void lookAfter(NodeCalls calls, Supplier<List<SocketAddress>> members, long pause) {
        lookAfter(calls, members.get())
                .onComplete(done -> vertx.setTimer(pause, again -> lookAfter(calls, members, pause)));
    }

    private Future<Void> lookAfter(NodeCalls calls, List<SocketAddress> members) {
        if (config.restart().security().files().isPresent()) {
            return vertx.executeBlocking(this::readAgain, false)
                    .<Void>mapEmpty()
                    .recover(this::failed);
        }
        if (Instant.now().isBefore(live.now().renewAt())) {
            return Future.succeededFuture();
        }
        if (directory.hasAuthority()) {
            return vertx.executeBlocking(this::issueAgain, false)
                    .<Void>mapEmpty()
                    .recover(this::failed);
        }
        var keys = new Keys(CertificateAuthority.newKey(), CertificateAuthority.newKey());
        return renewAt(0, calls, members, keys)
                .compose(granted -> vertx.executeBlocking(
                        () -> {
                            keep(granted, keys, directory);
                            return use(directory.readNode());
                        },
                        false))
                .<Void>mapEmpty()
                .recover(this::failed);
    }

    private Future<Certificates> renewAt(int member, NodeCalls calls, List<SocketAddress> members, Keys keys) {
        var request = RenewRequest.newBuilder()
                .setNodeKey(keys.nodeKey())
                .setAdminKey(keys.adminKey())
                .build();
        return calls.ask(members.get(member), IdentityGrpcClient.Renew, request, CALL_LIMIT)
                .recover(failure -> member + 1 < members.size()
                        ? renewAt(member + 1, calls, members, keys)
                        : Future.failedFuture(failure));
    }

    /**
     * Gets the authority's key, which every metadata member has, unless it is here or certificates come from elsewhere. Blocks.
     *
     * @throws IOException when nobody gives it
     */
    void fetchAuthority(List<SocketAddress> members) throws IOException {
        if (config.restart().security().files().isPresent() || directory.hasAuthority()) {
            return;
        }
        var calls = new NodeCalls(vertx, Optional.of(live));
        try {
            var given = authorityAt(0, calls, members).await();
            var authority = new CertificateAuthority(
                    live.now().authorities().getFirst(),
                    Pem.privateKey(given.getKey().toByteArray()));
            // Fails when it is another authority's.
            authority.issue(
                    CertificateAuthority.newKey().getPublic(),
                    Principal.node(config.fixed().node()),
                    Instant.now(),
                    config.restart().security().lifetime());
            directory.writeAuthorityKey(authority.key());
            LOG.info("authority's key taken over");
        } catch (IOException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException("the authority's key cannot be had: " + e.getMessage(), e);
        } finally {
            calls.close();
        }
    }

    private static Future<AuthorityKey> authorityAt(int member, NodeCalls calls, List<SocketAddress> members) {
        return calls.ask(
                        members.get(member),
                        IdentityGrpcClient.GetAuthority,
                        GetAuthorityRequest.getDefaultInstance(),
                        CALL_LIMIT)
                .recover(failure -> member + 1 < members.size()
                        ? authorityAt(member + 1, calls, members)
                        : Future.failedFuture(failure));
    }

    /** This node is no metadata member any more: only they hold the authority. */
    void dropAuthority() throws IOException {
        if (directory.removeAuthority()) {
            LOG.info("authority's key removed: this node is no metadata member");
        }
    }

    private Boolean issueAgain() throws IOException {
        var authority = directory.readAuthority().orElseThrow();
        directory.issue(
                authority,
                config.fixed().node(),
                Instant.now(),
                config.restart().security().lifetime());
        return use(directory.readNode());
    }

    /** Files that somebody else keeps up to date. */
    private Boolean readAgain() throws IOException {
        var found = read(config.restart().security().files().orElseThrow());
        return !found.chain().equals(live.now().chain())
                && found.principal().equals(live.now().principal())
                && use(found);
    }

    private boolean use(Identity next) {
        live.replace(next);
        LOG.info("certificate renewed node={} ends={}", config.fixed().node(), next.endsAt());
        return true;
    }

    private Future<Void> failed(Throwable failure) {
        var left = Duration.between(Instant.now(), live.now().endsAt());
        var message = "certificate not renewed secondsLeft={} reason=\"{}\"";
        if (left.toMillis() < config.restart().security().lifetime().toMillis() / 10) {
            LOG.error(message, left.toSeconds(), failure.getMessage());
        } else {
            LOG.warn(message, left.toSeconds(), failure.getMessage());
        }
        return Future.succeededFuture();
    }
}
