package io.varve.control.meta;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.varve.api.ApiToken;
import io.varve.api.DiskGroup;
import io.varve.api.Event;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.Slab;
import io.varve.api.Volume;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.RemovedRecord;
import io.varve.api.meta.RestoringRecord;
import io.varve.api.meta.RevokedRecord;
import io.varve.api.meta.TombRecord;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The truth, typed, over one transaction's {@link KeyValues}. Reading is open to all; only the rules of this package write.
 * Lives as long as the transaction, on its thread.
 */
public final class MetaState {
    /** Of the whole map; a member refuses to open a map of a later one. */
    private static final int FORMAT = 1;

    private final KeyValues map;

    public MetaState(KeyValues map) {
        this.map = map;
    }

    /** (term, index) of the newest command that this map holds; (0, -1) before the first. */
    public record Applied(long term, long index) {
        public static final Applied NONE = new Applied(0, -1);
    }

    /**
     * Up to where the log is in this map.
     *
     * @throws IllegalStateException when a later version of Varve wrote this map
     */
    public Applied applied() {
        byte[] value = map.get(MetaKey.APPLIED);
        if (value == null) {
            return Applied.NONE;
        }
        ByteBuffer fields = ByteBuffer.wrap(value);
        int format = fields.getInt();
        if (format != FORMAT) {
            throw new IllegalStateException(
                    "the metadata is of format " + format + ", this version of Varve reads " + FORMAT);
        }
        return new Applied(fields.getLong(), fields.getLong());
    }

    public void putApplied(Applied applied) {
        map.put(
                MetaKey.APPLIED,
                ByteBuffer.allocate(20)
                        .putInt(FORMAT)
                        .putLong(applied.term())
                        .putLong(applied.index())
                        .array());
    }

    /** Empty until the cluster is initialised. */
    public Optional<ClusterRecord> cluster() {
        return find(MetaKey.CLUSTER, ClusterRecord.parser());
    }

    public Optional<Node> node(String id) {
        return find(MetaKey.node(id), Node.parser());
    }

    public List<Node> nodes() {
        return list(MetaKey.NODES, Node.parser());
    }

    public Optional<DiskGroup> group(String uuid) {
        return find(MetaKey.group(uuid), DiskGroup.parser());
    }

    public List<DiskGroup> groups() {
        return list(MetaKey.GROUPS, DiskGroup.parser());
    }

    /** The volume without its slabs. */
    public Optional<Volume> volume(long id) {
        return find(MetaKey.volume(id), Volume.parser());
    }

    /** The volume of that name without its slabs. */
    public Optional<Volume> volume(String name) {
        byte[] id = map.get(MetaKey.volumeName(name));
        return id == null ? Optional.empty() : volume(ByteBuffer.wrap(id).getLong());
    }

    /** All volumes without their slabs, in the order of their ids. */
    public List<Volume> volumes() {
        return list(MetaKey.VOLUMES, Volume.parser());
    }

    public Optional<Slab> slab(long volume, int index) {
        return find(MetaKey.slab(volume, index), Slab.parser());
    }

    public List<Slab> slabs(long volume) {
        return list(MetaKey.slabs(volume), Slab.parser());
    }

    /** The same volume with its slabs as they stand now. */
    public Volume withSlabs(Volume volume) {
        return volume.toBuilder()
                .clearSlabs()
                .addAllSlabs(slabs(volume.getId()))
                .build();
    }

    /** Every group that holds a replica of these slabs, each once, in the order met. Unknown groups are left out. */
    public List<DiskGroup> groupsOf(List<Slab> slabs) {
        Map<String, DiskGroup> found = new LinkedHashMap<>();
        for (Slab slab : slabs) {
            for (var replica : slab.getReplicasList()) {
                if (!found.containsKey(replica.getGroup())) {
                    group(replica.getGroup()).ifPresent(group -> found.put(group.getUuid(), group));
                }
            }
        }
        return List.copyOf(found.values());
    }

    public Optional<TombRecord> tomb(long volume) {
        return find(MetaKey.tomb(volume), TombRecord.parser());
    }

    /** The event of that number, if it is kept still. */
    Optional<Event> event(long number) {
        return find(MetaKey.event(number), Event.parser());
    }

    EventLog.Bounds eventBounds() {
        byte[] value = map.get(MetaKey.EVENT_BOUNDS);
        if (value == null) {
            return EventLog.Bounds.NONE;
        }
        ByteBuffer fields = ByteBuffer.wrap(value);
        return new EventLog.Bounds(fields.getLong(), fields.getLong());
    }

    EventLog.Reported reported(String node) {
        byte[] value = map.get(MetaKey.reported(node));
        if (value == null) {
            return new EventLog.Reported(0, 0);
        }
        ByteBuffer fields = ByteBuffer.wrap(value);
        return new EventLog.Reported(fields.getLong(), fields.getLong());
    }

    /** Whether the last that was told of that node is that nothing is heard of it. */
    public boolean isSilent(String node) {
        return map.get(MetaKey.silent(node)) != null;
    }

    void putSilent(String node, boolean silent) {
        if (silent) {
            map.put(MetaKey.silent(node), new byte[] {1});
        } else {
            map.delete(MetaKey.silent(node));
        }
    }

    void putEvent(Event event) {
        map.put(MetaKey.event(event.getNumber()), event.toByteArray());
    }

    void deleteEvent(long number) {
        map.delete(MetaKey.event(number));
    }

    void putEventBounds(EventLog.Bounds bounds) {
        map.put(
                MetaKey.EVENT_BOUNDS,
                ByteBuffer.allocate(16)
                        .putLong(bounds.first())
                        .putLong(bounds.next())
                        .array());
    }

