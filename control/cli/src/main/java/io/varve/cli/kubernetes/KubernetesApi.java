package io.varve.cli.kubernetes;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The API of the Kubernetes that this process is a pod of, asked as the pod's service account. Blocking; any thread. */
public final class KubernetesApi {
    private static final Path ACCOUNT = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");
    private static final Duration LIMIT = Duration.ofSeconds(15);

    private static final int CREATED = 201;
    private static final int NOT_FOUND = 404;
    private static final int CONFLICT = 409;

    private final URI server;
    private final Path token;
    private final HttpClient client;

    KubernetesApi(URI server, Path token, HttpClient client) {
        this.server = server;
        this.token = token;
        this.client = client;
    }

    /**
     * The API as this pod's service account may use it.
     *
     * @throws IOException in words for people: this process is no pod, or has no service account
     */
    public static KubernetesApi ofThisPod() throws IOException {
        String host = System.getenv("KUBERNETES_SERVICE_HOST");
        String port = System.getenv("KUBERNETES_SERVICE_PORT");
        if (host == null || port == null) {
            throw new IOException("this process is not a pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set");
        }
        String literal = host.contains(":") ? "[" + host + "]" : host;
        return new KubernetesApi(
                URI.create("https://" + literal + ":" + port),
                ACCOUNT.resolve("token"),
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .connectTimeout(LIMIT)
                        .sslContext(trusting(ACCOUNT.resolve("ca.crt")))
                        .build());
    }

    /** The namespace of this pod. */
    static String namespace() throws IOException {
        return Files.readString(ACCOUNT.resolve("namespace")).strip();
    }

    private static SSLContext trusting(Path authorities) throws IOException {
        try (var input = Files.newInputStream(authorities)) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int count = 0;
            for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(input)) {
                store.setCertificateEntry("authority" + count++, each);
            }
            var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            var context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException(authorities + " cannot be used: " + e.getMessage(), e);
        }
    }

    /** The object; empty: there is none. */
    Optional<JsonObject> get(String path) throws IOException {
        HttpResponse<String> answer = send(request(path).GET().build());
        return answer.statusCode() == NOT_FOUND ? Optional.empty() : Optional.of(parsed(path, answer));
    }

    /** What the server made of it; empty: one of that name is there already. */
    Optional<JsonObject> create(String path, JsonObject object) throws IOException {
        HttpResponse<String> answer = send(request(path)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(object.toString()))
                .build());
        return answer.statusCode() == CONFLICT ? Optional.empty() : Optional.of(parsed(path, answer));
    }

    /** The account's token is read each time: the kubelet replaces it. */
    private HttpRequest.Builder request(String path) throws IOException {
        return HttpRequest.newBuilder(server.resolve(path))
                .timeout(LIMIT)
                .header("Accept", "application/json")
                .header("Authorization", "Bearer " + Files.readString(token).strip());
    }

    private HttpResponse<String> send(HttpRequest request) throws IOException {
        try {
            return client.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static JsonObject parsed(String path, HttpResponse<String> answer) throws IOException {
        JsonObject object;
        try {
            object = JsonParser.parseString(answer.body()).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException e) {
            throw new IOException(
                    "Kubernetes answered " + answer.statusCode() + " to " + path + ", and nothing that can be read", e);
        }
        if (answer.statusCode() > CREATED) {
            throw new IOException("Kubernetes answered " + answer.statusCode() + " to " + path + ": "
                    + (object.has("message") ? object.get("message").getAsString() : "no reason"));
        }
        return object;
    }
}
