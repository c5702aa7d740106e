package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.control.health.ClusterFacts;
import io.varve.control.meta.MapKeyValues;
import io.varve.control.meta.MetaCommand;
import io.varve.control.meta.MetaCommand.TellSilence;
import io.varve.control.meta.MetaRules;
import io.varve.control.meta.MetaState;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SilenceWatchTest {
    private static final long LONG = SilenceWatch.SETTLED_MILLIS;

    private final MetaState state = new MetaState(new MapKeyValues());
    private long index;

    SilenceWatchTest() {
        apply(new MetaCommand.InitCluster("uuid", "test"));
        for (String node : List.of("n1", "n2")) {
            apply(new MetaCommand.RegisterNode(
                    io.varve.api.Node.newBuilder().setId(node).setIncarnation(1).build(), ""));
        }
    }

    private void apply(MetaCommand command) {
        assertThat(MetaRules.apply(state, ++index, 1, command).result().isOk()).isTrue();
    }

    private List<TellSilence> look(Map<String, Long> silent, long watched) {
        List<TellSilence> news =
                SilenceWatch.news(state, new StatusReport.Heard(silent, Optional.empty(), Set.of()), watched);
        news.forEach(this::apply);
        return news;
    }

    @Test
    void tellsOnceThatANodeIsSilentAndOnceThatItIsBack() {
        assertThat(look(Map.of("n1", 10L, "n2", ClusterFacts.SILENCE_MILLIS - 1), LONG))
                .isEmpty();
        assertThat(look(Map.of("n1", 10L, "n2", 16_000L), LONG)).containsExactly(new TellSilence("n2", true, 16));
        assertThat(look(Map.of("n1", 10L, "n2", 20_000L), LONG)).as("told").isEmpty();
        assertThat(look(Map.of("n1", 10L, "n2", 100L), LONG)).containsExactly(new TellSilence("n2", false, 0));
        assertThat(look(Map.of("n1", 10L, "n2", 100L), LONG)).isEmpty();
    }

    @Test
    void waitsUntilItMayHaveHeardOfEverybody() {
        assertThat(look(Map.of("n1", 10L), LONG - 1)).isEmpty();
        assertThat(look(Map.of("n1", 10L), LONG)).containsExactly(new TellSilence("n2", true, LONG / 1_000));
    }
}
