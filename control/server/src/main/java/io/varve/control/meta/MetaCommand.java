package io.varve.control.meta;

import com.google.protobuf.ByteString;
import io.varve.api.ApiToken;
import io.varve.api.DiskGroup;
import io.varve.api.GroupMember;
import io.varve.api.Label;
import io.varve.api.LimitChange;
import io.varve.api.Node;
import io.varve.api.PlacementWish;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.VolumeLimits;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** A change of the truth, as it stands in the Raft log. What each compares and does is told in docs/internals/metadata.md. */
public sealed interface MetaCommand {
    /** The first one wins; the same name again is answered with the uuid of the first. */
    record InitCluster(String uuid, String name, ByteString membershipKey) implements MetaCommand {
        public InitCluster(String uuid, String name) {
            this(uuid, name, ByteString.EMPTY);
        }
    }

    /**
     * A node says who it is, at every start.
     *
     * @param clusterUuid which cluster the node believes to be in; empty: none yet
     */
    record RegisterNode(Node node, String clusterUuid) implements MetaCommand {}

    record RegisterGroup(DiskGroup group, long incarnation) implements MetaCommand {}

    /**
     * Brings a volume into being, with the placement that the proposer chose.
     *
     * @param slabs for each slab in order, the uuids of the disk groups that get a replica
     * @param minInSync the fewest copies in sync with which a slab goes on; 0: follows the number of replicas
     * @param requestId the same again for a volume that still has that name is answered with it, as it stands; empty: never
     * @param wholeSlabs the copies of the last slab are made for all of it, so that the volume can grow into it
     * @param wish what the placement was chosen by
     * @param limits the default instance: none
     * @param thick every copy keeps room for all of it
     */
    record CreateVolume(
            String name,
            long sizeBytes,
            int replicas,
            long slabBytes,
            long createdUnixMillis,
            List<List<String>> slabs,
            String requestId,
            boolean wholeSlabs,
            List<Label> labels,
            int minInSync,
            PlacementWish wish,
            VolumeLimits limits,
            boolean thick)
            implements MetaCommand {
        public CreateVolume {
            slabs = slabs.stream().map(List::copyOf).toList();
            labels = List.copyOf(labels);
        }

        public CreateVolume(
                String name,
                long sizeBytes,
                int replicas,
                long slabBytes,
                long createdUnixMillis,
                List<List<String>> slabs,
                String requestId) {
            this(name, sizeBytes, replicas, slabBytes, createdUnixMillis, slabs, requestId, false, List.of());
        }

        /** Thin. */
        public CreateVolume(
                String name,
                long sizeBytes,
                int replicas,
                long slabBytes,
                long createdUnixMillis,
                List<List<String>> slabs,
                String requestId,
                boolean wholeSlabs,
                List<Label> labels,
                int minInSync,
                PlacementWish wish,
                VolumeLimits limits) {
            this(
                    name,
                    sizeBytes,
                    replicas,
                    slabBytes,
                    createdUnixMillis,
                    slabs,
                    requestId,
                    wholeSlabs,
                    labels,
                    minInSync,
                    wish,
                    limits,
                    false);
        }

        /** The fewest in sync follow the number of replicas; nothing is wanted of its places, nothing is limited. */
        public CreateVolume(
                String name,
                long sizeBytes,
                int replicas,
                long slabBytes,
                long createdUnixMillis,
                List<List<String>> slabs,
                String requestId,
                boolean wholeSlabs,
                List<Label> labels) {
            this(
                    name,
                    sizeBytes,
                    replicas,
                    slabBytes,
                    createdUnixMillis,
                    slabs,
                    requestId,
                    wholeSlabs,
                    labels,
                    0,
                    PlacementWish.getDefaultInstance(),
                    VolumeLimits.getDefaultInstance(),
                    false);
        }
    }

    /**
     * A volume shall be larger: docs/internals/resize.md.
     *
     * @param fromSizeBytes its size as the caller saw it
     * @param slabs for each slab that it needs beyond those that it has, the uuids of the disk groups that get a replica
     * @param requestId the same again is answered with the volume as it stands; never empty
     */
    record ResizeVolume(long volume, long fromSizeBytes, long sizeBytes, List<List<String>> slabs, String requestId)
            implements MetaCommand {
        public ResizeVolume {
            slabs = slabs.stream().map(List::copyOf).toList();
        }
    }

    /** Which node may use the volume, for an orchestrator: docs/internals/csi.md. */
    record PublishVolume(long volume, String node, boolean readOnly, PublishVolumeRequest.State state)
            implements MetaCommand {}

