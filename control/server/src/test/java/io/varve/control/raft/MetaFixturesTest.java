package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.varve.api.ApiToken;
import io.varve.api.DiskGroup;
import io.varve.api.Event;
import io.varve.api.GroupMember;
import io.varve.api.MetadataGroup;
import io.varve.api.Node;
import io.varve.api.PublishVolumeRequest;
import io.varve.api.ReplicasGuaranteedRequest;
import io.varve.api.ReportEventRequest;
import io.varve.api.Slab;
import io.varve.api.SlabIsr;
import io.varve.api.SlabOpen;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.api.meta.ClusterRecord;
import io.varve.api.meta.CommandRecord;
import io.varve.api.meta.CommandRecord.CommandCase;
import io.varve.api.meta.RemovedRecord;
import io.varve.api.meta.RevokedRecord;
import io.varve.api.meta.TombRecord;
import io.varve.control.meta.CommandCodec;
import io.varve.control.meta.CommandCodec.Proposed;
import io.varve.control.meta.EventLog;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.AnewCopy;
import io.varve.control.meta.MetaCommand.Attach;
import io.varve.control.meta.MetaCommand.ChangeIsr;
import io.varve.control.meta.MetaCommand.ChangeMembers;
import io.varve.control.meta.MetaCommand.ChangeMembers.Step;
import io.varve.control.meta.MetaCommand.ChangeSettings;
import io.varve.control.meta.MetaCommand.CreateToken;
import io.varve.control.meta.MetaCommand.CreateVolume;
import io.varve.control.meta.MetaCommand.DeleteVolume;
import io.varve.control.meta.MetaCommand.Detached;
import io.varve.control.meta.MetaCommand.DrainNode;
import io.varve.control.meta.MetaCommand.Entry;
import io.varve.control.meta.MetaCommand.EvictGroup;
import io.varve.control.meta.MetaCommand.ForgetCopies;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.MoveVolume;
import io.varve.control.meta.MetaCommand.Open;
import io.varve.control.meta.MetaCommand.Opened;
import io.varve.control.meta.MetaCommand.PlaceAnew;
import io.varve.control.meta.MetaCommand.PlaceCopies;
import io.varve.control.meta.MetaCommand.PlacedCopy;
import io.varve.control.meta.MetaCommand.PublishVolume;
import io.varve.control.meta.MetaCommand.RegisterGroup;
import io.varve.control.meta.MetaCommand.RegisterNode;
import io.varve.control.meta.MetaCommand.RemoveGroup;
import io.varve.control.meta.MetaCommand.RemoveNode;
import io.varve.control.meta.MetaCommand.ReplicasCreated;
import io.varve.control.meta.MetaCommand.ReplicasDeleted;
import io.varve.control.meta.MetaCommand.ReplicasGuaranteed;
import io.varve.control.meta.MetaCommand.ReportEvent;
import io.varve.control.meta.MetaCommand.ResizeVolume;
import io.varve.control.meta.MetaCommand.RestoreState;
import io.varve.control.meta.MetaCommand.RetireCopies;
import io.varve.control.meta.MetaCommand.RetiredCopy;
import io.varve.control.meta.MetaCommand.RevokeToken;
import io.varve.control.meta.MetaCommand.SetReplicas;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaCommand.WantNode;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The log and the map of the metadata group as a version of Varve wrote them, recorded. {@code tests/record_fixtures} records a new version's;
 * docs/internals/compatibility.md tells what may change.
 */
class MetaFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final String LOG = "meta-log.txt";
    private static final String STATE = "meta-state.txt";
    private static final String LMDB = "truth.lmdb.gz";
    private static final HexFormat HEX = HexFormat.of();

    @TempDir
    Path dir;

    /** What each kind of value in the map is. Others are no messages. */
    private static final Map<Character, Parser<? extends MessageLite>> VALUES = Map.ofEntries(
            Map.entry('c', ClusterRecord.parser()),
            Map.entry('n', Node.parser()),
            Map.entry('g', DiskGroup.parser()),
            Map.entry('v', Volume.parser()),
            Map.entry('s', Slab.parser()),
            Map.entry('t', TombRecord.parser()),
            Map.entry('e', Event.parser()),
            Map.entry('i', ApiToken.parser()),
            Map.entry('x', RemovedRecord.parser()),
            Map.entry('y', RemovedRecord.parser()),
            Map.entry('k', RevokedRecord.parser()),
            Map.entry('M', MetadataGroup.parser()));

    private static final Set<CommandCase> EVERY_COMMAND = EnumSet.complementOf(EnumSet.of(CommandCase.COMMAND_NOT_SET));

    private static final GroupUuids GROUPS = new GroupUuids("uuid-of-g1", "uuid-of-g2");

    private record GroupUuids(String first, String second) {}

    /** A short life of a cluster in which every command occurs. Only used to record. */
    private static List<MetaCommand> life() {
        List<MetaCommand> life = new ArrayList<>();
        life.add(new RestoreState(
                "given-up",
                0,
                List.of(new Entry(ByteString.copyFromUtf8("left"), ByteString.copyFromUtf8("over"))),
                false));
        life.add(new InitCluster("uuid-of-cluster", "fixture"));
        for (int n = 1; n <= 3; n++) {
            life.add(new RegisterNode(
                    Node.newBuilder()
                            .setId("n" + n)
                            .setZone("z" + n)
                            .setIncarnation(1)
                            .setManagementAddress("n" + n + ":7400")
                            .setNbdAddress("n" + n + ":10809")
                            .setVersion("0.1.0")
                            .setMetadataMember(true)
                            .build(),
                    ""));
            life.add(new RegisterGroup(
                    DiskGroup.newBuilder()
                            .setUuid("uuid-of-g" + n)
                            .setNode("n" + n)
                            .setName("flash")
                            .setPeerAddress("n" + n + ":7500")
                            .setCapacityBytes(100L << 30)
                            .setFreeBytes(90L << 30)
                            .build(),
                    1));
        }
        List<String> both = List.of(GROUPS.first, GROUPS.second);
        for (String name : List.of("db", "gone")) {
            life.add(new CreateVolume(
                    name, 10L << 30, 2, 8L << 30, 1_700_000_000_000L, List.of(both, both), "request-" + name));
        }
        for (long volume = 1; volume <= 2; volume++) {
            for (String group : both) {
                life.add(new ReplicasCreated(volume, group, List.of(0, 1)));
            }
        }
        life.add(new DeleteVolume(2));
        for (String group : both) {
            life.add(new ReplicasDeleted(2, group, List.of(0, 1)));
        }
        life.add(new WantNode(1, "n1"));
        life.add(new Attach(1, 0, "n1", 1, "n1/1/1"));
        life.add(new Open(1, 1, List.of(open(0), open(1))));
        life.add(new Opened(1, 1, "nbd://n1:10809/db"));
        life.add(new ChangeIsr(
                1,
                1,
                List.of(SlabIsr.newBuilder()
                        .setIndex(0)
                        .setGen(2)
                        .addIsr(GROUPS.first)
                        .build())));
        life.add(new MoveVolume(1, "n1", "n2", "move-1"));
        life.add(new Detached(1, 1));
        life.add(new TellSilence("n1", true, 16));
        life.add(new ReportEvent(ReportEventRequest.newBuilder()
                .setNode("n1")
                .setIncarnation(1)
                .setNumber(1)
                .setUnixMillis(1_700_000_000_100L)
                .setReason("NodeStopping")
                .setMessage("was told to stop")
                .build()));
        life.add(new PlaceCopies(1, List.of(new PlacedCopy(1, "uuid-of-g3"))));
        life.add(new RetireCopies(1, List.of(new RetiredCopy(1, 2, "uuid-of-g3"))));
        life.add(new SetReplicas(1, 2));
        life.add(new SetReplicas(1, 0, OptionalInt.of(2)));
        life.add(new ForgetCopies("uuid-of-g3"));
        life.add(new ReplicasGuaranteed(ReplicasGuaranteedRequest.newBuilder()
                .setVolume(1)
                .setGroup(GROUPS.first)
                .addSlabs(0)
                .addCreationIds(1)
                .addGuaranteedBytes(8L << 30)
                .build()));
        life.addAll(departures());
        life.add(new PublishVolume(1, "n1", false, PublishVolumeRequest.State.PUBLISHED));
        life.add(new ResizeVolume(1, 10L << 30, 20L << 30, List.of(both), "resize-1"));
        life.add(new PlaceAnew(1, List.of(new AnewCopy(2, 1, GROUPS.second, "uuid-of-g3"))));
        life.add(new ChangeSettings(Map.of("rebuild.grace", "15m")));
        life.add(new CreateToken(ApiToken.newBuilder()
                .setName("backup")
                .setRole("read-only")
                .setSha256("00".repeat(32))
                .build()));
        life.add(new CreateToken(
                ApiToken.newBuilder().setName("former").setRole("csi").build()));
        life.add(new RevokeToken("former"));
        life.addAll(members());
        return life;
    }

    /** The members are recorded; one is to be replaced, which is given up, and then done. */
    private static List<MetaCommand> members() {
        List<MetaCommand> steps = new ArrayList<>();
        steps.add(new RegisterNode(
                Node.newBuilder()
                        .setId("n3")
                        .setZone("z3")
                        .setIncarnation(2)
                        .setManagementAddress("n3:7400")
                        .setRaftAddress("n3:7600")
                        .setVersion("0.1.0")
                        .build(),
                ""));
        List<GroupMember> first =
                Stream.of("n1", "n2", "n3").map(node -> member(node, node)).toList();
        steps.add(new ChangeMembers(Step.RECORD, 0, 10, first, List.of(), "", "uuid-of-raft"));
        for (long version : List.of(10L, 12L)) {
            steps.add(new ChangeMembers(
                    Step.BEGIN,
                    version,
                    version + 1,
                    List.of(member("n3", "n3#" + version)),
                    List.of("n3"),
                    "its storage was lost",
                    ""));
            steps.add(ChangeMembers.end(
                    version == 10 ? Step.ABANDON : Step.FINISH, version + 1, version + 2, "not ready"));
        }
        return steps;
    }

    private static GroupMember member(String node, String peer) {
        return GroupMember.newBuilder()
                .setNode(node)
                .setPeer(peer)
                .setRaftAddress(node + ":7600")
                .setManagementAddress(node + ":7400")
                .build();
    }

    /** A fourth node comes, and goes for good. */
    private static List<MetaCommand> departures() {
        return List.of(
                new RegisterNode(Node.newBuilder().setId("n4").setIncarnation(1).build(), "uuid-of-cluster"),
                new RegisterGroup(
                        DiskGroup.newBuilder()
                                .setUuid("uuid-of-g4")
                                .setNode("n4")
                                .setName("flash")
                                .setCapacityBytes(100L << 30)
                                .setFreeBytes(90L << 30)
                                .build(),
                        1),
                new DrainNode("n4", true),
                new EvictGroup("uuid-of-g4", true),
                new RemoveGroup("uuid-of-g4"),
                new RemoveNode("n4"));
    }

    private static SlabOpen open(int slab) {
        return SlabOpen.newBuilder()
                .setIndex(slab)
                .setGen(1)
                .setStartSeq(1)
                .addIsr(GROUPS.first)
                .addIsr(GROUPS.second)
                .build();
    }

    private static List<Path> versions() throws IOException {
        try (Stream<Path> paths = Files.list(FIXTURES)) {
            List<Path> versions = paths.sorted().toList();
            assertThat(versions).as("version 1 is recorded").anyMatch(path -> path.endsWith("v1"));
            return versions;
        }
    }

    private static byte[] hex(String line) {
        return HEX.parseHex(line);
    }

    @Test
    void readsEveryCommandAndWritesTheSameBytes() throws Exception {
        for (Path version : versions()) {
            for (String line : Files.readAllLines(version.resolve(LOG))) {
                byte[] bytes = hex(line.substring(line.indexOf(' ') + 1));
                assertThat(CommandCodec.encode(CommandCodec.decode(bytes)))
                        .as(version + " " + line)
                        .isEqualTo(bytes);
            }
        }
    }

    /** A log that is replayed by a later version must decide as it did. */
    @Test
    void decidesTheLogAsItWasDecided() throws Exception {
        for (Path version : versions()) {
            MetaState state = new MetaState(new MapKeyValues());
            long index = 0;
            for (String line : Files.readAllLines(version.resolve(LOG))) {
                Proposed proposed = CommandCodec.decode(hex(line.substring(line.indexOf(' ') + 1)));
                TruthCode code = MetaRules.apply(state, ++index, proposed.unixMillis(), proposed.command())
                        .result()
                        .code();
                assertThat(code.name()).as(version + " " + proposed).isEqualTo(line.substring(0, line.indexOf(' ')));
            }
            isTheLife(state);
        }
    }

    @Test
    void readsEveryValueOfTheMapAndWritesTheSameBytes() throws Exception {
        for (Path version : versions()) {
            MapKeyValues map = new MapKeyValues();
            for (String line : Files.readAllLines(version.resolve(STATE))) {
                byte[] key = hex(line.substring(0, line.indexOf('=')));
                byte[] value = hex(line.substring(line.indexOf('=') + 1));
                map.put(key, value);
                Parser<? extends MessageLite> parser = VALUES.get((char) key[0]);
                if (parser != null) {
                    assertThat(parser.parseFrom(value).toByteArray())
                            .as(version + " " + line)
                            .isEqualTo(value);
                }
            }
            isTheLife(new MetaState(map));
        }
    }

    @Test
    void opensTheLmdbOfEveryVersion() throws Exception {
        for (Path version : versions()) {
            Path file = dir.resolve(version.getFileName() + ".lmdb");
            try (var in = new GZIPInputStream(Files.newInputStream(version.resolve(LMDB)))) {
                Files.copy(in, file);
            }
            try (MetaStore store = new MetaStore(file)) {
                store.read(state -> {
                    isTheLife(state);
                    return true;
                });
                store.write(state -> MetaRules.apply(state, 1_000, 1, new WantNode(1, "n1")));
                assertThat(store.<Volume>read(state -> state.volume("db").orElseThrow())
                                .getWantedNode())
                        .isEqualTo("n1");
            }
        }
    }

    /** What {@link #life} leaves behind, as every version must see it. */
    private static void isTheLife(MetaState state) {
        assertThat(state.cluster().orElseThrow().getName()).isEqualTo("fixture");
        assertThat(state.nodes()).extracting(Node::getId).containsExactly("n1", "n2", "n3");
        assertThat(state.groups()).extracting(DiskGroup::getName).containsOnly("flash");
        Volume volume = state.volume("db").orElseThrow();
        assertThat(volume.getEpoch()).isEqualTo(2);
        assertThat(volume.getPublication().getEpoch()).isEqualTo(2);
        assertThat(volume.getWantedNode()).isEqualTo("n2");
        assertThat(volume.hasAttachment()).isFalse();
        Slab first = state.slab(1, 0).orElseThrow();
        assertThat(first.getIsrList()).containsExactly(GROUPS.first);
        assertThat(first.getGen()).isEqualTo(3);
        assertThat(state.slab(1, 1).orElseThrow().getIsrCount()).isEqualTo(2);
        assertThat(state.tomb(2).orElseThrow().getName()).isEqualTo("gone");
        assertThat(EventLog.list(state, 0, 100, event -> true).events())
                .extracting(Event::getReason)
                .contains("ClusterMade", "CopiesLeft", "NodeSilent", "NodeStopping", "NodeRemoved", "GroupRemoved");
        assertThat(state.tokens()).extracting(ApiToken::getName).containsExactly("backup");
        assertThat(state.removedNode("n4")).isPresent();
        assertThat(state.revoked()).extracting(RevokedRecord::getName).containsExactly("n4");
        assertThat(state.removedGroup("uuid-of-g4")).isPresent();
        assertThat(state.metadata().orElseThrow().getMembersList())
                .extracting(GroupMember::getPeer)
                .containsExactly("n1", "n2", "n3#12");
    }

    /** A command that is not recorded could change its meaning unseen: give it a place in {@link #life}, and record. */
    @Test
    void everyCommandIsRecorded() throws Exception {
        Set<CommandCase> recorded = EnumSet.noneOf(CommandCase.class);
        for (Path version : versions()) {
            for (String line : Files.readAllLines(version.resolve(LOG))) {
                recorded.add(CommandRecord.parseFrom(hex(line.substring(line.indexOf(' ') + 1)))
                        .getCommandCase());
            }
        }
        assertThat(recorded).as("tests/record_fixtures records what is missing").containsAll(EVERY_COMMAND);
    }

    @Test
    void aCommandOfAnUnknownVersionOrKindStopsTheMember() {
        byte[] later = CommandRecord.newBuilder().setVersion(2).build().toByteArray();
        byte[] unknown = CommandRecord.newBuilder().setVersion(1).build().toByteArray();
        for (byte[] bytes : List.of(later, unknown)) {
            org.assertj.core.api.Assertions.assertThatThrownBy(() -> CommandCodec.decode(bytes))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("upgrade this node");
        }
    }

    /** Only for {@code tests/record_fixtures}. */
    @Test
    void records() throws Exception {
        String version = System.getProperty("varve.fixtures.record", "");
        Assumptions.assumeFalse(version.isEmpty(), "tests/record_fixtures records a version");
        Path to = Files.createDirectories(FIXTURES.resolve(version));
        List<String> log = new ArrayList<>();
        Set<CommandCase> seen = EnumSet.noneOf(CommandCase.class);
        List<String> entries = new ArrayList<>();
        MapKeyValues map = new MapKeyValues();
        Path file = dir.resolve("truth.lmdb");
        try (MetaStore store = new MetaStore(file)) {
            long index = 0;
            for (MetaCommand command : life()) {
                long at = ++index;
                byte[] bytes = CommandCodec.encode(new Proposed(1_700_000_000_000L + at, command));
                seen.add(CommandRecord.parseFrom(bytes).getCommandCase());
                Proposed proposed = CommandCodec.decode(bytes);
                TruthCode code = store.write(state -> apply(state, at, proposed));
                assertThat(apply(new MetaState(map), at, proposed)).isEqualTo(code);
                log.add(code + " " + HEX.formatHex(bytes));
            }
            store.read(state -> {
                isTheLife(state);
                return true;
            });
            store.copyTo(dir.resolve("compact.lmdb"));
        }
        map.scan(new byte[0], (key, value) -> entries.add(HEX.formatHex(key) + "=" + HEX.formatHex(value)));
        assertThat(seen).as("every command").containsExactlyInAnyOrderElementsOf(EVERY_COMMAND);
        Files.write(to.resolve(LOG), log);
        Files.write(to.resolve(STATE), entries);
        try (var out = new GZIPOutputStream(Files.newOutputStream(to.resolve(LMDB)))) {
            Files.copy(dir.resolve("compact.lmdb"), out);
        }
    }

    private static TruthCode apply(MetaState state, long index, Proposed proposed) {
        TruthCode code = MetaRules.apply(state, index, proposed.unixMillis(), proposed.command())
                .result()
                .code();
        state.putApplied(new MetaState.Applied(1, index));
        return code;
    }
}
