package io.varve.control.api;

import io.vertx.core.Future;
import io.vertx.grpc.server.GrpcServer;
import java.util.Optional;

/**
 * The server of this node's management address, and who may come in.
 *
 * @param audit empty on a node that passes on what people ask: the member that it asks keeps it
 */
record Door(GrpcServer server, Gate gate, Optional<AuditLog> audit) {
    /** Keeps who made a call that changes something, and how it ended. */
    <T> Future<T> told(Visitor visitor, String method, Object question, Future<T> answer) {
        if (audit.isEmpty() || !Permissions.changes(method)) {
            return answer;
        }
        return answer.onComplete(done -> audit.get()
                .tell(
                        visitor,
                        method,
                        question,
                        done.succeeded() ? "ok" : String.valueOf(done.cause().getMessage())));
    }
}
