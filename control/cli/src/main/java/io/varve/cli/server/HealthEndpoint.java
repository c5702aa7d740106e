package io.varve.cli.server;

import io.varve.cli.config.Endpoint;
import io.varve.dataplane.main.NodeFigures;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Health and metrics over HTTP, for orchestrators and Prometheus. Answers on an event loop of the Vert.x given, the
 * metrics on a worker thread, because collecting them takes milliseconds.
 */
final class HealthEndpoint {
    /** Prometheus, an orchestrator and a few curious people; more is a mistake or an attack. */
    private static final int CONNECTIONS = 64;

    private static final int IDLE_SECONDS = 60;
    private static final String TEXT = "text/plain; charset=utf-8";

    private final Vertx vertx;
    private final NodeMetrics metrics;
    private final Supplier<Future<NodeFigures>> figures;
    private final Supplier<Readiness> liveness;
    private final Supplier<Readiness> readiness;
    private final Supplier<List<String>> troubles;
    private final HttpServer server;
    private int open; // connections; on the server's event loop

    /**
     * An endpoint that does not listen yet.
     *
     * @param figures asked before metrics are answered; may fail, then they are as old as the last that were had
     * @param liveness whether the process does its work; asked like readiness
     * @param readiness whether the node serves; asked at every request, on an event loop; must not block
     * @param troubles what is wrong with a node that serves nevertheless, a line each; asked like readiness
     */
    HealthEndpoint(
            Vertx vertx,
            NodeMetrics metrics,
            Supplier<Future<NodeFigures>> figures,
            Supplier<Readiness> liveness,
            Supplier<Readiness> readiness,
            Supplier<List<String>> troubles) {
        this.vertx = vertx;
        this.metrics = metrics;
        this.figures = figures;
        this.liveness = liveness;
        this.readiness = readiness;
        this.troubles = troubles;
        this.server = vertx.createHttpServer(
                new HttpServerOptions().setIdleTimeout(IDLE_SECONDS).setIdleTimeoutUnit(TimeUnit.SECONDS));
    }

    /** Listens; fails when the address is taken. */
    Future<Endpoint> start(Endpoint listen) {
        return server.connectionHandler(connection -> {
                    open++;
                    connection.closeHandler(closed -> open--);
                    if (open > CONNECTIONS) {
                        connection.close();
                    }
                })
                .requestHandler(this::answer)
                .listen(listen.port(), listen.host())
                .map(listening -> new Endpoint(listen.host(), listening.actualPort()));
    }

    private void answer(HttpServerRequest request) {
        if (!request.method().equals(HttpMethod.GET)) {
            respond(request, 405, TEXT, "only GET\n");
            return;
        }
        switch (Objects.requireNonNullElse(request.path(), "")) {
            case "/health/live" -> respond(request, liveness.get(), "alive\n");
            case "/health/ready" -> respond(request, readiness.get(), "ready\n" + lines(troubles.get()));
            case "/metrics" ->
                figures.get()
                        .onSuccess(metrics::show)
                        .transform(shown -> vertx.executeBlocking(metrics::scrape, false))
                        .onSuccess(text -> respond(request, 200, NodeMetrics.CONTENT_TYPE, text))
                        .onFailure(cause -> respond(request, 500, TEXT, cause + "\n"));
            default -> respond(request, 404, TEXT, "there is /health/live, /health/ready and /metrics\n");
        }
    }

    private static String lines(List<String> told) {
        return told.stream().map(line -> line + "\n").collect(Collectors.joining());
    }

    private static void respond(HttpServerRequest request, Readiness state, String yes) {
        respond(request, state.ready() ? 200 : 503, TEXT, state.ready() ? yes : state.detail() + "\n");
    }

    private static void respond(HttpServerRequest request, int status, String type, String body) {
        request.response().setStatusCode(status).putHeader("Content-Type", type).end(body);
    }

    Future<Void> stop() {
        return server.close();
    }
}
