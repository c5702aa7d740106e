package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LeaseTableTest {
    private final LeaseTable table = new LeaseTable();

    @Test
    void sealedWaitsForGrantedLease() {
        table.sealed(7, 4);
        assertThat(table.grant(7, 4, 1, 3, 100)).isTrue();
        table.sealed(7, 5);
        assertThat(table.waitUntil(7, 5, 2, 9, 200)).isEqualTo(100 + LeaseTable.TERM_NANOS);
        long after = 100 + LeaseTable.TERM_NANOS;
        assertThat(table.waitUntil(7, 5, 2, 9, after)).isEqualTo(after);
    }

    @Test
    void renewsNoLeaseOfAnEpochThatWasReplaced() {
        table.sealed(7, 4);
        table.sealed(7, 5);
        assertThat(table.grant(7, 4, 1, 3, 100)).isFalse();
    }

    @Test
    void grantsNothingThatWasNotSealed() {
        assertThat(table.grant(7, 4, 1, 3, 100)).isFalse();
        table.sealed(7, 4);
        assertThat(table.grant(7, 5, 1, 3, 100)).isFalse();
    }

    @Test
    void doesNotForgetAnOlderLeaseWhenTheNewAccessPointAsks() {
        table.sealed(7, 4);
        table.grant(7, 4, 1, 3, 100);
        table.sealed(7, 5);
        assertThat(table.grant(7, 5, 2, 9, 200)).isFalse();
        assertThat(table.waitUntil(7, 5, 2, 9, 300)).isEqualTo(100 + LeaseTable.TERM_NANOS);
    }

    @Test
    void doesNotWaitForALeaseThatWasReleased() {
        table.sealed(7, 4);
        table.grant(7, 4, 1, 3, 100);
        table.release(7, 3);
        assertThat(table.waitUntil(7, 5, 2, 9, 200)).isGreaterThan(200);
        table.release(7, 4);
        assertThat(table.waitUntil(7, 5, 2, 9, 200)).isEqualTo(200);
    }

    @Test
    void doesNotWaitForAHolderThatIsProvenDead() {
        table.sealed(7, 4);
        table.grant(7, 4, 1, 3, 100);
        assertThat(table.waitUntil(7, 5, 1, 4, 200)).isEqualTo(200);
        assertThat(table.waitUntil(7, 5, 1, 3, 200)).isGreaterThan(200);
        assertThat(table.waitUntil(7, 5, 2, 4, 200)).isGreaterThan(200);
    }
}
