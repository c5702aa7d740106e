package io.varve.control.raft;

import io.varve.control.meta.ClusterEvent;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import io.varve.control.meta.MetaState.Applied;
import io.varve.control.meta.Outcome;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.apache.ratis.io.MD5Hash;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftGroupMemberId;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.server.storage.FileInfo;
import org.apache.ratis.server.storage.RaftStorage;
import org.apache.ratis.statemachine.StateMachineStorage;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.statemachine.impl.BaseStateMachine;
import org.apache.ratis.statemachine.impl.SimpleStateMachineStorage;
import org.apache.ratis.statemachine.impl.SingleFileSnapshotInfo;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.util.LifeCycle;
import org.apache.ratis.util.MD5FileUtil;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The shell between Ratis and the pure rules. Ratis' updater thread applies and snapshots, one call at a time; life-cycle
 * calls come from its other threads while the updater stands still. Any exception out of {@code applyTransaction} ends this member: a
 * command left out would make it differ from the others.
 */
final class MetaMachine extends BaseStateMachine {
    private static final Logger LOG = LoggerFactory.getLogger(MetaMachine.class);

    private final SimpleStateMachineStorage snapshots = new SimpleStateMachineStorage();
    private final Listener listener;
    private final Touches touches;
    private volatile @Nullable MetaStore store;

    /** Hears of what was applied, with the keys that were written, on Ratis' updater thread, after it is durable here. Must not block. */
    interface Listener {
        void applied(long index, Outcome outcome, List<byte[]> touched);

        /** The whole state was loaded or replaced; it now holds everything up to the index. */
        void loaded(long index);
    }

    MetaMachine(Listener listener, Touches touches) {
        this.listener = listener;
        this.touches = touches;
    }

    // ------------------------------------------------------------------ life cycle

    @Override
    public void initialize(RaftServer server, RaftGroupId group, RaftStorage storage) throws IOException {
        // RUNNING already here: a machine left in STARTING never finishes the installation of a snapshot.
        getLifeCycle().startAndTransition(() -> {
            super.initialize(server, group, storage);
            snapshots.init(storage);
            store = new MetaStore(
                    storage.getStorageDir().getStateMachineDir().toPath().resolve("truth.lmdb"));
            load();
        });
    }

    @Override
    public void pause() {
        getLifeCycle().transition(LifeCycle.State.PAUSING);
        getLifeCycle().transition(LifeCycle.State.PAUSED);
    }

    @Override
    public void reinitialize() throws IOException {
        load();
        if (getLifeCycleState() == LifeCycle.State.PAUSED) {
            getLifeCycle().transition(LifeCycle.State.STARTING);
            getLifeCycle().transition(LifeCycle.State.RUNNING);
        }
    }

    /** Brings the map to at least the newest snapshot, and tells Ratis to go on from that snapshot. */
    private void load() throws IOException {
        SingleFileSnapshotInfo snapshot = snapshots.loadLatestSnapshot();
        Applied applied = store().read(MetaState::applied);
        if (snapshot != null && snapshot.getIndex() > applied.index()) {
            store().replaceWith(snapshot.getFile().getPath());
            applied = store().read(MetaState::applied);
            LOG.info("metadata snapshot installed index={}", snapshot.getIndex());
        }
        // Not what the map holds: Ratis resumes from its snapshot and waits until exactly that index was reported.
        // Entries that
        // the map already holds are skipped one by one.
        setLastAppliedTermIndex(
                snapshot == null
                        ? TermIndex.INITIAL_VALUE
                        : TermIndex.valueOf(snapshot.getTerm(), snapshot.getIndex()));
        listener.loaded(applied.index());
        touches.loaded();
    }

    @Override
    public void notifyLeaderChanged(RaftGroupMemberId member, RaftPeerId leader) {
        touches.leaderChanged();
    }

    @Override
    public void close() throws IOException {
        super.close();
        MetaStore open = store;
        if (open != null) {
            open.close();
        }
    }

    // ------------------------------------------------------------------ commands and reads

    @Override
    public CompletableFuture<Message> applyTransaction(TransactionContext transaction) {
        LogEntryProto entry = transaction.getLogEntry();
        long term = entry.getTerm();
        long index = entry.getIndex();
        byte[] bytes = entry.getStateMachineLogEntry().getLogData().toByteArray();
        List<byte[]> touched = new ArrayList<>();
        Optional<Outcome> outcome = store().write(state -> applyOnce(state, term, index, bytes), touched::add);
        updateLastAppliedTermIndex(term, index);
        outcome.ifPresent(done -> {
            done.events().forEach(event -> log(event, index));
            listener.applied(index, done, touched);
            touches.applied(touched, done);
        });
        return CompletableFuture.completedFuture(
                outcome.map(done -> answer(CommandCodec.encode(done.result()))).orElse(Message.EMPTY));
    }

    private static void log(ClusterEvent event, long index) {
        switch (event.reason().severity()) {
            case INFO -> LOG.info("{} index={}", event.logLine(), index);
            case WARNING -> LOG.warn("{} index={}", event.logLine(), index);
            case ERROR -> LOG.error("{} index={}", event.logLine(), index);
        }
    }

    /** Empty when the map already holds this entry, because it was applied before a restart. */
    private static Optional<Outcome> applyOnce(MetaState state, long term, long index, byte[] bytes) {
        if (state.applied().index() >= index) {
            return Optional.empty();
        }
        CommandCodec.Proposed proposed = CommandCodec.decode(bytes);
        Outcome outcome = MetaRules.apply(state, index, proposed.unixMillis(), proposed.command());
        state.putApplied(new Applied(term, index));
        return Optional.of(outcome);
    }

    private static Message answer(byte[] bytes) {
        ByteString content = ByteString.copyFrom(bytes);
        return () -> content;
    }

    /** A read asks nothing of Ratis but the moment: once this answers, the local map holds everything acknowledged before. */
    @Override
    public CompletableFuture<Message> query(Message request) {
        return CompletableFuture.completedFuture(Message.EMPTY);
    }

    <T> T read(Function<MetaState, T> question) {
        return store().read(question);
    }

    // ------------------------------------------------------------------ snapshots

    /** Returns the index that the snapshot holds, or -1 when there is nothing to keep yet. */
    @Override
    public long takeSnapshot() throws IOException {
        Applied applied = store().read(MetaState::applied);
        if (applied.index() < 0) {
            return RaftLog.INVALID_LOG_INDEX;
        }
        File file = snapshots.getSnapshotFile(applied.term(), applied.index());
        Path path = file.toPath();
        if (!file.exists()) {
            store().copyTo(path);
        }
        MD5Hash digest = MD5FileUtil.computeAndSaveMd5ForFile(file);
        snapshots.updateLatestSnapshot(new SingleFileSnapshotInfo(
                new FileInfo(path, digest), TermIndex.valueOf(applied.term(), applied.index())));
        LOG.info("metadata snapshot taken index={} bytes={}", applied.index(), file.length());
        return applied.index();
    }

    @Override
    public StateMachineStorage getStateMachineStorage() {
        return snapshots;
    }

    @Override
    public @Nullable SingleFileSnapshotInfo getLatestSnapshot() {
        return snapshots.getLatestSnapshot();
    }

    private MetaStore store() {
        MetaStore open = store;
        if (open == null) {
            throw new IllegalStateException("the metadata member has not started");
        }
        return open;
    }
}
