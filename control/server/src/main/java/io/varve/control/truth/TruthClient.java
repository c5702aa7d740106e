package io.varve.control.truth;

import io.varve.api.AttachRequest;
import io.varve.api.AttachResponse;
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
import io.varve.api.SightingsRequest;
import io.varve.api.SightingsResponse;
import io.varve.api.TruthGrpcClient;
import io.varve.api.TruthResult;
import io.varve.api.WatchNodeRequest;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.List;

/**
 * A data node's way to the truth: asks one metadata member and, when that one fails, each of the others once. Every call of
 * the Truth service may be repeated, so a lost answer is asked for again without harm.
 *
 * <p>Safe from any thread; futures complete on an event loop of the Vertx given, within the deadline for each server tried, and
 * fail with {@link CallFailedException}; who lives on another loop hops back. Retrying later is the caller's affair. {@link #close} cancels what is under way.
 */
public final class TruthClient implements io.varve.api.TruthClient {
    /** Longer than the metadata group needs to replace a leader (3 to 6 s). */
    private static final Duration DEADLINE = Duration.ofSeconds(12);

    /** For the way of a long poll's answer, beyond the wait asked for. */
    private static final Duration POLL_GRACE = Duration.ofSeconds(3);

    private final NodeCalls calls;
    private final List<SocketAddress> servers;

    /** The one that answered last. A race between threads only costs a detour. */
    private volatile int preferred;

    private volatile boolean closed;

    /** Servers are the management addresses of the metadata members, tried in this order at first. */
    public TruthClient(Vertx vertx, List<SocketAddress> servers) {
        if (servers.isEmpty()) {
            throw new IllegalArgumentException("no metadata member to ask");
        }
        this.calls = new NodeCalls(vertx);
        this.servers = List.copyOf(servers);
    }

    @Override
    public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
        return ask(TruthGrpcClient.RegisterNode, request, DEADLINE);
    }

    @Override
    public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
        return ask(TruthGrpcClient.RegisterGroup, request, DEADLINE);
    }

    @Override
    public Future<NodeView> watchNode(WatchNodeRequest request) {
        return ask(
                TruthGrpcClient.WatchNode,
                request,
                Duration.ofMillis(request.getWaitMillis()).plus(POLL_GRACE));
    }

    @Override
    public Future<ReplicasCreatedResponse> replicasCreated(ReplicasCreatedRequest request) {
        return ask(TruthGrpcClient.ReplicasCreated, request, DEADLINE);
    }

    @Override
    public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
        return ask(TruthGrpcClient.ReplicasDeleted, request, DEADLINE);
    }

    @Override
    public Future<AttachResponse> attach(AttachRequest request) {
        return ask(TruthGrpcClient.Attach, request, DEADLINE);
    }

    @Override
    public Future<OpenResponse> open(OpenRequest request) {
        return ask(TruthGrpcClient.Open, request, DEADLINE);
    }

    @Override
    public Future<TruthResult> opened(OpenedRequest request) {
        return ask(TruthGrpcClient.Opened, request, DEADLINE);
    }

    @Override
    public Future<TruthResult> detached(DetachedRequest request) {
        return ask(TruthGrpcClient.Detached, request, DEADLINE);
    }

    @Override
    public Future<SightingsResponse> sightings(SightingsRequest request) {
        return ask(TruthGrpcClient.Sightings, request, DEADLINE);
    }

    private <Q, R> Future<R> ask(ServiceMethod<R, Q> method, Q request, Duration deadline) {
        return askFrom(preferred, servers.size(), method, request, deadline);
    }

    private <Q, R> Future<R> askFrom(
            int server, int untried, ServiceMethod<R, Q> method, Q request, Duration deadline) {
        if (closed) {
            return Future.failedFuture(new CallFailedException(GrpcStatus.CANCELLED, "this node is stopping"));
        }
        return calls.ask(servers.get(server), method, request, deadline)
                .onSuccess(answer -> preferred = server)
                .recover(failure -> {
                    boolean again = untried > 1
                            && failure instanceof CallFailedException refused
                            && refused.isWorthAnotherServer();
                    return again
                            ? askFrom((server + 1) % servers.size(), untried - 1, method, request, deadline)
                            : Future.failedFuture(failure);
                });
    }

    /** Cancels calls under way; later ones fail at once. */
    public Future<Void> close() {
        closed = true;
        return calls.close();
    }
}