    /**
     * Says where a volume shall be attached; the node concerned does it.
     *
     * @param node where the volume shall be attached; empty: nowhere
     * @param maintenance nobody wishes it, but copies are to be filled: gives way to every wish, and takes back only what it asked for itself
     */
    record WantNode(long volume, String node, boolean maintenance) implements MetaCommand {
        /** Somebody's wish. */
        public WantNode(long volume, String node) {
            this(volume, node, false);
        }
    }

    /**
     * Another node shall attach the volume, whoever has it attached now: the next epoch fences that one.
     *
     * @param from the wanted node as the caller saw it, so that of two who move it one wins; empty: nowhere
     * @param requestId the same again is answered with the volume as it stands; never empty
     */
    record MoveVolume(long volume, String from, String to, String requestId) implements MetaCommand {}

    record DeleteVolume(long volume) implements MetaCommand {}

    /**
     * A disk group made these replicas.
     *
     * @param creationIds one for each slab, so that a late report is not taken for that of a replica placed since; empty: whichever there is
     * @param guaranteedBytes one for each slab; empty: nothing is guaranteed
     * @param guaranteeVersion of the volume, as it was then
     */
    record ReplicasCreated(
            long volume,
            String group,
            List<Integer> slabs,
            List<Long> creationIds,
            List<Long> guaranteedBytes,
            long guaranteeVersion)
            implements MetaCommand {
        public ReplicasCreated {
            slabs = List.copyOf(slabs);
            creationIds = List.copyOf(creationIds);
            guaranteedBytes = List.copyOf(guaranteedBytes);
        }

        public ReplicasCreated(long volume, String group, List<Integer> slabs) {
            this(volume, group, slabs, List.of(), List.of(), 0);
        }

        public ReplicasCreated(long volume, String group, List<Integer> slabs, List<Long> creationIds) {
            this(volume, group, slabs, creationIds, List.of(), 0);
        }
    }

    /** A disk group keeps that much room for replicas, or cannot: docs/internals/thick.md. */
    record ReplicasGuaranteed(ReplicasGuaranteedRequest report) implements MetaCommand {}

    /** A disk group holds these replicas no longer. Creation ids as in {@link ReplicasCreated}. */
    record ReplicasDeleted(long volume, String group, List<Integer> slabs, List<Long> creationIds)
            implements MetaCommand {
        public ReplicasDeleted {
            slabs = List.copyOf(slabs);
            creationIds = List.copyOf(creationIds);
        }

        public ReplicasDeleted(long volume, String group, List<Integer> slabs) {
            this(volume, group, slabs, List.of());
        }
    }

    /** Slabs get a further replica each: all of them, or none when one objects. */
    record PlaceCopies(long volume, List<PlacedCopy> copies) implements MetaCommand {
        public PlaceCopies {
            copies = List.copyOf(copies);
        }
    }

    record PlacedCopy(int slab, String group) {}

    /** Replicas shall go: all of them, or none when one objects. */
    record RetireCopies(long volume, List<RetiredCopy> copies) implements MetaCommand {
        public RetireCopies {
            copies = List.copyOf(copies);
        }
    }

    /** {@code gen} of the slab as the caller saw it: what else is in sync must not have changed since. */
    record RetiredCopy(int slab, int gen, String group) {}

    /** Copies of slabs that nobody has ever opened, which therefore hold nothing, go to other disk groups: all of them, or none when one objects. */
    record PlaceAnew(long volume, List<AnewCopy> copies) implements MetaCommand {
        public PlaceAnew {
            copies = List.copyOf(copies);
        }
    }

    /**
     * One of them.
     *
     * @param gen of the slab as the caller saw it
     * @param to disk group that gets it; empty: none, as there are more copies than there should be
     */
    record AnewCopy(int slab, int gen, String from, String to) {}

    /**
     * How many copies there should be from now on, how many of them have to be in sync, and what clients may do at most: all of it, or nothing.
     *
     * @param replicas 0 beside something else that changes: as many as before
     * @param minInSync empty: as before; 0: follows the number of replicas
     * @param limits what it does not name stays as before
     * @param thick empty: as before
     */
    record SetReplicas(long volume, int replicas, OptionalInt minInSync, LimitChange limits, Optional<Boolean> thick)
            implements MetaCommand {
        public SetReplicas(long volume, int replicas) {
            this(volume, replicas, OptionalInt.empty());
        }

        public SetReplicas(long volume, int replicas, OptionalInt minInSync) {
            this(volume, replicas, minInSync, LimitChange.getDefaultInstance());
        }

        public SetReplicas(long volume, int replicas, OptionalInt minInSync, LimitChange limits) {
            this(volume, replicas, minInSync, limits, Optional.empty());
        }

        boolean changesLimits() {
            return !limits.equals(LimitChange.getDefaultInstance());
        }
    }

