package io.varve.control.api;

import io.varve.api.Node;
import io.varve.control.health.ClusterFacts;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaState;
import io.vertx.core.Future;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** Tells, at the member that leads, when a node falls silent and when it is back, for the events. Nothing is decided by it. */
final class SilenceWatch {
    /** A member that has just started may not have heard of everybody yet: twice the silence that counts as gone. */
    static final long SETTLED_MILLIS = 2 * ClusterFacts.SILENCE_MILLIS;

    private final MetaGroup group;
    private final LongSupplier nanos;
    private final long startNanos;

    SilenceWatch(MetaGroup group, LongSupplier nanos) {
        this.group = group;
        this.nanos = nanos;
        this.startNanos = nanos.getAsLong();
    }

    /** Looks at what was heard; a failure is of no concern, since it looks again in some seconds. */
    Future<Void> look(StatusReport.Heard heard) {
        if (!group.leader().equals(java.util.Optional.of(group.self()))) {
            return Future.succeededFuture();
        }
        long watchedMillis = (nanos.getAsLong() - startNanos) / 1_000_000;
        return group.look(state -> news(state, heard, watchedMillis))
                .compose(news -> Future.join(news.stream().map(group::propose).toList()))
                .<Void>mapEmpty()
                .otherwiseEmpty();
    }

    /** What is to be told, from what the truth says was told. */
    static List<TellSilence> news(MetaState state, StatusReport.Heard heard, long watchedMillis) {
        List<TellSilence> news = new ArrayList<>();
        for (Node node : state.nodes()) {
            long silent = heard.silentMillis().getOrDefault(node.getId(), watchedMillis);
            boolean told = state.isSilent(node.getId());
            if (!told && silent >= ClusterFacts.SILENCE_MILLIS && watchedMillis >= SETTLED_MILLIS) {
                news.add(new TellSilence(node.getId(), true, silent / 1_000));
            } else if (told && heard.isLately(node.getId())) {
                news.add(new TellSilence(node.getId(), false, silent / 1_000));
            }
        }
        return news;
    }
}
