package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.dataplane.check.Invariant;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

final class IovecsTest {
    private final Iovecs iovecs = new Iovecs();

    @Test
    void leavesOutWhatWasTransferred() {
        iovecs.add(0x10000, 4096);
        iovecs.add(0x20000, 8192);
        iovecs.add(0x40000, 4096);
        iovecs.advance(4096);
        assertThat(iovecs.count()).isEqualTo(2);
        assertThat(iovecs.firstRangeAddress()).isEqualTo(0x20000);
        iovecs.advance(512);
        assertThat(iovecs.count()).isEqualTo(2);
        assertThat(iovecs.firstRangeAddress()).isEqualTo(0x20200);
        assertThat(firstLength()).isEqualTo(7680);
        iovecs.advance(7680 + 1024);
        assertThat(iovecs.count()).isEqualTo(1);
        assertThat(iovecs.firstRangeAddress()).isEqualTo(0x40400);
        assertThat(firstLength()).isEqualTo(3072);
        iovecs.advance(3072);
        assertThat(iovecs.count()).isZero();
        assertThatThrownBy(() -> iovecs.advance(1)).isInstanceOf(Invariant.Violation.class);
    }

    @Test
    void growsToTheMostAndNoFurther() {
        for (int i = 0; i < Gather.MAX_RANGES; i++) {
            iovecs.add((i + 1) * 4096L, 4096);
        }
        assertThat(iovecs.count()).isEqualTo(Gather.MAX_RANGES);
        assertThat(iovecs.firstRangeAddress()).isEqualTo(4096);
        iovecs.advance(1023L * 4096);
        assertThat(iovecs.firstRangeAddress()).isEqualTo(1024L * 4096);
        assertThatThrownBy(() -> iovecs.add(0, 4096)).isInstanceOf(Invariant.Violation.class);
        iovecs.clear();
        iovecs.add(8192, 4096);
        assertThat(iovecs.count()).isEqualTo(1);
    }

    private long firstLength() {
        return MemorySegment.ofAddress(iovecs.address()).reinterpret(16).get(ValueLayout.JAVA_LONG, 8);
    }
}
