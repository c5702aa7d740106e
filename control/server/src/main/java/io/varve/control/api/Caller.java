package io.varve.control.api;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.grpc.server.GrpcServerRequest;
import io.vertx.grpc.server.GrpcServerResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Whoever waits for an answer to one call, as long as there is somebody. Lives on the call's event loop. */
final class Caller {
    private final List<Promise<Void>> stalled = new ArrayList<>(1);
    private boolean over;

    Caller(GrpcServerRequest<?, ?> request) {
        request.exceptionHandler(reset -> leave());
        request.response().exceptionHandler(reset -> leave());
    }

    private void leave() {
        over = true;
        stalled.forEach(promise -> promise.tryFail(new CancellationException("the caller is gone")));
        stalled.clear();
    }

    /** Ends the response, unless nobody would get it. */
    void ifThere(Runnable response) {
        if (!over) {
            over = true;
            response.run();
        }
    }

    /** Sends one of many answers; completes when the caller is ready for the next. */
    <Q, R> Future<Void> next(GrpcServerResponse<Q, R> response, R answer) {
        if (over) {
            return Future.failedFuture(new CancellationException("the caller is gone"));
        }
        Future<Void> written = response.write(answer).onFailure(reset -> leave());
        if (!response.writeQueueFull()) {
            return written;
        }
        Promise<Void> drained = Promise.promise();
        stalled.add(drained);
        response.drainHandler(ready -> {
            stalled.remove(drained);
            drained.tryComplete();
        });
        return drained.future();
    }
}
