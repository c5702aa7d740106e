package io.varve.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.simulator.Operation.End;
import io.varve.simulator.Operation.Kind;
import org.junit.jupiter.api.Test;

class CellJudgeTest {
    private final Scenario scenario = new Scenario(3, 3, 1, 4096, 2, 1, 1, 0, false, DeviceClass.NVME, false, false);
    private final History history = new History(new Layout(scenario, 16 << 20), 1);

    private Operation begin(Kind kind, int epoch) {
        return history.begin(kind, 0, 1, epoch);
    }

    private Operation write(int epoch) {
        Operation write = begin(Kind.WRITE, epoch);
        history.end(write, End.OK);
        return write;
    }

    private void endRead(Operation read, int value) {
        history.saw(read, 0, value);
        history.end(read, End.OK);
    }

    private void read(int epoch, int value) {
        endRead(begin(Kind.READ, epoch), value);
    }

    private void refuses() {
        assertThatThrownBy(history::judge).isInstanceOf(Violation.class).hasMessageContaining("not linearizable");
    }

    @Test
    void acceptsWritesReadInOrder() {
        read(1, 0);
        int first = write(1).number;
        read(1, first);
        int second = write(1).number;
        read(1, second);
        assertThat(history.judge()).isZero();
    }

    @Test
    void refusesALostWrite() {
        write(1);
        read(1, 0);
        refuses();
    }

    @Test
    void refusesAStaleRead() {
        int first = write(1).number;
        write(1);
        read(1, first);
        refuses();
    }

    @Test
    void lyingInTwoOrdersIsNotOne() {
        Operation one = begin(Kind.WRITE, 1);
        Operation two = begin(Kind.WRITE, 1);
        read(1, one.number);
        read(1, two.number);
        read(1, one.number);
        history.end(one, End.OK);
        history.end(two, End.OK);
        refuses();
    }

    @Test
    void acceptsEitherOrderOfWritesThatOverlap() {
        Operation one = begin(Kind.WRITE, 1);
        Operation two = begin(Kind.WRITE, 1);
        history.end(two, End.OK);
        history.end(one, End.OK);
        read(1, two.number);
        assertThat(history.judge()).isZero();
    }

    @Test
    void acceptsThatAWriteWithoutAnswerHappensLateOrNever() {
        Operation unanswered = begin(Kind.WRITE, 1);
        history.end(unanswered, End.UNKNOWN);
        int other = write(1).number;
        read(1, other);
        read(1, unanswered.number);
        assertThat(history.judge()).isZero();
    }

    @Test
    void refusesThatItHappensAfterANewerEpochBegan() {
        Operation unanswered = begin(Kind.WRITE, 1);
        history.end(unanswered, End.UNKNOWN);
        history.opened(0, 2);
        read(2, 0);
        read(2, unanswered.number);
        refuses();
    }

    @Test
    void refusesWhatWasGivenToAnOldAccessPointAfterwards() {
        history.opened(0, 2);
        Operation late = begin(Kind.WRITE, 1);
        history.end(late, End.UNKNOWN);
        read(2, late.number);
        refuses();
    }

    @Test
    void refusesWhatWasRefused() {
        Operation refused = begin(Kind.WRITE, 1);
        history.end(refused, End.REFUSED);
        read(1, refused.number);
        refuses();
    }

    @Test
    void takesZerosForAnyOfTheirWrites() {
        int first = write(1).number;
        Operation unanswered = begin(Kind.UNMAP, 1);
        history.end(unanswered, End.UNKNOWN);
        read(1, first);
        read(1, 0);
        assertThat(history.judge()).isZero();
        read(1, first);
        refuses();
    }
}
