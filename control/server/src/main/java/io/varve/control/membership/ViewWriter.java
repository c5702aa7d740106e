package io.varve.control.membership;

import com.google.protobuf.InvalidProtocolBufferException;
import com.hazelcast.core.HazelcastException;
import io.varve.api.membership.NewsRecord;
import io.varve.api.membership.ViewHeadRecord;
import io.varve.api.membership.ViewRecord;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.MetaSubject;
import io.varve.control.raft.MetaMember;
import io.varve.control.raft.Touches;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the placement view at a metadata member, as long as that one leads, on a thread of its own: what changed, as it changes; everything,
 * whenever there is doubt whether the view is whole (it began to lead, the membership came back or lost somebody, two parts met, an entry or the head
 * is missing, a write failed).
 */
public final class ViewWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ViewWriter.class);

    /** Read from the truth at once, so that a large one is not held in memory. */
    private static final int CHUNK = 256;

    /** An older writer, who might bring an entry back, has learnt long before that it leads no more. */
    private static final Duration GONE_LIVES = Duration.ofMinutes(10);

    /** After members came or went, or a write failed: their partitions are being moved. */
    private static final Duration SETTLE = Duration.ofSeconds(2);

    private final MetaMember truth;
    private final Membership membership;
    private final String session = UUID.randomUUID().toString();
    private final ScheduledThreadPoolExecutor thread;
    private final AtomicBoolean due = new AtomicBoolean();
    private final AtomicLong written = new AtomicLong();

    // Of the thread alone.
    private final ViewPlan plan = new ViewPlan();
    private @Nullable HazelcastMember filled;
    private boolean doubtful;

    public ViewWriter(MetaMember truth, Membership membership, Duration check) {
        this.truth = truth;
        this.membership = membership;
        this.thread = new ScheduledThreadPoolExecutor(
                1, task -> Thread.ofPlatform().name("placement-view").daemon().unstarted(task));
        thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        truth.touches().onChange(this::soon);
        membership.onShift(() -> later(SETTLE));
        var _ = thread.scheduleWithFixedDelay(this::checked, check.toMillis(), check.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** However often it is called meanwhile, one look follows. */
    private void soon() {
        if (due.compareAndSet(false, true)) {
            try {
                thread.execute(() -> {
                    due.set(false);
                    step();
                });
            } catch (RejectedExecutionException e) {
                LOG.debug("placement view is closed");
            }
        }
    }

    private void later(Duration pause) {
        try {
            var _ = thread.schedule(this::checked, pause.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("placement view is closed");
        }
    }

    private void checked() {
        HazelcastMember there = filled;
        if (there != null && !doubtful) {
            attempt(() -> {
                Optional<ViewHeadRecord> head =
                        there.view().current(ViewPlan.HEAD).flatMap(PlacementView::head);
                doubtful = !ViewPlan.isWhole(head, session, there.view().size());
            });
        }
        step();
    }

    private void step() {
        Optional<HazelcastMember> there = membership.member();
        if (there.isEmpty() || !ViewPlan.mayWrite(truth.self(), truth.leader())) {
            filled = null; // Whoever writes meanwhile, writes more than this one knows of.
            return;
        }
        HazelcastMember present = there.get();
        if (present != filled || doubtful) {
            attempt(() -> fill(present));
        } else {
            attempt(() -> follow(present));
        }
    }

    /** What goes wrong here goes wrong with the view alone: it is written anew. */
    private void attempt(Runnable write) {
        try {
            write.run();
        } catch (HazelcastException | IllegalStateException e) {
            doubtful = true;
            LOG.debug("placement view not written reason=\"{}\"", String.valueOf(e.getMessage()));
            later(SETTLE);
        }
    }

    private void fill(HazelcastMember there) {
        truth.touches().take(); // Before reading: what is touched from here on is read again.
        List<MetaSubject> subjects = truth.read(plan::subjects);
        for (int from = 0; from < subjects.size(); from += CHUNK) {
            List<MetaSubject> chunk = subjects.subList(from, Math.min(subjects.size(), from + CHUNK));
            writeAll(there, truth.read(state -> plan.writes(state, chunk)));
        }
        long index = truth.read(ViewWriter::index);
        writeAll(there, plan.leftOver(there.view().places(), index));
        head(there, index);
        news(there, truth.read(state -> nodes(state)), index);
        filled = there;
        doubtful = false;
        LOG.info("placement view written index={} entries={}", index, plan.entries());
    }

    private void follow(HazelcastMember there) {
        Touches.Batch batch = truth.touches().take();
        if (batch.isEmpty()) {
            return;
        }
        Function<MetaState, Set<String>> concerned =
                batch.everything() ? ViewWriter::nodes : state -> batch.concerned();
        long index = truth.read(ViewWriter::index);
        news(there, truth.read(concerned), index); // Somebody waits for this.
        if (batch.everything()) {
            fill(there);
            return;
        }
        writeAll(there, truth.read(state -> plan.writes(state, batch.subjects())));
        head(there, index);
    }

    private static long index(MetaState state) {
        return Math.max(0, state.applied().index());
    }

    private static Set<String> nodes(MetaState state) {
        return Set.copyOf(state.nodes().stream().map(node -> node.getId()).toList());
    }

    private void writeAll(HazelcastMember there, List<ViewPlan.Write> writes) {
        for (ViewPlan.Write write : writes) {
            boolean done = there.view()
                    .writeIfNewer(
                            write.place(),
                            write.record().toByteArray(),
                            ViewWriter::indexOf,
                            write.isGone() ? GONE_LIVES : Duration.ZERO);
            written.addAndGet(done ? 1 : 0);
        }
    }

    private static long indexOf(byte[] content) {
        return PlacementView.record(content).map(ViewRecord::getIndex).orElse(-1L);
    }

    private void head(HazelcastMember there, long index) {
        there.view()
                .write(
                        ViewPlan.HEAD,
                        ViewHeadRecord.newBuilder()
                                .setIndex(index)
                                .setWriter(truth.self())
                                .setEntries(plan.entries())
                                .setSession(session)
                                .build()
                                .toByteArray(),
                        Duration.ZERO);
        written.incrementAndGet();
    }

    private void news(HazelcastMember there, Set<String> concerned, long index) {
        byte[] content = NewsRecord.newBuilder().setIndex(index).build().toByteArray();
        concerned.forEach(node -> there.news().write(node, content, Duration.ZERO));
        written.addAndGet(concerned.size());
    }

    static Optional<Long> newsIndex(byte[] content) {
        try {
            return Optional.of(NewsRecord.parseFrom(content).getIndex());
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty();
        }
    }

    /** Entries written since the start. */
    public long written() {
        return written.get();
    }

    @Override
    public void close() {
        truth.touches().onChange(() -> {});
        thread.shutdownNow();
    }
}
