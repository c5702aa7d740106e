package io.varve.control.raft;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.TruthCode;
import io.varve.control.meta.MetaResult;
import io.varve.control.meta.Outcome;
import java.nio.ByteBuffer;
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
        changes.applied(6, concerning("n1"), List.of());
        assertThat(n1).isCompletedWithValue(6L);
        assertThat(any).isCompletedWithValue(6L);
        assertThat(n2).isNotDone();
    }

    @Test
    void whatConcernsNobodyWakesNobody() {
        CompletableFuture<Long> any = wait(Changes.ANY, 5);
        changes.applied(6, concerning(), List.of());
        assertThat(any).isNotDone();
    }

    @Test
    void answersAtOnceWhatHasChangedAlready() {
        changes.applied(6, concerning("n1"), List.of());
        changes.applied(7, concerning("n2"), List.of());
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

    private static List<byte[]> volume(long id) {
        return List.of(ByteBuffer.allocate(9).put((byte) 'v').putLong(id).array());
    }

    private static List<byte[]> slab(long volume) {
        return List.of(ByteBuffer.allocate(13).put((byte) 's').putLong(volume).array());
    }

    @Test
    void tellsWhichVolumesChangedSince() {
        changes.loaded(5);
        changes.applied(6, concerning("n1"), volume(1));
        changes.applied(7, concerning("n2"), volume(2));
        changes.applied(8, concerning("n1"), slab(1));
        assertThat(changes.since(5)).contains(new Changes.Since(8, Set.of(1L, 2L)));
        assertThat(changes.since(7)).contains(new Changes.Since(8, Set.of(1L)));
        assertThat(changes.since(8)).contains(new Changes.Since(8, Set.of()));
    }

    @Test
    void doesNotTellWhatItDoesNotKnow() {
        assertThat(changes.since(0)).as("nothing is loaded").isEmpty();
        changes.loaded(5);
        changes.applied(6, concerning("n1"), volume(1));
        assertThat(changes.since(4)).as("from before it was loaded").isEmpty();
        assertThat(changes.since(9)).as("another member is ahead").isEmpty();
        MetaResult ok = new MetaResult(TruthCode.TRUTH_OK, "", 0, "", null, List.of(), List.of());
        changes.applied(7, new Outcome(ok, Set.of(), true), List.of());
        assertThat(changes.since(6)).as("all may have changed").isEmpty();
        assertThat(changes.since(7)).contains(new Changes.Since(7, Set.of()));
    }

    @Test
    void forgetsTheOldestOfTooManyAndKnowsThatItDid() {
        RecentVolumes few = new RecentVolumes(2);
        few.loaded(0);
        few.touched(1, volume(1));
        few.touched(2, volume(2));
        few.touched(3, volume(1));
        assertThat(few.changedAfter(0)).contains(Set.of(1L, 2L));
        few.touched(4, volume(3));
        assertThat(few.changedAfter(1)).isEmpty();
        assertThat(few.changedAfter(2)).contains(Set.of(1L, 3L));
    }
}
