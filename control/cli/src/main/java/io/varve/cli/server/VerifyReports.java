package io.varve.cli.server;

import io.varve.api.VerifyProgress;
import io.varve.control.api.NodeLocal;
import io.varve.control.api.RefusedException;
import io.varve.dataplane.replication.Verification;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.List;

/**
 * Passes what a comparison of copies finds on to whoever asked, no faster than they listen: one report is under way at a time, and what comes
 * meanwhile goes into the next. Called from the volume's loop and from the listener's.
 */
final class VerifyReports implements Verification.Listener {
    /** Differences kept for the next report; what lies beyond is counted, not named. */
    private static final int MAX_NAMED = 1000;

    private final NodeLocal.Progress progress;
    private final Promise<Void> ended = Promise.promise();
    private final List<String> differences = new ArrayList<>();
    private long done;
    private long total;
    private long different;
    private long damagedBlocks;
    private long repairedBlocks;
    private long lostBlocks;
    private long differentBlocks;
    private boolean finished;
    private String failure = "";
    private boolean sending;
    private boolean sentLast;

    VerifyReports(NodeLocal.Progress progress) {
        this.progress = progress;
    }

    /** Succeeds after the last report; fails when the comparison could not go on or nobody listens any more. */
    Future<Void> ended() {
        return ended.future();
    }

    @Override
    public void compared(long nowDone, long ofTotal, Verification.Finding finding) {
        synchronized (this) {
            done = nowDone;
            total = ofTotal;
            damagedBlocks += finding.damaged();
            repairedBlocks += finding.repaired();
            lostBlocks += finding.lost();
            differentBlocks += finding.different();
            if (!finding.isEqual()) {
                different++;
                finding.places().stream().limit(MAX_NAMED - differences.size()).forEach(differences::add);
            }
        }
        send();
    }

    @Override
    public void finished(String why) {
        synchronized (this) {
            finished = true;
            failure = why;
        }
        send();
    }

    private void send() {
        VerifyProgress report;
        synchronized (this) {
            if (sending || sentLast) {
                return;
            }
            if (finished && !failure.isEmpty()) {
                sentLast = true;
                ended.tryFail(new RefusedException(failure));
                return;
            }
            sending = true;
            sentLast = finished;
            report = VerifyProgress.newBuilder()
                    .setExtentsTotal(total)
                    .setExtentsDone(done)
                    .setExtentsEqual(done - different)
                    .addAllDifferences(differences)
                    .setDamagedBlocks(damagedBlocks)
                    .setRepairedBlocks(repairedBlocks)
                    .setLostBlocks(lostBlocks)
                    .setDifferentBlocks(differentBlocks)
                    .setFinished(finished)
                    .build();
            differences.clear();
        }
        progress.report(report).onComplete(answer -> told(report, answer.succeeded(), answer.cause()));
    }

    private void told(VerifyProgress report, boolean heard, @org.jspecify.annotations.Nullable Throwable cause) {
        boolean news;
        synchronized (this) {
            sending = false;
            news = !sentLast && (finished || done > report.getExtentsDone());
            sentLast |= !heard;
        }
        if (!heard) {
            ended.tryFail(cause == null ? new IllegalStateException("nobody listens") : cause);
        } else if (report.getFinished()) {
            ended.tryComplete();
        } else if (news) {
            send();
        }
    }
}
