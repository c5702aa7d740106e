package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.vertx.grpc.common.GrpcStatus;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandTest {
    @Test
    void hasTheTimeThatItWasGiven() {
        Command hasty = new Command(List.of("sleep", "600"), Duration.ofSeconds(1));
        CsiFailure failure = catchThrowableOfType(CsiFailure.class, hasty::must);
        assertThat(failure.status()).isEqualTo(GrpcStatus.DEADLINE_EXCEEDED);
        assertThat(failure).hasMessageContaining("sleep did not end within 1 s");
    }

    @Test
    void failsWithWhatItSaid() {
        Command broken = Command.of("sh", "-c", "echo no such superblock; exit 8");
        CsiFailure failure = catchThrowableOfType(CsiFailure.class, () -> broken.must(1));
        assertThat(failure.status()).isEqualTo(GrpcStatus.INTERNAL);
        assertThat(failure).hasMessageContaining("ended with 8: no such superblock");
        assertThat(broken.must(8)).isEqualTo("no such superblock");
    }
}
