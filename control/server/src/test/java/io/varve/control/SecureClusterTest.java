package io.varve.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.protobuf.ByteString;
import io.varve.api.AddDiskRequest;
import io.varve.api.AttachRequest;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.Certificates;
import io.varve.api.ClusterStatus;
import io.varve.api.CreateJoinTokenRequest;
import io.varve.api.CreateTokenRequest;
import io.varve.api.CreateVolumeRequest;
import io.varve.api.CreatedToken;
import io.varve.api.DeleteVolumeRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.DiskGroup;
import io.varve.api.GetAuthorityRequest;
import io.varve.api.GetNodeStatsRequest;
import io.varve.api.GetStatusRequest;
import io.varve.api.IdentityGrpcClient;
import io.varve.api.InitClusterRequest;
import io.varve.api.JoinRequest;
import io.varve.api.ListTokensRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.Node;
import io.varve.api.NodeControlGrpcClient;
import io.varve.api.NodeDiagnostics;
import io.varve.api.NodeStats;
import io.varve.api.NodeView;
import io.varve.api.OpenRequest;
import io.varve.api.OpenedRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RenewRequest;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.RetryDiskRequest;
import io.varve.api.RetryDiskResponse;
import io.varve.api.RevokeTokenRequest;
import io.varve.api.SlabOpen;
import io.varve.api.TruthCode;
import io.varve.api.VerifyVolumeRequest;
import io.varve.api.Volume;
import io.varve.api.WatchNodeRequest;
import io.varve.control.api.Issuing;
import io.varve.control.api.JoinProof;
import io.varve.control.api.NodeLocal;
import io.varve.control.raft.MetaConfig;
import io.varve.control.raft.MetaConfig.Member;
import io.varve.control.truth.Founding;
import io.varve.control.truth.ManagementTls;
import io.varve.control.truth.MetadataMembers;
import io.varve.control.truth.NodeCalls;
import io.varve.control.truth.TruthClient;
import io.varve.identity.CertificateAuthority;
import io.varve.identity.Identity;
import io.varve.identity.IdentityDirectory;
import io.varve.identity.JoinToken;
import io.varve.identity.LiveIdentity;
import io.varve.identity.Pem;
import io.varve.identity.Principal;
import io.varve.identity.Revocations;
import io.varve.identity.Role;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.common.ServiceMethod;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Three members n0, n1, n2 and the node n3, which is none, by TLS; and all those who have no business there. */
@Tag("slow")
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SecureClusterTest {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration DEADLINE = Duration.ofSeconds(20);
    /** Calls for figures that reached a node. */
    private static final AtomicInteger ASKED = new AtomicInteger();

    private final CertificateAuthority authority = CertificateAuthority.create("lab", Instant.now());
    private final Vertx vertx = Vertx.vertx();
    private final List<Member> members = new ArrayList<>();
    private final List<SocketAddress> management = new ArrayList<>();
    private final List<LiveIdentity> identities = new ArrayList<>();
    private final List<ControlServer> servers = new ArrayList<>();
    private SocketAddress outsider = SocketAddress.inetSocketAddress(1, "127.0.0.1");

    @BeforeAll
    void start(@TempDir Path dir) throws Exception {
        List<ServerSocket> held = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            held.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
        }
        for (int i = 0; i < 3; i++) {
            members.add(new Member("n" + i, "127.0.0.1", held.get(i).getLocalPort()));
            management.add(ControlCluster.loopback(held.get(3 + i).getLocalPort()));
        }
        for (ServerSocket socket : held) {
            socket.close();
        }
        IdentityDirectory issuer = IdentityDirectory.of(dir);
        issuer.writeAuthorities(List.of(authority.certificate()));
        issuer.writeAuthorityKey(authority.key());
        for (int i = 0; i < 3; i++) {
            identities.add(node("n" + i));
            Optional<LiveIdentity> shown = Optional.of(identities.getLast());
            servers.add(await(ControlServer.start(
                    new ControlConfig(
                            "n" + i,
                            "127.0.0.1",
                            management.get(i).port(),
                            management,
                            Optional.of(new MetaConfig("n" + i, members, dir.resolve("n" + i)).shown(shown)),
                            shown,
                            Optional.of(new Issuing(
                                    issuer,
                                    HOUR,
                                    "127.0.0.1:" + management.get(i).port(),
                                    Set.of("n0", "n1", "n2"),
                                    Optional.of(PODS)))),
                    vertx,
                    new Local("n" + i))));
        }
        servers.add(await(ControlServer.start(
                new ControlConfig(
                        "n3", "127.0.0.1", 0, management, Optional.empty(), Optional.of(node("n3")), Optional.empty()),
                vertx,
                new Local("n3"))));
        outsider = ControlCluster.loopback(servers.getLast().managementPort());
        ClusterStatus made = as(
                admin(),
                ManagementGrpcClient.InitCluster,
                InitClusterRequest.newBuilder().setName("lab").build());
        assertThat(made.getInitialized()).isTrue();
        assertThat(made.getMetadataMembersUp()).isEqualTo(3);
    }

    @AfterAll
    void stop() throws Exception {
        for (ControlServer server : servers) {
            await(server.close());
        }
        await(vertx.close());
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
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

    private LiveIdentity person(Role role) {
        return identity(authority, new Principal(role, "ann"), Instant.now());
    }

    private LiveIdentity admin() {
        return person(Role.ADMIN);
    }

    private <Q, R> R as(LiveIdentity who, ServiceMethod<R, Q> method, Q question) throws Exception {
        return at(management.getFirst(), who, method, question, "");
    }

    private <Q, R> R at(SocketAddress server, LiveIdentity who, ServiceMethod<R, Q> method, Q question, String onBehalf)
            throws Exception {
        NodeCalls calls = new NodeCalls(vertx, Optional.of(who));
        try {
            return await(calls.ask(server, method, question, DEADLINE, onBehalf));
        } finally {
            await(calls.close());
        }
    }

    private ClusterStatus status(LiveIdentity who) throws Exception {
        return as(who, ManagementGrpcClient.GetStatus, GetStatusRequest.getDefaultInstance());
    }

    private void delete(SocketAddress server, LiveIdentity who, String onBehalf) throws Exception {
        at(
                server,
                who,
                ManagementGrpcClient.DeleteVolume,
                DeleteVolumeRequest.newBuilder().setName("none").build(),
                onBehalf);
    }

    private TruthCode register(LiveIdentity who, String name) throws Exception {
        int place = name.charAt(1) - '0';
        boolean isMember = place < members.size();
        TruthClient truth = new TruthClient(vertx, management, Optional.of(who));
        try {
            return await(truth.registerNode(RegisterNodeRequest.newBuilder()
                            .setNode(Node.newBuilder()
                                    .setId(name)
                                    .setIncarnation(1)
                                    .setManagementAddress(
                                            "127.0.0.1:" + (isMember ? management.get(place) : outsider).port())
                                    .setRaftAddress(
                                            isMember ? members.get(place).address() : "127.0.0.1:2"))
                            .build()))
                    .getResult()
                    .getCode();
        } finally {
            await(truth.close());
        }
    }

    /** The authority's key goes to the members that the truth lists, over their own connection, and to nobody else. */
    @Test
    void theAuthoritysKeyIsHandedToListedMembersOnly() throws Exception {
        for (String name : List.of("n0", "n1", "n2", "n3")) {
            register(node(name), name);
        }
        NodeView view = NodeView.getDefaultInstance();
        TruthClient truth = new TruthClient(vertx, management, Optional.of(node("n1")));
        while (!view.hasMetadata()) {
            view = await(truth.watchNode(WatchNodeRequest.newBuilder()
                    .setNode("n1")
                    .setAfterIndex(view.getIndex())
                    .setWaitMillis(1_000)
                    .build()));
        }
        await(truth.close());
        GetAuthorityRequest question = GetAuthorityRequest.getDefaultInstance();
        assertThat(as(node("n1"), IdentityGrpcClient.GetAuthority, question).getKey())
                .isEqualTo(ByteString.copyFrom(authority.key().getEncoded()));
        assertThatThrownBy(() -> as(node("n3"), IdentityGrpcClient.GetAuthority, question))
                .hasMessageContaining("n3 is no member of the metadata group");
        assertThatThrownBy(() -> as(admin(), IdentityGrpcClient.GetAuthority, question))
                .hasMessageContaining("needs the role node");
        assertThatThrownBy(() -> at(outsider, node("n1"), IdentityGrpcClient.GetAuthority, question, ""))
                .as("it has none to give")
                .hasMessageContaining("no member of the metadata group");
    }

    /** (volume, epoch) says nothing of who calls: the certificate does, and the truth knows whose the epoch is. */
    @Test
    void aNodeSpeaksOfItsOwnEpochsAndDiskGroupsOnly() throws Exception {
        register(node("n1"), "n1");
        register(node("n2"), "n2");
        TruthClient own = new TruthClient(vertx, management, Optional.of(node("n1")));
        TruthClient other = new TruthClient(vertx, management, Optional.of(node("n2")));
        try {
            await(own.registerGroup(RegisterGroupRequest.newBuilder()
                    .setIncarnation(1)
                    .setGroup(DiskGroup.newBuilder()
                            .setUuid("g1")
                            .setNode("n1")
                            .setCapacityBytes(1L << 40)
                            .setFreeBytes(1L << 40))
                    .build()));
            NodeCalls people = new NodeCalls(vertx, Optional.of(admin()));
            Future<Volume> created = people.ask(
                    management.getFirst(),
                    ManagementGrpcClient.CreateVolume,
                    CreateVolumeRequest.newBuilder()
                            .setName("mine")
                            .setSizeBytes(1 << 20)
                            .setReplicas(1)
                            .build(),
                    DEADLINE);
            NodeView view = NodeView.getDefaultInstance();
            while (view.getVolumesCount() == 0) {
                view = await(own.watchNode(WatchNodeRequest.newBuilder()
                        .setNode("n1")
                        .setAfterIndex(view.getIndex())
                        .setWaitMillis(1_000)
                        .build()));
            }
            long volume = view.getVolumes(0).getId();
            ReplicasCreatedRequest made = ReplicasCreatedRequest.newBuilder()
                    .setVolume(volume)
                    .setGroup("g1")
                    .addSlabs(0)
                    .build();
            assertThatThrownBy(() -> await(other.replicasCreated(made)))
                    .hasMessageContaining("the certificate is of node n2, but disk group g1 is of node n1");
            await(own.replicasCreated(made));
            await(created);
            Future<Volume> attached = people.ask(
                    management.getFirst(),
                    ManagementGrpcClient.AttachVolume,
                    AttachVolumeRequest.newBuilder()
                            .setName("mine")
                            .setNode("n1")
                            .build(),
                    DEADLINE);
            TruthCode code = TruthCode.TRUTH_REFUSED;
            for (int i = 0; i < 100 && code != TruthCode.TRUTH_OK; i++) {
                code = await(own.attach(AttachRequest.newBuilder()
                                .setVolume(volume)
                                .setNode("n1")
                                .setIncarnation(1)
                                .setAttachId("n1/1/1")
                                .build()))
                        .getResult()
                        .getCode();
            }
            OpenRequest open = OpenRequest.newBuilder()
                    .setVolume(volume)
                    .setEpoch(1)
                    .addSlabs(SlabOpen.newBuilder().setGen(1).setStartSeq(1).addIsr("g1"))
                    .build();
            String mine = "but epoch 1 of volume " + volume + " is of node n1";
            assertThatThrownBy(() -> await(other.open(open))).hasMessageContaining(mine);
            assertThatThrownBy(() -> await(other.detached(DetachedRequest.newBuilder()
                            .setVolume(volume)
                            .setEpoch(1)
                            .build())))
                    .hasMessageContaining(mine);
            assertThat(await(own.open(open)).getResult().getCode()).isEqualTo(TruthCode.TRUTH_OK);
            await(own.opened(OpenedRequest.newBuilder()
                    .setVolume(volume)
                    .setEpoch(1)
                    .setNbdUri("nbd://n1/mine")
                    .build()));
            assertThat(await(attached).getAttachment().getNode()).isEqualTo("n1");
            await(people.close());
        } finally {
            await(own.close());
            await(other.close());
        }
    }

    /** A server that hung and answers again: what was given up meanwhile is not sent to it, only to be cancelled in the same moment. */
    @Test
    void whatIsGivenUpBeforeThereIsAConnectionIsNeverSent() throws Exception {
        NodeCalls calls = new NodeCalls(vertx, Optional.of(admin()));
        try (ServerSocket relay = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            SocketAddress hanging = ControlCluster.loopback(relay.getLocalPort());
            List<Future<NodeStats>> given = new ArrayList<>();
            for (int i = 0; i < 50; i++) {
                given.add(calls.ask(
                        hanging,
                        ManagementGrpcClient.GetNodeStats,
                        GetNodeStatsRequest.getDefaultInstance(),
                        Duration.ofMillis(300)));
            }
            for (Future<NodeStats> each : given) {
                assertThatThrownBy(() -> await(each)).hasMessageContaining("does not answer in time");
            }
            int before = ASKED.get();
            try (Socket client = relay.accept();
                    Socket server = new Socket(
                            InetAddress.getLoopbackAddress(),
                            management.getFirst().port())) {
                pump(client, server);
                pump(server, client);
                NodeStats answer = await(calls.ask(
                        hanging,
                        ManagementGrpcClient.GetNodeStats,
                        GetNodeStatsRequest.getDefaultInstance(),
                        DEADLINE));
                assertThat(answer.getNode()).isEqualTo("n0");
                assertThat(ASKED.get() - before).isEqualTo(1);
            }
        } finally {
            await(calls.close());
        }
    }

    private static void pump(Socket from, Socket to) {
        Thread.ofVirtual().start(() -> {
            try {
                from.getInputStream().transferTo(to.getOutputStream());
            } catch (IOException closed) {
                // The test is over.
            }
        });
    }

    /** In the handshake, and in a connection that began before. */
    @Test
    void aRemovedNodesCertificateIsTakenNoMore() throws Exception {
        LiveIdentity removed = node("n9");
        NodeCalls calls = new NodeCalls(vertx, Optional.of(removed));
        try {
            NodeStats before = await(calls.ask(
                    management.getFirst(),
                    ManagementGrpcClient.GetNodeStats,
                    GetNodeStatsRequest.getDefaultInstance(),
                    DEADLINE));
            assertThat(before.getNode()).isEqualTo("n0");
            identities
                    .getFirst()
                    .revoke(new Revocations(Map.of("n9", Instant.now().plusSeconds(600))));
            assertThatThrownBy(() -> await(calls.ask(
                            management.getFirst(),
                            ManagementGrpcClient.GetNodeStats,
                            GetNodeStatsRequest.getDefaultInstance(),
                            DEADLINE)))
                    .hasMessageContaining("certificate of node n9 is revoked");
            assertThatThrownBy(() ->
                            as(node("n9"), ManagementGrpcClient.GetNodeStats, GetNodeStatsRequest.getDefaultInstance()))
                    .isNotNull();
        } finally {
            identities.getFirst().revoke(Revocations.NONE);
            await(calls.close());
        }
    }

    @Test
    void aNodeRegistersItselfAndNoOther() throws Exception {
        assertThat(register(node("n1"), "n1")).isEqualTo(TruthCode.TRUTH_OK);
        assertThatThrownBy(() -> register(node("n1"), "n2"))
                .hasMessageContaining("the certificate is of node n1, but the call speaks for node n2");
        assertThat(status(admin()).getNodesList())
                .noneMatch(node -> node.getId().equals("n2"));
    }

    @Test
    void peopleDoWhatTheirRoleAllows() throws Exception {
        assertThat(status(person(Role.READ_ONLY)).getInitialized()).isTrue();
        assertThatThrownBy(() -> delete(management.getFirst(), person(Role.READ_ONLY), ""))
                .hasMessageContaining("read-only ann may not call varve.v1.Management/DeleteVolume")
                .hasMessageContaining("needs the role csi");
        assertThatThrownBy(() -> delete(management.getFirst(), person(Role.CSI), ""))
                .hasMessageContaining("there is no volume");
        assertThatThrownBy(
                        () -> as(person(Role.CSI), ManagementGrpcClient.AddDisk, AddDiskRequest.getDefaultInstance()))
                .hasMessageContaining("needs the role admin");
    }

    @Test
    void peopleAreNoNodesAndNodesAreNoPeople() {
        assertThatThrownBy(() -> register(admin(), "n1")).hasMessageContaining("needs the role node");
        assertThatThrownBy(() -> as(admin(), NodeControlGrpcClient.AddDevice, AddDiskRequest.getDefaultInstance()))
                .hasMessageContaining("needs the role node");
        assertThatThrownBy(() -> status(node("n3"))).hasMessageContaining("node n3 may not call");
    }

    @Test
    void aNodeThatIsNoMemberPassesOnWhoAsked() throws Exception {
        assertThat(at(
                                outsider,
                                person(Role.READ_ONLY),
                                ManagementGrpcClient.GetStatus,
                                GetStatusRequest.getDefaultInstance(),
                                "")
                        .getInitialized())
                .isTrue();
        assertThatThrownBy(() -> delete(outsider, admin(), "")).hasMessageContaining("there is no volume");
        assertThatThrownBy(() -> delete(outsider, person(Role.READ_ONLY), "")).hasMessageContaining("may not call");
        assertThatThrownBy(() -> delete(management.getFirst(), node("n3"), "varve:read-only:ann"))
                .hasMessageContaining("read-only ann via n3 may not call");
    }

    @Test
    void onlyNodesSpeakForOthers() {
        assertThatThrownBy(() -> delete(management.getFirst(), person(Role.READ_ONLY), "varve:admin:root"))
                .hasMessageContaining("may not call on behalf of");
        assertThatThrownBy(() -> delete(management.getFirst(), node("n3"), "varve:node:n1"))
                .hasMessageContaining("may not call on behalf of");
    }

    @Test
    void whoShowsNothingIsAskedToShowSomething() {
        LiveIdentity nobody = new LiveIdentity(Identity.withoutCertificate(List.of(authority.certificate())));
        assertThatThrownBy(() -> status(nobody))
                .hasMessageContaining("show a certificate of this cluster or an API token");
    }

    @Test
    void foreignAndEndedCertificatesAndPlaintextAreRefused() {
        CertificateAuthority foreign = CertificateAuthority.create("lab", Instant.now());
        assertThatThrownBy(() -> status(identity(foreign, new Principal(Role.ADMIN, "ann"), Instant.now())))
                .hasMessageNotContaining("may not");
        assertThatThrownBy(() -> status(identity(
                        authority,
                        new Principal(Role.ADMIN, "ann"),
                        Instant.now().minus(HOUR).minusSeconds(1))))
                .hasMessageNotContaining("may not");
        NodeCalls plain = new NodeCalls(vertx);
        assertThatThrownBy(() -> await(plain.ask(
                        management.getFirst(),
                        ManagementGrpcClient.GetStatus,
                        GetStatusRequest.getDefaultInstance(),
                        Duration.ofSeconds(5))))
                .isNotNull();
    }

    private JoinToken joinToken(String node) throws Exception {
        return joinTokenAt(management.getFirst(), node);
    }

    private JoinToken joinTokenAt(SocketAddress server, String node) throws Exception {
        return JoinToken.parse(at(
                        server,
                        admin(),
                        ManagementGrpcClient.CreateJoinToken,
                        CreateJoinTokenRequest.newBuilder().setNode(node).build(),
                        "")
                .getToken());
    }

    private Certificates join(JoinToken token, String node, KeyPair key) throws Exception {
        return joinAt(management.getFirst(), token, node, key);
    }

    private Certificates joinAt(SocketAddress server, JoinToken token, String node, KeyPair key) throws Exception {
        LiveIdentity nobody = new LiveIdentity(Identity.withoutCertificate(List.of(token.authority())));
        ByteString spki = ByteString.copyFrom(key.getPublic().getEncoded());
        return at(
                server,
                nobody,
                IdentityGrpcClient.Join,
                JoinRequest.newBuilder()
                        .setNode(node)
                        .setSecret(token.secret())
                        .setNodeKey(spki)
                        .setAdminKey(spki)
                        .build(),
                "");
    }

    /** Without its tokens the others cannot come, and there would be no group for ever. */
    @Test
    void theFirstOneGivesCertificatesBeforeThereIsAGroup(@TempDir Path dir) throws Exception {
        IdentityDirectory issuer = IdentityDirectory.of(dir);
        issuer.writeAuthorities(List.of(authority.certificate()));
        issuer.writeAuthorityKey(authority.key());
        MetadataMembers known = MetadataMembers.fixed(List.of(ControlCluster.loopback(1)));
        known.awaits(new Founding(Set.of("f1", "f2")));
        known.standAside("it waits for f1, f2", "");
        ControlServer first = await(ControlServer.start(
                new ControlConfig(
                        "f0",
                        "127.0.0.1",
                        0,
                        known,
                        Optional.empty(),
                        Optional.of(node("f0")),
                        Optional.of(
                                new Issuing(issuer, HOUR, "127.0.0.1:1", Set.of("f0", "f1", "f2"), Optional.empty())),
                        Optional.empty(),
                        Optional.of(dir.resolve("audit.log"))),
                vertx,
                new Local("f0")));
        SocketAddress at = ControlCluster.loopback(first.managementPort());
        try {
            Certificates granted = joinAt(at, joinTokenAt(at, "f1"), "f1", CertificateAuthority.newKey());
            assertThat(granted.getAuthorityKey().isEmpty()).isFalse();
            JoinToken late = joinTokenAt(at, "f2");
            known.standAside("it has lost its storage", "f0");
            assertThatThrownBy(() -> joinTokenAt(at, "f2")).hasMessageContaining("it has lost its storage");
            assertThatThrownBy(() -> joinAt(at, late, "f2", CertificateAuthority.newKey()))
                    .hasMessageContaining("it has lost its storage");
        } finally {
            await(first.close());
        }
        assertThat(dir.resolve("audit.log")).content().contains("CreateJoinToken");
    }

    /** Stands for Kubernetes: the secret is the name of the node, and a dot. */
    private static final JoinProof PODS = (node, secret) ->
            secret.equals(node + ".") ? Optional.empty() : Optional.of("the pod does not run on " + node);

    @Test
    void anotherProofLetsANodeInButNoMember() throws Exception {
        JoinToken made = joinToken("n9");
        JoinToken pods = new JoinToken("n9", made.address(), "n9.", made.authority());
        Certificates granted = join(pods, "n9", CertificateAuthority.newKey());
        assertThat(granted.getAuthorityKey().isEmpty()).isTrue();
        assertThat(Principal.of(Pem.certificate(granted.getNode().toByteArray())))
                .contains(Principal.node("n9"));
        join(pods, "n9", CertificateAuthority.newKey());
        assertThatThrownBy(() -> join(pods, "n8", CertificateAuthority.newKey()))
                .hasMessageContaining("does not run on n8");
        JoinToken ofMember = new JoinToken("n2", made.address(), "n2.", made.authority());
        assertThatThrownBy(() -> join(ofMember, "n2", CertificateAuthority.newKey()))
                .hasMessageContaining("not known here, was used");
    }

    @Test
    void aJoinTokenLetsOneNodeInOnce() throws Exception {
        JoinToken token = joinToken("n7");
        assertThatThrownBy(() -> join(token, "n8", CertificateAuthority.newKey()))
                .hasMessageContaining("not known here, was used");
        KeyPair key = CertificateAuthority.newKey();
        Certificates granted = join(token, "n7", key);
        X509Certificate certificate = Pem.certificate(granted.getNode().toByteArray());
        assertThat(Principal.of(certificate)).contains(Principal.node("n7"));
        assertThat(granted.getAuthorityKey().isEmpty()).as("n7 is no member").isTrue();
        assertThatThrownBy(() -> join(token, "n7", key)).hasMessageContaining("not known here, was used");
        LiveIdentity joined =
                new LiveIdentity(Identity.of(List.of(certificate), key.getPrivate(), List.of(authority.certificate())));
        assertThat(register(joined, "n7")).isEqualTo(TruthCode.TRUTH_OK);
        Certificates next = as(
                joined,
                IdentityGrpcClient.Renew,
                RenewRequest.newBuilder()
                        .setNodeKey(ByteString.copyFrom(key.getPublic().getEncoded()))
                        .setAdminKey(ByteString.copyFrom(key.getPublic().getEncoded()))
                        .build());
        assertThat(Principal.of(Pem.certificate(next.getNode().toByteArray()))).contains(Principal.node("n7"));
    }

    @Test
    void onlyMembersGetTheAuthoritysKey() throws Exception {
        assertThat(join(joinToken("n2"), "n2", CertificateAuthority.newKey()).getAuthorityKey())
                .isEqualTo(ByteString.copyFrom(authority.key().getEncoded()));
    }

    @Test
    void aNodeThatTheClusterDoesNotKnowGetsNoNextCertificate() {
        assertThatThrownBy(() -> as(node("stranger"), IdentityGrpcClient.Renew, RenewRequest.getDefaultInstance()))
                .hasMessageContaining("is no longer of this cluster");
        assertThatThrownBy(() -> as(admin(), IdentityGrpcClient.Renew, RenewRequest.getDefaultInstance()))
                .hasMessageContaining("needs the role node");
    }

    @Test
    void anApiTokenIsGoodForItsRoleUntilRevokedAtEveryNode() throws Exception {
        CreatedToken created = as(
                admin(),
                ManagementGrpcClient.CreateToken,
                CreateTokenRequest.newBuilder()
                        .setName("probe")
                        .setRole("read-only")
                        .build());
        assertThat(created.getToken().getSha256()).isEmpty();
        for (SocketAddress server : List.of(management.get(0), management.get(1), outsider)) {
            assertThat(withToken(
                                    server,
                                    created.getSecret(),
                                    ManagementGrpcClient.GetStatus,
                                    GetStatusRequest.getDefaultInstance())
                            .getInitialized())
                    .isTrue();
            assertThatThrownBy(() -> withToken(
                            server,
                            created.getSecret(),
                            ManagementGrpcClient.DeleteVolume,
                            DeleteVolumeRequest.newBuilder().setName("none").build()))
                    .hasMessageContaining("read-only probe may not call");
        }
        assertThat(as(admin(), ManagementGrpcClient.ListTokens, ListTokensRequest.getDefaultInstance())
                        .toString())
                .contains("probe")
                .doesNotContain(created.getSecret());
        as(
                admin(),
                ManagementGrpcClient.RevokeToken,
                RevokeTokenRequest.newBuilder().setName("probe").build());
        // Whoever took the call knows at once, the others with what they hear next of the group: the 10 s are a bound,
        // not a wait.
        long last = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        Throwable refused = null;
        while (refused == null && System.nanoTime() < last) {
            refused = catchThrowable(() -> withToken(
                    management.getFirst(),
                    created.getSecret(),
                    ManagementGrpcClient.GetStatus,
                    GetStatusRequest.getDefaultInstance()));
        }
        assertThat(refused).hasMessageContaining("the API token is not known here");
    }

    @Test
    void noTokenIsMadeForANodeAndNoneByWhoMayNot() {
        assertThatThrownBy(() -> as(
                        admin(),
                        ManagementGrpcClient.CreateToken,
                        CreateTokenRequest.newBuilder()
                                .setName("x")
                                .setRole("node")
                                .build()))
                .hasMessageContaining("is no role of a token");
        assertThatThrownBy(() -> as(
                        person(Role.CSI),
                        ManagementGrpcClient.CreateToken,
                        CreateTokenRequest.newBuilder()
                                .setName("x")
                                .setRole("admin")
                                .build()))
                .hasMessageContaining("needs the role admin");
        assertThatThrownBy(() -> as(
                        person(Role.READ_ONLY),
                        ManagementGrpcClient.ListTokens,
                        ListTokensRequest.getDefaultInstance()))
                .hasMessageContaining("needs the role admin");
    }

    private <Q, R> R withToken(SocketAddress server, String token, ServiceMethod<R, Q> method, Q question)
            throws Exception {
        HttpClientOptions http = ManagementTls.client(
                new HttpClientOptions(),
                new LiveIdentity(Identity.withoutCertificate(List.of(authority.certificate()))));
        GrpcClient client = GrpcClient.client(vertx, http);
        try {
            return await(client.request(server, method).compose(request -> {
                request.headers().set("authorization", "Bearer " + token);
                return request.send(question)
                        .compose(response -> response.last()
                                .recover(failure ->
                                        Future.failedFuture(String.valueOf(NodeCalls.statusMessage(response)))));
            }));
        } finally {
            await(client.close());
        }
    }

    @Test
    void everyPortWantsTls13() throws Exception {
        List<Integer> ports =
                List.of(management.getFirst().port(), members.getFirst().port());
        for (int port : ports) {
            assertThat(handshake(port, new KeyManager[] {node("n1").keys()}, "TLSv1.3"))
                    .isEmpty();
            assertThat(handshake(port, new KeyManager[] {node("n1").keys()}, "TLSv1.2"))
                    .isNotEmpty();
        }
    }

    @Test
    void theMetadataPortTakesNobodyWithoutAGoodCertificate() throws Exception {
        int port = members.getFirst().port();
        CertificateAuthority foreign = CertificateAuthority.create("lab", Instant.now());
        assertThat(handshake(port, new KeyManager[0], "TLSv1.3")).isNotEmpty();
        assertThat(handshake(
                        port,
                        new KeyManager[] {
                            identity(foreign, Principal.node("n1"), Instant.now())
                                    .keys()
                        },
                        "TLSv1.3"))
                .isNotEmpty();
        assertThat(handshake(
                        port,
                        new KeyManager[] {
                            identity(
                                            authority,
                                            Principal.node("n1"),
                                            Instant.now().minus(HOUR).minusSeconds(1))
                                    .keys()
                        },
                        "TLSv1.3"))
                .isNotEmpty();
        assertThat(handshake(port, new KeyManager[] {admin().keys()}, "TLSv1.3"))
                .isNotEmpty();
    }

    /** Why the server ends the connection; empty when it lets the client in, and says its settings as HTTP/2 servers do. */
    private String handshake(int port, KeyManager[] keys, String version) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, new TrustManager[] {node("n1").peers(Set.of(Role.NODE))}, new SecureRandom());
        try (Socket plain = new Socket(InetAddress.getLoopbackAddress(), port);
                SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, "n", port, true)) {
            socket.setSoTimeout(10_000);
            socket.setEnabledProtocols(new String[] {version});
            var parameters = socket.getSSLParameters();
            parameters.setApplicationProtocols(new String[] {"h2"});
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            socket.getOutputStream()
                    .write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
                            .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
            return socket.getInputStream().read() < 0 ? "closed" : "";
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private record Local(String name) implements NodeLocal {
        @Override
        public Future<NodeStats> stats() {
            ASKED.incrementAndGet();
            return Future.succeededFuture(NodeStats.newBuilder().setNode(name).build());
        }

        @Override
        public Future<RetryDiskResponse> retryDevice(RetryDiskRequest request) {
            return Future.succeededFuture(RetryDiskResponse.newBuilder()
                    .addGroups(DiskGroup.newBuilder().setNode(request.getNode()).setName(request.getGroup()))
                    .build());
        }

        @Override
        public Future<DiskGroup> addDevice(AddDiskRequest request) {
            return Future.succeededFuture(DiskGroup.newBuilder().setNode(name).build());
        }

        @Override
        public Future<NodeDiagnostics> diagnostics() {
            return Future.succeededFuture(
                    NodeDiagnostics.newBuilder().setNode(name).build());
        }

        @Override
        public Future<Void> verify(VerifyVolumeRequest request, Progress progress) {
            return Future.succeededFuture();
        }
    }
}
