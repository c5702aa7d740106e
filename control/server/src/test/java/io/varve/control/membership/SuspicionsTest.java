package io.varve.control.membership;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class SuspicionsTest {
    private final Suspicions suspicions = new Suspicions();

    @Test
    void whoIsLostIsSuspectedUntilItIsBack() {
        suspicions.joined("n1", 1, 100);
        suspicions.lost("n1", 1, 200);
        assertThat(suspicions.of("n1", 500)).hasValueSatisfying(seen -> {
            assertThat(seen.together()).isFalse();
            assertThat(seen.suspectedNanos()).isEqualTo(300);
        });

        suspicions.joined("n1", 2, 600);
        assertThat(suspicions.of("n1", 700))
                .hasValueSatisfying(seen -> assertThat(seen.together()).isTrue());
        assertThat(suspicions.together()).isEqualTo(1);
    }

    @Test
    void whatIsHeardLateOfAFormerIncarnationChangesNothing() {
        suspicions.joined("n1", 2, 100);
        suspicions.lost("n1", 1, 200);
        suspicions.left("n1", 1);
        suspicions.joined("n1", 1, 300);

        assertThat(suspicions.of("n1", 400)).hasValueSatisfying(seen -> {
            assertThat(seen.together()).isTrue();
            assertThat(seen.incarnation()).isEqualTo(2);
        });
    }

    @Test
    void whoSaidGoodbyeIsForgotten() {
        suspicions.joined("n1", 1, 100);
        suspicions.lost("n1", 1, 200);
        suspicions.left("n1", 1);

        assertThat(suspicions.of("n1", 300)).isEmpty();
    }

    @Test
    void forgetsTheOneSuspectedLongestWhenThereAreTooMany() {
        suspicions.joined("there", 1, 0);
        suspicions.joined("gone", 1, 0);
        suspicions.lost("gone", 1, 1);
        for (int i = 0; i < Suspicions.MAX_NODES; i++) {
            suspicions.joined("n" + i, 1, 2);
        }

        assertThat(suspicions.of("gone", 3)).isEmpty();
        assertThat(suspicions.all(3)).hasSize(Suspicions.MAX_NODES);
    }
}
