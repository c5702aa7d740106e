package io.varve.csi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.csi.spec.CapacityRange;
import io.vertx.grpc.common.GrpcStatus;
import org.junit.jupiter.api.Test;

class SizesTest {
    private static final long MIB = 1L << 20;

    private static CapacityRange range(long required, long limit) {
        return CapacityRange.newBuilder()
                .setRequiredBytes(required)
                .setLimitBytes(limit)
                .build();
    }

    private static void outOfRange(long required, long limit) {
        assertThatThrownBy(() -> Sizes.of(range(required, limit)))
                .isInstanceOfSatisfying(
                        CsiFailure.class,
                        refused -> assertThat(refused.status()).isEqualTo(GrpcStatus.OUT_OF_RANGE));
    }

    @Test
    void isTheSmallestThatTheRangeAllows() {
        assertThat(Sizes.of(range(10 * MIB, 0))).isEqualTo(10 * MIB);
        assertThat(Sizes.of(range(10 * MIB, 10 * MIB))).isEqualTo(10 * MIB);
        assertThat(Sizes.of(range(10 * MIB + 1, 20 * MIB))).isEqualTo(10 * MIB + 4096);
        assertThat(Sizes.of(range(0, 0))).isEqualTo(1024 * MIB);
        assertThat(Sizes.of(range(0, 5 * MIB + 7))).isEqualTo(5 * MIB);
    }

    @Test
    void refusesWhatNoVolumeCanHave() {
        outOfRange(10, 5);
        outOfRange(-1, 0);
        outOfRange(0, -1);
        outOfRange(4097, 4098);
        outOfRange(0, 1);
        outOfRange(Long.MAX_VALUE, 0);
    }
}
