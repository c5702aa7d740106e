package io.varve.control.truth;

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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * A data node's way to the truth: asks one metadata member and, when that one fails, the others in turn, until one answers or
 * {@link #GIVES_UP_AFTER}. Every call of the Truth service may be repeated, so a lost answer is asked for again without harm.
 *
 * <p>Safe from any thread; futures complete on an event loop of the Vertx given and fail with {@link CallFailedException}, which
 * tells what each member said; who lives on another loop hops back. {@link #close} cancels what is under way.
 */
public final class TruthClient implements io.varve.api.TruthClient {
    /** Two elections of the metadata group (15 s), after one member was waited for in vain. */
    public static final Duration GIVES_UP_AFTER = Duration.ofSeconds(30);

    /** One member, one election: one that hangs must not use up the time of the others. */
    private static final Duration ONE_MEMBER = Duration.ofSeconds(9);

    /** After every member failed, which takes milliseconds where their processes are gone. */
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

    /** For the way of a long poll's answer, beyond the wait asked for. */
    private static final Duration POLL_GRACE = Duration.ofSeconds(3);

    private final Vertx vertx;
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
        this.vertx = vertx;
        this.calls = new NodeCalls(vertx);
        this.servers = List.copyOf(servers);
    }

    @Override
    public Future<RegisterNodeResponse> registerNode(RegisterNodeRequest request) {
        return ask(TruthGrpcClient.RegisterNode, request);
    }

    @Override
    public Future<RegisterGroupResponse> registerGroup(RegisterGroupRequest request) {
        return ask(TruthGrpcClient.RegisterGroup, request);
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
        return ask(TruthGrpcClient.ReplicasCreated, request);
    }

    @Override
    public Future<ReplicasDeletedResponse> replicasDeleted(ReplicasDeletedRequest request) {
        return ask(TruthGrpcClient.ReplicasDeleted, request);
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
    public Future<SightingsResponse> sightings(SightingsRequest request) {
        return ask(TruthGrpcClient.Sightings, request);
    }

    private <Q, R> Future<R> ask(ServiceMethod<R, Q> method, Q request) {
        return ask(method, request, ONE_MEMBER);
    }

    private <Q, R> Future<R> ask(ServiceMethod<R, Q> method, Q request, Duration oneMember) {
        return new Asking<>(method, request, oneMember).at(preferred);
    }

    /** One question on its way round the members; one try at a time. */
    private final class Asking<Q, R> {
        private final ServiceMethod<R, Q> method;
        private final Q request;
        private final Duration oneMember;
        private final long endNanos = System.nanoTime() + GIVES_UP_AFTER.toNanos();
        private final Map<SocketAddress, String> lastWords = new LinkedHashMap<>();
        private int tries;
        private Duration pause = FIRST_PAUSE;

        Asking(ServiceMethod<R, Q> method, Q request, Duration oneMember) {
            this.method = method;
            this.request = request;
            this.oneMember = oneMember;
        }

        Future<R> at(int server) {
            if (closed) {
                return Future.failedFuture(new CallFailedException(GrpcStatus.CANCELLED, "this node is stopping"));
            }
            return calls.ask(servers.get(server), method, request, oneMember)
                    .onSuccess(answer -> preferred = server)
                    .recover(failure -> failure instanceof CallFailedException refused && refused.isWorthAnotherServer()
                            ? after(refused, server)
                            : Future.failedFuture(failure));
        }

        private Future<R> after(CallFailedException failure, int server) {
            tries++;
            lastWords.put(servers.get(server), String.valueOf(failure.getMessage()));
            int next = (server + 1) % servers.size();
            long leftNanos = endNanos - System.nanoTime();
            if (leftNanos <= pause.toNanos()) {
                return Future.failedFuture(new CallFailedException(failure.status(), inVain()));
            }
            if (tries % servers.size() != 0) {
                return at(next);
            }
            Future<Void> later = vertx.timer(pause.toMillis(), TimeUnit.MILLISECONDS);
            Duration doubled = pause.multipliedBy(2);
            pause = doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
            return later.compose(passed -> at(next));
        }

        private String inVain() {
            return "no metadata member could answer within " + GIVES_UP_AFTER.toSeconds() + " s, " + tries + " tries: "
                    + lastWords.entrySet().stream()
                            .map(said -> said.getKey() + ": " + said.getValue())
                            .collect(Collectors.joining("; "));
        }
    }

    /** Cancels calls under way; later ones fail at once. */
    public Future<Void> close() {
        closed = true;
        return calls.close();
    }
}
