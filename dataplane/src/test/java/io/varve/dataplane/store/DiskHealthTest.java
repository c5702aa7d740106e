package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.Errno;
import org.junit.jupiter.api.Test;

class DiskHealthTest {
    private static final long MILLI = 1_000_000;

    private final DiskHealth health = new DiskHealth();

    @Test
    void givesUpADeviceThatIsGone() {
        assertThat(health.ended(false, MILLI, -Errno.EIO)).isNull();
        assertThat(health.ended(true, MILLI, -Errno.ENODEV)).contains("is gone");
    }

    @Test
    void takesSomeBadSectorsForBadSectors() {
        for (int i = 0; i < 10 * DiskHealth.MAX_FAILED_READS; i++) {
            assertThat(health.ended(true, MILLI, i % 2 == 0 ? 4096 : -Errno.EIO))
                    .isNull();
        }
    }

    @Test
    void givesUpADeviceThatReadsNothing() {
        for (int i = 1; i < DiskHealth.MAX_FAILED_READS; i++) {
            assertThat(health.ended(true, MILLI, -Errno.EIO)).isNull();
        }
        // A write that succeeds says nothing of reads.
        assertThat(health.ended(false, MILLI, 4096)).isNull();
        assertThat(health.ended(true, MILLI, -Errno.EIO)).contains("reads in a row");
    }

    @Test
    void givesUpAnOperationThatDoesNotEnd() {
        int began = health.tick();
        for (int i = 0; i < DiskHealth.OPERATION_LIMIT_TICKS; i++) {
            assertThat(health.ticked(began)).isNull();
        }
        assertThat(health.ticked(began)).contains("hangs");
    }

    @Test
    void waitsAsLongAsOperationsEnd() {
        for (int i = 0; i < 100; i++) {
            assertThat(health.ticked(health.tick())).isNull();
        }
    }

    @Test
    void callsADeviceSlowThatIsMuchSlowerThanItWasAndWellWhenItRecovers() {
        windows(5, 200, MILLI);
        assertThat(health.isSlow()).isFalse();
        windows(DiskHealth.WINDOWS - 1, 200, 100 * MILLI);
        assertThat(health.isSlow()).isFalse();
        windows(1, 200, 100 * MILLI);
        assertThat(health.isSlow()).isTrue();
        // However long it lasts, it does not become what is usual.
        windows(200, 200, 100 * MILLI);
        assertThat(health.isSlow()).isTrue();
        windows(DiskHealth.WINDOWS, 200, MILLI);
        assertThat(health.isSlow()).isFalse();
    }

    @Test
    void doesNotCallADeviceSlowThatAlwaysWasOrThatDoesLittle() {
        windows(20, 200, 100 * MILLI);
        windows(20, 200, 200 * MILLI);
        assertThat(health.isSlow()).isFalse();
        DiskHealth idle = new DiskHealth();
        for (int i = 0; i < 100; i++) {
            idle.ended(true, (i < 50 ? 1 : 1000) * MILLI, 4096);
            idle.ticked(idle.tick());
        }
        assertThat(idle.isSlow()).isFalse();
    }

    private void windows(int count, int operations, long nanos) {
        for (int w = 0; w < count; w++) {
            for (int i = 0; i < operations; i++) {
                health.ended(i % 2 == 0, nanos, 4096);
            }
            for (int t = 0; t < DiskHealth.WINDOW_TICKS; t++) {
                health.ticked(health.tick());
            }
        }
    }
}
