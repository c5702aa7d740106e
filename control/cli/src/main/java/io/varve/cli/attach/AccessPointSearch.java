package io.varve.cli.attach;

import io.varve.api.Volume;
import io.varve.cli.client.CallResult;
import io.varve.cli.config.Endpoint;
import io.varve.model.Holder;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Asks the cluster where a volume is open, until it is. When the node that should have it does not answer for {@link #MOVE_AFTER}, it asks the cluster
 * to open it elsewhere. Plain sequential code on virtual threads; every wait is bounded, and {@link #close} interrupts it.
 */
final class AccessPointSearch implements AccessPoints {
    /** A process that was killed does not come back sooner, and a moment's trouble of a network is over. */
    static final Duration MOVE_AFTER = Duration.ofSeconds(1);
    /** The cluster may be at it. */
    private static final Duration MOVE_AGAIN_AFTER = Duration.ofSeconds(3);

    /** Of a place that the cluster still calls open while it wants the volume elsewhere: mostly it goes within this. */
    private static final Duration GOING_LIMIT = Duration.ofSeconds(1);

    private static final Duration GREETING_LIMIT = Duration.ofSeconds(1);
    private static final Duration PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);
    private static final Duration REMIND = Duration.ofSeconds(5);
    private static final int GREETING_BYTES = 18;

    private final ClusterCalls cluster;
    private final int publication;
    private final Consumer<String> say;
    private final Consumer<String> forbidden;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private volatile boolean closed;
    private long movedNanos = System.nanoTime() - MOVE_AGAIN_AFTER.toNanos();

    /**
     * @param publication under which the volume is used, by the epoch that it took; 0: none
     * @param say for people; on a thread of its own
     * @param forbidden hears, likewise, that the volume is another's to use: no search has an answer any more
     */
    AccessPointSearch(ClusterCalls cluster, int publication, Consumer<String> say, Consumer<String> forbidden) {
        this.cluster = cluster;
        this.publication = publication;
        this.say = say;
        this.forbidden = forbidden;
    }

    @Override
    public void search(@Nullable Place last, boolean ended, Duration dead, Consumer<Place> found) {
        run(() -> look(new Lost(last, ended, dead), found));
    }

    @Override
    public void probe(Place place, Consumer<Boolean> told) {
        run(() -> told.accept(greets(new Endpoint(place.host(), place.port()))));
    }

    private void run(Runnable task) {
        if (!closed) {
            threads.execute(task);
        }
    }

    /** What is known of the place that was lost. */
    private record Lost(@Nullable Place last, boolean ended, Duration dead) {
        /** An answer must be newer than this, unless it is the same place once more. */
        long epoch() {
            return last == null ? 0 : last.epoch();
        }
    }

    private void look(Lost lost, Consumer<Place> found) {
        var begun = System.nanoTime();
        var silence = new Silence(lost.dead.isZero() ? Long.MAX_VALUE : begun - lost.dead.toNanos());
        var reminded = begun;
        var pause = PAUSE;
        var volume = cluster.look(lost.epoch());
        while (!closed && !Thread.currentThread().isInterrupted()) {
            var objection = volume.flatMap(known -> objection(known, publication));
            if (objection.isPresent()) {
                forbidden.accept(objection.get());
                return;
            }
            var isNew = System.nanoTime() - begun < GOING_LIMIT.toNanos();
            var place = volume.filter(known -> isWorthIt(known, lost, silence, isNew))
                    .flatMap(AccessPointSearch::place);
            if (place.isPresent()) {
                found.accept(place.get());
                return;
            }
            if (System.nanoTime() - reminded > REMIND.toNanos()) {
                reminded = System.nanoTime();
                say.accept("waits: " + describe(volume));
            }
            if (!pause.equals(PAUSE)
                    || silence.lasts(MOVE_AFTER)) { // Not before the first wait: a move is mostly over by then.
                volume.ifPresent(known -> moveIfDead(known, silence));
            }
            volume = cluster.await(lost.epoch(), pause);
            var longer = pause.multipliedBy(2);
            pause = longer.compareTo(LONGEST_PAUSE) < 0 ? longer : LONGEST_PAUSE;
        }
    }

    /** Why the volume is another's to use, however old the answer is; empty when it is not. */
    static Optional<String> objection(Volume volume, int publication) {
        var published = volume.getPublication();
        if (new Holder(published.getEpoch(), volume.getEpoch()).judge(publication) != Holder.Verdict.OVER) {
            return Optional.empty();
        }
        var now = volume.hasPublication()
                ? "volume '" + volume.getName() + "' is published to node " + published.getNode()
                : "volume '" + volume.getName() + "' is published to no node";
        return Optional.of(
                publication == 0
                        ? now + ": it is used there, through its CSI driver"
                        : now + ": publication " + Integer.toUnsignedString(publication) + " of it is over");
    }

    /** Another place than the lost one always is; that one is as long as nothing says that it is over there. */
    private static boolean isWorthIt(Volume volume, Lost lost, Silence silence, boolean isNew) {
        if (isOpenAfter(volume, lost)) {
            return true;
        }
        var isGoing =
                isNew && !volume.getWantedNode().equals(volume.getAttachment().getNode());
        return !lost.ended && !isGoing && !silence.lasts(MOVE_AFTER);
    }

    private static boolean isOpenAfter(Volume volume, Lost lost) {
        return place(volume).filter(place -> place.epoch() > lost.epoch()).isPresent();
    }

    /** Since when a node has not answered. */
    private static final class Silence {
        /** {@code Long.MAX_VALUE}: it does answer. */
        private long sinceNanos;

        Silence(long sinceNanos) {
            this.sinceNanos = sinceNanos;
        }

        boolean lasts(Duration limit) {
            return sinceNanos != Long.MAX_VALUE && System.nanoTime() - sinceNanos >= limit.toNanos();
        }

        void heard(boolean isAlive) {
            if (isAlive) {
                sinceNanos = Long.MAX_VALUE;
            } else if (sinceNanos == Long.MAX_VALUE) {
                sinceNanos = System.nanoTime();
            }
        }
    }

    private static Optional<Place> place(Volume volume) {
        var attachment = volume.getAttachment();
        return attachment.getOpen()
                ? Place.of(attachment.getNbdUri(), attachment.getEpoch(), attachment.getNode())
                : Optional.empty();
    }

    private static String describe(Optional<Volume> volume) {
        if (volume.isEmpty()) {
            return "no node of the cluster answers, or the volume does not exist";
        }
        var node = volume.get().getWantedNode();
        return node.isEmpty()
                ? "the volume is detached; 'varve volume attach " + volume.get().getName() + "' opens it"
                : "the volume is not open yet on " + node;
    }

    private void moveIfDead(Volume volume, Silence silence) {
        var wanted = volume.getWantedNode();
        if (wanted.isEmpty()) {
            return; // Somebody detached it, who will know why.
        }
        var target = cluster.target(wanted);
        if (target.isEmpty()) {
            cluster.refresh();
            return;
        }
        silence.heard(greets(target.get()));
        if (silence.lasts(MOVE_AFTER) && System.nanoTime() - movedNanos >= MOVE_AGAIN_AFTER.toNanos()) {
            movedNanos = System.nanoTime();
            say.accept(wanted + " does not answer: asks for another access point");
            var answer = cluster.move(UUID.randomUUID().toString());
            if (answer instanceof CallResult.Answered) {
                silence.heard(true);
            } else {
                say.accept("no other access point: " + answer);
            }
        }
    }

    private static boolean greets(Endpoint target) {
        try (var socket = new Socket()) {
            socket.setSoTimeout((int) GREETING_LIMIT.toMillis());
            socket.connect(new InetSocketAddress(target.host(), target.port()), (int) GREETING_LIMIT.toMillis());
            return new DataInputStream(socket.getInputStream()).readNBytes(GREETING_BYTES).length == GREETING_BYTES;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() {
        closed = true;
        threads.shutdownNow();
    }
}
