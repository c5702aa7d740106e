package io.varve.control.api;

import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.MetaState;
import io.varve.control.raft.Changes;
import io.varve.control.raft.MetaMember;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;

/** The local metadata member for callers on event loops: nothing here blocks, and futures complete on the caller's context. */
final class MetaGroup {
    private final Vertx vertx;
    private final MetaMember member;

    MetaGroup(Vertx vertx, MetaMember member) {
        this.vertx = vertx;
        this.member = member;
    }

    Future<MetaResult> propose(MetaCommand command) {
        return Future.fromCompletionStage(member.propose(command), vertx.getOrCreateContext());
    }

    /** Reads the local copy, which may lag. */
    <T> Future<T> look(Function<MetaState, T> question) {
        return vertx.executeBlocking(() -> member.read(question), false).map(Objects::requireNonNull);
    }

    /** Computes or waits where the event loop must not. */
    <T> Future<T> work(Supplier<T> task) {
        return vertx.executeBlocking(task::get, false).map(Objects::requireNonNull);
    }

    /** Reads what holds everything that anybody was told before this call. */
    <T> Future<T> lookUpToDate(Function<MetaState, T> question) {
        return Future.fromCompletionStage(member.upToDate(), vertx.getOrCreateContext())
                .compose(current -> look(question));
    }

    /**
     * Waits until something that concerns the topic is newer than the index, or the time is over.
     *
     * @return true: changed; false: nothing changed in that time. Fails when too many wait already
     */
    Future<Boolean> changed(String topic, long after, Duration atMost) {
        Optional<CompletableFuture<Long>> waiting = member.changes().newerThan(topic, after);
        if (waiting.isEmpty()) {
            return Future.failedFuture(new RefusedException(
                    GrpcStatus.RESOURCE_EXHAUSTED, "too many are waiting for changes: try again later"));
        }
        CompletableFuture<Long> change = waiting.get();
        Promise<Boolean> answer = Promise.promise();
        long timer = vertx.setTimer(Math.max(1, atMost.toMillis()), fired -> answer.tryComplete(false));
        Future.fromCompletionStage(change, vertx.getOrCreateContext()).onSuccess(index -> answer.tryComplete(true));
        return answer.future().onComplete(done -> {
            vertx.cancelTimer(timer);
            change.cancel(false);
        });
    }

    /**
     * Looks again at each change until the question has an answer.
     *
     * @param from index of the caller's own last change; a local copy that does not hold it yet is not asked
     * @param question empty: not yet
     * @return empty when the time was over
     */
    <T> Future<Optional<T>> waitFor(long from, Function<MetaState, Optional<T>> question, Duration atMost) {
        return waitUntil(
                state -> state.applied().index() < from ? Optional.empty() : question.apply(state),
                System.nanoTime() + atMost.toNanos());
    }

    private record Look<T>(long index, Optional<T> answer) {}

    private <T> Future<Optional<T>> waitUntil(Function<MetaState, Optional<T>> question, long endNanos) {
        return look(state -> new Look<>(state.applied().index(), question.apply(state)))
                .compose(look -> {
                    long left = endNanos - System.nanoTime();
                    if (look.answer.isPresent() || left <= 0) {
                        return Future.succeededFuture(look.answer);
                    }
                    return changed(Changes.ANY, look.index, Duration.ofNanos(left))
                            .compose(changed -> waitUntil(question, endNanos));
                });
    }

    /** The newest change of anything, as far as this member knows; what disk groups tell of their space does not count. */
    long newest() {
        return member.changes().newest(Changes.ANY);
    }

    /** See {@link Changes#since}. */
    Optional<Changes.Since> since(long after) {
        return member.changes().since(after);
    }

    /** Up to where this member has applied the log; -1: nothing yet. */
    long applied() {
        return member.changes().applied();
    }

    /** Whether this member leads, as far as it knows. */
    boolean leads() {
        return leader().filter(self()::equals).isPresent();
    }

    Optional<String> leader() {
        return member.leader();
    }

    String self() {
        return member.self();
    }
}
