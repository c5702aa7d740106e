package io.varve.control.raft;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.client.RaftClientConfigKeys;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.grpc.GrpcConfigKeys;
import org.apache.ratis.server.RaftServerConfigKeys;
import org.apache.ratis.util.SizeInBytes;
import org.apache.ratis.util.TimeDuration;

/** What we ask of Ratis, and why; everything left out is its default. */
final class MetaProperties {
    /** A log segment; the log is purged by whole segments. About 20 000 commands. */
    private static final SizeInBytes SEGMENT = SizeInBytes.valueOf("4MB");

    /** Written ahead at each step, so that an append does not grow the file. */
    private static final SizeInBytes PREALLOCATED = SizeInBytes.valueOf("1MB");

    private MetaProperties() {}

    static RaftProperties server(MetaConfig config) {
        RaftProperties p = new RaftProperties();
        MetaConfig.Member self = config.selfMember();
        RaftServerConfigKeys.setStorageDir(p, List.of(config.storageDir().toFile()));
        GrpcConfigKeys.Server.setHost(p, self.host());
        GrpcConfigKeys.Server.setPort(p, self.port());

        RaftServerConfigKeys.Rpc.setTimeoutMin(p, Attempts.ratis(ElectionTimes.SILENCE_MIN));
        RaftServerConfigKeys.Rpc.setTimeoutMax(p, Attempts.ratis(ElectionTimes.SILENCE_MAX));
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMin(p, Attempts.ratis(ElectionTimes.FIRST_MIN));
        RaftServerConfigKeys.Rpc.setFirstElectionTimeoutMax(p, Attempts.ratis(ElectionTimes.FIRST_MAX));
        // A process that was stopped for a minute (debugger, paused machine) must go on, not close itself.
        RaftServerConfigKeys.setCloseThreshold(p, TimeDuration.valueOf(365, TimeUnit.DAYS));

        // One member becomes three.
        RaftServerConfigKeys.LeaderElection.setMemberMajorityAdd(p, true);

        // Both are off by default: without them the log grows for ever.
        RaftServerConfigKeys.Snapshot.setAutoTriggerEnabled(p, true);
        RaftServerConfigKeys.Snapshot.setAutoTriggerThreshold(p, config.snapshotEvery());
        RaftServerConfigKeys.Snapshot.setCreationGap(p, 1);
        RaftServerConfigKeys.Snapshot.setRetentionFileNum(p, 2);
        // A stop is like a crash: one path for both, tried at every stop, and stopping is fast.
        RaftServerConfigKeys.Snapshot.setTriggerWhenStopEnabled(p, false);
        RaftServerConfigKeys.Log.setPurgeUptoSnapshotIndex(p, true);
        RaftServerConfigKeys.Log.setPurgeGap(p, Math.max(1, config.snapshotEvery() / 2));

        RaftServerConfigKeys.Log.setSegmentSizeMax(
                p, config.snapshotEvery() < MetaConfig.SNAPSHOT_EVERY ? SizeInBytes.valueOf("16KB") : SEGMENT);
        RaftServerConfigKeys.Log.setPreallocatedSize(
                p, config.snapshotEvery() < MetaConfig.SNAPSHOT_EVERY ? SizeInBytes.valueOf("16KB") : PREALLOCATED);
        RaftServerConfigKeys.Log.setSegmentCacheNumMax(p, 2);
        RaftServerConfigKeys.Log.setSegmentCacheSizeMax(p, SizeInBytes.valueOf("16MB"));
        RaftServerConfigKeys.Log.setCorruptionPolicy(p, RaftServerConfigKeys.Log.CorruptionPolicy.EXCEPTION);
        // Writes the commit index into the log as an entry of its own: doubles the entries, and we don't need it.
        RaftServerConfigKeys.Log.setLogMetadataEnabled(p, false);

        RaftServerConfigKeys.Read.setOption(p, RaftServerConfigKeys.Read.Option.LINEARIZABLE);
        RaftServerConfigKeys.Read.setTimeout(p, Attempts.ratis(ElectionTimes.REQUEST));
        return p;
    }

    static RaftProperties client() {
        RaftProperties p = new RaftProperties();
        RaftClientConfigKeys.Rpc.setRequestTimeout(p, Attempts.ratis(ElectionTimes.HESITATION));
        return p;
    }
}
