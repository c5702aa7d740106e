package io.varve.cli.attach;

import com.google.protobuf.Message;
import io.varve.api.AttachVolumeRequest;
import io.varve.api.GetVolumeRequest;
import io.varve.api.ListNodesRequest;
import io.varve.api.ManagementGrpcClient;
import io.varve.api.MoveVolumeRequest;
import io.varve.api.Node;
import io.varve.api.Volume;
import io.varve.cli.client.CallResult;
import io.varve.cli.client.ManagementConnection;
import io.varve.cli.config.Endpoint;
import io.vertx.grpc.common.ServiceMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * What is asked of the cluster about one volume, at every node that is known: those that were named, and those that the cluster named since. All methods
 * block; any thread but an event loop.
 */
final class ClusterCalls {
    /** A node that is well answers in milliseconds; one that meets an election, later than anybody wants to wait. */
    private static final Duration LOOK_LIMIT = Duration.ofSeconds(2);
    /** After the first answer that is not what is looked for: who has a newer one has it as quickly. */
    private static final Duration OTHERS_LIMIT = Duration.ofMillis(150);

    /** A cluster of more nodes is asked at so many of them at a time. */
    private static final int MAX_ASKED = 8;

    private final ManagementConnection connection;
    private final String volume;
    private final Set<Endpoint> servers = new LinkedHashSet<>();
    private final Map<String, Endpoint> targets = new ConcurrentHashMap<>();

    /** What this client has seen of the volume. */
    private volatile long seen;

    ClusterCalls(ManagementConnection connection, String volume) {
        this.connection = connection;
        this.volume = volume;
        servers.addAll(connection.servers());
    }

    private synchronized List<Endpoint> servers() {
        return List.copyOf(servers);
    }

    /** Learns where the nodes are now. */
    void refresh() {
        for (var answer : askAll(
                ManagementGrpcClient.ListNodes, ListNodesRequest.getDefaultInstance(), LOOK_LIMIT, nodes -> false)) {
            answer.getNodesList().forEach(this::learn);
        }
    }

    private void learn(Node node) {
        endpoint(node.getNbdAddress()).ifPresent(address -> targets.put(node.getId(), address));
        endpoint(node.getManagementAddress()).ifPresent(address -> {
            synchronized (this) {
                servers.add(address);
            }
        });
    }

    private static Optional<Endpoint> endpoint(String text) {
        try {
            return Optional.of(Endpoint.parse(text));
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // A node that has not told it yet.
        }
    }

    /** A node's NBD target, if it is known. */
    Optional<Endpoint> target(String node) {
        return Optional.ofNullable(targets.get(node));
    }

    /**
     * The volume as the node that knows most sees it; empty when none answers now. Each tells what it has at hand, if that is not older than what
     * was seen here before: an access point that was replaced is found out by the epoch.
     */
    Optional<Volume> look(long afterEpoch) {
        var request = GetVolumeRequest.newBuilder()
                .setName(volume)
                .setAtLeastIndex(seen)
                .build();
        return newest(request, afterEpoch, LOOK_LIMIT);
    }

    /**
     * The same after {@code wait}, or as soon as the volume is open in an epoch above {@code afterEpoch}: the servers hold the question until
     * then. Never earlier than that, so that whoever asks again and again does not need a pause.
     */
    Optional<Volume> await(long afterEpoch, Duration wait) {
        var end = System.nanoTime() + wait.toNanos();
        var request = GetVolumeRequest.newBuilder()
                .setName(volume)
                .setAfterEpoch((int) afterEpoch)
                .setWaitMillis((int) wait.toMillis())
                .build();
        var found = newest(request, afterEpoch, LOOK_LIMIT.plus(wait));
        if (found.filter(now -> isOpenAfter(now, afterEpoch)).isEmpty()) {
            rest(end - System.nanoTime());
        }
        return found;
    }

