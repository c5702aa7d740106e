package io.varve.cli.server;

import io.varve.api.NodeDiagnostics;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.VersionCommand;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.kubernetes.AccountProof;
import io.varve.cli.kubernetes.KubernetesApi;
import io.varve.cli.log.NodeLog;
import io.varve.control.ControlServer;
import io.varve.control.api.JoinProof;
import io.varve.control.truth.TruthClient;
import io.varve.dataplane.main.DataPlane;
import io.varve.identity.LiveIdentity;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A node from start to stop. Control plane and HTTP share one Vert.x on plain sockets; the data plane brings its own loops.
 *
 * <p>{@link #run} is called once, on the main thread; a signal stops the node on the JVM's shutdown thread.
 */
final class NodeProcess {
    private static final Logger LOG = LoggerFactory.getLogger(NodeProcess.class);
    /** Management calls and metrics are few; what blocks (the truth's storage) runs on workers. */
    private static final int CONTROL_LOOPS = 1;

    private static final int CONTROL_WORKERS = 4;

    /** A data plane that hangs is what a support bundle must be able to tell. */
    private static final long FIGURES_WITHIN_MILLIS = 3_000;

    /** As on the data plane's loops: each look for a blocked loop wakes an idle process. */
    private static final int BLOCKED_CHECK_SECONDS = 10;

    private final NodeConfig config;
    private final DataDirectory directory;
    private final Vertx vertx = Vertx.builder()
            .with(new VertxOptions()
                    .setEventLoopPoolSize(CONTROL_LOOPS)
                    .setWorkerPoolSize(CONTROL_WORKERS)
                    .setInternalBlockingPoolSize(1)
                    .setBlockedThreadCheckInterval(BLOCKED_CHECK_SECONDS)
                    .setBlockedThreadCheckIntervalUnit(TimeUnit.SECONDS)
                    .setFileSystemOptions(
                            new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)))
            .build();
    private final NodeDiagnosis diagnosis;
    private final NodeMetrics metrics;
    private final HealthEndpoint health;
    private final LocalNode local = new LocalNode();
    private final CompletableFuture<String> fatal = new CompletableFuture<>();
    private volatile Readiness readiness = Readiness.waiting("the node starts");
    private Optional<LiveIdentity> identity = Optional.empty();
    private volatile int exitCode = ExitCode.OK;
    private volatile @Nullable MemberPart part;
    private volatile @Nullable ControlServer control;
    private volatile @Nullable TruthClient truth;
    private volatile @Nullable DataPlane dataPlane;

    NodeProcess(NodeConfig config, Path configFile, DataDirectory directory) {
        this.config = config;
        this.diagnosis =
                new NodeDiagnosis(config, configFile, directory.incarnation(), System.getenv(), NodeLog::recent);
        this.directory = directory;
        this.metrics = new NodeMetrics(config.fixed().node());
        this.health =
                new HealthEndpoint(vertx, metrics, local::figures, this::liveness, () -> readiness, local::troubles);
    }

    /** Starts, and returns only when the node cannot go on; a signal ends the process from elsewhere. */
    int run() throws InterruptedException {
        LOG.info(
                "node starting node={} cluster={} incarnation={} version={} pid={}",
                config.fixed().node(),
                config.fixed().cluster(),
                directory.incarnation(),
                VersionCommand.version(),
                ProcessHandle.current().pid());
        Runtime.getRuntime().addShutdownHook(new Thread(this::stopAndEnd, "stop"));
        try {
            start();
            LOG.error("node cannot go on reason=\"{}\"", fatal.get());
        } catch (ExecutionException | IOException | RuntimeException e) {
            LOG.error("node cannot start reason=\"{}\"", words(e));
        }
        exitCode = ExitCode.FAILED;
        return exitCode;
    }

    /** A process whose management API does not listen is not one that can be worked with. */
    private Readiness liveness() {
        return control == null ? Readiness.waiting("the management API does not listen yet") : Readiness.READY;
    }

    /** One step after the other on the main thread: each needs the one before. */
    private void start() throws IOException {
        var listening = health.start(config.restart().listen().metrics()).await();
        LOG.info("health and metrics listening address={}", listening);
        local.diagnoseBy(this::diagnose);
        var credentials = NodeCredentials.open(config, vertx);
        identity = credentials.map(NodeCredentials::live);
        var found = MemberPart.open(config);
        part = found;
        var members = found.members();
        credentials.ifPresent(own -> own.keepFresh(members::toAsk));
        var server = ControlServer.start(
                        NodeWiring.control(
                                config,
                                credentials,
                                members,
                                found.first(identity),
                                directory.incarnation(),
                                VersionCommand.version(),
                                proof()),
                        vertx,
                        local)
                .await();
        control = server;
        var client = new TruthClient(vertx, members, identity);
        metrics.show(server.membership());
        server.membership().onNews(client::heardOfNews);
        client.onRegistered(response ->
                server.membership().begin(response.getMembershipKey().toByteArray()));
        truth = client;
        found.follow(server, credentials, client, vertx);
        startDataPlane(client);
    }

    private Optional<JoinProof> proof() throws IOException {
        var account = config.restart().security().kubernetesAccount();
        return account.isPresent()
                ? Optional.of(new AccountProof(KubernetesApi.ofThisPod(), account.get()))
                : Optional.empty();
    }

    /** Also when the data plane does not answer: then metrics are as old as the last that were had. */
    private Future<NodeDiagnostics> diagnose() {
        return local.figures()
                .timeout(FIGURES_WITHIN_MILLIS, TimeUnit.MILLISECONDS)
                .onSuccess(metrics::show)
                .transform(shown -> vertx.executeBlocking(() -> diagnosis.gather(metrics.scrape()), false));
    }

    /** It waits by itself for the cluster to be made; meanwhile the management API answers. */
    private void startDataPlane(TruthClient client) {
        readiness = Readiness.waiting("waiting for the cluster: it may not be initialised yet (varve cluster init)");
        var ready = Promise.<Void>promise();
        var plane = DataPlane.start(
                NodeWiring.dataPlane(config, directory.incarnation(), VersionCommand.version(), identity),
                client,
                ready);
        dataPlane = plane;
        local.serve(plane);
        ready.future().onFailure(cause -> fatal.complete(words(cause))).onSuccess(done -> {
            readiness = Readiness.READY;
            LOG.info("node ready node={}", config.fixed().node());
        });
    }

    private static String words(Throwable cause) {
        var message = cause.getMessage();
        return message == null ? cause.toString() : message;
    }

    /** The shutdown thread: the JVM ends when this does, with a code that says how it went. */
    private void stopAndEnd() {
        readiness = Readiness.waiting("the node stops");
        LOG.info("node stopping node={}", config.fixed().node());
        var limit = config.restart().limits().stop();
        try {
            stop().toCompletionStage().toCompletableFuture().get(limit.toMillis(), TimeUnit.MILLISECONDS);
            directory.close();
            LOG.info("node stopped node={}", config.fixed().node());
        } catch (TimeoutException e) {
            LOG.warn("node stopped late limit={}s: its next start takes longer", limit.toSeconds());
            exitCode = exitCode == ExitCode.OK ? ExitCode.STOP_TIMED_OUT : exitCode;
        } catch (ExecutionException | IOException e) {
            LOG.error("node stopped with a failure", e);
            exitCode = ExitCode.FAILED;
        } catch (InterruptedException e) {
            exitCode = ExitCode.FAILED;
        }
        NodeLog.close();
        Runtime.getRuntime().halt(exitCode);
    }

    /** Clients first, then copies, then the truth: each may still need what comes after it. */
    private Future<Void> stop() {
        var plane = dataPlane;
        return (plane == null ? Future.<Void>succeededFuture() : plane.stop())
                .eventually(this::stopControl)
                .eventually(health::stop)
                .eventually(() -> {
                    metrics.close();
                    return vertx.close();
                });
    }

    private Future<Void> stopControl() {
        var own = part;
        if (own != null) {
            own.close();
        }
        var client = truth;
        if (client != null) {
            client.close();
        }
        var server = control;
        return server == null ? Future.succeededFuture() : server.close();
    }
}
