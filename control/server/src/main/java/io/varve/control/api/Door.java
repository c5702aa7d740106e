package io.varve.control.api;

import io.vertx.core.Future;
import io.vertx.grpc.common.ServiceMethod;
import io.vertx.grpc.server.GrpcServer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The server of this node's management address, who may come in, and what answers: that changes when the node becomes a metadata member, or is one no more. */
final class Door {
    private final GrpcServer server;
    private final Gate gate;
    private final Map<String, Object> answers = new ConcurrentHashMap<>();
    private volatile Optional<AuditLog> audit = Optional.empty();

    Door(GrpcServer server, Gate gate) {
        this.server = server;
        this.gate = gate;
    }

    GrpcServer server() {
        return server;
    }

    Gate gate() {
        return gate;
    }

    /** Empty on a node that passes on what people ask: the member that it asks keeps it. */
    void auditBy(Optional<AuditLog> log) {
        audit = log;
    }

    /** Has a method answered by this from now on; false: it is the first time. */
    boolean answerBy(ServiceMethod<?, ?> method, Object answer) {
        return answers.put(method.fullMethodName(), answer) != null;
    }

    /** What answers the method now: of the type that it was given as. */
    Object answer(ServiceMethod<?, ?> method) {
        return java.util.Objects.requireNonNull(answers.get(method.fullMethodName()));
    }

    /** Keeps who made a call that changes something, and how it ended. */
    <T> Future<T> told(Visitor visitor, String method, Object question, Future<T> answer) {
        Optional<AuditLog> log = audit;
        if (log.isEmpty() || !Permissions.changes(method)) {
            return answer;
        }
        return answer.onComplete(done -> log.get()
                .tell(
                        visitor,
                        method,
                        question,
                        done.succeeded() ? "ok" : String.valueOf(done.cause().getMessage())));
    }
}
