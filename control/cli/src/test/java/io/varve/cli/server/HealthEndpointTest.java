package io.varve.cli.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.cli.config.Endpoint;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

final class HealthEndpointTest {
    @Test
    void answersHealthAndMetrics() throws IOException, InterruptedException {
        var vertx = Vertx.vertx();
        var liveness = new AtomicReference<>(Readiness.waiting("the management API does not listen yet"));
        var readiness = new AtomicReference<>(Readiness.waiting("the cluster is not initialised"));
        try (var metrics = new NodeMetrics("n1");
                var http = HttpClient.newHttpClient()) {
            var endpoint = new HealthEndpoint(
                            vertx,
                            metrics,
                            () -> Future.failedFuture("the data plane starts"),
                            liveness::get,
                            readiness::get,
                            () -> List.of("disk group main failed: it hangs"))
                    .start(new Endpoint("127.0.0.1", freePort()))
                    .await();

            assertThat(get(http, endpoint, "/health/live").statusCode()).isEqualTo(503);
            liveness.set(Readiness.READY);
            assertThat(get(http, endpoint, "/health/live").statusCode()).isEqualTo(200);
            assertThat(get(http, endpoint, "/health/ready").statusCode()).isEqualTo(503);
            assertThat(get(http, endpoint, "/health/ready").body()).isEqualTo("the cluster is not initialised\n");
            readiness.set(Readiness.READY);
            assertThat(get(http, endpoint, "/health/ready").statusCode()).isEqualTo(200);
            assertThat(get(http, endpoint, "/health/ready").body())
                    .isEqualTo("ready\ndisk group main failed: it hangs\n");
            assertThat(get(http, endpoint, "/metrics").body())
                    .contains("jvm_memory_used_bytes")
                    .contains("jvm_gc_memory_allocated_bytes_total")
                    .contains("process_cpu_time_ns_total")
                    .contains("varve_event_loop_lag_seconds_bucket")
                    .contains("node=\"n1\"");
            assertThat(get(http, endpoint, "/").statusCode()).isEqualTo(404);
        } finally {
            vertx.close().await();
        }
    }

    private static HttpResponse<String> get(HttpClient http, Endpoint endpoint, String path)
            throws IOException, InterruptedException {
        var request =
                HttpRequest.newBuilder(URI.create("http://" + endpoint + path)).build();
        return http.send(request, HttpResponse.BodyHandlers.ofString());
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
