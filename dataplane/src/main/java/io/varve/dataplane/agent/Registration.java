package io.varve.dataplane.agent;

import io.varve.api.Node;
import io.varve.api.RegisterNodeRequest;
import io.varve.api.RegisterNodeResponse;
import io.varve.api.Truth;
import io.varve.api.TruthCode;
import io.varve.dataplane.time.Loop;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says who this node is until the metadata group has taken note, however long that takes: a node may start before the cluster is initialised,
 * or while the group has no majority. Each new reason for waiting is logged once. On the loop.
 */
public final class Registration {
    private static final Logger LOG = LoggerFactory.getLogger(Registration.class);
    private static final Duration PAUSE = Duration.ofMillis(300);

    private final Loop loop;
    private final Truth truth;
    private final RegisterNodeRequest request;
    private final Consumer<String> registered;
    private String lastReason = "";
    private boolean stopped;

    private Registration(Loop loop, Truth truth, Node node, String cluster, Consumer<String> registered) {
        this.loop = loop;
        this.truth = truth;
        this.request = RegisterNodeRequest.newBuilder()
                .setNode(node)
                .setClusterUuid(cluster)
                .build();
        this.registered = registered;
    }

    /** {@code registered} gets the cluster's UUID, once. The returned task gives up. */
    public static Runnable until(Loop loop, Truth truth, Node node, Consumer<String> registered) {
        return until(loop, truth, node, "", registered);
    }

    /** The same for a node that belongs to that cluster already, and to no other. */
    public static Runnable until(Loop loop, Truth truth, Node node, String cluster, Consumer<String> registered) {
        Registration registration = new Registration(loop, truth, node, cluster, registered);
        loop.execute(registration::ask);
        return () -> loop.execute(() -> registration.stopped = true);
    }

    private void ask() {
        if (!stopped) {
            truth.registerNode(request)
                    .onComplete(answer -> loop.execute(() -> answered(answer.result(), answer.cause())));
        }
    }

    private void answered(@Nullable RegisterNodeResponse response, @Nullable Throwable failure) {
        if (stopped) {
            return;
        }
        if (response != null && response.getResult().getCode() == TruthCode.TRUTH_OK) {
            LOG.info(
                    "node registered node={} incarnation={} cluster={}",
                    request.getNode().getId(),
                    request.getNode().getIncarnation(),
                    response.getClusterUuid());
            registered.accept(response.getClusterUuid());
            return;
        }
        String reason = response != null
                ? response.getResult().getMessage()
                : failure != null ? String.valueOf(failure.getMessage()) : "no answer";
        if (!reason.equals(lastReason)) {
            lastReason = reason;
            LOG.info("node waits to be registered reason=\"{}\"", reason);
        }
        loop.schedule(PAUSE.toNanos(), this::ask);
    }
}
