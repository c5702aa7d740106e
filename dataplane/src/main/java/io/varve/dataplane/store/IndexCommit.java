package io.varve.dataplane.store;

import io.varve.dataplane.store.index.IndexBatch;
import org.jspecify.annotations.Nullable;

/** One commit on its way through the worker. A failed one fails the group: nobody can say what LMDB still promises after it. */
final class IndexCommit implements Runnable {
    private final GroupState group;
    private final IndexBatch batch;
    /** Written on the worker, read on the loop; the hand-over orders the two. */
    private @Nullable String error;

    IndexCommit(GroupState group, IndexBatch batch) {
        this.group = group;
        this.batch = batch;
    }

    /** On the worker. */
    @Override
    public void run() {
        error = group.index.commit(batch);
    }

    /** On the loop, afterwards. */
    void told() {
        group.loads.committed();
        if (error != null) {
            group.fail(error);
        }
    }
}
