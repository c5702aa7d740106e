package io.varve.cli.client;

import io.varve.cli.config.Endpoint;
import io.varve.control.truth.ManagementTls;
import io.varve.control.truth.NodeCalls;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.client.GrpcClientOptions;
import io.vertx.grpc.client.GrpcClientRequest;
import io.vertx.grpc.client.GrpcClientResponse;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Calls the management API. A call goes to the first server that takes the connection and greets; once a request was sent it is
 * not repeated at another one, because only the caller knows whether that is harmless. A frozen process is sent none: its kernel takes connections for it,
 * and it would carry out the request when it wakes up, after another server has.
 *
 * <p>Any thread may call; the blocking methods not from an event loop. Owns its Vert.x instance; {@link #close} ends it.
 */
public final class ManagementConnection implements AutoCloseable {
    /** A server on the way out of a rack answers within milliseconds; a dead address must not hold up the next one. */
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(2);
    /** For a greeting (HTTP/2's settings), as long as another server is left to be asked: a healthy one needs milliseconds. */
    private static final Duration HESITATION = Duration.ofSeconds(1);
    /** For a greeting when none came in that time: a machine that has much to do, or a frozen one that wakes up. */
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    /** Beyond the call's own limit, so that the server's explanation arrives before the client gives up. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    private final Vertx vertx;
    private final GrpcClient client;
    private final List<Endpoint> servers;
    private final Duration patience;

    private final Optional<String> token;

    /** A connection to one of several servers, tried in this order. */
    public ManagementConnection(List<Endpoint> servers, Credentials credentials) {
        this(servers, credentials, PATIENCE);
    }

    ManagementConnection(List<Endpoint> servers, Credentials credentials, Duration patience) {
        this.servers = List.copyOf(servers);
        this.patience = patience;
        this.token = credentials.token();
        this.vertx = Vertx.vertx(new VertxOptions()
                .setEventLoopPoolSize(1)
                .setWorkerPoolSize(1)
                .setInternalBlockingPoolSize(1)
                .setFileSystemOptions(
                        new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)));
        var http = new HttpClientOptions()
                .setConnectTimeout((int) CONNECT_LIMIT.toMillis())
                .setHttp2ClearTextUpgrade(false);
        credentials.identity().ifPresent(shown -> ManagementTls.client(http, shown));
        this.client =
                GrpcClient.client(vertx, new GrpcClientOptions().setMaxMessageSize(NodeCalls.MAX_MESSAGE_BYTES), http);
    }

    public List<Endpoint> servers() {
        return servers;
    }

    /** Calls the first server that answers and waits for its one answer, at most {@code limit} from when it was sent. */
    public <Q, R> CallResult<R> call(ServiceMethod<R, Q> method, Q request, Duration limit) {
        return call(method, request, limit, 0);
    }

    /** The same, beginning at another server: {@code first} counts round. */
    public <Q, R> CallResult<R> call(ServiceMethod<R, Q> method, Q request, Duration limit, int first) {
        var order = new ArrayList<>(servers);
        Collections.rotate(order, -first);
        var answer = this.<Q, R>callFrom(order, 0, method, request, limit, HESITATION, "")
                .compose(result -> result instanceof CallResult.Unreachable<R>
                        ? callFrom(order, 0, method, request, limit, patience, "")
                        : Future.succeededFuture(result));
        return await(answer, limit.plus(HESITATION.plus(patience).multipliedBy(servers.size())));
    }

    private <Q, R> Future<CallResult<R>> callFrom(
            List<Endpoint> order,
            int index,
            ServiceMethod<R, Q> method,
            Q request,
            Duration limit,
            Duration greetingLimit,
            String failures) {
        return callAt(order.get(index), method, request, limit, greetingLimit).compose(result -> {
            if (result instanceof CallResult.Unreachable<R>(var reason)) {
                var all = failures.isEmpty() ? reason : failures + "; " + reason;
                return index + 1 < order.size()
                        ? callFrom(order, index + 1, method, request, limit, greetingLimit, all)
                        : Future.succeededFuture(new CallResult.Unreachable<R>(all));
            }
            return Future.succeededFuture(result);
        });
    }

    /** Calls one server. The future always succeeds; it completes on this connection's event loop. */
    public <Q, R> Future<CallResult<R>> callAt(Endpoint server, ServiceMethod<R, Q> method, Q request, Duration limit) {
        return callAt(server, method, request, limit, limit.compareTo(patience) < 0 ? limit : patience);
    }

    private <Q, R> Future<CallResult<R>> callAt(
            Endpoint server, ServiceMethod<R, Q> method, Q request, Duration limit, Duration greetingLimit) {
        return open(server, method, greetingLimit).transform(opened -> {
            if (opened.failed()) {
                return Future.succeededFuture(new CallResult.Unreachable<R>(describe(server, opened.cause())));
            }
            return exchange(opened.result(), request)
                    .timeout(limit.toMillis(), TimeUnit.MILLISECONDS)
                    .otherwise(cause -> new CallResult.Unknown<>(
                            cause instanceof TimeoutException
                                    ? server + " did not answer within " + limit.toMillis() + " ms"
                                    : describe(server, cause)));
        });
    }

    /** A call to a server that has greeted within {@code greetingLimit}; nothing of the call itself is sent yet. */
    private <Q, R> Future<GrpcClientRequest<Q, R>> open(
            Endpoint server, ServiceMethod<R, Q> method, Duration greetingLimit) {
        Future<GrpcClientRequest<Q, R>> opening;
        try {
            opening = client.request(SocketAddress.inetSocketAddress(server.port(), server.host()), method);
        } catch (IllegalStateException closed) { // What Vert.x throws at whoever asks on, beside a thread that closes.
            return Future.failedFuture(closed);
        }
        token.ifPresent(text -> opening.onSuccess(request -> request.headers().set("authorization", "Bearer " + text)));
        return opening.timeout(greetingLimit.toMillis(), TimeUnit.MILLISECONDS).recover(cause -> {
            if (cause instanceof TimeoutException) {
                opening.onSuccess(GrpcClientRequest::cancel); // It woke up, and nobody waits for it.
                return Future.failedFuture("says nothing for " + greetingLimit.toMillis() + " ms");
            }
            return Future.failedFuture(cause);
        });
    }

    private static <Q, R> Future<CallResult<R>> exchange(GrpcClientRequest<Q, R> call, Q message) {
        return call.send(message).compose(response -> {
            var last = Promise.<CallResult<R>>promise();
            collectLast(response, last);
            return last.future();
        });
    }

    /** A refusal may come with the headers or with the trailers: only the end of the stream tells. */
    private static <Q, R> void collectLast(GrpcClientResponse<Q, R> response, Promise<CallResult<R>> last) {
        var latest = new Object[1];
        response.handler(message -> latest[0] = message);
        response.exceptionHandler(last::tryFail);
        response.endHandler(ended -> last.tryComplete(ended(response, latest[0])));
    }

    @SuppressWarnings("unchecked") // what the handler above was given
    private static <R> CallResult<R> ended(
            GrpcClientResponse<?, R> response, @org.jspecify.annotations.Nullable Object latest) {
        if (response.status() != null && response.status() != GrpcStatus.OK) {
            var message = NodeCalls.statusMessage(response);
            var why = message == null || message.isBlank()
                    ? "the server ended the call without a reason (" + response.status() + "): it may be stopping"
                    : message;
            return new CallResult.Refused<>(response.status(), why);
        }
        if (latest == null) {
            return new CallResult.Unknown<>("the server ended the call without an answer");
        }
        return new CallResult.Answered<>((R) latest);
    }

    /**
     * Calls the first server that answers and hands on each of its answers, in order, on this connection's event
     * loop; answers when the stream has ended.
     *
     * @param idleLimit how long may pass without a message
     * @return the last message, or how it failed
     */
    public <Q, R> CallResult<R> stream(ServiceMethod<R, Q> method, Q request, Consumer<R> each, Duration idleLimit) {
        var failures = new StringBuilder();
        for (var greetingLimit : List.of(HESITATION, patience)) {
            failures.setLength(0);
            for (var server : servers) {
                var done = Promise.<CallResult<R>>promise();
                if (isOpened(
                        server,
                        method,
                        greetingLimit,
                        failures,
                        call -> follow(call, request, each, idleLimit, done))) {
                    try {
                        return done.future().await();
                    } catch (RuntimeException e) {
                        return new CallResult.Unknown<>(describe(server, e));
                    }
                }
                done.tryFail(new TimeoutException("given up before it was opened"));
            }
        }
        return new CallResult.Unreachable<>(failures.toString());
    }

    /** {@code begin}: on the call's own context, where no part of its answer can come before its handlers are set. */
    private <Q, R> boolean isOpened(
            Endpoint server,
            ServiceMethod<R, Q> method,
            Duration greetingLimit,
            StringBuilder failures,
            Consumer<GrpcClientRequest<Q, R>> begin) {
        try {
            this.<Q, R>open(server, method, greetingLimit)
                    .onSuccess(begin::accept)
                    .await(CONNECT_LIMIT.plus(greetingLimit).plus(GRACE).toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (Exception e) {
            failures.append(failures.isEmpty() ? "" : "; ").append(describe(server, e));
            return false;
        }
    }

    private <Q, R> void follow(
            GrpcClientRequest<Q, R> call,
            Q message,
            Consumer<R> each,
            Duration idleLimit,
            Promise<CallResult<R>> done) {
        if (done.future().isComplete()) {
            call.cancel();
            return;
        }
        var latest = new Object[1];
        var idle = new long[1];
        Runnable rewind = () -> {
            vertx.cancelTimer(idle[0]);
            idle[0] = vertx.setTimer(
                    idleLimit.toMillis(),
                    fired -> done.tryFail(new TimeoutException("nothing heard for " + idleLimit.toSeconds() + " s")));
        };
        rewind.run();
        done.future().onComplete(ended -> vertx.cancelTimer(idle[0]));
        call.send(message).onFailure(done::tryFail).onSuccess(response -> {
            response.handler(item -> {
                latest[0] = item;
                rewind.run();
                each.accept(item);
            });
            response.exceptionHandler(done::tryFail);
            response.endHandler(ended -> done.tryComplete(ended(response, latest[0])));
        });
    }

    private static <R> CallResult<R> await(Future<CallResult<R>> future, Duration limit) {
        try {
            return future.await(limit.plus(CONNECT_LIMIT).plus(GRACE).toMillis(), TimeUnit.MILLISECONDS);
        } catch (Exception e) {
            return new CallResult.Unknown<>(String.valueOf(e.getMessage()));
        }
    }

    private static String describe(Endpoint server, Throwable cause) {
        var message = cause.getMessage();
        return server + ": "
                + (message == null
                        ? cause.getClass().getSimpleName()
                        : message.lines().findFirst().orElse(message));
    }

    @Override
    public void close() {
        client.close();
        vertx.close();
    }
}
