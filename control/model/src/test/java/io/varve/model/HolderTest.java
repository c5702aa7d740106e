package io.varve.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.model.Holder.Verdict;
import org.junit.jupiter.api.Test;

class HolderTest {
    @Test
    void onlyThePublicationOfTheEpochMayUseAVolume() {
        Holder published = new Holder(7, 8);
        assertThat(published.judge(7)).isEqualTo(Verdict.MAY_USE);
        assertThat(published.judge(5)).isEqualTo(Verdict.OVER);
        assertThat(published.judge(0)).as("none shown").isEqualTo(Verdict.OVER);
        assertThat(published.judge(9)).as("made after this epoch was given").isEqualTo(Verdict.NOT_YET);
    }

    @Test
    void whatIsPublishedToNobodyIsForWhoShowsNothing() {
        Holder free = new Holder(0, 8);
        assertThat(free.judge(0)).isEqualTo(Verdict.MAY_USE);
        assertThat(free.judge(7)).as("withdrawn").isEqualTo(Verdict.OVER);
        assertThat(free.judge(9)).isEqualTo(Verdict.NOT_YET);
        assertThat(Holder.ANYBODY.judge(0)).isEqualTo(Verdict.MAY_USE);
    }

    @Test
    void epochsAreUnsigned() {
        assertThat(new Holder(3, 5).judge(-1)).isEqualTo(Verdict.NOT_YET);
        assertThat(new Holder(-2, -1).judge(3)).isEqualTo(Verdict.OVER);
    }
}
