package io.varve.control.raft;

import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MemberPlan;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaState;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.logging.Level;
import org.apache.ratis.client.RaftClient;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One running member of the metadata group: proposes commands to whoever leads, and reads its own copy. Safe from any
 * thread; futures complete on threads of its own, so callers with an event loop must hop back to it.
 */
public final class MetaMember implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetaMember.class);

    /** Ratis' copy of gRPC logs past SLF4J, in two lines each. Held here, since the JDK forgets loggers that nobody holds. */
    private static final java.util.logging.Logger GRPC_LOG =
            java.util.logging.Logger.getLogger("org.apache.ratis.thirdparty.io.grpc");

    /** Commands and reads on their way at once; each holds a virtual thread while it is tried. More are refused. */
    private static final int MAX_PENDING = 256;

    /** Within this every question is answered or failed; whoever asks a member from elsewhere waits a little longer. */
    public static final Duration ANSWERS_WITHIN = ElectionTimes.ANSWER.plus(ElectionTimes.REQUEST);

    private final RaftPeerId self;
    private final RaftGroupId groupId;
    private final MetaMachine machine;
    private final Changes changes;
    private final Touches touches;
    private final RaftServer server;
    private final RaftClient client;
    private final AtomicLong reconfigurations = new AtomicLong();
    private final AtomicInteger spreading = new AtomicInteger();
    private final Semaphore pending = new Semaphore(MAX_PENDING);
    private final LeaderLoss leaderLoss;
    private final ExecutorService threads;
    private volatile boolean closed;

    private MetaMember(
            MetaConfig config,
            RaftGroup group,
            MetaMachine machine,
            Changes changes,
            Touches touches,
            RaftServer server,
            LeaderLoss leaderLoss,
            ExecutorService threads) {
        this.leaderLoss = leaderLoss;
        this.threads = threads;
        this.self = RaftPeerId.valueOf(config.self());
        this.groupId = group.getGroupId();
        this.machine = machine;
        this.changes = changes;
        this.touches = touches;
        this.server = server;
        this.client = RaftClient.newBuilder()
                .setProperties(MetaProperties.client())
                .setParameters(RaftTls.parameters(config))
                .setRaftGroup(group)
                // Without one, Ratis retries for ever and without a pause.
                .setRetryPolicy(Attempts.withinOneRequest())
                .build();
    }

    /**
     * Starts the member; blocks until its map is loaded, not until there is a leader.
     *
     * @throws IOException when its storage or its port cannot be used
     */
    public static MetaMember start(MetaConfig config) throws IOException {
        GRPC_LOG.setLevel(Level.WARNING);
        List<RaftPeer> peers = peers(config.members());
        RaftGroup group = RaftGroup.valueOf(RaftGroupId.valueOf(config.groupUuid()), peers);
        boolean existing =
                Files.isDirectory(config.storageDir().resolve(config.groupUuid().toString()));
        Changes changes = new Changes();
        Touches touches = new Touches();
        MetaMachine machine = new MetaMachine(changes, touches);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        LeaderLoss leaderLoss = new LeaderLoss(threads);
        RaftServer server = RaftServer.newBuilder()
                .setServerId(RaftPeerId.valueOf(config.self()))
                // With peers of its own it would elect itself out of an empty log.
                .setGroup(config.joins() ? RaftGroup.valueOf(group.getGroupId()) : group)
                .setProperties(MetaProperties.server(config))
                .setParameters(RaftTls.parameters(config, leaderLoss))
                .setStateMachine(machine)
                .setOption(existing ? RaftStorage.StartupOption.RECOVER : RaftStorage.StartupOption.FORMAT)
                .build();
        try {
            server.start();
            leaderLoss.watch(new RatisElection(server, group.getGroupId()));
            MetaMember member = new MetaMember(config, group, machine, changes, touches, server, leaderLoss, threads);
            LOG.info("metadata member started id={} members={} new={}", config.self(), peers.size(), !existing);
            return member;
        } catch (IOException | RuntimeException e) {
            server.close();
            threads.shutdown();
            throw e;
        }
    }

    /**
     * Has a command decided by the group. It may reach the log twice when its first answer is lost; every command bears that: what
     * was already done is answered as done, or refused by its compare.
     *
     * @return the result as the leader's rules gave it; fails with {@link MetaUnavailableException} when the outcome is unknown
     */
    public CompletableFuture<MetaResult> propose(MetaCommand command) {
        ByteString bytes = ByteString.copyFrom(
                CommandCodec.encode(new CommandCodec.Proposed(System.currentTimeMillis(), command)));
        return ask(() -> client.io().send(() -> bytes)).thenCompose(reply -> {
            spread();
            ByteString answer = reply.getMessage() == null
                    ? ByteString.EMPTY
                    : reply.getMessage().getContent();
            // Applied before a restart of the leader: done, but its result is lost. The second time tells.
            return answer.isEmpty()
                    ? propose(command)
                    : CompletableFuture.completedFuture(CommandCodec.decodeResult(answer.toByteArray()));
        });
    }

    /**
     * Has the leader tell the others at once what was committed: by itself it does so with its next heartbeat, up to 0.75 s
     * later, and everything that waits for a change at another member would wait for that. A read makes it send one now. However
     * many commands come meanwhile, one such read is under way and one more follows.
     */
    private void spread() {
        if (spreading.getAndIncrement() == 0) {
            spreadOnce();
        }
    }

    private void spreadOnce() {
        int asked = spreading.get();
        // Whether it succeeds is of no interest: then the heartbeat does it.
        var _ = upToDate().whenComplete((done, failure) -> {
            if (!spreading.compareAndSet(asked, 0)) {
                spreading.set(1);
                spreadOnce();
            }
        });
    }

    /** Completes when the local state holds everything that anybody was told before this call (ReadIndex). */
    public CompletableFuture<Void> upToDate() {
        return ask(() -> client.io().sendReadOnly(Message.EMPTY, self)).thenApply(reply -> null);
    }

    private CompletableFuture<RaftClientReply> ask(Attempts.Question question) {
        if (!pending.tryAcquire()) {
            return CompletableFuture.failedFuture(
                    new MetaUnavailableException("the metadata group is asked too much at once: try again later"));
        }
        return Attempts.begin(threads, () -> closed, question).whenComplete((reply, failure) -> pending.release());
    }

    /**
     * Reads the local copy, which may lag; {@link #upToDate} first makes it current. Blocks on the disk.
     *
     * @param question must not let the state leave
     */
    public <T> T read(Function<MetaState, T> question) {
        return machine.read(question);
    }

    /** Where to wait for changes of the local copy. */
    public Changes changes() {
        return changes;
    }

    /** What changed in the local copy, for one reader. */
    public Touches touches() {
        return touches;
    }

    /** The Raft group that it is in. */
    public UUID groupUuid() {
        return groupId.getUuid();
    }

    /** The members by Raft's own configuration as this one has it; empty while it changes. */
    public Optional<List<MetaConfig.Member>> configuration() {
        try {
            RaftConfiguration now = server.getDivision(groupId).getRaftConf();
            return now.getPreviousPeers().isEmpty()
                    ? Optional.of(now.getCurrentPeers().stream()
                            .map(MetaMember::member)
                            .toList())
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Has Raft change its configuration, if it is still the one that was seen and this member leads. New members catch up before they count.
     *
     * @return completes when it is done; a failure leaves open whether it will be: {@link #configuration} tells
     */
    public CompletableFuture<Void> reconfigure(List<MetaConfig.Member> from, List<MetaConfig.Member> to) {
        SetConfigurationRequest.Arguments change = SetConfigurationRequest.Arguments.newBuilder()
                .setServersInCurrentConf(peers(from))
                .setServersInNewConf(peers(to))
                .setMode(SetConfigurationRequest.Mode.COMPARE_AND_SET)
                .build();
        try {
            return server.setConfigurationAsync(new SetConfigurationRequest(
                            ClientId.randomId(), self, groupId, reconfigurations.incrementAndGet(), change))
                    .thenApply(reply -> {
                        if (!reply.isSuccess()) {
                            throw new CompletionException(new MetaUnavailableException(
                                    "the configuration did not change: " + reply.getException()));
                        }
                        return null;
                    });
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    private static List<RaftPeer> peers(List<MetaConfig.Member> members) {
        return members.stream()
                .map(member -> RaftPeer.newBuilder()
                        .setId(member.id())
                        .setAddress(member.address())
                        .build())
                .toList();
    }

    private static MetaConfig.Member member(RaftPeer peer) {
        String address = peer.getAddress();
        int colon = address.lastIndexOf(':');
        return new MetaConfig.Member(
                peer.getId().toString(), address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
    }

    /** Node of the member that leads, as far as this one knows. */
    public Optional<String> leader() {
        try {
            RaftPeerId leader = server.getDivision(groupId).getInfo().getLeaderId();
            return Optional.ofNullable(leader).map(RaftPeerId::toString).map(MemberPlan::nodeOf);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** The node that this member is on. */
    public String self() {
        return MemberPlan.nodeOf(self.toString());
    }

    /** Its id in the group. */
    public String peer() {
        return self.toString();
    }

    /** Stops without a snapshot: the next start finds what a crash would leave. */
    @Override
    public void close() throws IOException {
        closed = true;
        leaderLoss.stop();
        client.close();
        server.close();
        threads.shutdown();
    }
}
