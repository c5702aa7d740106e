package io.varve.control.raft;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.apache.ratis.client.retry.RequestTypeDependentRetryPolicy;
import org.apache.ratis.proto.RaftProtos.RaftClientRequestProto.TypeCase;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.exceptions.RaftRetryFailureException;
import org.apache.ratis.retry.ExponentialBackoffRetry;
import org.apache.ratis.retry.RetryPolicy;
import org.apache.ratis.util.TimeDuration;
import org.jspecify.annotations.Nullable;

/**
 * One question to the group, asked until it is answered or {@link ElectionTimes#ANSWER} is over.
 *
 * <p>Ratis' client repeats by itself, as one request with one id that the members remember, when a member is not the leader, cannot
 * be reached or does not answer. It gives up at once when a leader steps down with the request in hand, and when a follower knows no
 * leader to ask for the index of a read; both are what an election looks like. Those are asked again here, as new requests: what is
 * asked must bear to be done twice.
 */
final class Attempts {
    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);

    /** A leader elected meanwhile is found within this. */
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(400);

    private final Executor threads;
    private final BooleanSupplier stopping;
    private final Question question;
    private final CompletableFuture<RaftClientReply> answer = new CompletableFuture<>();
    private final long endNanos = System.nanoTime() + ElectionTimes.ANSWER.toNanos();
    // One try at a time: each is handed over by the executor.
    private Duration pause = FIRST_PAUSE;
    private final AtomicInteger tries = new AtomicInteger();
    private volatile String last = "no answer yet";

    /** A blocking call of Ratis' client. */
    @FunctionalInterface
    interface Question {
        RaftClientReply ask() throws IOException;
    }

    private Attempts(Executor threads, BooleanSupplier stopping, Question question) {
        this.threads = threads;
        this.stopping = stopping;
        this.question = question;
    }

    /**
     * Asks.
     *
     * @param threads may be blocked
     * @param stopping true: a failure is the end
     * @return completes on one of the threads; fails with {@link MetaUnavailableException} only, within the time
     */
    static CompletableFuture<RaftClientReply> begin(Executor threads, BooleanSupplier stopping, Question question) {
        Attempts attempts = new Attempts(threads, stopping, question);
        threads.execute(attempts::ask);
        return attempts.answer
                .orTimeout(ElectionTimes.ANSWER.plus(ElectionTimes.REQUEST).toMillis(), TimeUnit.MILLISECONDS)
                .exceptionallyCompose(e ->
                        CompletableFuture.failedFuture(e instanceof TimeoutException ? attempts.unavailable(null) : e));
    }

    /** What Ratis does by itself, as one request. */
    static RetryPolicy withinOneRequest() {
        RetryPolicy pauses = ExponentialBackoffRetry.newBuilder()
                .setBaseSleepTime(ratis(FIRST_PAUSE))
                .setMaxSleepTime(ratis(LONGEST_PAUSE))
                // The time ends it.
                .setMaxAttempts(Integer.MAX_VALUE)
                .build();
        return RequestTypeDependentRetryPolicy.newBuilder()
                .setRetryPolicy(TypeCase.WRITE, pauses)
                .setTimeout(TypeCase.WRITE, ratis(ElectionTimes.ANSWER))
                .setRetryPolicy(TypeCase.READ, pauses)
                .setTimeout(TypeCase.READ, ratis(ElectionTimes.ANSWER))
                .build();
    }

    static TimeDuration ratis(Duration duration) {
        return TimeDuration.valueOf(duration.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void ask() {
        try {
            RaftClientReply reply = question.ask();
            if (reply != null && reply.isSuccess()) {
                answer.complete(reply);
            } else {
                again(reply == null ? null : reply.getException());
            }
        } catch (IOException | RuntimeException e) {
            again(e);
        }
    }

    private void again(@Nullable Throwable failure) {
        tries.addAndGet(failure instanceof RaftRetryFailureException all ? Math.max(1, all.getAttemptCount()) : 1);
        last = describe(failure);
        if (stopping.getAsBoolean()) {
            answer.completeExceptionally(new MetaUnavailableException("this member of the metadata group is stopping"));
        } else if (System.nanoTime() + pause.toNanos() >= endNanos) {
            answer.completeExceptionally(unavailable(failure));
        } else {
            CompletableFuture.delayedExecutor(pause.toMillis(), TimeUnit.MILLISECONDS, threads)
                    .execute(this::ask);
            Duration doubled = pause.multipliedBy(2);
            pause = doubled.compareTo(LONGEST_PAUSE) < 0 ? doubled : LONGEST_PAUSE;
        }
    }

    /** The innermost reason, its first line: those around it only name the request. */
    private static String describe(@Nullable Throwable failure) {
        if (failure == null) {
            return "no answer";
        }
        Throwable inner = failure;
        while (inner.getCause() != null) {
            inner = inner.getCause();
        }
        String message = inner.getMessage();
        return message == null
                ? inner.getClass().getSimpleName()
                : message.lines().findFirst().orElse(message);
    }

    private MetaUnavailableException unavailable(@Nullable Throwable cause) {
        return new MetaUnavailableException(
                "the metadata group did not answer within " + ElectionTimes.ANSWER.toSeconds() + " s (tries: "
                        + Math.max(1, tries.get()) + ", last: " + last
                        + "): a majority of its members must run and reach one another",
                cause);
    }
}
