package io.varve.cli.kubernetes;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.varve.csi.CsiFailure;
import io.varve.csi.Machines;
import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.util.Optional;

/**
 * A node is given up when its Node object says so by the taint {@code node.kubernetes.io/out-of-service}, or is gone. That the machine is off need not be
 * true: it is fenced at the storage (docs/decisions/0084).
 */
public final class KubernetesMachines implements Machines {
    private static final String TAINT = "node.kubernetes.io/out-of-service";

    private final KubernetesApi api;

    public KubernetesMachines(KubernetesApi api) {
        this.api = api;
    }

    @Override
    public Optional<String> givenUp(String node) {
        try {
            return reason(api.get("/api/v1/nodes/" + node));
        } catch (IOException e) {
            throw new CsiFailure(
                    GrpcStatus.UNAVAILABLE,
                    "Kubernetes does not say whether node " + node + " is off: " + e.getMessage());
        }
    }

    static Optional<String> reason(Optional<JsonObject> node) {
        if (node.isEmpty()) {
            return Optional.of("Kubernetes has no such Node any more");
        }
        JsonObject spec = node.get().getAsJsonObject("spec");
        if (spec != null && spec.has("taints")) {
            for (JsonElement taint : spec.getAsJsonArray("taints")) {
                if (taint.getAsJsonObject().get("key").getAsString().equals(TAINT)) {
                    return Optional.of("its Node has the taint " + TAINT);
                }
            }
        }
        return Optional.empty();
    }

    @Override
    public String advice(String node) {
        return "If its machine is off: kubectl taint nodes " + node + " " + TAINT + "=nodeshutdown:NoExecute";
    }
}
