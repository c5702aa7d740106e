package io.varve.csi;

import io.vertx.grpc.common.GrpcStatus;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** One operation on a volume at a time: whoever comes meanwhile is told to come again, as the specification wants. Any thread. */
final class Pending {
    private final Set<String> busy = ConcurrentHashMap.newKeySet();

    <R> R alone(String volume, Supplier<R> operation) {
        if (!busy.add(volume)) {
            throw new CsiFailure(GrpcStatus.ABORTED, "another operation on volume '" + volume + "' is under way");
        }
        try {
            return operation.get();
        } finally {
            busy.remove(volume);
        }
    }
}