    /** The disk group will never say that it deleted what it was to delete. */
    record ForgetCopies(String group) implements MetaCommand {}

    record Attach(long volume, int expectedEpoch, String node, long incarnation, String attachId)
            implements MetaCommand {}

    record Open(long volume, int epoch, List<SlabOpen> slabs) implements MetaCommand {
        public Open {
            slabs = List.copyOf(slabs);
        }
    }

    /** Other in-sync replicas for slabs that the caller has open: some left, some came back. */
    record ChangeIsr(long volume, int epoch, List<SlabIsr> slabs) implements MetaCommand {
        public ChangeIsr {
            slabs = List.copyOf(slabs);
        }
    }

    /**
     * The access point serves the volume.
     *
     * @param sizeBytes what it serves; 0: not told
     * @param uncounting it counts on no guarantee any more
     * @param guaranteeVersion with that: of the volume that was to be thin
     */
    record Opened(long volume, int epoch, String nbdUri, long sizeBytes, boolean uncounting, long guaranteeVersion)
            implements MetaCommand {
        public Opened(long volume, int epoch, String nbdUri) {
            this(volume, epoch, nbdUri, 0, false, 0);
        }

        public Opened(long volume, int epoch, String nbdUri, long sizeBytes) {
            this(volume, epoch, nbdUri, sizeBytes, false, 0);
        }
    }

    record Detached(long volume, int epoch) implements MetaCommand {}

    /**
     * The leader hears nothing of a node any more, or hears it again.
     *
     * @param seconds for how long nothing was heard
     */
    record TellSilence(String node, boolean silent, long seconds) implements MetaCommand {}

    /** What happened on a node, for people. */
    record ReportEvent(ReportEventRequest report) implements MetaCommand {}
    /** The same again changes nothing; another of that name is refused. */
    record CreateToken(ApiToken token) implements MetaCommand {}

    record RevokeToken(String name) implements MetaCommand {}
    /** What holds for the whole cluster, by key: all of them, or none when one is refused. */
    record ChangeSettings(Map<String, String> values) implements MetaCommand {
        public ChangeSettings {
            values = Map.copyOf(values);
        }
    }

    /** Copies and access points shall leave that node; {@code on} false: no longer so. */
    record DrainNode(String node, boolean on) implements MetaCommand {}

    /** Copies shall leave the disk group of that uuid; {@code on} false: no longer so. */
    record EvictGroup(String group, boolean on) implements MetaCommand {}

    /**
     * A piece of a whole new state, where there is no cluster: see docs/internals/metadata-group.md.
     *
     * @param id of the restore: pieces of another one are refused
     * @param number from 0, without gaps; the first takes away what is there
     * @param last after it there is a cluster
     */
    record RestoreState(String id, int number, List<Entry> entries, boolean last) implements MetaCommand {
        public RestoreState {
            entries = List.copyOf(entries);
        }
    }

    /** One entry of the map. */
    record Entry(ByteString key, ByteString value) {}

    /**
     * A step in a change of the metadata group's own members: docs/internals/metadata-group.md.
     *
     * @param expectedVersion of the list as the proposer saw it; 0: there is none
     * @param version of the list afterwards
     * @param members with BEGIN who joins, with RECORD all of them
     * @param leaving with BEGIN the peers that go
     * @param groupUuid with RECORD
     */
    record ChangeMembers(
            Step step,
            long expectedVersion,
            long version,
            List<GroupMember> members,
            List<String> leaving,
            String why,
            String groupUuid)
            implements MetaCommand {
        public ChangeMembers {
            members = List.copyOf(members);
            leaving = List.copyOf(leaving);
        }

        /** Which one it is. */
        public enum Step {
            /** The list is set to what Raft's configuration is. */
            RECORD(1),
            BEGIN(2),
            FINISH(3),
            ABANDON(4);

            private final int number;

            Step(int number) {
                this.number = number;
            }

            /** As which it stands in the log. */
            public int number() {
                return number;
            }

            /** The step of that number; empty for one of a later version. */
            static Optional<Step> of(int number) {
                return Arrays.stream(values())
                        .filter(step -> step.number == number)
                        .findFirst();
            }
        }

        /** The end of the change that is under way; {@code why}: only of one that is given up. */
        public static ChangeMembers end(Step step, long expectedVersion, long version, String why) {
            return new ChangeMembers(step, expectedVersion, version, List.of(), List.of(), why, "");
        }
    }

    /** A node goes for good, with its disk groups, when nothing depends on it any more. */
    record RemoveNode(String node) implements MetaCommand {}

    /** The disk group of that uuid goes for good, when no copy is there any more. */
    record RemoveGroup(String group) implements MetaCommand {}
}
