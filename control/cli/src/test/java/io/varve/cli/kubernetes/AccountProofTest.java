package io.varve.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccountProofTest {
    private static final String ACCOUNT = "varve-system/varve-data";

    private static Optional<String> judged(String status) {
        return AccountProof.judge("worker-1", ACCOUNT, status(status));
    }

    private static JsonObject status(String text) {
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static String good(String account, String audience, String node) {
        return """
                {"authenticated": true, "audiences": ["%s"],
                 "user": {"username": "system:serviceaccount:%s", "extra": {"authentication.kubernetes.io/node-name": ["%s"]}}}
                """.formatted(audience, account, node);
    }

    @Test
    void aPodOnThatMachineIsThatNode() {
        assertThat(judged(good("varve-system:varve-data", "varve", "worker-1"))).isEmpty();
    }

    @Test
    void everythingElseIsRefusedWithTheReason() {
        assertThat(judged(good("varve-system:varve-data", "varve", "worker-2")).orElseThrow())
                .contains("runs on worker-2");
        assertThat(judged(good("varve-system:other", "varve", "worker-1")).orElseThrow())
                .contains("is not the account");
        assertThat(judged(good("varve-system:varve-data", "https://kubernetes.default.svc", "worker-1"))
                        .orElseThrow())
                .contains("audience");
        assertThat(judged("{\"authenticated\": false, \"error\": \"expired\"}").orElseThrow())
                .contains("expired");
        assertThat(judged(
                                "{\"authenticated\": true, \"audiences\": [\"varve\"], \"user\": {\"username\": \"system:serviceaccount:varve-system:varve-data\"}}")
                        .orElseThrow())
                .contains("1.32");
        assertThat(judged("{}").orElseThrow()).contains("does not know");
    }

    @Test
    void asksKubernetesByTheTokenOfItsOwnPod(@TempDir Path directory) throws IOException {
        Path token = directory.resolve("token");
        Files.writeString(token, "own-token\n");
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var asked = new StringBuilder();
        server.createContext("/apis/authentication.k8s.io/v1/tokenreviews", call -> {
            asked.append(call.getRequestHeaders().getFirst("Authorization")).append(' ');
            asked.append(new String(call.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            byte[] answer = ("{\"status\": " + good("varve-system:varve-data", "varve", "worker-1") + "}")
                    .getBytes(StandardCharsets.UTF_8);
            call.sendResponseHeaders(201, answer.length);
            call.getResponseBody().write(answer);
            call.close();
        });
        server.start();
        try {
            var address = server.getAddress();
            var api = new KubernetesApi(
                    URI.create("http://127.0.0.1:" + address.getPort()), token, HttpClient.newHttpClient());
            assertThat(new AccountProof(api, ACCOUNT).refusal("worker-1", "pods.own.token"))
                    .isEmpty();
            assertThat(asked.toString()).startsWith("Bearer own-token ").contains("\"token\":\"pods.own.token\"");
        } finally {
            server.stop(0);
        }
    }
}
