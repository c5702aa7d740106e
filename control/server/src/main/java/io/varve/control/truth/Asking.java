package io.varve.control.truth;

import io.vertx.core.AsyncResult;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * One question on its way round the metadata members. It goes to one; to the next as soon as that one failed, or has said nothing for as long as
 * a healthy one needs. Several may then be at it: whoever answers first is heard, and what is asked must bear to be done twice. At most one
 * call to each member is waited for.
 *
 * <p>Safe from any thread. The answer completes on an event loop, outside of the lock.
 */
final class Asking<R> {
    /** After every member failed, which takes milliseconds where their processes are gone. */
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

    private static final int NONE = -1;

    private final Vertx vertx;
    private final List<SocketAddress> servers;
    private final Function<SocketAddress, Future<R>> call;
    private final Duration patience;
    private final Duration givesUpAfter;
    private final long endNanos;
    private final Promise<R> answer = Promise.promise();
    private final Map<SocketAddress, String> lastWords = new LinkedHashMap<>();

    // Which try is under way at each member; NONE: no try.
    private final int[] under;
    private int tries;
    private int failures;
    private int next;
    private long timer = NONE;
    private Duration pause = FIRST_PAUSE;
    private boolean over;
    private int answeredBy = NONE;
    private List<SocketAddress> silent = List.of();

    /**
     * @param call asks the member at that address; fails with {@link CallFailedException}, within bounds
     * @param first the member to begin with
     * @param patience how long a healthy member needs at most
     */
    Asking(
            Vertx vertx,
            List<SocketAddress> servers,
            Function<SocketAddress, Future<R>> call,
            int first,
            Duration patience,
            Duration givesUpAfter) {
        this.vertx = vertx;
        this.servers = servers;
        this.call = call;
        this.patience = patience;
        this.givesUpAfter = givesUpAfter;
        this.endNanos = System.nanoTime() + givesUpAfter.toNanos();
        this.under = new int[servers.size()];
        Arrays.fill(under, NONE);
        this.next = first;
    }

    Future<R> begin() {
        askNext();
        return answer.future();
    }

    /** Who gave the answer; only once there is one. */
    synchronized SocketAddress answeredBy() {
        return servers.get(answeredBy);
    }

    /** Who had been asked before whoever answered, and said nothing. */
    synchronized List<SocketAddress> silent() {
        return silent;
    }

    /** There is an answer to be had, and whoever is asked does not give it. */
    void askAnother() {
        askNext();
    }

    /** That member does not answer others either: do not wait for it. */
    void leave(SocketAddress address) {
        boolean waited;
        synchronized (this) {
            int server = servers.indexOf(address);
            waited = server >= 0 && under[server] != NONE;
            if (waited) {
                under[server] = NONE;
            }
        }
        if (waited) {
            askNext();
        }
    }

    private void askNext() {
        int server = NONE;
        int number;
        synchronized (this) {
            for (int i = 0; i < under.length && server == NONE && !over; i++) {
                int candidate = (next + i) % under.length;
                server = under[candidate] == NONE ? candidate : NONE;
            }
            if (server == NONE) {
                return;
            }
            next = (server + 1) % under.length;
            number = tries++;
            under[server] = number;
            wakeIn(patience);
        }
        int asked = server;
        call.apply(servers.get(asked)).onComplete(told -> told(asked, number, told));
    }

    /** One timer at a time: either a member takes its time, or all have failed and are left in peace for a moment. */
    private synchronized void wakeIn(Duration time) {
        vertx.cancelTimer(timer);
        timer = over ? NONE : vertx.setTimer(Math.max(1, time.toMillis()), fired -> askNext());
    }

    private void told(int server, int number, AsyncResult<R> told) {
        if (told.succeeded()) {
            if (end(server, number)) {
                answer.complete(told.result());
            }
        } else if (told.cause() instanceof CallFailedException refused && refused.isWorthAnotherServer()) {
            failed(server, number, refused);
        } else if (end(server, number)) {
            answer.fail(told.cause());
        }
    }

    private synchronized boolean end(int server, int number) {
        if (over) {
            return false;
        }
        over = true;
        vertx.cancelTimer(timer);
        answeredBy = server;
        List<SocketAddress> before = new ArrayList<>();
        for (int other = 0; other < under.length; other++) {
            if (under[other] != NONE && under[other] < number) {
                before.add(servers.get(other));
            }
        }
        silent = List.copyOf(before);
        return true;
    }

    private void failed(int server, int number, CallFailedException failure) {
        boolean inVain;
        boolean atOnce;
        synchronized (this) {
            if (over || under[server] != number) {
                return;
            }
            under[server] = NONE;
            failures++;
            lastWords.put(servers.get(server), String.valueOf(failure.getMessage()));
            inVain = endNanos - System.nanoTime() <= pause.toNanos();
            atOnce = failures % under.length != 0;
            if (inVain) {
                over = true;
                vertx.cancelTimer(timer);
            } else if (!atOnce) {
                wakeIn(pause);
                Duration doubled = pause.multipliedBy(2);
                pause = doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
            }
        }
        if (inVain) {
            answer.fail(new CallFailedException(failure.status(), inVain()));
        } else if (atOnce) {
            askNext();
        }
    }

    private synchronized String inVain() {
        return "no metadata member could answer within " + givesUpAfter.toSeconds() + " s, " + failures + " tries: "
                + lastWords.entrySet().stream()
                        .map(said -> said.getKey() + ": " + said.getValue())
                        .collect(Collectors.joining("; "));
    }
}