    void putReported(String node, EventLog.Reported reported) {
        map.put(
                MetaKey.reported(node),
                ByteBuffer.allocate(16)
                        .putLong(reported.incarnation())
                        .putLong(reported.number())
                        .array());
    }

    /** API tokens, by their names. */
    public List<ApiToken> tokens() {
        return list(MetaKey.TOKENS, ApiToken.parser());
    }

    Optional<ApiToken> token(String name) {
        return find(MetaKey.token(name), ApiToken.parser());
    }

    void putToken(ApiToken token) {
        map.put(MetaKey.token(token.getName()), token.toByteArray());
    }

    void removeToken(String name) {
        map.delete(MetaKey.token(name));
    }

    /** A node of that name was removed, and none has joined under it since. */
    public Optional<RemovedRecord> removedNode(String id) {
        return find(MetaKey.removedNode(id), RemovedRecord.parser());
    }

    public Optional<RemovedRecord> removedGroup(String uuid) {
        return find(MetaKey.removedGroup(uuid), RemovedRecord.parser());
    }

    /** Who is in the metadata group; empty until it was recorded. */
    public Optional<MetadataGroup> metadata() {
        return find(MetaKey.METADATA, MetadataGroup.parser());
    }

    void putMetadata(MetadataGroup group) {
        map.put(MetaKey.METADATA, group.toByteArray());
    }

    /** Every entry but the place in the log, in order of the keys. */
    public void eachEntry(KeyValues.Visitor visitor) {
        map.scan(new byte[0], (key, value) -> {
            if (!Arrays.equals(key, MetaKey.APPLIED)) {
                visitor.entry(key, value);
            }
        });
    }

    /** A restore that is under way, or was the beginning of this cluster. */
    Optional<RestoringRecord> restoring() {
        return find(MetaKey.RESTORING, RestoringRecord.parser());
    }

    void putRestoring(RestoringRecord restoring) {
        map.put(MetaKey.RESTORING, restoring.toByteArray());
    }

    /** Takes everything away but the place in the log. */
    void clear() {
        List<byte[]> keys = new ArrayList<>();
        eachEntry((key, value) -> keys.add(key));
        keys.forEach(map::delete);
    }

    /** An entry as another map had it. */
    void putEntry(byte[] key, byte[] value) {
        map.put(key, value);
    }

    /** Whose certificates are taken no more: nodes that were removed, also when there is a new one of that name. */
    public List<RevokedRecord> revoked() {
        return list(MetaKey.REVOKED, RevokedRecord.parser());
    }

    void putRevoked(RevokedRecord revoked) {
        map.put(MetaKey.revoked(revoked.getName()), revoked.toByteArray());
    }

    void putCluster(ClusterRecord cluster) {
        map.put(MetaKey.CLUSTER, cluster.toByteArray());
    }

    void putNode(Node node) {
        map.put(MetaKey.node(node.getId()), node.toByteArray());
    }

    void putGroup(DiskGroup group) {
        map.put(MetaKey.group(group.getUuid()), group.toByteArray());
    }

    /** Stores the volume's own fields; its slabs, if it carries any, are left as they are in the map. */
    void putVolume(Volume volume) {
        map.put(
                MetaKey.volume(volume.getId()),
                volume.toBuilder().clearSlabs().build().toByteArray());
        map.put(
                MetaKey.volumeName(volume.getName()),
                ByteBuffer.allocate(8).putLong(volume.getId()).array());
    }

    void putSlab(long volume, Slab slab) {
        map.put(MetaKey.slab(volume, slab.getIndex()), slab.toByteArray());
    }

    /** Takes the volume, its slabs and its name away without a trace. */
    void forget(Volume volume) {
        slabs(volume.getId()).forEach(slab -> map.delete(MetaKey.slab(volume.getId(), slab.getIndex())));
        map.delete(MetaKey.volume(volume.getId()));
        map.delete(MetaKey.volumeName(volume.getName()));
    }

    /** Takes the volume, its slabs and its name away and leaves the tomb. */
    void bury(Volume volume, TombRecord tomb) {
        for (Slab slab : slabs(volume.getId())) {
            map.delete(MetaKey.slab(volume.getId(), slab.getIndex()));
        }
        map.delete(MetaKey.volume(volume.getId()));
        map.delete(MetaKey.volumeName(volume.getName()));
        map.put(MetaKey.tomb(volume.getId()), tomb.toByteArray());
    }

    void buryNode(String id, RemovedRecord tomb) {
        map.delete(MetaKey.node(id));
        // Whoever gets the name next counts its reports from one again.
        map.delete(MetaKey.reported(id));
        map.delete(MetaKey.silent(id));
        map.put(MetaKey.removedNode(id), tomb.toByteArray());
    }

    /** Somebody new has the name. */
    void forgetRemovedNode(String id) {
        map.delete(MetaKey.removedNode(id));
    }

    void buryGroup(String uuid, RemovedRecord tomb) {
        map.delete(MetaKey.group(uuid));
        map.put(MetaKey.removedGroup(uuid), tomb.toByteArray());
    }

    private <T extends MessageLite> Optional<T> find(byte[] key, Parser<T> parser) {
        byte[] value = map.get(key);
        return value == null ? Optional.empty() : Optional.of(parse(value, parser));
    }

    private <T extends MessageLite> List<T> list(byte[] prefix, Parser<T> parser) {
        List<T> found = new ArrayList<>();
        map.scan(prefix, (key, value) -> found.add(parse(value, parser)));
        return found;
    }

    private static <T> T parse(byte[] value, Parser<T> parser) {
        try {
            return parser.parseFrom(value);
        } catch (InvalidProtocolBufferException e) {
            // Nothing but this class writes the map: what it cannot read is damage, and guessing would make members
            // differ.
            throw new IllegalStateException("the metadata holds a value that cannot be read", e);
        }
    }
}
