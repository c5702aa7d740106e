package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.TruthCode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.Outcome;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ChangesTest {
    private final Changes changes = new Changes();

    private static Outcome concerning(String... nodes) {
        MetaResult ok = new MetaResult(TruthCode.TRUTH_OK, "", 0, "", null, List.of(), List.of());
        return new Outcome(ok, Set.of(nodes), false);
    }

    private CompletableFuture<Long> wait(String topic, long after) {
        return changes.newerThan(topic, after).orElseThrow();
    }

    @Test
    void wakesOnlyWhomAChangeConcerns() {
        CompletableFuture<Long> n1 = wait("n1", 5);
        CompletableFuture<Long> n2 = wait("n2", 5);
        CompletableFuture<Long> any = wait(Changes.ANY, 5);
        changes.applied(6, concerning("n1"));
        assertThat(n1).isCompletedWithValue(6L);
        assertThat(any).isCompletedWithValue(6L);
        assertThat(n2).isNotDone();
    }

    @Test
    void whatConcernsNobodyWakesNobody() {
        CompletableFuture<Long> any = wait(Changes.ANY, 5);
        changes.applied(6, concerning());
        assertThat(any).isNotDone();
    }

    @Test
    void answersAtOnceWhatHasChangedAlready() {
        changes.applied(6, concerning("n1"));
        changes.applied(7, concerning("n2"));
        assertThat(wait("n1", 5)).as("with what the state holds by now").isCompletedWithValue(7L);
        assertThat(wait("n1", 6)).isNotDone();
    }

    @Test
    void aLoadedStateIsNewToEveryoneWhoSawLess() {
        CompletableFuture<Long> behind = wait("n1", 5);
        CompletableFuture<Long> abreast = wait("n1", 9);
        changes.loaded(9);
        assertThat(behind).isCompletedWithValue(9L);
        assertThat(abreast).isNotDone();
    }

    @Test
    void holdsSoManyAndForgetsWhoLeft() {
        for (int i = 0; i < Changes.MAX_WAITERS - 1; i++) {
            assertThat(wait("n1", 5)).isNotDone();
        }
        CompletableFuture<Long> last = wait("n1", 5);
        assertThat(changes.newerThan("n1", 5)).isEmpty();
        last.cancel(false);
        assertThat(changes.newerThan("n1", 5)).isPresent();
    }
}
