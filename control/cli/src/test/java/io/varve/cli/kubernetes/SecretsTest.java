package io.varve.cli.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.varve.cli.kubernetes.KubernetesInitCommand.Secrets;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretsTest {
    private static final String PATH = "/api/v1/namespaces/varve-system/secrets";

    @TempDir
    private Path directory;

    /** What the API keeps, by name. */
    private final Map<String, String> kept = new ConcurrentHashMap<>();

    private HttpServer server;
    private Secrets secrets;

    @BeforeEach
    void start() throws IOException {
        Path token = directory.resolve("token");
        Files.writeString(token, "own-token");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext(PATH, this::answer);
        server.start();
        var address = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        secrets = new Secrets(new KubernetesApi(address, token, HttpClient.newHttpClient()), "varve-system");
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private void answer(HttpExchange call) throws IOException {
        String name = call.getRequestURI().getPath().substring(PATH.length());
        String body = new String(call.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        if (call.getRequestMethod().equals("POST")) {
            JsonObject secret = JsonParser.parseString(body).getAsJsonObject();
            String made = "/" + secret.getAsJsonObject("metadata").get("name").getAsString();
            if (made.equals("/forbidden")) {
                respond(call, 403, "{\"message\": \"not for you\"}");
            } else {
                boolean isNew = kept.putIfAbsent(made, body) == null;
                respond(call, isNew ? 201 : 409, isNew ? body : "{}");
            }
        } else {
            respond(call, kept.containsKey(name) ? 200 : 404, kept.getOrDefault(name, "{}"));
        }
    }

    private static void respond(HttpExchange call, int code, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        call.sendResponseHeaders(code, bytes.length);
        call.getResponseBody().write(bytes);
        call.close();
    }

    @Test
    void whatIsThereIsNeverReplaced() throws IOException {
        assertThat(secrets.find("varve-authority")).isEmpty();
        assertThat(secrets.keep("varve-authority", Map.of("ca.key", "first"))).containsEntry("ca.key", "first");
        assertThat(secrets.keep("varve-authority", Map.of("ca.key", "second"))).containsEntry("ca.key", "first");
        assertThat(secrets.find("varve-authority").orElseThrow()).containsEntry("ca.key", "first");
    }

    @Test
    void aRefusalIsToldInTheWordsOfKubernetes() {
        assertThatThrownBy(() -> secrets.keep("forbidden", Map.of("ca.key", "first")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("403")
                .hasMessageContaining("not for you");
    }
}
