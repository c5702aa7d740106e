package io.varve.dataplane.frontend.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.volume.BlockStatus;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;

/** A target under clients that break the rules. After each test it must be up, hold no memory for them, and serve the others. */
abstract class HostileClients {
    static final int MIB = 1 << 20;

    /** Times that a busy machine keeps, and a test can wait for. */
    final NbdLimits limits = new NbdLimits(
            64, 16, 40L * MIB, 80L * MIB, Duration.ofSeconds(20), Duration.ofSeconds(2), Duration.ofSeconds(2));

    final TargetUnderTest under = new TargetUnderTest(limits);

    @AfterEach
    void othersAreServedAndNothingIsLeft() throws Exception {
        under.onLoop(() -> {
            under.volume.behaviour = MemoryVolume.Behaviour.PROMPT;
            under.volume.releaseHeld(BlockStatus.OK);
        });
        try (NbdClient decent = under.attach(true)) {
            assertThat(decent.write(0, new byte[4096])).isZero();
            assertThat(decent.read(0, 4096)).isEqualTo(new byte[4096]);
        }
        under.close();
    }

    final void awaitNobody() {
        under.await("no connection", () -> under.target.connections() == 0);
        under.await("no memory held", () -> under.target.heldBytes() == 0);
    }
}
