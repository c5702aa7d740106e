package io.varve.dataplane.replication;

import io.varve.dataplane.store.Op;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a test of the access point gives it in place of a network and of clients. */
final class AccessPointScript {
    private AccessPointScript() {}

    /** Writes down what the machine wants done. */
    static final class Script implements AccessPointEffects {
        final List<String> log = new ArrayList<>();
        boolean mayLeaveOut;

        @Override
        public void seal(int member) {
            log.add("seal " + member);
        }

        @Override
        public void replicate(int member, WriteRecord record, int round, long commitSeq) {
            log.add("send " + member + " seq " + record.seq + " after " + record.prevEpoch + " commit " + commitSeq
                    + " round " + round);
        }

        @Override
        public void tellCommit(int member, long commitSeq) {
            log.add("commit " + member + " " + commitSeq);
        }

        @Override
        public void fetchTail(int donor, int member, long fromSeq, long toSeq) {
            log.add("tail from " + donor + " for " + member + " " + fromSeq + ".." + toSeq);
        }

        @Override
        public void resendLater(int member) {
            log.add("later " + member);
        }

        @Override
        public void acked(int member, WriteRecord record) {}

        @Override
        public void recovered() {
            log.add("recovered");
        }

        @Override
        public void opened() {
            log.add("opened");
        }

        @Override
        public void learnerPromised(int member) {
            log.add("learner " + member);
        }

        @Override
        public void learnerLost(int member, String why) {
            log.add("learner lost " + member);
        }

        @Override
        public boolean mayLeaveOut(int member) {
            return mayLeaveOut;
        }

        @Override
        public void considerSet() {
            log.add("consider set");
        }

        @Override
        public void read(int member, SlabRead read) {
            log.add("read " + member);
        }

        @Override
        public boolean abandon(int member, SlabRead read) {
            log.add("abandon " + member);
            return false;
        }

        @Override
        public void readSingly(SlabRead read) {
            log.add("singly " + read.block);
        }

        @Override
        public void repair(int member, SlabRead read, int block) {
            log.add("repair " + member + " " + block);
        }

        @Override
        public void wantLease() {
            log.add("lease");
        }

        @Override
        public void ended() {
            log.add("ended");
        }

        @Override
        public void alarm(String what) {
            log.add("alarm");
        }

        List<String> take() {
            List<String> taken = List.copyOf(log);
            log.clear();
            return taken;
        }
    }

    static final class Write extends WriteRecord {
        @Nullable Boolean fenced;

        Write(int atBlock) {
            op = Op.WRITE.code();
            block = atBlock;
            count = 1;
        }

        @Override
        protected void committed(boolean wasFenced) {
            fenced = wasFenced;
        }
    }

    static final class Read extends SlabRead {
        @Nullable Outcome outcome;

        Read(int atBlock) {
            block = atBlock;
            count = 1;
        }

        @Override
        protected void completed(Outcome how) {
            outcome = how;
        }
    }
}
