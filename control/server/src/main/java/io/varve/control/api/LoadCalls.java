package io.varve.control.api;

import io.varve.api.ClusterLoad;
import io.varve.api.NodeStats;
import io.varve.control.membership.Membership;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** What nodes have to do: this one by itself, all of them as they tell it in the membership. Any node answers both. */
final class LoadCalls {
    /** While a member hangs, or its entries are being moved. */
    private static final Duration LIMIT = Duration.ofSeconds(5);

    private final Vertx vertx;
    private final Membership membership;
    private final NodeLocal local;

    LoadCalls(Vertx vertx, Membership membership, NodeLocal local) {
        this.vertx = vertx;
        this.membership = membership;
        this.local = local;
    }

    Future<NodeStats> ofThisNode() {
        return local.stats()
                .map(stats -> stats.toBuilder().setMembership(membership.told()).build());
    }

    Future<ClusterLoad> ofAll() {
        return vertx.executeBlocking(membership::loads, false)
                .map(Objects::requireNonNull)
                .timeout(LIMIT.toMillis(), TimeUnit.MILLISECONDS)
                .recover(late -> Future.failedFuture(new RefusedException(
                        GrpcStatus.UNAVAILABLE,
                        "the membership does not answer now: a node may hang; try again later")));
    }
}
