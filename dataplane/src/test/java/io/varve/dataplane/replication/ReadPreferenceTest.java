package io.varve.dataplane.replication;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReadPreferenceTest {
    private static final long MILLI = 1_000_000;

    private final List<Member> members = new ArrayList<>();
    private final ReadPreference preference = new ReadPreference(members);

    ReadPreferenceTest() {
        for (int i = 0; i < 2; i++) {
            Member member = new Member(i, "g" + i, new Lease(), null, true);
            member.isSealed = true;
            members.add(member);
        }
    }

    @Test
    void prefersTheNearest() {
        assertThat(preference.choose(0)).isZero();
        assertThat(preference.choose(1)).isEqualTo(1);
        assertThat(preference.choose(3)).isEqualTo(-1);
        members.get(0).isSealed = false;
        assertThat(preference.choose(0)).isEqualTo(1);
    }

    @Test
    void passesOverACopyThatWasLateForAWhile() {
        preference.late(0);
        for (int i = 1; i < ReadPreference.LATE_BEATS; i++) {
            assertThat(preference.choose(0)).isEqualTo(1);
            assertThat(preference.beat()).isTrue();
        }
        preference.beat();
        assertThat(preference.choose(0)).isZero();
    }

    @Test
    void asksALateCopyWhenThereIsNoOther() {
        preference.late(0);
        members.get(1).isSealed = false;
        assertThat(preference.choose(0)).isZero();
        assertThat(preference.hasBetterThan(0, 0)).isFalse();
    }

    @Test
    void passesOverACopyThatIsMuchSlowerThanAnotherAndComesBackToIt() {
        answers(0, 100 * MILLI, 50);
        preference.beat();
        // Nobody knows yet whether the other is better: it is asked.
        assertThat(preference.choose(0)).isEqualTo(1);
        answers(1, MILLI, 20);
        preference.beat();
        assertThat(preference.choose(0)).isEqualTo(1);
        int probes = 0;
        for (int beat = 0; beat < 100 && members.get(0).isSlow; beat++) {
            preference.beat();
            if (preference.choose(0) == 0) {
                probes++;
                answers(0, MILLI, 1);
            }
        }
        assertThat(probes).isPositive();
        assertThat(preference.choose(0)).isZero();
    }

    @Test
    void staysWithACopyThatIsAsSlowAsTheOthers() {
        answers(0, 100 * MILLI, 50);
        answers(1, 60 * MILLI, 50);
        for (int i = 0; i < 10; i++) {
            preference.beat();
            assertThat(preference.choose(0)).isZero();
        }
    }

    private void answers(int member, long nanos, int times) {
        for (int i = 0; i < times; i++) {
            preference.answered(member, nanos);
        }
    }
}
