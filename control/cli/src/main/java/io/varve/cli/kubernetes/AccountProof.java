package io.varve.cli.kubernetes;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.varve.control.api.JoinProof;
import java.io.IOException;
import java.util.Optional;

/**
 * A node shows the token of its pod's service account, made for the audience {@code varve}; Kubernetes is asked whose it is (TokenReview) and on which
 * machine that pod runs. The node joins under that machine's name and no other.
 *
 * @param account whose pods are nodes: {@code NAMESPACE/NAME}
 */
public record AccountProof(KubernetesApi api, String account) implements JoinProof {
    private static final String PATH = "/apis/authentication.k8s.io/v1/tokenreviews";

    /** The token is good for nothing else, and another one is not taken. */
    private static final String AUDIENCE = "varve";

    /** Kubernetes 1.32 and later say it of every token that is bound to a pod. */
    private static final String NODE_NAME = "authentication.kubernetes.io/node-name";

    @Override
    public Optional<String> refusal(String node, String secret) throws IOException {
        JsonObject spec = new JsonObject();
        spec.addProperty("token", secret);
        JsonArray audiences = new JsonArray();
        audiences.add(AUDIENCE);
        spec.add("audiences", audiences);
        JsonObject review = new JsonObject();
        review.addProperty("apiVersion", "authentication.k8s.io/v1");
        review.addProperty("kind", "TokenReview");
        review.add("spec", spec);
        return judge(
                node,
                account,
                api.create(PATH, review)
                        .map(answer -> answer.getAsJsonObject("status"))
                        .orElseGet(JsonObject::new));
    }

    /** {@code status} of a TokenReview. */
    static Optional<String> judge(String node, String account, JsonObject status) {
        if (!status.has("authenticated") || !status.get("authenticated").getAsBoolean()) {
            return Optional.of("Kubernetes does not know the token of the pod"
                    + (status.has("error") ? ": " + status.get("error").getAsString() : ""));
        }
        if (!status.has("audiences") || !contains(status.getAsJsonArray("audiences"), AUDIENCE)) {
            return Optional.of("the token of the pod is not made for the audience " + AUDIENCE);
        }
        JsonObject user = status.getAsJsonObject("user");
        String name = user.get("username").getAsString();
        if (!name.equals("system:serviceaccount:" + account.replace('/', ':'))) {
            return Optional.of(name + " is not the account of this cluster's nodes, " + account);
        }
        JsonArray machine = user.has("extra") ? user.getAsJsonObject("extra").getAsJsonArray(NODE_NAME) : null;
        if (machine == null || machine.isEmpty()) {
            return Optional.of("Kubernetes does not say on which machine the pod runs: that needs Kubernetes 1.32");
        }
        String there = machine.get(0).getAsString();
        return there.equals(node)
                ? Optional.empty()
                : Optional.of("the pod runs on " + there + ", and wants to be node " + node);
    }

    private static boolean contains(JsonArray texts, String wanted) {
        for (JsonElement each : texts) {
            if (each.getAsString().equals(wanted)) {
                return true;
            }
        }
        return false;
    }
}
