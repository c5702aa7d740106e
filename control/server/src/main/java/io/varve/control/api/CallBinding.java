package io.varve.control.api;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.grpc.common.ServiceMethod;
import io.vertx.grpc.server.GrpcServerRequest;
import io.vertx.grpc.server.GrpcServerResponse;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Ties a method of a service to what answers it. In place of the generated binding, which answers a caller that is gone (a node
 * that was killed during its long poll): Vert.x then logs a null pointer as an error, for every such call.
 */
final class CallBinding {
    private CallBinding() {}

    /** One question, one answer. The function runs on the server's event loop, and may complete on any context of it. */
    static <Q, R> void bind(Door door, ServiceMethod<Q, R> method, Function<Q, Future<R>> answer) {
        if (door.answerBy(method, answer)) {
            return;
        }
        door.server().callHandler(method, request -> {
            Caller caller = new Caller(request);
            Context context = Objects.requireNonNull(Vertx.currentContext());
            Future<Visitor> admitted = admitted(door, method, request, caller, context);
            request.handler(question -> on(
                            context,
                            admitted.compose(visitor -> door.told(
                                    visitor,
                                    method.fullMethodName(),
                                    question,
                                    answered(
                                            visitor,
                                            question,
                                            () -> CallBinding.<Q, R>single(door, method)
                                                    .apply(question)))))
                    .onComplete(
                            value -> caller.ifThere(() -> request.response().end(value)),
                            failure -> caller.ifThere(() -> request.response().fail(Failures.status(failure)))));
        });
    }

    /** The same, completing on the call's own context, which the caller's state belongs to. */
    private static <R> Future<R> on(Context context, Future<R> answer) {
        return Future.fromCompletionStage(answer.toCompletionStage(), context);
    }

    /** Who may not make the call is told before the question has come. */
    private static <Q, R> Future<Visitor> admitted(
            Door door, ServiceMethod<Q, R> method, GrpcServerRequest<Q, R> request, Caller caller, Context context) {
        return on(context, door.gate().admit(request, method.fullMethodName()))
                .onFailure(refused -> caller.ifThere(() -> request.response().fail(Failures.status(refused))));
    }

    private static <R> Future<R> answered(Visitor visitor, Object question, Supplier<Future<R>> answer) {
        Optional<RefusedException> objection = Gate.objection(visitor, question);
        if (objection.isPresent()) {
            return Future.failedFuture(objection.get());
        }
        try {
            return ScopedValue.where(Visitor.CURRENT, visitor).call(answer::get);
        } catch (RuntimeException e) {
            return Future.failedFuture(e);
        }
    }

    /** One question, many answers, no faster than the caller reads them; ended with the status that the work ended with. */
    static <Q, R> void bindStream(Door door, ServiceMethod<Q, R> method, StreamAnswer<Q, R> answer) {
        if (door.answerBy(method, answer)) {
            return;
        }
        door.server().callHandler(method, request -> {
            Caller caller = new Caller(request);
            GrpcServerResponse<Q, R> response = request.response();
            Context context = Objects.requireNonNull(Vertx.currentContext());
            Future<Visitor> admitted = admitted(door, method, request, caller, context);
            request.handler(question -> on(
                            context,
                            admitted.compose(visitor -> door.told(
                                    visitor,
                                    method.fullMethodName(),
                                    question,
                                    answered(
                                            visitor,
                                            question,
                                            () -> CallBinding.<Q, R>stream(door, method)
                                                    .answer(
                                                            question,
                                                            each -> on(context, caller.next(response, each)))))))
                    .onComplete(
                            done -> caller.ifThere(response::end),
                            failure -> caller.ifThere(() -> response.fail(Failures.status(failure)))));
        });
    }

    @SuppressWarnings("unchecked") // as bind put it there
    private static <Q, R> Function<Q, Future<R>> single(Door door, ServiceMethod<Q, R> method) {
        return (Function<Q, Future<R>>) door.answer(method);
    }

    @SuppressWarnings("unchecked") // as bindStream put it there
    private static <Q, R> StreamAnswer<Q, R> stream(Door door, ServiceMethod<Q, R> method) {
        return (StreamAnswer<Q, R>) door.answer(method);
    }

    /** Answers a question by many reports. */
    @FunctionalInterface
    interface StreamAnswer<Q, R> {
        Future<Void> answer(Q question, Function<R, Future<Void>> report);
    }
}