    /**
     * What the access point serves of the volume, in bytes, after {@code wait} or as soon as it is more than {@code bytes}; empty when nobody tells.
     * One server is asked, which holds the question until then; never earlier than that, so that whoever asks again and again does not need a pause.
     */
    Optional<Long> awaitLarger(long bytes, Duration wait) {
        var end = System.nanoTime() + wait.toNanos();
        var request = GetVolumeRequest.newBuilder()
                .setName(volume)
                .setAfterEpoch(-1)
                .setAfterSizeBytes(bytes)
                .setWaitMillis((int) wait.toMillis())
                .build();
        var told = anywhere(ManagementGrpcClient.GetVolume, request, LOOK_LIMIT.plus(wait))
                        instanceof CallResult.Answered<Volume>(var found)
                ? Optional.of(found.getAttachment().getSizeBytes())
                : Optional.<Long>empty();
        if (told.filter(size -> size > bytes).isEmpty()) {
            rest(end - System.nanoTime());
        }
        return told;
    }

    private static void rest(long nanos) {
        try {
            Thread.sleep(Duration.ofNanos(Math.max(0, nanos))); // Nobody answers: there is nothing else to wait for.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean isOpenAfter(Volume volume, long epoch) {
        return volume.getAttachment().getOpen()
                && Integer.toUnsignedLong(volume.getAttachment().getEpoch()) > epoch;
    }

    private Optional<Volume> newest(GetVolumeRequest request, long afterEpoch, Duration limit) {
        var newest =
                askAll(ManagementGrpcClient.GetVolume, request, limit, found -> isOpenAfter(found, afterEpoch)).stream()
                        .max(Comparator.comparingInt(Volume::getEpoch)
                                .thenComparingLong(Volume::getAsOfIndex)
                                .thenComparing(found -> found.getAttachment().getOpen()));
        newest.ifPresent(found -> seen = Math.max(seen, found.getAsOfIndex()));
        return newest;
    }

    /** Asks all at once; answers when one is {@code enough}, else what came until a moment after the first answer. */
    private <Q extends Message, R extends Message> List<R> askAll(
            ServiceMethod<R, Q> method, Q request, Duration limit, Predicate<R> enough) {
        var asked = servers().stream().limit(MAX_ASKED).toList();
        var results = new LinkedBlockingQueue<CallResult<R>>(asked.size());
        asked.forEach(server -> connection
                .callAt(server, method, request, limit)
                .onComplete(done -> results.offer(
                        done.succeeded()
                                ? done.result()
                                : new CallResult.Unknown<>(
                                        String.valueOf(done.cause().getMessage())))));
        var answers = new ArrayList<R>();
        var end = System.nanoTime() + limit.toNanos();
        try {
            for (var left = asked.size(); left > 0; left--) {
                var result = results.poll(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
                if (result == null) {
                    break;
                }
                if (result instanceof CallResult.Answered<R>(var value)) {
                    answers.add(value);
                    if (enough.test(value)) {
                        break;
                    }
                    end = Math.min(end, System.nanoTime() + OTHERS_LIMIT.toNanos());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return answers;
    }

    /** The volume, or why not: for the begin, when there is somebody to tell. */
    CallResult<Volume> get() {
        return anywhere(
                ManagementGrpcClient.GetVolume,
                GetVolumeRequest.newBuilder().setName(volume).build(),
                LOOK_LIMIT);
    }

    /** Opens a volume that is open nowhere, where the cluster likes. */
    CallResult<Volume> attach(Duration limit) {
        var request = AttachVolumeRequest.newBuilder()
                .setName(volume)
                .setTimeoutSeconds((int) limit.toSeconds())
                .build();
        return anywhere(ManagementGrpcClient.AttachVolume, request, limit.plusSeconds(5));
    }

    /** Takes the volume away from a node that is gone; the cluster chooses another one. Answers when that is decided. Harmless to repeat. */
    CallResult<Volume> move(String requestId) {
        var request = MoveVolumeRequest.newBuilder()
                .setName(volume)
                .setRequestId(requestId)
                .setNoWait(true)
                .build();
        return anywhere(ManagementGrpcClient.MoveVolume, request, LOOK_LIMIT);
    }

    private <Q extends Message, R extends Message> CallResult<R> anywhere(
            ServiceMethod<R, Q> method, Q request, Duration limit) {
        CallResult<R> last = new CallResult.Unreachable<>("no server is known");
        for (var server : servers()) {
            last = connection.callAt(server, method, request, limit).await();
            if (last instanceof CallResult.Answered<R>) {
                return last;
            }
        }
        return last;
    }
}
