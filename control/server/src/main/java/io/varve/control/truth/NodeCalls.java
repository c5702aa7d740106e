package io.varve.control.truth;

import io.varve.identity.LiveIdentity;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.net.SocketAddress;
import io.vertx.grpc.client.GrpcClient;
import io.vertx.grpc.client.GrpcClientOptions;
import io.vertx.grpc.client.GrpcClientRequest;
import io.vertx.grpc.client.GrpcClientResponse;
import io.vertx.grpc.common.GrpcStatus;
import io.vertx.grpc.common.ServiceMethod;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * gRPC calls to management addresses. The stubs that Vert.x generates lose the message of a refusal; this keeps it. Futures
 * complete on an event loop of the Vertx given and fail with {@link CallFailedException} only.
 */
public final class NodeCalls {
    /** A volume of 65 536 slabs with three replicas, as one message, is 13 MiB; Vert.x allows 256 KiB unless told. */
    public static final long MAX_MESSAGE_BYTES = 32L << 20;

    /** Names the person for whom a node calls: nodes that are no metadata members pass on what people ask. */
    public static final String ON_BEHALF = "varve-on-behalf";

    private static final int CONNECT_MILLIS = 1_500;

    private final Vertx vertx;
    private final GrpcClient client;

    /** Calls in plaintext. */
    public NodeCalls(Vertx vertx) {
        this(vertx, Optional.empty());
    }

    /** {@code identity}: calls by TLS, and shows its certificate; empty: plaintext. */
    public NodeCalls(Vertx vertx, Optional<LiveIdentity> identity) {
        this.vertx = vertx;
        HttpClientOptions http =
                new HttpClientOptions().setConnectTimeout(CONNECT_MILLIS).setTcpNoDelay(true);
        identity.ifPresent(shown -> ManagementTls.client(http, shown));
        this.client = GrpcClient.client(vertx, new GrpcClientOptions().setMaxMessageSize(MAX_MESSAGE_BYTES), http);
    }

