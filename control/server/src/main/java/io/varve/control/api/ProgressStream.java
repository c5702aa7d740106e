package io.varve.control.api;

import io.varve.api.VerifyProgress;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.streams.WriteStream;
import io.vertx.grpc.server.GrpcServerResponse;
import java.util.concurrent.CancellationException;

/**
 * The answers of one verification on their way to a gRPC caller: no faster than the caller reads, and ended with the status that
 * the work ended with. The generated service drops a failure, and its caller would wait for ever.
 */
final class ProgressStream implements NodeLocal.Progress {
    private final WriteStream<VerifyProgress> response;
    private boolean broken;

    ProgressStream(WriteStream<VerifyProgress> response) {
        this.response = response;
        response.exceptionHandler(gone -> broken = true);
    }

    @Override
    public Future<Void> report(VerifyProgress progress) {
        if (broken) {
            return Future.failedFuture(new CancellationException("the caller is gone"));
        }
        return response.write(progress).compose(written -> {
            if (!response.writeQueueFull()) {
                return Future.succeededFuture();
            }
            Promise<Void> drained = Promise.promise();
            response.drainHandler(ready -> drained.tryComplete());
            response.exceptionHandler(gone -> {
                broken = true;
                drained.tryFail(gone);
            });
            return drained.future();
        });
    }

    void endWith(Future<Void> work) {
        work.onSuccess(done -> response.end()).onFailure(failure -> {
            if (!broken && response instanceof GrpcServerResponse<?, ?> call) {
                call.fail(Failures.status(failure));
            }
        });
    }
}
