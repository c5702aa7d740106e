package io.varve.control.truth;

import com.google.protobuf.MessageLite;
import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
import io.varve.api.ChangeIsrRequest;
import io.varve.api.DetachedRequest;
import io.varve.api.NodeView;
import io.varve.api.OpenRequest;
import io.varve.api.OpenResponse;
import io.varve.api.OpenedRequest;
import io.varve.api.RegisterGroupRequest;
import io.varve.api.RegisterGroupResponse;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.ReplicasCreatedRequest;
import io.varve.api.ReplicasCreatedResponse;
import io.varve.api.ReplicasDeletedRequest;
import io.varve.api.ReplicasDeletedResponse;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthGrpcClient;
import io.varve.api.TruthResult;
import io.varve.api.WatchNodeRequest;
import io.varve.identity.LiveIdentity;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A data node's way to the truth: asks one metadata member and the others when that one fails or hesitates, until one answers or
 * {@link #GIVES_UP_AFTER}. Every call of the Truth service may be repeated, so a lost answer is asked for again without harm, and so is one
 * that only takes long: a member that hangs (its host is off, its process is stopped) costs {@link #PATIENCE}, not its deadline.
 *
 * <p>Safe from any thread; futures complete on an event loop of the Vertx given and fail with {@link CallFailedException}, which
 * tells what each member said; who lives on another loop hops back. {@link #close} cancels what is under way.
 */
public final class TruthClient implements io.varve.api.TruthClient {
    /** Two elections of the metadata group (15 s), after one member was waited for in vain. */
    public static final Duration GIVES_UP_AFTER = Duration.ofSeconds(30);

    /** One member, one election: then the connection to it is worth a new try. */
    private static final Duration ONE_MEMBER = Duration.ofSeconds(9);

    /** A command is decided in 5 to 50 ms. An access point that lost a replica may be kept from answering writes for 2 s altogether. */
    static final Duration PATIENCE = Duration.ofMillis(500);

    /** The slabs of a large volume take their time to be sent and decided: 1 MiB/s are granted. */
    private static final int BYTES_PER_MILLI = 1 << 10;

    /** For the way of a long poll's answer, beyond the wait asked for. */
    private static final Duration POLL_PATIENCE = Duration.ofSeconds(1);

    /** Members hear of a commit within 50 ms, and answer those who wait at once. */
    private static final Duration NEWS_PATIENCE = Duration.ofMillis(200);

    /** A member that has not answered a long poll so long after the wait asked for is not waited for. */
    public static final Duration POLL_GRACE = Duration.ofSeconds(3);

    private final Vertx vertx;
    private final NodeCalls calls;
    private final MetadataMembers members;

    /** The one that answered last. A race between threads only costs a detour. */
    private volatile @Nullable SocketAddress preferred;

    private volatile long answeredNanos = System.nanoTime();

    /** With the index that each has seen. */
    private final Map<Asking<?>, Long> polls = new ConcurrentHashMap<>();

    private volatile Consumer<RegisterNodeResponse> registered = response -> {};

    private volatile boolean closed;

    /** Servers are the management addresses of the metadata members, tried in this order at first: the own one, if any, is best. */
    public TruthClient(Vertx vertx, List<SocketAddress> servers) {
        this(vertx, servers, Optional.empty());
    }

    /** {@code identity}: what this node shows, by TLS; empty: plaintext. */
    public TruthClient(Vertx vertx, List<SocketAddress> servers, Optional<LiveIdentity> identity) {
        this(vertx, MetadataMembers.fixed(servers), identity);
    }

    /** Asks whoever is a member, as it is known at every moment; what the answers tell of that is taken over. */
    public TruthClient(Vertx vertx, MetadataMembers members, Optional<LiveIdentity> identity) {
        this.vertx = vertx;
        this.calls = new NodeCalls(vertx, identity);
        this.members = members;
    }

    @Override
    public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
        return ask(TruthGrpcClient.RegisterNode, request).onSuccess(response -> registered.accept(response));
    }

    /** Whom to tell what this node was answered when it registered. */
    public void onRegistered(Consumer<RegisterNodeResponse> listener) {
        registered = listener;
    }

    /**
     * Somebody heard that something which concerns this node changed. A poll that does not know it yet and is not answered within
     * {@link #NEWS_PATIENCE} goes to another member as well: the one that it waits at hangs, or is cut off.
     *
     * @param index at which it changed; hearsay, and no reason to believe anything but what a member answers
     */
    public void heardOfNews(long index) {
        polls.forEach((poll, after) -> {
            if (after < index) {
                vertx.setTimer(NEWS_PATIENCE.toMillis(), fired -> {
                    if (polls.containsKey(poll)) {
                        poll.askAnother();
                    }
                });
            }
        });
    }

    @Override
    public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
        return ask(TruthGrpcClient.RegisterGroup, request);
    }

    @Override
    public Future<NodeView> watchNode(WatchNodeRequest request) {
        Duration wait = Duration.ofMillis(request.getWaitMillis());
        Asking<NodeView> poll =
                asking(TruthGrpcClient.WatchNode, request, wait.plus(POLL_PATIENCE), wait.plus(POLL_GRACE));
        polls.put(poll, request.getAfterIndex());
        return begin(poll).onComplete(ended -> polls.remove(poll)).onSuccess(view -> {
            if (view.hasMetadata()) {
                members.told(poll.answeredBy(), view.getMetadata());
            }
        });
    }

    @Override
    public Future<ReplicasCreatedResponse> replicasCreated(ReplicasCreatedRequest request) {
        return ask(TruthGrpcClient.ReplicasCreated, request);
    }

    @Override
    public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
        return ask(TruthGrpcClient.ReplicasDeleted, request);
    }

    @Override
    public Future<TruthResult> replicasGuaranteed(ReplicasGuaranteedRequest request) {
        return ask(TruthGrpcClient.ReplicasGuaranteed, request);
    }

    @Override
    public Future<AttachResponse> attach(AttachRequest request) {
        return ask(TruthGrpcClient.Attach, request);
    }

    @Override
    public Future<OpenResponse> open(OpenRequest request) {
        return ask(TruthGrpcClient.Open, request);
    }

    @Override
    public Future<OpenResponse> changeIsr(ChangeIsrRequest request) {
        return ask(TruthGrpcClient.ChangeIsr, request);
    }

    @Override
    public Future<TruthResult> opened(OpenedRequest request) {
        return ask(TruthGrpcClient.Opened, request);
    }

    @Override
    public Future<TruthResult> detached(DetachedRequest request) {
        return ask(TruthGrpcClient.Detached, request);
    }

    @Override
    public Future<TruthResult> reportEvent(ReportEventRequest request) {
        return ask(TruthGrpcClient.ReportEvent, request);
    }

    @Override
    public Future<SightingsResponse> sightings(SightingsRequest request) {
        return ask(TruthGrpcClient.Sightings, request);
    }

    private <Q extends MessageLite, R> Future<R> ask(ServiceMethod<R, Q> method, Q request) {
        Duration patience = PATIENCE.plusMillis(request.getSerializedSize() / BYTES_PER_MILLI);
        return begin(asking(method, request, patience, ONE_MEMBER));
    }

    private <Q, R> Asking<R> asking(ServiceMethod<R, Q> method, Q request, Duration patience, Duration oneMember) {
        List<SocketAddress> servers = members.toAsk();
        SocketAddress last = preferred;
        return new Asking<>(
                vertx,
                servers,
                server -> closed
                        ? Future.failedFuture(new CallFailedException(GrpcStatus.CANCELLED, "this node is stopping"))
                        : calls.ask(server, method, request, oneMember),
                last == null ? 0 : Math.max(0, servers.indexOf(last)),
                patience,
                GIVES_UP_AFTER);
    }

    private <R> Future<R> begin(Asking<R> asking) {
        return asking.begin().onSuccess(answer -> {
            preferred = asking.answeredBy();
            answeredNanos = System.nanoTime();
            // Who waits there for news would wait in vain, and not know.
            for (SocketAddress server : asking.silent()) {
                polls.keySet().forEach(poll -> poll.leave(server));
            }
        });
    }

    /** For how long no member has answered anything. */
    public Duration unanswered() {
        return Duration.ofNanos(System.nanoTime() - answeredNanos);
    }

    /** Cancels calls under way; later ones fail at once. */
    public Future<Void> close() {
        closed = true;
        return calls.close();
    }
}