    /** Time passes. */
    public Future<Void> pause(Duration time) {
        return vertx.timer(time.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** One question, one answer. The call is reset when the deadline passes. */
    public <Q, R> Future<R> ask(SocketAddress server, ServiceMethod<R, Q> method, Q question, Duration deadline) {
        return ask(server, method, question, deadline, "");
    }

    /** {@code onBehalf}: the person who asked this node; empty: it asks for itself. */
    public <Q, R> Future<R> ask(
            SocketAddress server, ServiceMethod<R, Q> method, Q question, Duration deadline, String onBehalf) {
        Future<GrpcClientRequest<Q, R>> opened = open(server, method, onBehalf);
        AtomicBoolean isLate = new AtomicBoolean();
        // Nested, not chained: the handlers must be set in the same turn of the event loop that hands over the
        // response. A
        // chain built on a slower thread sets them a turn later, and what arrived in between is lost.
        Future<R> answer = opened.compose(request ->
                isLate.get() ? givenUp(request) : request.send(question).compose(NodeCalls::answerOf));
        return answer.timeout(deadline.toMillis(), TimeUnit.MILLISECONDS).recover(failure -> {
            if (failure instanceof TimeoutException) {
                isLate.set(true);
                if (opened.succeeded()) {
                    opened.result().cancel();
                }
            }
            return Future.failedFuture(asCallFailure(server, failure));
        });
    }

    /**
     * A connection came after the deadline: the question is not sent any more. Sent and cancelled at once, as many are when a server that hung answers again, Vert.x
     * finds writes in the queue of a closed stream and logs a NullPointerException for each.
     */
    private static <R> Future<R> givenUp(GrpcClientRequest<?, R> request) {
        request.cancel();
        return Future.failedFuture(new TimeoutException("given up before it was sent"));
    }

    /**
     * One question, many answers, handed over in order; the source is not read faster than the handler's future allows.
     *
     * @param each returns when the next answer may come; a failure ends the call
     * @return completes when the last answer was handed over
     */
    public <Q, R> Future<Void> follow(SocketAddress server, ServiceMethod<R, Q> method, Q question, Follower<R> each) {
        return follow(server, method, question, each, "");
    }

    /** {@code onBehalf}: as above. */
    public <Q, R> Future<Void> follow(
            SocketAddress server, ServiceMethod<R, Q> method, Q question, Follower<R> each, String onBehalf) {
        Promise<Void> ended = Promise.promise();
        open(server, method, onBehalf)
                .onComplete(
                        request -> {
                            ended.future().onFailure(failure -> request.cancel());
                            request.send(question)
                                    .onComplete(response -> handOver(response, each, ended), ended::tryFail);
                        },
                        ended::tryFail);
        return ended.future().recover(failure -> Future.failedFuture(asCallFailure(server, failure)));
    }

    private <Q, R> Future<GrpcClientRequest<Q, R>> open(
            SocketAddress server, ServiceMethod<R, Q> method, String onBehalf) {
        Future<GrpcClientRequest<Q, R>> opened = client.request(server, method);
        return onBehalf.isEmpty()
                ? opened
                : opened.onSuccess(request -> request.headers().set(ON_BEHALF, onBehalf));
    }

    private static <Q, R> void handOver(GrpcClientResponse<Q, R> response, Follower<R> each, Promise<Void> ended) {
        response.exceptionHandler(ended::tryFail);
        response.endHandler(nothing -> complete(response, ended));
        response.handler(answer -> {
            response.pause();
            each.next(answer).onSuccess(ready -> response.resume()).onFailure(ended::tryFail);
        });
    }

    /** Takes one answer of a stream. */
    @FunctionalInterface
    public interface Follower<R> {
        Future<Void> next(R answer);
    }

    private static <Q, R> Future<R> answerOf(GrpcClientResponse<Q, R> response) {
        Promise<R> answer = Promise.promise();
        Last<R> last = new Last<>();
        response.exceptionHandler(answer::tryFail);
        response.endHandler(nothing -> {
            Promise<Void> ended = Promise.promise();
            complete(response, ended);
            R message = last.message;
            if (ended.future().failed()) {
                answer.tryFail(ended.future().cause());
            } else if (message == null) {
                answer.tryFail(new CallFailedException(GrpcStatus.UNAVAILABLE, "the call ended without an answer"));
            } else {
                answer.tryComplete(message);
            }
        });
        response.handler(last);
        return answer.future();
    }

    private static final class Last<R> implements Handler<R> {
        private @Nullable R message;

        @Override
        public void handle(R next) {
            message = next;
        }
    }

    /** A refusal may come with the headers or the trailers: only the end of the stream tells. */
    private static void complete(GrpcClientResponse<?, ?> response, Promise<Void> ended) {
        GrpcStatus status = response.status();
        if (status == null || status == GrpcStatus.OK) {
            ended.tryComplete();
        } else {
            String message = statusMessage(response);
            ended.tryFail(new CallFailedException(status, message == null ? status.name() : message));
        }
    }

    /**
     * Why a call that has ended was refused; null if nothing was said. Vert.x looks in the headers only, but a stream that had begun tells it in
     * its trailers, percent-encoded.
     */
    public static @Nullable String statusMessage(GrpcClientResponse<?, ?> response) {
        String message = response.statusMessage();
        if (message != null) {
            return message;
        }
        String encoded = response.trailers().get("grpc-message");
        if (encoded == null) {
            return null;
        }
        try {
            return URLDecoder.decode(encoded.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notEncoded) {
            return encoded;
        }
    }

    private static CallFailedException asCallFailure(SocketAddress server, Throwable failure) {
        if (failure instanceof CallFailedException refused) {
            return refused;
        }
        if (failure instanceof TimeoutException) {
            return new CallFailedException(GrpcStatus.DEADLINE_EXCEEDED, server + " does not answer in time");
        }
        return new CallFailedException(GrpcStatus.UNAVAILABLE, server + " cannot be reached: " + failure.getMessage());
    }

    /** Fails what is under way. */
    public Future<Void> close() {
        return client.close();
    }
}
