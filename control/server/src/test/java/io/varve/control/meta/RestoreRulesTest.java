package io.varve.control.meta;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.varve.api.TruthCode;
import io.varve.api.Volume;
import io.varve.control.meta.MetaCommand.Entry;
import io.varve.control.meta.MetaCommand.InitCluster;
import io.varve.control.meta.MetaCommand.RestoreState;
import io.varve.model.EventReason;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RestoreRulesTest {
    private final Truths lost = Truths.ofThreeNodes();
    private final Truths truths = new Truths();

    /** Two pieces: all but the cluster, the cluster. */
    private List<RestoreState> pieces(String id) {
        List<Entry> all = new ArrayList<>();
        List<Entry> cluster = new ArrayList<>();
        lost.map
                .records()
                .forEach(record -> (Recovery.isCluster(record.getKey()) ? cluster : all)
                        .add(new Entry(record.getKey(), record.getValue())));
        return List.of(new RestoreState(id, 0, all, false), new RestoreState(id, 1, cluster, true));
    }

    @Test
    void aWholeStateComesInInPieces() {
        Volume volume = lost.createVolume("db", "g1", "g2");
        for (RestoreState piece : pieces("r")) {
            assertThat(truths.state.cluster()).isEmpty();
            Outcome outcome = truths.apply(piece);
            assertThat(outcome.result().isOk()).isTrue();
            assertThat(outcome.events().stream().map(ClusterEvent::reason))
                    .isEqualTo(piece.last() ? List.of(EventReason.METADATA_RECOVERED) : List.of());
        }
        assertThat(truths.volume(volume.getId())).isEqualTo(volume);
        assertThat(truths.state.cluster()).isEqualTo(lost.state.cluster());
    }

    @Test
    void aPieceThatComesTwiceIsTakenOnce() {
        for (RestoreState piece : pieces("r")) {
            truths.must(piece);
            String after = truths.map.dump();
            truths.must(piece);
            assertThat(truths.map.dump()).isEqualTo(after);
        }
        truths.must(pieces("r").getFirst());
    }

    @Test
    void aRunningClusterIsRefused() {
        truths.must(new InitCluster("other", "test"));
        for (RestoreState piece : pieces("r")) {
            assertThat(truths.refuses(piece, TruthCode.TRUTH_REFUSED).message()).contains("there is a cluster");
        }
    }

    @Test
    void oneThatWasRestoredIsRefusedAnotherRestore() {
        pieces("r").forEach(truths::must);
        truths.refuses(pieces("s").getFirst(), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void anotherRestoreBeginsAnewAndEndsTheFirst() {
        truths.must(new RestoreState(
                "r", 0, List.of(new Entry(ByteString.copyFromUtf8("left"), ByteString.copyFromUtf8("over"))), false));
        pieces("s").forEach(truths::must);
        assertThat(truths.map.dump())
                .doesNotContain(java.util.Arrays.toString("left".getBytes(java.nio.charset.StandardCharsets.UTF_8)));
        truths.refuses(new RestoreState("r", 1, List.of(), false), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void piecesComeInTheirOrderAndTheClusterLast() {
        truths.refuses(pieces("r").get(1), TruthCode.TRUTH_REFUSED);
        RestoreState cluster = pieces("r").get(1);
        truths.refuses(new RestoreState("r", 0, cluster.entries(), false), TruthCode.TRUTH_REFUSED);
        truths.refuses(new RestoreState("r", 0, List.of(), true), TruthCode.TRUTH_REFUSED);
        truths.must(new RestoreState("r", 0, List.of(), false));
        truths.refuses(new RestoreState("r", 2, List.of(), false), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void aClusterMadeAfterAnUnfinishedRestoreHoldsNothingOfIt() {
        lost.createVolume("db", "g1", "g2");
        truths.must(pieces("r").getFirst());
        truths.must(new InitCluster("fresh", "test"));
        assertThat(truths.state.volumes()).isEmpty();
        assertThat(truths.state.nodes()).isEmpty();
        truths.refuses(pieces("r").get(1), TruthCode.TRUTH_REFUSED);
    }

    @Test
    void aClusterThatWasRestoredOnceIsRestoredAgainFromItsOwnBackup() {
        pieces("r").forEach(truths::must);
        MapKeyValues backup = new MapKeyValues();
        truths.state.eachEntry(backup::put);
        assertThat(truths.state.restoring()).isPresent();
        Recovery.Plan plan = Recovery.plan(
                backup, new Recovery.Asked("test", java.util.Set.of("n1", "n2", "n3"), ByteString.EMPTY), List.of());
        List<Entry> all = new ArrayList<>();
        plan.map().records().forEach(record -> all.add(new Entry(record.getKey(), record.getValue())));
        all.removeIf(entry -> Recovery.isCluster(entry.key()));
        new Truths().must(new RestoreState("s", 0, all, false));
    }
}
